"""The turbo flow: a few filters that learn while they code, no network, one logistic a sample."""
