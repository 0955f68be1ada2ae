"""Training: loss, step, loop, trackers. Importing this does not load TensorFlow."""
