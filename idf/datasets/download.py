"""Download of a large file: resumable, checked against its SHA-256, and visible only when complete."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from idf.errors import DataError
from idf.files import output_errors, sync_folder

_BLOCK = 1 << 18
_TIMEOUT_SECONDS = 60


def download(
    url: str,
    sha256: str,
    target: Path,
    *,
    attempts: int = 5,
    pause_seconds: float = 2.0,
) -> None:
    """Download ``url`` to ``target`` unless it exists, and check the digest in either case.

    Data is collected in ``<target>.part``. After a broken connection the next attempt, in this call or a later one,
    requests only the rest (HTTP Range). Servers without ranges send everything again.

    Args:
        sha256: expected digest, hexadecimal.
        attempts: number of connections without any new data before giving up. Pauses between them start at
            ``pause_seconds`` and double each time.

    Raises:
        DataError: the server cannot be reached or refuses, or the digest is wrong (the data is then removed, because
            resuming would not help).
        OutputError: the file cannot be written, for example because the disk is full; the data so far is kept for
            the next call.
    """
    part = target.with_name(target.name + ".part")
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        _check(
            target,
            sha256,
            f"remove it or replace it with {url}",
        )
        return
    left = attempts
    while True:
        before = _size(part)
        try:
            _fetch_rest(url, part)
            break
        except urllib.error.HTTPError as error:
            raise DataError(f"cannot download {url}: the server answers {error.code} {error.reason}") from error
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            TimeoutError,
            ConnectionError,
        ) as error:
            left = attempts if _size(part) > before else left - 1
            if left <= 0:
                reason = getattr(error, "reason", None) or error
                raise DataError(
                    f"cannot download {url}: {reason}; check the connection and run the command again to resume "
                    f"({_size(part):,} bytes are in {part})"
                ) from error
            time.sleep(pause_seconds * 2 ** (attempts - left))
    try:
        _check(part, sha256, "it was removed; run the command again to download it from scratch")
    except DataError:
        part.unlink()
        raise
    with output_errors(target):
        os.replace(part, target)
        sync_folder(target.parent)


def _fetch_rest(url: str, part: Path) -> None:
    """Append the missing data to ``part``, with a single connection.

    Raises:
        ConnectionError: the server closed the connection too early.
    """
    have = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "idf", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        # "Range not satisfiable" means that nothing is missing; the digest tells whether it is the right file.
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        raise
    with response, contextlib.ExitStack() as stack:
        resumed = response.status == http.client.PARTIAL_CONTENT
        start = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        with output_errors(part):
            file = stack.enter_context(open(part, "ab" if resumed else "wb"))
        bar = stack.enter_context(
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
        )
        task = bar.add_task(f"downloading {part.stem}", total=total, completed=start)
        count = start
        while block := response.read(_BLOCK):
            with output_errors(part):
                file.write(block)
            count += len(block)
            bar.update(task, completed=count)
        with output_errors(part):
            file.flush()
            os.fsync(file.fileno())
    if total is not None and count < total:
        raise ConnectionError(f"the connection closed after {count:,} of {total:,} bytes")


def _check(path: Path, sha256: str, remedy: str) -> None:
    digest = hashlib.sha256()
    with (
        open(path, "rb") as file,
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        task = bar.add_task(f"checking {path.name}", total=_size(path))
        while block := file.read(1 << 22):
            digest.update(block)
            bar.advance(task, len(block))
    if digest.hexdigest() != sha256.lower():
        raise DataError(f"{path}: the SHA-256 is {digest.hexdigest()}, expected {sha256.lower()}; {remedy}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
