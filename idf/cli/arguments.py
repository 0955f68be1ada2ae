"""The command line of ``idf``, including the flac and zstd conventions that it also accepts."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from idf.cli.ends import standard_output_errors
from idf.errors import nearest

COMMANDS = ("compress", "decompress", "verify", "info", "models", "warm-up")

PRESETS = ("turbo", "fast", "default", "best")
"""Models shipped with the package that code whole recordings, from the fastest to the one with the smallest files."""

_MODES = {"d": "decompress", "t": "verify", "l": "info", "z": "compress"}
_LONG_MODES = {"--decompress": "decompress", "--test": "verify", "--list": "info", "--compress": "compress"}

_EPILOG = """\
examples:
  idf compress talk.wav                 write talk.idf and check it; talk.wav is kept
  idf compress --best talk.wav          smaller files, slower (--fast and --turbo: faster, larger)
  idf compress --block 2 talk.wav       use blocks of 2 s: damage costs less, the file is slightly larger
  idf compress recordings -o archive    compress every WAV, AIFF, CAF, W64 and FLAC file in a folder to archive/
  idf decompress talk.idf               restore talk.wav byte for byte
  idf decompress talk.idf -o talk.flac  write the same samples as FLAC
  idf decompress --salvage broken.idf   recover what is intact of a damaged file
  idf decompress --blocks 8 talk.idf    reconstruct from the first 8 blocks of a window flow, to talk.blocks8.wav
  idf verify archive                    decode and check everything, without writing output
  idf info talk.idf                     show what a file contains and which model made it
  idf models                            list the installed models
  idf warm-up                           compile all loops now, so that the first use is not slower
  sox in.wav -t wav - | idf compress - > out.idf

flac and zstd conventions:
  idf FILE = idf compress FILE, idf -d = idf decompress, idf -t = idf verify, idf -l = idf info;
  -k is accepted (the source is always kept)

targets:
  Existing files are replaced only with --force. The target of a symbolic link is written and the link kept.
  FIFOs and character devices are written to, never replaced. Block devices are refused.

folders:
  Hidden files and folders, links to folders and other kinds of files are ignored; the last line counts and lists
  them. Unreadable folders and name clashes are errors; all other files are still processed.

exit status:
  0    success
  1    some files failed, are damaged, or were salvaged with losses; all others were processed
  2    invalid command line, or nothing could be started
  130  Ctrl-C; 143 SIGTERM; 129 SIGHUP; unfinished files are removed
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose help raises OutputError if standard output is closed or full. Options are not abbreviated."""

    def __init__(self, **about: Any) -> None:
        super().__init__(**about, allow_abbrev=False)

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is not sys.stdout:
            return super()._print_message(message, file)
        with standard_output_errors():
            print(message, end="", flush=True)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse ``argv`` (without the program's name). Exits with status 2 if it is invalid."""
    parser = _parser()
    first = argv[0] if argv else "-"
    unknown = not first.startswith("-") and first not in COMMANDS and not os.path.lexists(first)
    if unknown and (close := nearest(first, COMMANDS, cutoff=0.75)):
        parser.error(f"{first}: neither a command nor a file; did you mean {close[0]}?")
    return parser.parse_args(with_command(argv))


def with_command(argv: Sequence[str]) -> list[str]:
    """Return ``argv`` with the command in front, even if it was given as an option (-d, -t, -l) or omitted."""
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
        # combined letters such as -df, but not -o, which has a value
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
        description="Lossless audio compression with integer discrete flows: WAV, AIFF, CAF, W64 and FLAC, "
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
        help="compress WAV, AIFF, CAF, W64 and FLAC files to .idf files",
        description="Compress WAV, AIFF, CAF, W64 and FLAC files. All are restored byte for byte, except FLAC files from "
        "other encoders, whose samples and metadata are restored. The output is decoded and compared before it is kept.",
    )
    _add_files(command, "audio files, folders, or - for standard input")
    _add_output(command, "output file or folder (default: next to the source, as .idf); - for standard output")
    choice = command.add_mutually_exclusive_group()
    choice.add_argument(
        "-p",
        "--preset",
        dest="model",
        choices=PRESETS,
        help="trade speed for size: turbo, fast, default or best (the models of these names)",
    )
    for preset in ("turbo", "fast", "best"):
        choice.add_argument(
            f"--{preset}", action="store_const", const=preset, dest="model", help=f"same as --preset {preset}"
        )
    choice.add_argument("-m", "--model", metavar="NAME|PATH", help="model to compress with (see idf models)")
    command.add_argument(
        "--block",
        type=_seconds,
        metavar="SECONDS",
        help="block length, at least 0.1 s (default: the model's longest, 2^19 samples for the presets); shorter blocks "
        "limit damage and speed up partial reads, but make larger files",
    )
    command.add_argument("--no-verify", action="store_true", help="do not decode and compare the output")
    _add_json(command)
    _add_common(command)


