"""A minimal codec with latent blocks: coarse samples first, then repeatedly the samples between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from idf.coding.codec import LatentBlock


@dataclass(frozen=True)
class Interlaced:
    """Block 0 is every 2^(blocks − 1)-th sample; each further block is the samples half-way between those before it.

    Each sample is predicted by the last known sample before it.
    """

    blocks: int = 4

    @property
    def block_names(self) -> tuple[str, ...]:
        return ("base", *(f"z{self.blocks - number}" for number in range(1, self.blocks)))

    def latent_blocks(self, samples: np.ndarray) -> list[LatentBlock]:
        count = len(samples)
        found = []
        for number, name in enumerate(self.block_names):
            step = 1 << (self.blocks - max(number, 1))
            times = np.arange(step // 2 if number else 0, count, step)
            before = np.zeros(len(times), np.int32) if number == 0 else samples[times - step // 2]
            latents = samples[times].astype(np.int32)
            scales = np.log(np.abs(latents - before) + 1.0) - np.log(32768)
            bits = (2 + np.log2(np.abs(latents - before) + 1.0)).astype(np.float32)
            found.append(
                LatentBlock(name, step, times, latents, before.astype(np.int32), scales.astype(np.float32), bits)
            )
        return found

    def approximate(self, samples: np.ndarray, blocks: int) -> np.ndarray:
        if blocks == 0:
            return np.zeros_like(samples)
        step = 1 << (self.blocks - blocks)
        return samples[np.arange(len(samples)) // step * step]
