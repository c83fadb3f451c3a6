"""An index of packages on this machine, over real HTTP: pages, metadata of wheels beside them, and wheels in parts."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class PackageIndex:
    """Serves the wheels of a folder; can drop connections, send nothing more, and ignore where a download resumes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: Bytes after which every answer with a wheel breaks off; None never.
        self.break_after: int | None = None
        #: Whether the connection then stays open, and silent.
        self.hangs = False
        self.knows_ranges = True
        self.tells_sizes = True
        #: Bytes of wheels that were sent, by file name: where each answer began, and how many.
        self.sent: list[tuple[str, int, int]] = []
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def address(self) -> str:
        """Of the index, for pip."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def url(self, name: str) -> str:
        return f"{self.address.removesuffix('simple')}files/{name}"

    @contextmanager
    def running(self) -> Iterator[PackageIndex]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._closing.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _page(self, package: str) -> bytes:
        links = ""
        for wheel in self.folder.glob(f"{package.replace('-', '_')}-*.whl"):
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            metadata = hashlib.sha256(_metadata(wheel)).hexdigest()
            link = f'<a href="{self.url(wheel.name)}#sha256={digest}" data-core-metadata="sha256={metadata}">'
            links += f"{link}{wheel.name}</a>"
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self._answer(200, index.folder.joinpath(self.path.rpartition("/")[2]).read_bytes(), "")

            def do_GET(self) -> None:
                name = self.path.strip("/").rpartition("/")[2]
                if self.path.startswith("/simple/"):
                    self._answer(200, index._page(name), "text/html")
                elif name.endswith(".metadata"):
                    self._answer(200, _metadata(index.folder / name.removesuffix(".metadata")), "text/plain")
                else:
                    self._send_wheel(index.folder / name)

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                if kind:
                    self.send_header("Content-Type", kind)
                if kind or index.tells_sizes:
                    self.send_header("Content-Length", str(len(body)))
                else:
                    self.close_connection = True
                self.end_headers()
                if kind:
                    self.wfile.write(body)

            def _send_wheel(self, path: Path) -> None:
                if not path.exists():
                    self._answer(404, b"no such wheel", "text/plain")
                    return
                body = path.read_bytes()
                asked = self.headers.get("Range") if index.knows_ranges else None
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(body) - start))
                if asked:
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                self.end_headers()
                part = body[start:][: index.break_after]
                index.sent.append((path.name, start, len(part)))
                self.wfile.write(part)
                if len(part) < len(body) - start:
                    if index.hangs:
                        index._closing.wait()
                    self.close_connection = True

        return Handler


def _metadata(path: Path) -> bytes:
    with zipfile.ZipFile(path) as wheel:
        return wheel.read(next(name for name in wheel.namelist() if name.endswith("/METADATA")))
