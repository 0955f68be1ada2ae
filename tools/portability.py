"""Check that compressed bytes do not depend on the machine, by simulating differences between machines on this one.

    python tools/portability.py                   processors, threads, TensorFlow settings, order of clips
    python tools/portability.py --environments    also other versions of NumPy and TensorFlow (downloads them)

Every row is a fresh process that compresses demo speech with six models (the shipped small flows with couplings and
with subbands; networks of the channelwise layout; couplings and WaveNets of the original layout; and, on stereo
speech, the adaptive presets default and turbo), and decompresses the files of the first row. The bytes must equal
those of the first row, the samples those of the recordings. The column "in force" shows the settings that the process
found, which reveals settings without effect. The exit status is 1 on any difference, or if a version could not be
installed.

The last line is a digest of all files; it must be the same on every machine.
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
"""Shipped models by their names in this tool."""
TINY_SAMPLES = 6000
"""Samples of each clip for the tiny model of the original layout."""
STEREO_DELAY = 9
"""Delay of the right channel in samples, so that it is predicted from the left one but is no copy."""
LIMIT_SECONDS = 600
NEEDED = ("numba", "threadpoolctl", "soundfile", "rich")
"""Packages that coding needs besides NumPy."""


@dataclass(frozen=True)
class Cell:
    """One process.

    Attributes:
        name: for the table.
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
    """The result of a cell.

    Attributes:
        digests: SHA-256 of each file by "model/clip".
        in_force: the settings that the process found.
        error: why there are no digests, or which files of the first cell were not decoded exactly; else empty.
    """

    digests: dict[str, str]
    in_force: str
    error: str = ""


# ------------------------------------------------------------------ in the child


def work(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Compress the clips and decompress the files of the first cell, in this process.

    Args:
        folder: with ``models`` and ``clips``; the first cell writes its files to ``files``.
        options: ``before``: "tensorflow" to import and use it first; ``threads``: number of BLAS threads to use;
            ``clips``: those to compress, in this order; ``jobs``; ``keep``: True in the first cell.

    Returns:
        ``digests``, ``wrong`` (files not decoded exactly) and ``in_force``.
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
    """Import TensorFlow and compute with and without XLA, so its libraries and threads are active; return its version."""
    import tensorflow as tf

    x = tf.random.normal((64, 64))
    (x @ x).numpy()
    tf.function(lambda y: tf.tanh(y @ y), jit_compile=True)(x).numpy()
    gpus = len(tf.config.list_physical_devices("GPU"))
    return f"TensorFlow {tf.__version__}" + (f" with {gpus} GPU" if gpus else "")


def _lift_thread_limit(threads: int) -> None:
    """Let matrix products use several threads, which the codec prevents."""
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
    # The codec limits BLAS to one thread unless a cell lifts the limit.
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
    """Write the models and clips for all cells."""
    import soundfile

    from idf.datasets.demo import demo_folder
    from idf.models.registry import find_model

    for name in ("models", "clips", "files"):
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
    """Return a voice in stereo, int16 (time, 2); the right channel is delayed, quieter and has its own noise."""
    noise = np.random.default_rng(len(samples)).integers(-20, 21, len(samples))
    right = np.roll(samples, STEREO_DELAY).astype(np.int64) * 3 // 4 + noise
    return np.stack([samples, np.clip(right, -32768, 32767).astype(np.int16)], axis=1)


def write_tiny_model(path: Path) -> None:
    """Write a model of the original layout, with couplings, WaveNets and random weights."""
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
    """Return the cell without changes, with which all others are compared."""
    return Cell("as it is", work={"keep": True})


def quick_cells() -> list[Cell]:
    """Return the few most different cells: no vector instructions, narrower ones, and other threads and order."""
    narrow = [Cell(f"numba without {title}", _numba_without(names)) for title, names in narrower_sets()[-1:]]
    turned = Cell("2 BLAS threads, last clip first", work={"threads": 2, "clips": list(reversed(CLIPS))})
    return [_plainest(), *narrow, turned]


def _plainest() -> Cell:
    variables = {"NUMBA_CPU_NAME": "generic", "NPY_DISABLE_CPU_FEATURES": " ".join(vector_features())}
    if _is_x86():
        variables["OPENBLAS_CORETYPE"] = "Prescott"
    return Cell("no vector instructions anywhere", variables)


def narrower_sets() -> list[tuple[str, tuple[str, ...]]]:
    """Return instruction sets of this processor that the compiler can be told not to use, widest first."""
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
    """Return the features of this processor as detected by LLVM."""
    from llvmlite import binding

    return sorted(name for name, there in binding.get_host_cpu_features().items() if there)


def machine_cells() -> list[Cell]:
    """Return the cells for the installed packages."""
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
    """Return cells that use TensorFlow with various settings before coding, which does not use it."""
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
    """Make virtual environments in ``folder`` with other versions; downloads the packages.

    Returns:
        the cells, and the number of environments that could not be made (these are printed).
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
        del wanted["NumPy 1.26, numba 0.61"]  # not available for this Python
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
            why = (done.stderr.strip().splitlines() or ["pip printed no reason"])[-1]
            console.print(f"[red]{name} was skipped because it cannot be installed: {escape(why)}[/red]")
            continue
        cells.append(Cell(name, work=options, python=python))
    return cells, len(wanted) - len(cells)


def run(cell: Cell, folder: Path) -> Result:
    """Run a cell in a fresh process."""
    options = {"clips": list(CLIPS), **cell.work}
    cleared = ("OPENBLAS_", "NUMBA_", "NPY_", "ONEDNN_", "XLA_", "TF_", "OMP_", "MKL_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(cleared)}
    variables |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
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
    """Return how a cell differs from the first; empty if it does not."""
    if other.error or not other.digests:
        return other.error or "nothing was compressed"
    changed = [name for name, digest in other.digests.items() if digest != first.digests.get(name)]
    return f"other bytes: {', '.join(changed)}" if changed else ""


def run_matrix(cells: list[Cell], folder: Path, console: Console) -> int:
    """Run the cells, compare them with the first, print the table, and return the number that differ."""
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
            break  # nothing to compare with
    console.print(table)
    if first and first.digests:
        whole = hashlib.sha256("".join(f"{k} {v}\n" for k, v in sorted(first.digests.items())).encode()).hexdigest()
        console.print(f"{different or 'none'} of {len(cells)} differ; digest of the files: {whole}", soft_wrap=True)
    return different


def vector_features() -> list[str]:
    """Return the instruction sets of NumPy's optimised kernels that this process uses."""
    try:
        umath = importlib.import_module("numpy._core._multiarray_umath")
    except ImportError:  # NumPy 1
        umath = importlib.import_module("numpy.core._multiarray_umath")
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def main() -> int:
    """Print the table and return 1 if anything differs or could not be tried, else 0."""
    if sys.argv[1:2] == ["--child"]:
        folder, options = Path(sys.argv[2]), json.loads(sys.argv[3])
        (folder / "answer.json").write_text(json.dumps(work(folder, options)), encoding="utf-8")
        return 0
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only four processes")
    parser.add_argument(
        "--environments", action="store_true", help="also other versions of NumPy and TensorFlow (downloads them)"
    )
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
