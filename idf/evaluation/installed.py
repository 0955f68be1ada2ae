"""The models that ``idf models`` lists, as rows: the ``idf`` command on files, and the same coder without the start."""

from __future__ import annotations

import sys

from idf.container.files import SUFFIX
from idf.errors import RunError
from idf.evaluation.codecs import Entry
from idf.evaluation.commands import Command
from idf.evaluation.model_codec import ModelCodec
from idf.models import registry

# -P: a folder named idf where the command runs must not stand in for the package.
_IDF = (sys.executable, "-P", "-m", "idf")


def installed_models() -> list[str]:
    """Names of the models at hand, those that come with idf first."""
    return list(dict.fromkeys(path.stem for path in registry.model_paths()))


def command_entry(model: str) -> Entry:
    """The ``idf`` command with a model. Each file pays for the start; what is written is not decoded to check it."""
    encode = (*_IDF, "compress", "--quiet", "--force", "--no-verify", "--model", model)
    decode = (*_IDF, "decompress", "--quiet", "--force")
    files = ("{source}", "--output", "{target}")
    return Entry(f"idf {model}", "idf command", None, Command((*encode, *files), (*decode, *files), SUFFIX))


def library_entry(model: str) -> Entry:
    """The same model within one process, loaded before the clock starts: what long files and batches cost.

    Raises:
        RunError: there is no such model.
    """
    path = registry.find_model(model)
    return Entry(f"idf {model}", "idf package", None, ModelCodec(str(path.resolve())))


def check_models(models: list[str]) -> None:
    """See that all of ``models`` are here, before anything is measured.

    Raises:
        RunError: with the name of the first that is not.
    """
    known = installed_models()
    for model in models:
        if model not in known:
            raise RunError(f"there is no model {model}; there are {', '.join(known) or 'none'} (see `idf models`)")
