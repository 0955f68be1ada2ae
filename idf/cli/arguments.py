"""What can be typed after ``idf``, and the habits of flac and zstd that are understood as well."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any

from idf.cli.ends import standard_output_errors

COMMANDS = ("compress", "decompress", "verify", "info", "models", "warm-up")

PRESETS = ("turbo", "fast", "default", "best")
"""Models that come with the package and code whole recordings, from the fastest to the smallest files."""

_MODES = {"d": "decompress", "t": "verify", "l": "info", "z": "compress"}
_LONG_MODES = {"--decompress": "decompress", "--test": "verify", "--list": "info", "--compress": "compress"}

_EPILOG = """\
examples:
  idf compress talk.wav                 writes talk.idf, checks it, keeps talk.wav
  idf compress --best talk.wav          smaller still, and slower; --fast and --turbo are the other way
  idf compress --block 2 talk.wav       in blocks of 2 s: damage costs less, the file is somewhat larger
  idf compress recordings -o archive    every WAV, AIFF, CAF, W64 and FLAC below it, to archive/
  idf decompress talk.idf               writes talk.wav again, byte for byte
  idf decompress talk.idf -o talk.flac  the same samples as FLAC
  idf decompress --salvage broken.idf   what can still be had of a damaged file
  idf decompress --blocks 8 talk.idf    what the first 8 blocks of a window flow say, to talk.blocks8.wav
  idf verify archive                    decodes everything and checks it
  idf info talk.idf                     what a file holds, and which model made it
  idf models                            the models at hand
  idf warm-up                           compile all loops now, so that first use is as fast as any
  sox in.wav -t wav - | idf compress - > out.idf

as with flac and zstd:
  idf FILE = idf compress FILE, idf -d = idf decompress, idf -t = idf verify, idf -l = idf info;
  -k is understood (the source is always kept)

targets:
  files are never replaced without --force; a link stays and what it points to is written; a FIFO or a
  character device gets the bytes and stays what it is; block devices are refused

folders:
  hidden files and folders, links to folders, and files of other kinds are passed over; the last line counts and
  names them. What cannot be read, or would become the same file as another, is an error; the rest is done.

exit status:
  0    all is well
  1    some files failed, are damaged, or were salvaged with losses; the others are done
  2    the command line is wrong, or nothing could be begun
  130  Ctrl-C; 143 SIGTERM; 129 SIGHUP: nothing unfinished is left
