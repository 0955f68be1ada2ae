"""Where tests find the checkout and its frozen files, wherever they lie themselves."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FROZEN = ROOT / "tests" / "container" / "frozen"
"""Files that must decode, and be written again, byte for byte."""
TINY = FROZEN / "tiny.idfm"
"""A small window model with a fixed fingerprint."""
