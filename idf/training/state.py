"""The state of training as TensorFlow variables: weights, their average, and the optimiser's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from idf.config.schema import OptimizerConfig
from idf.errors import RunError
from idf.runs.checkpoints import Checkpoint

if TYPE_CHECKING:
    import tensorflow as tf


class TrainingState:
    """The variables of a run.

    Args:
        initial: float32 arrays by name.
        optimizer: kind and averaging.
    """

    def __init__(self, initial: Mapping[str, np.ndarray], optimizer: OptimizerConfig) -> None:
        from idf.quiet_tensorflow import tf

        self.parameters: dict[str, tf.Variable] = {
            name: tf.Variable(value, name=_safe(name)) for name, value in initial.items()
        }
        self.trainable = list(self.parameters.values())
        self.average: dict[str, tf.Variable] = {}
        if optimizer.averaging:
            self.average = {
                name: tf.Variable(value, name=_safe(f"average_{name}"), trainable=False)
                for name, value in initial.items()
            }
        self.optimizer = _build_optimizer(optimizer)
        # Built now, so that its variables exist before a checkpoint is restored.
        self.optimizer.build(self.trainable)

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The weights to evaluate and export: the average if there is one."""
        return self.average or self.parameters

    def snapshot(self, step: int, constants: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Checkpoint:
        """Return copies of all variables as a checkpoint."""
        return Checkpoint(
            step=step,
            parameters=_arrays(self.parameters),
            average=_arrays(self.average),
            optimizer=tuple(np.array(variable.numpy()) for variable in self.optimizer.variables),
            constants=constants,
            meta=meta,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a checkpoint.

        Raises:
            RunError: its variables are not those of this model and optimiser.
        """
        _assign(self.parameters, checkpoint.parameters)
        _assign(self.average, checkpoint.average)
        if len(checkpoint.optimizer) != len(self.optimizer.variables):
            raise RunError("the checkpoint is from another optimiser; force=true starts this run over")
        for variable, value in zip(self.optimizer.variables, checkpoint.optimizer, strict=True):
            variable.assign(value)


def _build_optimizer(config: OptimizerConfig) -> Any:
    import keras

    # idf.training.step assigns the rate at every step and clips the gradients.
    kinds = {"adam": keras.optimizers.Adam, "adadelta": keras.optimizers.Adadelta}
    return kinds[config.kind](learning_rate=config.learning_rate)


def _arrays(variables: Mapping[str, tf.Variable]) -> dict[str, np.ndarray]:
    return {name: np.array(variable.numpy()) for name, variable in variables.items()}


def _assign(variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray]) -> None:
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: value.shape for name, value in values.items()}:
        raise RunError("the checkpoint is from a network with other shapes; force=true starts this run over")
    for name, variable in variables.items():
        variable.assign(values[name])


def _safe(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)