"""


class _Parser(argparse.ArgumentParser):
    """One whose help is not lost in silence where standard output is closed or full."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is not sys.stdout:
            return super()._print_message(message, file)
        with standard_output_errors():
            print(message, end="", flush=True)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options in ``argv`` (without the program's name). Ends the program where they are wrong (status 2)."""
    return _parser().parse_args(with_command(argv))


def with_command(argv: Sequence[str]) -> list[str]:
    """``argv`` with the command in front, where it was given as an option (-d, -t, -l) or left out."""
    arguments = list(argv)
    if not arguments or arguments[0] in (*COMMANDS, "-h", "--help", "--version", "-V"):
        return arguments
    command = "compress"
    rest: list[str] = []
    for place, argument in enumerate(arguments):
        if argument == "--":
            rest += arguments[place:]
            break
        if argument in _LONG_MODES:
            command = _LONG_MODES[argument]
            continue
        # several letters in one, such as -df; not -o and what follows it
        if re.fullmatch(r"-[dtlzkfqvc]+", argument):
            for letter in argument[1:]:
                command = _MODES.get(letter, command)
            argument = "-" + "".join(letter for letter in argument[1:] if letter not in _MODES)
            if argument == "-":
                continue
        rest.append(argument)
    return [command, *rest]


def _parser() -> argparse.ArgumentParser:
    from idf import __version__

    parser = _Parser(
        prog="idf",
        description="Lossless audio compression by integer discrete flows: WAV, AIFF, CAF, W64 and FLAC, "
        "8 to 32 bits, 32-bit floats, 1 to 8 channels.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"idf {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_compress(commands)
    _add_decompress(commands)
    _add_verify(commands)
    _add_info(commands)
    _add_models(commands)
    _add_warm_up(commands)
    return parser


def _add_compress(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "compress",
        help="WAV, AIFF, CAF, W64 and FLAC files to .idf files",
        description="Compress WAV, AIFF, CAF, W64 and FLAC files. All come back byte for byte, but for FLAC files of other "
        "encoders, of which samples and metadata come back. What is written is decoded and compared before it counts.",
    )
    _add_files(command, "sound files, folders of them, or - for standard input")
    _add_output(command, "file or folder to write to (default: beside the source, as .idf); - for standard output")
    choice = command.add_mutually_exclusive_group()
    choice.add_argument(
        "-p",
        "--preset",
        dest="model",
        choices=PRESETS,
        help="speed against size: turbo, fast, default or best (the models of these names)",
    )
    for preset in ("turbo", "fast", "best"):
        choice.add_argument(
            f"--{preset}", action="store_const", const=preset, dest="model", help=f"the same as --preset {preset}"
        )
    choice.add_argument("-m", "--model", metavar="NAME|PATH", help="model to compress with (see idf models)")
    command.add_argument(
        "--block",
        type=_seconds,
        metavar="SECONDS",
        help="length of a block, 0.1 s or more (default: the model's longest, 2^19 samples with the presets): damage "
        "costs the blocks it touches, and parts are read by whole blocks, but shorter blocks make larger files",
    )
    command.add_argument("--no-verify", action="store_true", help="do not decode and compare what was written")
    _add_json(command)
    _add_common(command)


def _add_decompress(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "decompress",
        help=".idf files to what they were",
        description="Restore what was compressed: WAV, AIFF, CAF and W64 files byte for byte, FLAC files as FLAC with the same metadata and "
        "samples. What the target has no place for is said.",
    )
    _add_files(command, ".idf files, folders of them, or - for standard input")
    _add_output(
        command,
        "file or folder to write to; a name that ends in .wav, .flac, .aiff, .caf or .w64 gets such a file (default: "
        "beside the source, as what it was); - for standard output (FLAC as WAV)",
    )
    _add_model_of_file(command)
    instead = command.add_mutually_exclusive_group()
    instead.add_argument(
        "--blocks",
        type=_blocks,
        metavar="K",
        help="of files of window flows: the sound as far as its first K latent blocks tell it, to NAME.blocksK.wav",
    )
    instead.add_argument(
        "--salvage",
        action="store_true",
        help="from damaged files take what is whole; lost samples become silence and are named (exit status 1)",
    )
    _add_common(command)


def _add_verify(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "verify",
        help="decode .idf files and check them, writing nothing",
        description="Decode files and check every byte. For each file, standard output says OK or what is wrong.",
    )
    _add_files(command, ".idf files, folders of them, or - for standard input")
    _add_model_of_file(command)
    _add_json(command)
    _add_common(command, writes=False)


def _add_info(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "info",
        help="what .idf files hold",
        description="Tell what files hold, without decoding them; the model is not needed.",
    )
    _add_files(command, ".idf files, or folders of them")
    _add_json(command)


def _add_models(commands: argparse._SubParsersAction[Any]) -> None:
    models = commands.add_parser(
        "models",
        help="list, export and import models",
        description="A file can be decompressed only with the model that made it. Models that come with the package "
        "are always there; others travel as files of their own. Without anything: list the models.",
    )
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="the models at hand (the default)")
    export = actions.add_parser("export", help="write a model to a file for others")
    export.add_argument("model", metavar="NAME")
    export.add_argument("target", metavar="FILE", nargs="?", default=".", help="default: NAME.idfm")
    imported = actions.add_parser("import", help="keep a model file among one's models")
    imported.add_argument("source", metavar="FILE")
    imported.add_argument("--name", help="name to keep it under (default: the file's)")


def _add_warm_up(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "warm-up",
        help="compile loops ahead",
        description="Loops are compiled for this processor when they are first needed, which takes some seconds. This "
        "compiles them now: for images of machines, and for the processors of a cluster, once on each kind.",
    )
    command.add_argument("models", nargs="*", metavar="MODEL", help="names or files of models (default: all at hand)")


def _add_files(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("files", nargs="*", metavar="FILE", help=text)


def _add_output(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("-o", "--output", metavar="PATH", help=text)
    command.add_argument("-c", "--stdout", action="store_const", const="-", dest="output", help="the same as -o -")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="one JSON object a file, a line each, on standard output")


def _add_model_of_file(command: argparse.ArgumentParser) -> None:
    command.add_argument("-m", "--model", metavar="NAME|PATH", help="model that made the file (default: looked up)")


def _add_common(command: argparse.ArgumentParser, *, writes: bool = True) -> None:
    if writes:
        existing = command.add_mutually_exclusive_group()
        existing.add_argument("-f", "--force", action="store_true", help="replace files that exist")
        existing.add_argument(
            "--skip-existing", action="store_true", help="pass over files whose target exists: go on with a batch"
        )
        command.add_argument("-k", "--keep", action="store_true", help="keep the source (always so)")
    command.add_argument(
        "-j",
        "--jobs",
        type=_jobs,
        default=1,
        metavar="N",
        help="work on N blocks or files at once, in N processes (default 1; 0: all cores)",
    )
    command.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    command.add_argument("-v", "--verbose", action="store_true", help="say a line for each file")


def _blocks(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of blocks; take 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length in seconds; take 0.1 or more")
    return seconds


def _jobs(text: str) -> int:
    import os

    try:
        jobs = int(text)
    except ValueError:
        jobs = -1
    if not 0 <= jobs <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 256")
    return jobs or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else jobs or os.cpu_count() or 1
