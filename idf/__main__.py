"""``python -m idf`` runs the command ``idf``."""

import sys

from idf.cli import main

if __name__ == "__main__":
    sys.exit(main())
