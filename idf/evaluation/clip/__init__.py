"""One clip through one model: its latents, and its decoding from the first blocks."""
