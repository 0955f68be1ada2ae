"""The adaptive flow: predictors that adapt while coding, weighted by a small trained network."""
