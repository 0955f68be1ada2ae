"""Are the compressed bytes the same on every machine? A matrix of ways in which machines differ, tried on this one.

    python tools/portability.py                   processors, threads, TensorFlow's settings, orders
    python tools/portability.py --environments    also other versions of NumPy and TensorFlow (downloads them)

Every row is a fresh process that compresses demo speech with six models (the shipped small flows, in subbands and with
couplings; nets in the channelwise layout; couplings and WaveNets in the original one; and the adaptive default and
turbo, whose speech is made stereo), and decompresses the files of the first row. The bytes must be those of the first
row, the samples those of the recordings. The column "in force" is what the process found itself running with, so that
a setting without effect is seen. Exit status 1 on any difference, or where a version could not be installed.

The last line is a digest of all files: it is the same on any two machines.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
CLIPS = ("something-terribly-wrong", "vm-tocallback", "vm-forward")
SHIPPED = {
    "flow": "flow-small",
    "bands": "bands-small",
    "channelwise": "channelwise",
    "adaptive": "default",
    "turbo": "turbo",
}
"""Shipped models by the name they have here."""
TINY_SAMPLES = 6000
"""Of each clip for the second model, whose window is short."""
STEREO_DELAY = 9
"""Samples by which the right channel lags behind the left: so it is predicted from the left, and not by a copy."""
LIMIT_SECONDS = 600
NEEDED = ("numba", "threadpoolctl", "soundfile", "rich")
"""What coding needs beside NumPy."""


@dataclass(frozen=True)
class Cell:
    """One process.

    Attributes:
        name: for people.
        variables: set in its environment, which is otherwise that of this process without such settings.
        work: options for :func:`work`.
        python: its interpreter.
    """

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    work: dict[str, Any] = field(default_factory=dict)
    python: str = sys.executable


@dataclass(frozen=True)
class Result:
    """What a cell came to.

    Attributes:
        digests: SHA-256 of each file by "model/clip".
        in_force: the settings that the process found.
        error: why there are no digests, or files of the first cell that were not decoded exactly.
    """

    digests: dict[str, str]
    in_force: str
    error: str = ""


# ------------------------------------------------------------------ in the child


def work(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Compress the clips, decompress the files of the first cell; all in this process.

    Args:
        folder: with ``models`` and ``clips``; the first cell leaves its files in ``files``.
        options: ``before``: "tensorflow" to import and use it first; ``threads``: BLAS threads really used;
            ``clips``: those to compress, in this order; ``jobs``; ``keep``: True in the first cell.
    """
    notes = []
    if options.get("before") == "tensorflow":
        notes.append(_use_tensorflow())
    import idf

    if threads := options.get("threads"):
        _lift_thread_limit(threads)
    digests, wrong = {}, []
    files = folder / "files"
    for model in sorted((folder / "models").glob("*.idfm")):
        for clip in options["clips"]:
            samples = np.load(folder / "clips" / f"{model.stem}-{clip}.npy")
            data = idf.compress(samples, 8000, model=model, jobs=options.get("jobs", 1))
            digests[f"{model.stem}/{clip}"] = hashlib.sha256(data).hexdigest()
            path = files / f"{model.stem}-{clip}.idf"
            if options.get("keep"):
                path.write_bytes(data)
            decoded, _ = idf.decompress(path.read_bytes(), model=model)
            if not np.array_equal(decoded, samples):
                wrong.append(path.stem)
    return {"digests": digests, "wrong": wrong, "in_force": ", ".join([*notes, *_in_force(bool(threads))])}


def _use_tensorflow() -> str:
    """Import TensorFlow and let it compute, compiled and not, so that its libraries and threads are up."""
    import tensorflow as tf

    x = tf.random.normal((64, 64))
    (x @ x).numpy()
    tf.function(lambda y: tf.tanh(y @ y), jit_compile=True)(x).numpy()
    gpus = len(tf.config.list_physical_devices("GPU"))
    return f"TensorFlow {tf.__version__}" + (f" with {gpus} GPU" if gpus else "")


