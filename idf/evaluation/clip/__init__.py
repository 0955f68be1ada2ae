"""One clip through one model: its latents, and what its first blocks sound like."""
