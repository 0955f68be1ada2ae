"""Paths of the checkout and its frozen files, independent of the test's folder."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FROZEN = ROOT / "tests" / "container" / "frozen"
"""Files that must decode, and must be written identically, byte for byte."""
TINY = FROZEN / "tiny.idfm"
"""A small window model with a fixed fingerprint."""
