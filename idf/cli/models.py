"""``idf models``: which are at hand, and how they travel."""

from __future__ import annotations

import argparse
import os
import sys

from idf.cli.ends import say
from idf.container.records import FINGERPRINT_BYTES
from idf.errors import RunError
from idf.models import registry


def models(arguments: argparse.Namespace) -> int:
    """List, export or import models; returns the exit status."""
    if arguments.action == "export":
        target = registry.export_model(arguments.model, arguments.target)
        say(f"wrote {target} (model {_short(registry.read_card(registry.find_model(arguments.model)))})")
    elif arguments.action == "import":
        card = registry.import_model(arguments.source, arguments.name)
        say(f"{card.name} is model {_short(card)}, kept as {card.path}")
    else:
        return _list_models()
    return 0


def _list_models() -> int:
    failed = False
    count = 0
    for card in registry.iter_cards():
        count += 1
        if isinstance(card, RunError):
            print(f"error: {card}", file=sys.stderr)
            failed = True
            continue
        default = " (default)" if card.name == (os.environ.get("IDF_MODEL") or registry.DEFAULT_MODEL) else ""
        say(f"{card.name}{default}")
        say(f"  model        {_short(card)} (in full {card.fingerprint.hex()})")
        coded = f"windows of {card.window} samples" if card.window else "whole blocks, learning on the way"
        say(f"  coded in     {coded}; {card.parameters} weights")
        for key in ("data", "step", "idf"):
            if key in card.provenance:
                say(f"  {key:<12} {card.provenance[key]}")
        say(f"  file         {card.path} ({'comes with idf' if card.is_shipped else 'imported'})")
    if not count:
        say(f"no models are installed; import one with idf models import FILE (kept in {registry.user_folder()})")
    return int(failed)


def _short(card: registry.ModelCard) -> str:
    """A model's fingerprint as compressed files carry it."""
    return card.fingerprint[:FINGERPRINT_BYTES].hex()
