"""Training: loss, step, loop and trackers. Importing this package does not load TensorFlow."""

from idf.installed import need_training

need_training()
