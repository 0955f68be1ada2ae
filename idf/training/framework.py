"""Loading TensorFlow quietly, once, with the threads and determinism a run asks for.

TensorFlow reads its environment when it is first imported and fixes its thread pools when it first
computes, so this comes before anything else that touches it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from idf.config.schema import Config
from idf.errors import ConfigError


def import_tensorflow() -> Any:
    """TensorFlow, without its start-up notes on the terminal; they come if ``TF_CPP_MIN_LOG_LEVEL`` is set.

    Its libraries write some of them before they look at any setting, so the stream itself is turned
    away for the time of the import. If the import fails, they are shown.
    """
    if "tensorflow" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        import tensorflow

        return tensorflow
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # a machine without a GPU counts as an error to it; real ones raise
    sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        terminal = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            import tensorflow
        except BaseException:
            notes.seek(0)
            os.write(terminal, notes.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
    return tensorflow


def prepare_tensorflow(config: Config) -> None:
    """Import TensorFlow and set threads, devices, determinism and GPU memory for this process.

    Raises:
        ConfigError: more GPUs are asked for than there are.
    """
    tf = import_tensorflow()
    if config.threads:
        tf.config.threading.set_intra_op_parallelism_threads(config.threads)
        tf.config.threading.set_inter_op_parallelism_threads(config.threads)
        # numba, which codes the validation clips, takes its share from the environment.
        os.environ.setdefault("NUMBA_NUM_THREADS", str(config.threads))
    gpus = tf.config.list_physical_devices("GPU")
    wanted = len(gpus) if config.devices == "all" else int(config.devices)
    if gpus and wanted > len(gpus):
        raise ConfigError([f"devices={config.devices}: TensorFlow sees {len(gpus)} GPUs"])
    if not gpus and wanted > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * wanted)
    for device in gpus:
        # Without it one process takes all the memory of a GPU that others may share.
        tf.config.experimental.set_memory_growth(device, True)
    if config.deterministic:
        tf.keras.utils.set_random_seed(config.seed)
        tf.config.experimental.enable_op_determinism()


def device_names(config: Config) -> list[str]:
    """What ``devices`` comes to after :func:`prepare_tensorflow`: GPUs, or parts of the CPU; one at least."""
    tf = import_tensorflow()
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    count = len(found) if config.devices == "all" else int(config.devices)
    return [device.name for device in found[: max(count, 1)]]


def peak_device_memory_mib() -> float | None:
    """The largest memory in use on any GPU so far, in MiB; None without one."""
    tf = import_tensorflow()
    peaks = [
        tf.config.experimental.get_memory_info(device.name.removeprefix("/device:"))["peak"]
        for device in tf.config.list_logical_devices("GPU")
    ]
    return max(peaks) / 2**20 if peaks else None
