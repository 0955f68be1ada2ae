"""Measure a trained run against other lossless codecs: ``python evaluate.py run=latest``; ``--help`` tells more.

The way it goes: read the options, open the run and its data (:mod:`idf.runs.find`), code every clip in
fresh processes and compare (:mod:`idf.evaluation.measurement`), score the same windows
(:mod:`idf.training.families.load`), write tables, figures and a report (:mod:`idf.evaluation.results`,
:mod:`idf.evaluation.results`, :mod:`idf.evaluation.report.markdown`). :mod:`idf.evaluation.command` is that list as code.
"""

from __future__ import annotations

import sys

from idf.errors import run_main
from idf.evaluation.command import main

if __name__ == "__main__":
    sys.exit(run_main(main))
