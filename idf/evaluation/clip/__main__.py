"""``python -m idf.evaluation.clip VIEW``: one clip through one model, as figures, tables and audio."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from idf.arguments import parse_arguments
from idf.errors import did_you_mean, run_main
from idf.evaluation.clip.choose import SETTINGS, read_choice
from idf.evaluation.clip.show_latents import show_latents
from idf.evaluation.clip.show_progressive import ALL, show_progressive
from idf.evaluation.options import RUN_USAGE
from idf.plotting import WIDTH_INCHES

USAGE = f"""\
python -m idf.evaluation.clip latents     run=RUN|model=NAME [clip=NAME|FILE] [seconds=A..B] [width=7] [...]
python -m idf.evaluation.clip progressive run=RUN|model=NAME [clip=NAME|FILE] [seconds=A..B] [blocks=all] [...]

latents      Draw a clip's latents, the scales of their priors, and the bits over time, as SVG, PDF and PNG. For a
             model without latent blocks (an adaptive flow), draw the bits only.
progressive  Decode a clip from its first 1, 2, … latent blocks: WAV files, a table of bits and quality, and a figure.

{RUN_USAGE}
  model      instead of a run: a model listed by `idf models`, or a model file
  clip       name of a test clip, or a WAV or FLAC file (default: the first test clip)
  seconds    part of the clip, such as 1.5..4 (default: the whole clip)
  width      latents: width of the figures in inches, 7 for a page (the default), 3.4 for a column
  blocks     progressive: numbers of blocks, such as 1,2,4,8,all, or all alone for every number (the default)
  data       data set, a file in conf/data/ (default: the run's; for model=, the bundled speech)
  data.KEY   one setting of the data set, such as data.root=/audio
  output     output folder (default: VIEW/CLIP in the run's folder, or outputs/VIEW/MODEL/CLIP)"""

VIEWS = {"latents": "width", "progressive": "blocks"}
"""The setting that only this view accepts."""
NARROWEST, WIDEST = 3.0, 20.0
"""Limits of ``width=``, in inches. Narrower figures have no room for their labels."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return 0.

    Raises:
        UserError: invalid arguments, no such run, model or clip, or a model without latent blocks.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_arguments(argv, settings=(*SETTINGS, *VIEWS.values()), passes=("data",))
    view, *others = arguments.plain or ("",)
    arguments.problems += [f"`{plain}` is not an argument: write setting=value" for plain in others]
    if view not in VIEWS:
        arguments.problems.append(
            f"name a view first, {' or '.join(VIEWS)}{did_you_mean(view, VIEWS, otherwise='')}\n\n{USAGE}"
        )
    arguments.problems += [
        f"{setting}= applies to the view {other} only; remove it"
        for other, setting in VIEWS.items()
        if setting in arguments.settings and other != view
    ]
    inches = f"a number of inches from {NARROWEST:g} to {WIDEST:g}, such as width=7"
    width = arguments.number("width", WIDTH_INCHES, inches, NARROWEST, WIDEST)
    blocks = arguments.listed("blocks") or (ALL,)
    choice = read_choice(arguments, view)
    if view == "latents":
        show_latents(choice, width)
    else:
        show_progressive(choice, blocks)
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
