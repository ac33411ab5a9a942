"""From photos to a network whose quality is shown. TensorFlow is imported only where a network is."""
