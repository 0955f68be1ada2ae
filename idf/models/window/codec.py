"""A trained window flow as a coder of samples, and the one file it travels in.

Samples are cut into windows, the flow turns these into latents with their distributions in exact
arithmetic, and rANS turns those into bytes. No TensorFlow, no exponentials and no order of
summation is involved: see :mod:`idf.arithmetic`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from idf.arithmetic.exact import Exact
from idf.coding.codec import LatentBlock
from idf.coding.coders import new_message, read_message
from idf.coding.message import MessageLike
from idf.config.model_checks import window_problems
from idf.config.schema import Config
from idf.errors import ConfigError, RunError
from idf.models.file import ModelFile, write_model_file
from idf.models.prediction.start import CONSTANT as PREDICTION
from idf.models.saved import check_finite, fitting, load_again
from idf.models.window.latents import WindowBlocks, to_integers
from idf.models.window.model import Part, WindowModel, build_window
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, SCALE_BITS, Mixture

CHUNK_SAMPLES = 65536
"""Samples in a chunk of a file: large batches for the nets; head, length and CRC cost about 0.02 %."""

_PARAMETER, _CONSTANT = "parameter/", "constant/"
_GROUPS = ("model", "layout", "width", "permutation", "sharpness")
"""The parts of the configuration that say what the model computes."""
_LARGEST_WINDOW, _LARGEST = 1 << 20, 1 << 12
"""No size in a configuration comes near these; a stranger's file might, to keep us busy."""


