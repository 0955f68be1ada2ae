"""Optimiser steps on several devices of this machine, with ``tf.distribute.MirroredStrategy``.

Each device holds all variables and processes an equal share of each batch. Gradients are averaged before they
are clipped and applied, so the step equals that of one device with the whole batch, except for rounding. Runs on
one device use :mod:`idf.training.step` alone. Source: the TensorFlow guide "Distributed training".
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from idf.config.schema import Config
from idf.errors import ConfigError
from idf.training.framework import device_names
from idf.training.state import TrainingState
from idf.training.step import CompiledStep, StepResult, TrainingStep, differentiate, update

if TYPE_CHECKING:
    import tensorflow as tf

    from idf.training.families.interface import Loss


class Devices:
    """The devices of a run. Create and use the run's variables within :meth:`scope`.

    Args:
        config: its ``devices`` is their number; call :func:`idf.training.framework.prepare_tensorflow` with it first.

    Raises:
        ConfigError: the batch cannot be divided equally among them.
    """

    def __init__(self, config: Config) -> None:
        names = device_names(config)
        windows = config.training.batch_samples // config.model.window
        if windows % len(names):
            raise ConfigError([f"devices={config.devices}: {len(names)} must divide the batch of {windows} windows"])
        self._config = config
        self.strategy: tf.distribute.Strategy | None = None
        """None for one device."""
        if len(names) > 1:
            from idf.quiet_tensorflow import tf

            # GPUs use NCCL; parts of a CPU support only copying.
            gpus = "GPU" in names[0]
            reduction = tf.distribute.NcclAllReduce() if gpus else tf.distribute.HierarchicalCopyAllReduce()
            self.strategy = tf.distribute.MirroredStrategy(names, cross_device_ops=reduction)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which variables are placed on every device."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    def step(self, loss: Loss, state: TrainingState) -> TrainingStep:
        """Return the optimiser step on these devices."""
        if self.strategy is None:
            return CompiledStep(loss, state, self._config)
        return MirroredStep(loss, state, self._config, self.strategy)


class MirroredStep:
    """One optimiser step on ``state``, whose variables are mirrored.

    It is not compiled with XLA, which cannot wait for other devices.

    Args:
        loss: as for :class:`idf.training.step.CompiledStep`.
        strategy: ``state`` was created in its scope.
    """

    def __init__(self, loss: Loss, state: TrainingState, config: Config, strategy: tf.distribute.Strategy) -> None:
        from idf.quiet_tensorflow import tf

        self.block_names: tuple[str, ...] = ()
        self._tf, self._state, self._strategy = tf, state, strategy
        learned = config.sharpness.kind == "learned"
        mean = tf.distribute.ReduceOp.MEAN

        def on_one(windows: tf.Tensor, sharpness: tf.Tensor) -> StepResult:
            bits, value, gradients = differentiate(loss, state, windows, None if learned else sharpness)
            self.block_names = bits.names  # set while tracing
            gradients = tf.distribute.get_replica_context().all_reduce(mean, gradients)
            return StepResult(value, bits.log_scales, update(state, gradients, config.optimizer))

        def step(shares: Any, sharpness: tf.Tensor) -> StepResult:
            each = strategy.run(on_one, args=(shares, sharpness))
            scales = strategy.experimental_local_results(each.log_scales)
            means, largest, smallest = (tf.stack([scale[:, column] for scale in scales]) for column in range(3))
            return StepResult(
                strategy.reduce(mean, each.loss, axis=None),
                tf.stack([tf.reduce_mean(means, 0), tf.reduce_max(largest, 0), tf.reduce_min(smallest, 0)], -1),
                strategy.reduce(mean, each.gradient_norm, axis=None),
            )

        self._step = tf.function(step, autograph=False)

    def __call__(self, windows: tf.Tensor, learning_rate: float, sharpness: float | None) -> StepResult:
        """Do one step; arguments as for :meth:`idf.training.step.CompiledStep.__call__`."""
        tf = self._tf
        parts = tf.split(windows, self._strategy.num_replicas_in_sync)
        shares = self._strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )
        self._state.optimizer.learning_rate.assign(learning_rate)
        result: StepResult = self._step(shares, tf.constant(0.0 if sharpness is None else sharpness))
        return result
