"""Downloads from a local server: resumed, checked, and never visible before they are complete."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from idf.datasets.download import download
from idf.errors import DataError, OutputError

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """Serves CONTENT; can break connections and ignore ranges."""

    url: str = ""
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    """Bytes to send before closing the connection, for each request in turn; empty to send everything."""
    status: int | None = None
    asked: list[str | None] = field(default_factory=list)
    """The Range header of each request."""


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, server: Server, *arguments: object) -> None:
        self.state = server
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.state.asked.append(wanted)
        if self.state.status is not None:
            self.send_error(self.state.status)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.state.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        limit = self.state.break_after.pop(0) if self.state.break_after else len(CONTENT)
        self.wfile.write(CONTENT[start:][:limit])

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, state)) as instance:
        state.url = f"http://127.0.0.1:{instance.server_port}/file.bin"
        thread = threading.Thread(target=instance.serve_forever, args=(0.01,))
        thread.start()
        yield state
        instance.shutdown()
        thread.join()


def test_downloads_once(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.bin"
    download(server.url, DIGEST, target)
    assert target.read_bytes() == CONTENT
    download(server.url, DIGEST, target)
    assert server.asked == [None]
    assert list(target.parent.iterdir()) == [target]


def test_a_broken_connection_is_resumed_at_once(server: Server, tmp_path: Path) -> None:
    server.break_after = [300_000, 200_000]
    download(server.url, DIGEST, tmp_path / "file.bin", pause_seconds=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_call_resumes_where_the_first_stopped(server: Server, tmp_path: Path) -> None:
    server.break_after = [400_000, 0]
    with pytest.raises(DataError, match=r"400,000 bytes are in .*file\.bin\.part"):
        download(server.url, DIGEST, tmp_path / "file.bin", attempts=1, pause_seconds=0)
    assert not (tmp_path / "file.bin").exists()
    server.asked.clear()
    download(server.url, DIGEST, tmp_path / "file.bin")
    assert server.asked == ["bytes=400000-"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    server.ranges = False
    download(server.url, DIGEST, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_part_that_is_already_complete(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    download(server.url, DIGEST, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_wrong_digest_removes_the_bytes(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the SHA-256 is .*, expected 0000"):
        download(server.url, "0" * 64, tmp_path / "file.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_file_at_the_target_is_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"something else")
    with pytest.raises(DataError, match="the SHA-256 is"):
        download(server.url, DIGEST, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == b"something else"
    assert server.asked == []


def test_a_refusal(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(DataError, match="the server answers 404"):
        download(server.url, DIGEST, tmp_path / "file.bin")


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="check the connection and run the command again"):
        download("http://127.0.0.1:9/file.bin", DIGEST, tmp_path / "file.bin", attempts=2, pause_seconds=0)


def test_an_impossible_place(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="a file exists where a folder is needed"):
        download(server.url, DIGEST, tmp_path / "file" / "file.bin")