def _add_decompress(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "decompress",
        help="restore the original files from .idf files",
        description="Restore the original files: WAV, AIFF, CAF and W64 byte for byte, FLAC with the same samples and "
        "metadata. Anything that the output format cannot hold is reported.",
    )
    _add_files(command, ".idf files, folders, or - for standard input")
    _add_output(
        command,
        "output file or folder; the suffix .wav, .flac, .aiff, .caf or .w64 selects the format (default: next to the "
        "source, in the original format); - for standard output (FLAC as WAV)",
    )
    _add_model_of_file(command)
    instead = command.add_mutually_exclusive_group()
    instead.add_argument(
        "--blocks",
        type=_blocks,
        metavar="K",
        help="window flows only: reconstruct from the first K latent blocks, to NAME.blocksK.wav",
    )
    instead.add_argument(
        "--salvage",
        action="store_true",
        help="recover what is intact of damaged files; lost samples become silence and are reported (exit status 1)",
    )
    _add_common(command)


def _add_verify(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "verify",
        help="decode and check .idf files without writing output",
        description="Decode and check every byte. Prints OK or what is wrong for each file on standard output.",
    )
    _add_files(command, ".idf files, folders, or - for standard input")
    _add_model_of_file(command)
    _add_json(command)
    _add_common(command, writes=False)


def _add_info(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "info",
        help="show what .idf files contain",
        description="Show what files contain. Nothing is decoded, and the model is not needed.",
    )
    _add_files(command, ".idf files or folders")
    _add_json(command)


def _add_models(commands: argparse._SubParsersAction[Any]) -> None:
    models = commands.add_parser(
        "models",
        help="list, export and import models",
        description="A file can be decompressed only with the model that made it. Models shipped with the package are "
        "always available; others must be exported and imported as files. Without an action: list the models.",
    )
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="list the installed models (the default)")
    export = actions.add_parser("export", help="write a model to a file")
    export.add_argument("model", metavar="NAME")
    export.add_argument("target", metavar="FILE", nargs="?", default=".", help="default: NAME.idfm")
    imported = actions.add_parser("import", help="install a model from a file")
    imported.add_argument("source", metavar="FILE")
    imported.add_argument("--name", help="name of the installed model (default: that of the file)")


def _add_warm_up(commands: argparse._SubParsersAction[Any]) -> None:
    command = commands.add_parser(
        "warm-up",
        help="compile loops in advance",
        description="Loops are compiled for this processor on first use, which takes a few seconds. This command compiles "
        "them now, for example in a machine image, or once on each type of processor in a cluster.",
    )
    command.add_argument("models", nargs="*", metavar="MODEL", help="names or files of models (default: all installed)")


def _add_files(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("files", nargs="*", metavar="FILE", help=text)


def _add_output(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("-o", "--output", metavar="PATH", help=text)
    command.add_argument("-c", "--stdout", action="store_const", const="-", dest="output", help="same as -o -")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--json", action="store_true", help="print one JSON object per file on standard output, one per line"
    )


def _add_model_of_file(command: argparse.ArgumentParser) -> None:
    command.add_argument("-m", "--model", metavar="NAME|PATH", help="model that made the file (default: look it up)")


def _add_common(command: argparse.ArgumentParser, *, writes: bool = True) -> None:
    if writes:
        existing = command.add_mutually_exclusive_group()
        existing.add_argument("-f", "--force", action="store_true", help="replace existing files")
        existing.add_argument(
            "--skip-existing", action="store_true", help="skip files whose target exists, to resume a batch"
        )
        command.add_argument("-k", "--keep", action="store_true", help="keep the source (always done)")
    command.add_argument(
        "-j",
        "--jobs",
        type=_jobs,
        default=1,
        metavar="N",
        help="process N blocks or files at once, in N processes (default 1; 0: all cores)",
    )
    command.add_argument("-q", "--quiet", action="store_true", help="print only errors")
    command.add_argument("-v", "--verbose", action="store_true", help="print a line for each file")


def _blocks(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of blocks; give 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length in seconds; give 0.1 or more")
    return seconds


def _jobs(text: str) -> int:
    import os

    try:
        jobs = int(text)
    except ValueError:
        jobs = -1
    if not 0 <= jobs <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of jobs; give 0 to 256")
    return jobs or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else jobs or os.cpu_count() or 1
