"""The command ``idf``: compress, decompress, verify, info, models."""

from idf.cli.main import main

__all__ = ["main"]
