"""Set-up of TensorFlow with the threads, devices and determinism of a run.

This must come before any computation: TensorFlow fixes its thread pools when it first computes.
"""

from __future__ import annotations

import os

from idf.config.schema import Config
from idf.errors import ConfigError


def prepare_tensorflow(config: Config) -> None:
    """Set threads, devices, determinism and GPU memory growth for this process.

    Raises:
        ConfigError: the run wants more GPUs than there are.
    """
    from idf.quiet_tensorflow import tf  # deferred: slow to load

    if config.threads:
        tf.config.threading.set_intra_op_parallelism_threads(config.threads)
        tf.config.threading.set_inter_op_parallelism_threads(config.threads)
        # numba, which codes the validation clips, reads its thread count from the environment.
        os.environ.setdefault("NUMBA_NUM_THREADS", str(config.threads))
    gpus = tf.config.list_physical_devices("GPU")
    wanted = len(gpus) if config.devices == "all" else int(config.devices)
    if gpus and wanted > len(gpus):
        raise ConfigError([f"devices={config.devices}: must be at most {len(gpus)}, the GPUs that TensorFlow finds"])
    if not gpus and wanted > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * wanted)
    for device in gpus:
        # Otherwise one process takes all the memory of a GPU that others may share.
        tf.config.experimental.set_memory_growth(device, True)
    if config.deterministic:
        tf.keras.utils.set_random_seed(config.seed)
        tf.config.experimental.enable_op_determinism()


def device_names(config: Config) -> list[str]:
    """Return the names of the run's devices (GPUs or parts of the CPU), at least one.

    Call :func:`prepare_tensorflow` first.
    """
    from idf.quiet_tensorflow import tf  # deferred: slow to load

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    count = len(found) if config.devices == "all" else int(config.devices)
    return [device.name for device in found[: max(count, 1)]]


def gpu_models(config: Config) -> list[str]:
    """Return the model of each GPU of the run, such as ``NVIDIA H100 80GB HBM3``; empty on the CPU."""
    from idf.quiet_tensorflow import tf  # deferred: slow to load

    gpus = tf.config.list_physical_devices("GPU")[: len(device_names(config))]
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]


def peak_device_memory_mib() -> float | None:
    """Return the peak memory use of any GPU so far, in MiB; None without a GPU."""
    from idf.quiet_tensorflow import tf  # deferred: slow to load

    peaks = [
        tf.config.experimental.get_memory_info(device.name.removeprefix("/device:"))["peak"]
        for device in tf.config.list_logical_devices("GPU")
    ]
    return max(peaks) / 2**20 if peaks else None
