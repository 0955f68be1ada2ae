"""The parts of training that depend on the model family."""
