"""Training: loss, step, loop, trackers. Importing this does not load TensorFlow."""

from idf.installed import need_training

need_training()
