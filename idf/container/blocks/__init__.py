"""Audio blocks: samples as planes of 16-bit integers that a model codes, and what those planes are made from."""
