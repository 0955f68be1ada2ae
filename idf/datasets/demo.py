"""The demo speech in the package: its clips, their fixed split and their digests.

Eight minutes of telephone prompts read by Allison Smith, 8 kHz. The files' folder contains licence and
attribution; ``tools/build_demo_data.py`` builds it.
"""

from __future__ import annotations

import importlib.resources
import json
from dataclasses import dataclass
from pathlib import Path

from idf.errors import DataError


@dataclass(frozen=True)
class DemoClip:
    """An entry of the manifest."""

    name: str
    part: str
    """``train``, ``validation`` or ``test``."""
    samples: int
    sha256: str
    """Hexadecimal digest of the samples, 16-bit little-endian."""


@dataclass(frozen=True)
class DemoManifest:
    """The manifest of the demo speech."""

    version: str
    rate_hz: int
    clips: tuple[DemoClip, ...]


def demo_folder() -> Path:
    """Return the folder of the demo speech.

    Raises:
        DataError: the package was installed without it, or runs from a zip file.
    """
    folder = Path(str(importlib.resources.files("idf") / "data" / "demo"))
    if not (folder / "manifest.json").is_file():
        raise DataError(
            f"{folder}: the demo speech is missing from this installation; "
            f"reinstall the package with pip (running from a zip file is not supported)"
        )
    return folder


def read_demo_manifest(folder: Path | None = None) -> DemoManifest:
    """Return the manifest of ``folder``, by default of :func:`demo_folder`."""
    data = json.loads(((folder or demo_folder()) / "manifest.json").read_text(encoding="utf-8"))
    clips = tuple(
        DemoClip(
            name=clip["name"],
            part=clip["split"],
            samples=clip["samples"],
            sha256=clip["sha256"],
        )
        for clip in data["clips"]
    )
    return DemoManifest(version=data["version"], rate_hz=data["rate_hz"], clips=clips)
