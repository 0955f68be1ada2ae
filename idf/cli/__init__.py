"""The command ``idf``: compress, decompress, verify, info, models, warm-up."""

from idf.cli.main import main

__all__ = ["main"]
