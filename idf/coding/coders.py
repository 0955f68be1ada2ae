"""The choice of entropy coder."""

from __future__ import annotations

import importlib
from typing import Any

from idf.coding.message import Message, MessageLike
from idf.errors import ConfigError

CODERS = ("rans", "craystack")


def new_message(coder: str, lanes: int = 1) -> MessageLike:
    """Return an empty message of the coder ``rans`` or ``craystack``.

    Raises:
        ConfigError: an unknown coder, or craystack is not installed.
    """
    message: MessageLike = _message_class(coder)(lanes)
    return message


def read_message(coder: str, data: bytes, lanes: int = 1) -> MessageLike:
    """Return the message that ``data`` holds, from whichever coder.

    Raises:
        ConfigError: an unknown coder, or craystack is not installed.
        FormatError: see :meth:`Message.from_bytes`.
    """
    message: MessageLike = _message_class(coder).from_bytes(data, lanes)
    return message


def _message_class(coder: str) -> Any:
    if coder == "rans":
        return Message
    if coder == "craystack":
        return importlib.import_module("idf.coding.craystack").CraystackMessage
    raise ConfigError([f"coder is {coder!r}; it must be one of {', '.join(CODERS)}"])
