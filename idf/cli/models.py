"""``idf models``: listing, exporting and importing models."""

from __future__ import annotations

import argparse
import os
import sys

from idf.cli.ends import say
from idf.container.records import FINGERPRINT_BYTES
from idf.errors import RunError
from idf.models import registry


def models(arguments: argparse.Namespace) -> int:
    """List, export or import models. Returns the exit status."""
    if arguments.action == "export":
        target = registry.export_model(arguments.model, arguments.target)
        say(f"wrote {target} (model {_short(registry.read_card(registry.find_model(arguments.model)))})")
    elif arguments.action == "import":
        card = registry.import_model(arguments.source, arguments.name)
        say(f"imported model {_short(card)} as {card.name} ({card.path})")
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
        say(f"  model        {_short(card)} (full fingerprint {card.fingerprint.hex()})")
        coded = f"windows of {card.window} samples" if card.window else "whole blocks, adapting as it codes"
        say(f"  codes in     {coded}; {card.parameters} weights")
        for key in ("data", "step", "idf"):
            if key in card.provenance:
                say(f"  {key:<12} {card.provenance[key]}")
        say(f"  file         {card.path} ({'shipped with idf' if card.is_shipped else 'imported'})")
    if not count:
        say(f"no models are installed; import one with idf models import FILE (stored in {registry.user_folder()})")
    return int(failed)


def _short(card: registry.ModelCard) -> str:
    """Return a model's fingerprint as compressed files store it."""
    return card.fingerprint[:FINGERPRINT_BYTES].hex()
