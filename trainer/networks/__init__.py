"""Networks by name: each a Keras model from the centred input to a map that ends in the CAM head."""

from trainer.networks.choice import Choice, read_choice
from trainer.networks.registry import NAMES, Recommended, build, recommended
from trainer.networks.tuning import Tuning, read_tuning

__all__ = ["NAMES", "Choice", "Recommended", "Tuning", "build", "read_choice", "read_tuning", "recommended"]
