"""One optimiser step, compiled: loss, gradients, clipping, update, average."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from idf.config.schema import Config
from idf.training.state import TrainingState

if TYPE_CHECKING:
    import tensorflow as tf


class StepResult(NamedTuple):
    """Tensors of one step, left on the device until somebody reads them."""

    loss: tf.Tensor
    """float32 (), mean bits a sample of the batch before the update."""
    log_scales: tf.Tensor
    """float32 (blocks, 3): mean, largest and smallest log-scale of each block, nats on the [-1, 1) scale."""
    gradient_norm: tf.Tensor
    """float32 (), before clipping."""


class TrainingStep(Protocol):
    """One optimiser step: :class:`CompiledStep` here, or shared among devices (:mod:`idf.training.devices`)."""

    block_names: tuple[str, ...]

    def __call__(self, windows: tf.Tensor, learning_rate: float, sharpness: float | None) -> StepResult:
        """Do one step; arguments as for :meth:`CompiledStep.__call__`."""


class CompiledStep:
    """One optimiser step on ``state``, compiled with XLA if ``training.compile``.

    Args:
        training_bits: ``(model, parameters, windows, sharpness) -> WindowBits``.
    """

    def __init__(self, model: Any, training_bits: Callable[..., Any], state: TrainingState, config: Config) -> None:
        import tensorflow as tf

        self.block_names: tuple[str, ...] = ()
        """Of the rows of :attr:`StepResult.log_scales`; known after the first step."""
        settings = config.optimizer
        learned = config.sharpness.kind == "learned"

        def step(windows: tf.Tensor, learning_rate: tf.Tensor, sharpness: tf.Tensor) -> StepResult:
            with tf.GradientTape() as tape:
                bits = training_bits(model, state.parameters, windows, None if learned else sharpness)
                loss = tf.reduce_mean(bits.bits) / bits.samples
            self.block_names = bits.names  # set while tracing
            gradients = tape.gradient(loss, state.trainable, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            norm = tf.linalg.global_norm(gradients)
            if settings.clip_norm:
                gradients, _ = tf.clip_by_global_norm(gradients, settings.clip_norm, use_norm=norm)
            state.optimizer.learning_rate.assign(learning_rate)
            state.optimizer.apply(gradients, state.trainable)
            for name, average in state.average.items():
                average.assign(settings.averaging * average + (1 - settings.averaging) * state.parameters[name])
            return StepResult(loss, bits.log_scales, norm)

        self._step = tf.function(step, jit_compile=config.training.compile, autograph=False)
        self._constant = tf.constant

    def __call__(self, windows: tf.Tensor, learning_rate: float, sharpness: float | None) -> StepResult:
        """Do one step.

        Args:
            windows: int32 (batch, N), always of the same shape.
            sharpness: log-scale of the last block; None when it is learned.
        """
        given = self._constant(0.0 if sharpness is None else sharpness)
        result: StepResult = self._step(windows, self._constant(learning_rate), given)
        return result
