"""A hub on this machine: the part of the Hugging Face hub's protocol that downloads use, over real HTTP."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lincae_studio.codecs import install
from lincae_studio.codecs.family import OptionValue
from lincae_studio.jobs import CancelToken, no_progress

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def etag(name: str, data: bytes) -> str:
    """As on the hub: the SHA-256 of weights, what git calls other files."""
    if name.endswith(".pth"):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def import_folder(
    source: Path,
    codec_id: str,
    *,
    title: str | None = None,
    progress: Any = no_progress,
    cancel: CancelToken | None = None,
    **given: OptionValue,
) -> Path:
    """Install a model folder next to the existing codecs; `given` are the options of its family."""
    return install.import_folder(source, codec_id, given, title, progress, cancel)


class LocalHub:
    """Serves files of one folder as a repository; can drop connections, give wrong checksums, and records requests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        #: Bytes after which every answer breaks off; None never.
        self.break_after: int | None = None
        #: Status of every answer in place of files; with 200 a web page.
        self.status: int | None = None
        #: As `status`, to requests with a body alone.
        self.body_status: int | None = None
        self.wrong_checksums = False
        self.tells_sizes = True
        #: The token without which nothing is sent, as of a gated repository; None for public ones.
        self.token: str | None = None
        #: Where the answers with a body began, in bytes.
        self.starts: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[LocalHub]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def send(self, file: io.BufferedIOBase, body: bytes) -> None:
        """Send the body of a response."""
        file.write(body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(with_body=False)

            def do_GET(self) -> None:
                self._answer(with_body=True)

            def log_message(self, *_: object) -> None:
                pass

            def _answer(self, with_body: bool) -> None:
                status = hub.body_status if with_body and hub.body_status else hub.status
                if status:
                    page = b"<html>Welcome! Please sign in.</html>"
                    self.send_response(status)
                    self.send_header("Content-Type", "text/html; charset=utf-8")
                    self.send_header("Content-Length", str(len(page)))
                    self.end_headers()
                    if with_body:
                        self.wfile.write(page)
                    return
                if hub.token is not None and self.headers.get("Authorization") != f"Bearer {hub.token}":
                    self.send_response(401)
                    self.send_header("X-Error-Code", "GatedRepo")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                path = hub.root / self.path.partition("/resolve/main/")[2]
                if not path.is_file():
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                data = path.read_bytes()
                start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
                checksum = etag(path.name, b"another" if hub.wrong_checksums else data)
                self.send_response(206 if start else 200)
                self.send_header("ETag", f'"{checksum}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Accept-Ranges", "bytes")
                if with_body or hub.tells_sizes:
                    self.send_header("Content-Length", str(len(data) - start))
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
                self.end_headers()
                if not with_body:
                    return
                body = data[start:]
                if hub.break_after is not None and len(body) > hub.break_after:
                    body = body[: hub.break_after]
                    self.close_connection = True
                hub.starts.append(start)
                try:
                    hub.send(self.wfile, body)
                except ConnectionError:  # the other side has heard enough
                    self.close_connection = True

        return Handler