def _lift_thread_limit(threads: int) -> None:
    """Let matrix products use several threads, which the codec does not."""
    import threadpoolctl

    from idf.models.window import codec as window_codec

    window_codec._one_thread = nullcontext
    threadpoolctl.threadpool_limits(threads, "blas")


def _in_force(lifted: bool) -> list[str]:
    import threadpoolctl
    from numba.core import config as numba_config

    blas = [
        pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"]
    ]
    # the codec holds BLAS at one thread, unless a cell lifts that
    threads = f" × {blas[0]['num_threads']}" if blas and lifted else ""
    notes = [f"BLAS {blas[0].get('architecture')}{threads}"] if blas else []
    used = vector_features()
    notes.append(f"NumPy {np.__version__} {used[-1] if used else 'baseline'}")
    given = [f for f in (numba_config.CPU_FEATURES or "").split(",") if f.startswith("-")]
    kept = f" without {given[0][1:]} …" if len(given) > 1 else f" without {given[0][1:]}" if given else ""
    notes.append(f"numba {version('numba')} {numba_config.CPU_NAME or 'native'}{kept}")
    return notes


# ------------------------------------------------------------------ in the parent


def prepare(folder: Path) -> None:
    """Write the models and clips that all cells work on."""
    import soundfile

    from idf.datasets.demo import demo_folder
    from idf.models.registry import find_model

    for name in ("models", "clips", "files", "numba"):
        (folder / name).mkdir()
    for name, shipped in SHIPPED.items():
        (folder / "models" / f"{name}.idfm").write_bytes(find_model(shipped).read_bytes())
    write_tiny_model(folder / "models" / "original.idfm")
    for clip in CLIPS:
        samples, _ = soundfile.read(demo_folder() / f"{clip}.flac", dtype="int16")
        for name in ("flow", "bands", "channelwise"):
            np.save(folder / "clips" / f"{name}-{clip}.npy", samples)
        np.save(folder / "clips" / f"original-{clip}.npy", samples[:TINY_SAMPLES])
        for name in ("adaptive", "turbo"):
            np.save(folder / "clips" / f"{name}-{clip}.npy", stereo(samples))


def stereo(samples: np.ndarray) -> np.ndarray:
    """Two channels of a voice: int16 (time, 2). The right one is later, quieter and has noise of its own."""
    noise = np.random.default_rng(len(samples)).integers(-20, 21, len(samples))
    right = np.roll(samples, STEREO_DELAY).astype(np.int64) * 3 // 4 + noise
    return np.stack([samples, np.clip(right, -32768, 32767).astype(np.int16)], axis=1)


def write_tiny_model(path: Path) -> None:
    """A model of the original layout: couplings that move samples, WaveNets, random weights."""
    from idf.config.schema import Config, LayoutConfig, ModelConfig, SharpnessConfig, WidthConfig
    from idf.models.build import build_model
    from idf.models.load import save_model

    config = Config(
        model=ModelConfig("original", 256),
        layout=LayoutConfig(
            name="original",
            channels=8,
            prior="wavenet",
            steps_per_factor=1,
            factor_channels=2,
            split_fraction=0.5,
            level_equivariant=False,
            linear_skip=False,
            scales=1,
        ),
        width=WidthConfig(components=3, wavenet_layers=3, wavenet_channels=24, wavenet_kernel=3),
        sharpness=SharpnessConfig(kind="constant"),
    )
    model = build_model(config)
    rng = np.random.default_rng(4)
    weights = {
        name: value + rng.normal(size=value.shape).astype(np.float32) * np.float32(0.03)
        for name, value in model.initial_parameters(0).items()
    }
    save_model(path, config, model, weights, -5.0, {"run": "portability"})


def first_cell() -> Cell:
    """This machine as it is: what all others are compared with."""
    return Cell("as it is", work={"keep": True})


def quick_cells() -> list[Cell]:
    """The few that differ most: all vector instructions off, narrower ones, and threads and order changed."""
    narrow = [Cell(f"numba without {title}", _numba_without(names)) for title, names in narrower_sets()[-1:]]
    turned = Cell("2 BLAS threads, last clip first", work={"threads": 2, "clips": list(reversed(CLIPS))})
    return [_plainest(), *narrow, turned]


