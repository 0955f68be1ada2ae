"""One optimiser step, compiled: loss, gradients, clipping, update, average."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from idf.config.schema import Config, OptimizerConfig
from idf.training.state import TrainingState

if TYPE_CHECKING:
    import tensorflow as tf

    from idf.training.families.interface import Loss, WindowBits


class StepResult(NamedTuple):
    """Tensors of one step, which stay on the device until they are read."""

    loss: tf.Tensor
    """float32 (), bits per dimension of the batch before the update."""
    log_scales: tf.Tensor
    """float32 (blocks, 3): mean, largest and smallest log-scale of each block, nats on the [-1, 1) scale."""
    gradient_norm: tf.Tensor
    """float32 (), before clipping."""


class TrainingStep(Protocol):
    """One optimiser step, on one device (:class:`CompiledStep`) or several (:mod:`idf.training.devices`)."""

    block_names: tuple[str, ...]

    def __call__(self, windows: tf.Tensor, learning_rate: float, sharpness: float | None) -> StepResult:
        """Do one step; arguments as for :meth:`CompiledStep.__call__`."""


def differentiate(
    loss: Loss, state: TrainingState, windows: tf.Tensor, sharpness: tf.Tensor | None
) -> tuple[WindowBits, tf.Tensor, list[tf.Tensor]]:
    """Return the bits of a batch, its bits per dimension, and their gradients, within a traced function."""
    from idf.quiet_tensorflow import tf

    with tf.GradientTape() as tape:
        bits = loss(state.parameters, windows, sharpness)
        value = tf.reduce_mean(bits.bits) / bits.samples
    gradients = tape.gradient(value, state.trainable, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return bits, value, gradients


def update(state: TrainingState, gradients: list[tf.Tensor], settings: OptimizerConfig) -> tf.Tensor:
    """Clip and apply gradients, update the average, and return the norm before clipping, within a traced function."""
    from idf.quiet_tensorflow import tf

    norm = tf.linalg.global_norm(gradients)
    if settings.clip_norm:
        gradients, _ = tf.clip_by_global_norm(gradients, settings.clip_norm, use_norm=norm)
    state.optimizer.apply(gradients, state.trainable)
    for name, average in state.average.items():
        average.assign(settings.averaging * average + (1 - settings.averaging) * state.parameters[name])
    return norm


class CompiledStep:
    """One optimiser step on ``state``, compiled with XLA if ``training.compile``.

    Args:
        loss: computes the loss of a batch (:meth:`idf.training.families.interface.Family.bits`).
    """

    def __init__(self, loss: Loss, state: TrainingState, config: Config) -> None:
        from idf.quiet_tensorflow import tf

        self.block_names: tuple[str, ...] = ()
        """Names of the rows of :attr:`StepResult.log_scales`; known after the first step."""
        learned = config.sharpness.kind == "learned"

        def step(windows: tf.Tensor, learning_rate: tf.Tensor, sharpness: tf.Tensor) -> StepResult:
            bits, value, gradients = differentiate(loss, state, windows, None if learned else sharpness)
            self.block_names = bits.names  # set while tracing
            state.optimizer.learning_rate.assign(learning_rate)
            return StepResult(value, bits.log_scales, update(state, gradients, config.optimizer))

        self._step = tf.function(step, jit_compile=config.training.compile, autograph=False)
        self._constant = tf.constant

    def __call__(self, windows: tf.Tensor, learning_rate: float, sharpness: float | None) -> StepResult:
        """Do one step.

        Args:
            windows: int32 (batch, N), always of the same shape.
            sharpness: log-scale of the last block; None if it is learned.
        """
        given = self._constant(0.0 if sharpness is None else sharpness)
        result: StepResult = self._step(windows, self._constant(learning_rate), given)
        return result
