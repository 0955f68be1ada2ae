"""Compare a trained run with other lossless codecs: ``python evaluate.py run=latest``; see ``--help``.

:mod:`idf.evaluation.command` reads the options, opens the run and its data (:mod:`idf.runs.find`), codes every clip
in fresh processes and compares (:mod:`idf.evaluation.measurement`), scores the same windows
(:mod:`idf.training.families.load`), and writes tables, figures and a report (:mod:`idf.evaluation.results`,
:mod:`idf.evaluation.report.markdown`).
"""

from __future__ import annotations

import sys

from idf.errors import run_main
from idf.evaluation.command import main

if __name__ == "__main__":
    sys.exit(run_main(main))