class WindowCodec:
    """Codes runs of samples with one trained model. Implements :class:`idf.container.arrays.ChunkCodec`, and
    :class:`idf.coding.codec.BlockwiseCodec`.

    A run is whitened first if the model says so, whole or in each window. Then channels are coded one after the other, each without
    regard to the others.

    Args:
        integers: int32 parameters, in units of their grids.
        base_index: the last block's sharpness in the coder's scale units (not used when it is learned).
        provenance: where the model comes from (run, step, data, …), for people.
        path: its file, from which other processes load it.

    Attributes:
        fingerprint: 16 bytes that change whenever the decoder of a file would.
        chunk_samples: samples coded together; a multiple of the window.
        joins_channels: whether whitening predicts one channel of a pair from the other.
        parameters: the weights as they code, float64, on their grids.
        log_scale: the last block's sharpness as it codes (nats, [-1, 1) scale); not used when it is learned.
    """

    max_low_bits = 0

    def __init__(
        self,
        model: WindowModel,
        integers: Mapping[str, np.ndarray],
        base_index: int,
        fingerprint: bytes,
        *,
        coder: str = "rans",
        provenance: Mapping[str, Any] | None = None,
        path: Path | None = None,
    ) -> None:
        self.model, self.fingerprint, self.coder = model, fingerprint, coder
        self.provenance, self._path = dict(provenance or {}), path
        block = None if model.whitening is None else model.whitening.block_samples
        self.chunk_samples = block or max(CHUNK_SAMPLES // model.window, 1) * model.window
        self.joins_channels = block is not None
        self._arithmetic = Exact()
        self.parameters = {
            name: integers[name].astype(np.float64) * 2.0**-spec.bits for name, spec in model.specs.items()
        }
        self.log_scale = (base_index * 2.0**-SCALE_BITS - FULL_SCALE_OCTAVES) * NATS_PER_OCTAVE
        self._blocks = WindowBlocks(model, self.parameters, self.log_scale)

    def __reduce__(self) -> tuple[Any, ...]:
        return load_again, (open_window, self._path, self.fingerprint, self.coder)

    def encode(self, samples: np.ndarray) -> bytes:
        """Samples int32 (n, channels) in [-32768, 32767] as one rANS message. :meth:`decode` undoes it."""
        message = new_message(self.coder)
        with _one_thread():
            # the last pushed is the first popped, so that decoding goes forwards
            for channel in reversed(self.model.residual(samples).T):
                for part in reversed(self.model.cut(np.ascontiguousarray(channel))):
                    self._push(message, part)
        return message.to_bytes()

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """The samples of a message: int32 (count, channels).

        Raises:
            FormatError: the message is damaged, or of another model.
        """
        message = read_message(self.coder, data)
        residual = np.empty((count, channels), np.int32)
        with _one_thread():
            for number in range(channels):
                parts = [self._pop(message, part) for part in self.model.cut(np.zeros(count, np.int32))]
                residual[:, number] = np.concatenate([np.zeros(0), *parts])[:count]
        message.finish()
        return self.model.restored(residual)

    @property
    def block_names(self) -> tuple[str, ...]:
        """See :class:`idf.coding.codec.BlockwiseCodec`."""
        return self._blocks.names

    def latent_blocks(self, samples: np.ndarray) -> list[LatentBlock]:
        """See :class:`idf.coding.codec.BlockwiseCodec`. Of a whitened model: the blocks of the residual."""
        with _one_thread():
            return self._blocks.latent_blocks(self.model.residual(samples[:, None])[:, 0])

    def approximate(self, samples: np.ndarray, blocks: int) -> np.ndarray:
        """See :class:`idf.coding.codec.BlockwiseCodec`.

        Raises:
            RunError: the model is whitened. Its predictors learn from the samples that they restore, so that
                one residual that is not exact misleads them for good: with nine tenths of the bits a clip of
                speech has more noise than signal.
            ValueError: no such number of blocks.
        """
        if self.model.whitening is not None:
            raise RunError(
                "a whitened model gives no approximations: its blocks are of what adaptive prediction leaves, "
                "which is undone only where all of it is known; take a window flow trained with whitening=none"
            )
        with _one_thread():
            known = [self._blocks.approximate(np.ascontiguousarray(channel), blocks) for channel in samples.T]
        return np.stack(known, axis=1)

    def _push(self, message: MessageLike, part: Part) -> None:
        windows = part.windows.astype(np.float64)
        masks = self._block_masks(part.coded)
        blocks = self.model.blocks(self._arithmetic, self.parameters, windows, self.log_scale)
        for mask, block in zip(masks, blocks, strict=True):
            message.push(block.latents[mask].astype(np.int32), to_integers(block.mixture, mask))

    def _pop(self, message: MessageLike, part: Part) -> np.ndarray:
        """The samples that ``part`` has room for, float64 (n,)."""
        masks = reversed(self._block_masks(part.coded))

        def pop(mixture: Mixture) -> np.ndarray:
            mask = next(masks)
            latents = np.zeros(mask.shape)
            latents[mask] = message.pop(to_integers(mixture, mask))
            return latents

        like = np.zeros(part.windows.shape)
        return self.model.windows(self._arithmetic, self.parameters, pop, like, self.log_scale).reshape(-1)

    def _block_masks(self, coded: np.ndarray) -> list[np.ndarray]:
        """Which latents of each block are coded, in the order of leaving."""
        return list(self.model.hierarchy.split(self._arithmetic, coded))


@functools.cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[Any]:
    """Keep matrix products on one core: they are small, and several files at once use the others better."""
    pools: AbstractContextManager[Any] = _thread_pools().limit(limits=1, user_api="blas")
    return pools


def save_window(
    path: Path | str,
    config: Config,
    model: WindowModel,
    parameters: Mapping[str, np.ndarray],
    log_scale: float | None,
    provenance: Mapping[str, Any],
) -> None:
    """Write the one file that decoding needs: weights on their grids, permutations, configuration.

    Args:
        parameters: trained values, float32.
        log_scale: the last block's sharpness (nats, [-1, 1) scale); None where it is learned.
        provenance: strings and numbers to keep with the model.
    """
    check_finite(path, {name: np.asarray(parameters[name]) for name in model.specs})
    arithmetic = Exact()
    settings = {group: asdict(getattr(config, group)) for group in _groups(config)} | {
        "model": _window_settings(config)
    }
    base_index = 0
    if log_scale is not None:
        base_index = round((log_scale / NATS_PER_OCTAVE + FULL_SCALE_OCTAVES) * 2**SCALE_BITS)
    arrays = {_CONSTANT + name: _as_int32(value) for name, value in model.constants.items()}
    for name, spec in model.specs.items():
        value = arithmetic.quantise(spec, np.asarray(parameters[name]))
        arrays[_PARAMETER + name] = (value * 2.0**spec.bits).astype(np.int32)
    write_model_file(path, settings, arrays, provenance, base_index=base_index)


def open_window(path: Path | str, file: ModelFile, config: Config, coder: str = "rans") -> WindowCodec:
    """Return the codec of a model file of this family.

    Raises:
        RunError: the file does not fit together.
        ConfigError: ``coder`` is not installed.
    """
    header, arrays = file.header, file.arrays
    with fitting(path):
        _check_sizes(config)
        constants = {
            name.removeprefix(_CONSTANT): _constant(name.removeprefix(_CONSTANT), value)
            for name, value in arrays.items()
            if name.startswith(_CONSTANT)
        }
        if problems := list(window_problems(config)):
            raise ConfigError(problems)
        model = build_window(config, constants)
        integers = {name: arrays[_PARAMETER + name] for name in model.specs}
        wrong = [name for name, spec in model.specs.items() if integers[name].shape != spec.shape]
        if wrong:
            raise ValueError(f"arrays of another shape: {', '.join(wrong)}")
        # beyond its limit a weight would make sums that are no longer exact
        beyond = [
            name
            for name, spec in model.specs.items()
            if np.abs(integers[name].astype(np.int64)).max(initial=0) > spec.limit * 2.0**spec.bits
        ]
        if beyond:
            raise ValueError(f"values out of range: {', '.join(beyond)}")
    return WindowCodec(
        *(model, integers, int(header["base_index"]), file.fingerprint),
        coder=coder,
        provenance=header["provenance"],
        path=Path(path).absolute(),
    )


def _as_int32(constant: np.ndarray) -> np.ndarray:
    """A constant as a model file keeps it: integers by value, floats by their bits."""
    return constant.view(np.int32) if constant.dtype == np.float32 else constant.astype(np.int32)


def _constant(name: str, stored: np.ndarray) -> np.ndarray:
    """Undo :func:`_as_int32`."""
    return stored.view(np.float32) if name.startswith(PREDICTION) else stored


def _groups(config: Config) -> tuple[str, ...]:
    """What the model file says; of whitening nothing where there is none, as before there was any."""
    return _GROUPS if config.whitening.kind == "none" else (*_GROUPS, "whitening")


def _window_settings(config: Config) -> dict[str, Any]:
    """Of the model, what concerns windows."""
    return {"name": config.model.name, "window": config.model.window}


def _check_sizes(config: Config) -> None:
    """Refuse what would take for ever to build before its arrays could be seen not to fit."""
    for group in _groups(config):
        for name, value in asdict(getattr(config, group)).items():
            limit = _LARGEST_WINDOW if name == "window" else _LARGEST
            if isinstance(value, int) and name != "seed" and abs(value) > limit:
                raise ValueError(f"{group}.{name} is {value}")
