"""A trained window flow as a coder of samples, and its model file.

Samples are cut into windows, the flow maps these in exact arithmetic to latents with distributions,
and rANS codes the latents. This involves no TensorFlow and no exponentials, and the order of summation
does not matter (:mod:`idf.arithmetic`).
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
from idf.models.window.sampling import draw
from idf.priors.mixture import FULL_SCALE_OCTAVES, NATS_PER_OCTAVE, SCALE_BITS, Mixture

CHUNK_SAMPLES = 65536
"""Samples in a chunk of a file: enough for large batches, and for head, length and CRC to cost only about 0.02 %."""

_PARAMETER, _CONSTANT = "parameter/", "constant/"
_GROUPS = ("model", "layout", "width", "permutation", "sharpness")
"""The parts of the configuration that determine what the model computes."""
_LARGEST_WINDOW, _LARGEST = 1 << 20, 1 << 12
"""Limits against malicious files, far above the sizes in any configuration."""


class WindowCodec:
    """Codes chunks of samples with a trained model.

    Implements :class:`idf.coding.codec.ChunkCodec` and :class:`idf.coding.codec.BlockwiseCodec`. A chunk is first
    whitened if the model has whitening, as a whole or in each window. Channels are then coded independently, one after
    the other.

    Args:
        integers: int32 parameters, in units of their grids.
        base_index: sharpness of the last block in the coder's scale units (ignored if it is learned).
        provenance: origin of the model (run, step, data, …), for information.
        path: its file, from which other processes load it.

    Attributes:
        fingerprint: 16 bytes that change whenever decoding changes.
        chunk_samples: samples coded together; a multiple of the window.
        joins_channels: whether whitening predicts one channel of a pair from the other.
        parameters: the weights used in coding, float64, on their grids.
        log_scale: sharpness of the last block used in coding (nats, [-1, 1) scale); ignored if it is learned.
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
        """Return samples, int32 (n, channels) in [-32768, 32767], as one rANS message for :meth:`decode`."""
        message = new_message(self.coder)
        with _one_thread():
            # the last part pushed is the first popped, so decoding goes forwards
            for channel in reversed(self.model.residual(samples).T):
                for part in reversed(self.model.cut(np.ascontiguousarray(channel))):
                    self._push(message, part)
        return message.to_bytes()

    def decode(self, data: bytes, count: int, channels: int) -> np.ndarray:
        """Return the samples of a message: int32 (count, channels).

        Raises:
            FormatError: the message is damaged or from another model.
        """
        message = read_message(self.coder, data)
        residual = np.empty((count, channels), np.int32)
        with _one_thread():
            for number in range(channels):
                parts = [self._pop(message, part) for part in self.model.cut(np.zeros(count, np.int32))]
                residual[:, number] = np.concatenate([np.zeros(0), *parts])[:count]
        samples = self.model.restored(residual)  # before the check, so that warming up compiles its loops as well
        message.finish()
        return samples

    @property
    def block_names(self) -> tuple[str, ...]:
        """See :class:`idf.coding.codec.BlockwiseCodec`."""
        return self._blocks.names

    def latent_blocks(self, samples: np.ndarray) -> list[LatentBlock]:
        """See :class:`idf.coding.codec.BlockwiseCodec`. With whitening, these are the blocks of the residual."""
        with _one_thread():
            return self._blocks.latent_blocks(self.model.residual(samples[:, None])[:, 0])

    def approximate(self, samples: np.ndarray, blocks: int) -> np.ndarray:
        """See :class:`idf.coding.codec.BlockwiseCodec`.

        Raises:
            RunError: the model has whitening. Its predictors adapt to the samples that they restore, so a single
                inexact residual misleads them permanently: with nine tenths of the bits, a clip of speech has more
                noise than signal.
            ValueError: ``blocks`` is out of range.
        """
        if self.model.whitening is not None:
            raise RunError(
                "a model with whitening cannot approximate: its blocks are those of a prediction residual, which can "
                "be inverted only as a whole; use a window flow trained with whitening=none"
            )
        with _one_thread():
            known = [self._blocks.approximate(np.ascontiguousarray(channel), blocks) for channel in samples.T]
        return np.stack(known, axis=1)

    def draw(self, count: int, seed: int) -> np.ndarray:
        """See :class:`idf.models.interface.Codec`."""
        return draw(self.model, self.parameters, count, seed, self.log_scale)

    def _push(self, message: MessageLike, part: Part) -> None:
        windows = part.windows.astype(np.float64)
        masks = self._block_masks(part.coded)
        blocks = self.model.blocks(self._arithmetic, self.parameters, windows, self.log_scale)
        for mask, block in zip(masks, blocks, strict=True):
            message.push(block.latents[mask].astype(np.int32), to_integers(block.mixture, mask))

    def _pop(self, message: MessageLike, part: Part) -> np.ndarray:
        """Return the samples of ``part``, float64 (n,)."""
        masks = reversed(self._block_masks(part.coded))

        def pop(mixture: Mixture) -> np.ndarray:
            mask = next(masks)
            latents = np.zeros(mask.shape)
            latents[mask] = message.pop(to_integers(mixture, mask))
            return latents

        like = np.zeros(part.windows.shape)
        return self.model.windows(self._arithmetic, self.parameters, pop, like, self.log_scale).reshape(-1)

    def _block_masks(self, coded: np.ndarray) -> list[np.ndarray]:
        """Return masks of the latents that are coded, for each block in the order of leaving."""
        return list(self.model.hierarchy.split(self._arithmetic, coded))


@functools.cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[Any]:
    """Keep matrix products on one core: they are small, and parallel files use the other cores better."""
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
    """Write the model file: weights on their grids, constants and configuration.

    Args:
        parameters: trained values, float32.
        log_scale: sharpness of the last block (nats, [-1, 1) scale); None if it is learned.
        provenance: strings and numbers to store with the model.

    Raises:
        RunError: a parameter is not finite.
        OutputError: the file cannot be written.
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
        RunError: the file is inconsistent.
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
        # with weights beyond their limits, sums would no longer be exact
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
    """Return a constant as stored in a model file: integers by value, floats by their bits."""
    return constant.view(np.int32) if constant.dtype == np.float32 else constant.astype(np.int32)


def _constant(name: str, stored: np.ndarray) -> np.ndarray:
    """Undo :func:`_as_int32`."""
    return stored.view(np.float32) if name.startswith(PREDICTION) else stored


def _groups(config: Config) -> tuple[str, ...]:
    """Return the groups in the model file; whitening is omitted if there is none, as before it existed."""
    return _GROUPS if config.whitening.kind == "none" else (*_GROUPS, "whitening")


def _window_settings(config: Config) -> dict[str, Any]:
    """Return the settings of the model that concern windows."""
    return {"name": config.model.name, "window": config.model.window}


def _check_sizes(config: Config) -> None:
    """Reject sizes that would take too long to build before their arrays could be checked.

    Raises:
        ValueError: a size is out of range.
    """
    for group in _groups(config):
        for name, value in asdict(getattr(config, group)).items():
            limit = _LARGEST_WINDOW if name == "window" else _LARGEST
            if isinstance(value, int) and name != "seed" and abs(value) > limit:
                raise ValueError(f"{group}.{name} is {value}")