def _plainest() -> Cell:
    variables = {"NUMBA_CPU_NAME": "generic", "NPY_DISABLE_CPU_FEATURES": " ".join(vector_features())}
    if _is_x86():
        variables["OPENBLAS_CORETYPE"] = "Prescott"
    return Cell("no vector instructions anywhere", variables)


def narrower_sets() -> list[tuple[str, tuple[str, ...]]]:
    """Instructions that this processor has and the compiler may be told not to use; the widest first."""
    if not _is_x86():
        return []
    found = _processor_features()
    sets = (("AVX-512", ("avx512",)), ("AVX-512 and FMA", ("avx512", "fma")), ("AVX2", ("avx512", "avx2", "fma")))
    chosen = {tuple(name for name in found if name.startswith(begins)): title for title, begins in sets}
    return [(title, names) for names, title in chosen.items() if names]


def _numba_without(features: tuple[str, ...]) -> dict[str, str]:
    text = ",".join(f"{'-' if name in features else '+'}{name}" for name in _processor_features())
    return {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": text}


def _processor_features() -> list[str]:
    """What LLVM finds this processor to have."""
    from llvmlite import binding

    return sorted(name for name, there in binding.get_host_cpu_features().items() if there)


def machine_cells() -> list[Cell]:
    """What can be varied with what is installed."""
    cells = [Cell(f"OPENBLAS_NUM_THREADS={n}", {"OPENBLAS_NUM_THREADS": str(n)}, {"threads": n}) for n in (1, 2)]
    if _is_x86():
        cells += [Cell(f"OPENBLAS_CORETYPE={core}", {"OPENBLAS_CORETYPE": core}) for core in ("Prescott", "Haswell")]
    cells.append(Cell("NUMBA_CPU_NAME=generic", {"NUMBA_CPU_NAME": "generic"}))
    cells += [Cell(f"numba without {title}", _numba_without(names)) for title, names in narrower_sets()]
    cells.append(Cell("NUMBA_OPT=1", {"NUMBA_OPT": "1"}))
    features = vector_features()
    wide = [name for name in features if name.startswith("AVX512") or name == "X86_V4"]
    for names in (wide, features) if wide != features else (features,):
        if names:
            text = " ".join(names)
            cells.append(Cell(f"NPY_DISABLE_CPU_FEATURES={text}", {"NPY_DISABLE_CPU_FEATURES": text}))
    cells.append(_plainest())
    cells.append(Cell("last clip first", work={"clips": list(reversed(CLIPS))}))
    cells.append(Cell("one clip alone", work={"clips": [CLIPS[-1]]}))
    cells.append(Cell("two jobs", work={"jobs": 2}))
    return cells


def tensorflow_cells() -> list[Cell]:
    """TensorFlow loaded and at work in the same process, under its own settings: coding does not use it."""
    settings = [
        {"TF_ENABLE_ONEDNN_OPTS": "0"},
        {"TF_ENABLE_ONEDNN_OPTS": "1"},
        {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "SSE41"},
        {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2" if _is_x86() else "--xla_cpu_multi_thread_eigen=false"},
        {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"},
    ]
    return [
        Cell(
            "TensorFlow first, " + " ".join(f"{k}={v}" for k, v in variables.items()),
            variables,
            {"before": "tensorflow"},
        )
        for variables in settings
    ]


def environment_cells(folder: Path, console: Console) -> tuple[list[Cell], int]:
    """Virtual environments under ``folder`` with other versions; the packages are downloaded.

    Returns:
        the cells, and the number of environments that could not be made (they are printed).
    """
    here = {name: version(name) for name in NEEDED}
    wanted: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
        "NumPy 2.2, numba 0.61": ({**here, "numpy": "2.2.6", "numba": "0.61.2"}, {}),
        "NumPy 1.26, numba 0.61": ({**here, "numpy": "1.26.4", "numba": "0.61.2"}, {}),
        "TensorFlow 2.20 first": (
            {**here, "numpy": version("numpy"), "tensorflow": "2.20.0"},
            {"before": "tensorflow"},
        ),
    }
    if sys.version_info >= (3, 13):
        del wanted["NumPy 1.26, numba 0.61"]  # never built for it
    cells = []
    for name, (packages, options) in wanted.items():
        place = folder / name.replace(" ", "-").replace(",", "")
        with console.status(f"installing {name}"):
            venv.create(place, with_pip=True)
            python = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
            pins = [f"{package}=={pinned}" for package, pinned in packages.items()]
            done = subprocess.run(
                [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins],
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["pip does not say why"])[-1]
            console.print(f"[red]{name} is not tried, it cannot be installed: {escape(why)}[/red]")
            continue
        cells.append(Cell(name, work=options, python=python))
    return cells, len(wanted) - len(cells)


def run(cell: Cell, folder: Path) -> Result:
    """Run a cell in a fresh process."""
    options = {"clips": list(CLIPS), **cell.work}
    cleared = ("OPENBLAS_", "NUMBA_", "NPY_", "ONEDNN_", "XLA_", "TF_", "OMP_", "MKL_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(cleared)}
    variables |= {"PYTHONPATH": str(ROOT), "IDF_CACHE": str(folder / "numba"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    answer = folder / "answer.json"
    answer.unlink(missing_ok=True)
    command = [cell.python, str(Path(__file__).resolve()), "--child", str(folder), json.dumps(options)]
    try:
        done = subprocess.run(
            command,
            env={**variables, **cell.variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Result({}, "", f"took more than {LIMIT_SECONDS} s")
    if done.returncode or not answer.is_file():
        return Result({}, "", f"failed with status {done.returncode}: {done.stderr[-1500:].strip()}")
    found = json.loads(answer.read_text(encoding="utf-8"))
    wrong = f"not decoded exactly: {', '.join(found['wrong'])}" if found["wrong"] else ""
    return Result(found["digests"], found["in_force"], wrong)


def difference(first: Result, other: Result) -> str:
    """What is wrong with a cell beside the first; empty if nothing."""
    if other.error or not other.digests:
        return other.error or "nothing was compressed"
    changed = [name for name, digest in other.digests.items() if digest != first.digests.get(name)]
    return f"other bytes: {', '.join(changed)}" if changed else ""


def run_matrix(cells: list[Cell], folder: Path, console: Console) -> int:
    """Run cells against the first of them and print the table; returns the number of those that differ."""
    table = Table("", "in force", "files", "bytes and samples", title=f"Portability on {platform.machine()}")
    first: Result | None = None
    different = 0
    for cell in cells:
        with console.status(cell.name):
            result = run(cell, folder)
        first = first or result
        problem = difference(first, result)
        different += bool(problem)
        verdict = f"[red]{escape(problem)}[/red]" if problem else "[green]the same[/green]"
        table.add_row(escape(cell.name), result.in_force, str(len(result.digests)), verdict)
        if problem and result is first:
            break  # there is nothing to compare with
    console.print(table)
    if first and first.digests:
        whole = hashlib.sha256("".join(f"{k} {v}\n" for k, v in sorted(first.digests.items())).encode()).hexdigest()
        console.print(f"{different or 'none'} of {len(cells)} differ; digest of the files: {whole}", soft_wrap=True)
    return different


def vector_features() -> list[str]:
    """NumPy's kernels for wider instructions that this process uses."""
    try:
        umath = importlib.import_module("numpy._core._multiarray_umath")
    except ImportError:  # NumPy 1
        umath = importlib.import_module("numpy.core._multiarray_umath")
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def main() -> int:
    """Print the table; 1 if anything differs, or could not be tried."""
    if sys.argv[1:2] == ["--child"]:
        folder, options = Path(sys.argv[2]), json.loads(sys.argv[3])
        (folder / "answer.json").write_text(json.dumps(work(folder, options)), encoding="utf-8")
        return 0
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="four processes only")
    parser.add_argument("--environments", action="store_true", help="also other versions of NumPy and TensorFlow")
    arguments = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        cells = [first_cell(), *(quick_cells() if arguments.quick else machine_cells() + tensorflow_cells())]
        missing = 0
        if arguments.environments:
            others, missing = environment_cells(folder, console)
            cells += others
        different = run_matrix(cells, folder, console)
        return int(different > 0 or missing > 0)


if __name__ == "__main__":
    sys.exit(main())
