"""From photos to a network whose quality is shown. TensorFlow is imported only where a network is."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
