"""Synthetic parts, to try okng without a camera and to test it against a known truth. Needs numpy and OpenCV only."""

from trainer.synthesize.dataset import write_dataset
from trainer.synthesize.part import KINDS, PRODUCTS, Part, synthesize_part

__all__ = ["KINDS", "PRODUCTS", "Part", "synthesize_part", "write_dataset"]
