"""``python -m idf.evaluation.clip VIEW``: one clip through one model, as pictures, tables and sound."""

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

latents      draws what a model makes of a clip: its latents, the scales of their priors, and where the bits go, each
             as SVG and PDF. Of a model without latent blocks (an adaptive flow): where the bits go.
progressive  decodes a clip from its first latent blocks only, for several numbers of blocks: WAV files to listen to,
             a table of bits against quality, and a figure.

{RUN_USAGE}
  model      instead of a run: a model that `idf models` lists, or a model file
  clip       name of a test clip, or a WAV or FLAC file; the first test clip unless given
  seconds    the part that is taken, such as 1.5..4; the whole clip unless given
  width      of the figures of latents, in inches: 7 for a page, 3.4 for a column of two
  blocks     how many blocks, such as 1,2,4,8 (all counts as the last), or all: every number there is
  data       another data set than the run's (of a model: than the bundled speech): a file in conf/data/
  data.KEY   one setting of the data set, such as data.root=/audio
  output     where to write; VIEW/CLIP in the run's folder, or outputs/VIEW/MODEL/CLIP"""

VIEWS = {"latents": "width", "progressive": "blocks"}
"""The setting that only this view takes."""
NARROWEST, WIDEST = 3.0, 20.0
"""Inches; in less there is no room for letters."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0.

    Raises:
        UserError: a command line that cannot be read; no such run, model or clip; a model without latent blocks.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(argv):
        print(USAGE)
        return 0
    arguments = parse_arguments(argv, settings=(*SETTINGS, *VIEWS.values()), passes=("data",))
    view, *others = arguments.plain or ("",)
    arguments.problems += [f"`{plain}` cannot be read: write setting=value" for plain in others]
    if view not in VIEWS:
        arguments.problems.append(
            f"name a view first, {' or '.join(VIEWS)}{did_you_mean(view, VIEWS, otherwise='')}\n\n{USAGE}"
        )
    arguments.problems += [
        f"{setting}= is a setting of the view {other}"
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
