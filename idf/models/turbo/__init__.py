"""The turbo flow: a few filters that adapt while coding, without a network, and one logistic per sample."""
