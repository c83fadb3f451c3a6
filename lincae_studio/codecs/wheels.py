"""Wheels of Python packages: which ones, and their download, which continues where an earlier attempt ended.

pip chooses them (`neural`); what it downloads itself begins again when it is interrupted, however large the file. The
hashes are those of the index. No Qt; any thread.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from lincae_studio.codecs.folders import file_sha256
from lincae_studio.codecs.resuming import TIMEOUT_S, receive
from lincae_studio.errors import CodecError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress

_BLOCK_BYTES = 1 << 18


class Wheel(Struct, frozen=True):
    """A wheel at an address: its file name, the SHA-256 of its content in hexadecimal digits, its size in bytes."""

    url: str
    name: str
    sha256: str
    size: int

    @property
    def package(self) -> str:
        return self.name.partition("-")[0]


def chosen(report: bytes, cancel: CancelToken) -> list[Wheel]:
    """The wheels of pip's installation report (`pip install --dry-run --report`). Asks their servers for the sizes.

    Raises:
        CodecError: when a server cannot be reached, or a wheel has no hash.
        Cancelled: after `cancel` was set.
    """
    opener = _opener()
    wheels = []
    for entry in json.loads(report)["install"]:
        cancel.check()
        url, archive = entry["download_info"]["url"], entry["download_info"].get("archive_info", {})
        name = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
        sha256 = archive.get("hashes", {}).get("sha256", "")
        if not sha256:
            raise _not_downloaded(name, "the index provides no SHA-256 for it")
        try:
            with _open(opener, urllib.request.Request(url, method="HEAD")) as response:
                size = int(response.headers["Content-Length"] or 0)
        except _NetworkError as error:
            raise _not_downloaded(name, str(error)) from error
        if not size:
            raise _not_downloaded(name, "the server does not say how large it is")
        wheels.append(Wheel(url, name, sha256, size))
    return wheels


def missing_bytes(wheels: Sequence[Wheel], folder: Path) -> int:
    """How much `fetch` will download."""
    return sum(wheel.size - _present(wheel, folder) for wheel in wheels)


def fetch(wheels: Sequence[Wheel], folder: Path, progress: ReportProgress, cancel: CancelToken) -> list[Path]:
    """Download wheels into a folder of their own, whose other files are deleted. Returns their paths.

    Args:
        progress: called with the bytes of all of them.

    Raises:
        CodecError: when one cannot be downloaded, or is not what its index describes. Partial downloads are kept.
        Cancelled: after `cancel` was set.
        OSError: when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / wheel.name for wheel in wheels]
    expected = {*paths, *(_partial(wheel, folder) for wheel in wheels)}
    for other in folder.iterdir():  # of an earlier choice
        if other not in expected:
            other.unlink()
    opener, before, total = _opener(), 0, sum(wheel.size for wheel in wheels)
    for wheel, path in zip(wheels, paths, strict=True):

        def report(done: int, before: int = before, wheel: Wheel = wheel) -> None:
            amount = f"{(before + done) / 1e6:.0f} of {total / 1e6:.0f} MB"
            progress(Progress(before + done, total, f"Downloading {wheel.package}, {amount}"))
            cancel.check()

        if not (path.is_file() and file_sha256(path, cancel) == wheel.sha256):
            _fetch(opener, wheel, _partial(wheel, folder), report, cancel)
            _partial(wheel, folder).replace(path)
        before += wheel.size
        report(0, before)
    return paths


class _NetworkError(Exception):
    """A server cannot be reached, or does not send what it should."""


def _partial(wheel: Wheel, folder: Path) -> Path:
    return folder / f"{wheel.sha256}.part"


def _present(wheel: Wheel, folder: Path) -> int:
    places = (folder / wheel.name, _partial(wheel, folder))
    return max((place.stat().st_size for place in places if place.exists()), default=0)


def _fetch(opener: Any, wheel: Wheel, partial: Path, report: Callable[[int], None], cancel: CancelToken) -> None:
    """Download a wheel, resuming an earlier attempt, and check it."""

    def append(start: int) -> None:
        _append(opener, wheel.url, partial, start, report)

    try:
        receive(partial, wheel.size, append, (_NetworkError,), _NetworkError("it ends too early"), report)
    except _NetworkError as error:
        raise _not_downloaded(wheel.name, str(error)) from error
    if file_sha256(partial, cancel) != wheel.sha256:
        partial.unlink()
        raise _not_downloaded(wheel.name, "it was damaged in transit (its hash does not match the index)")


def _append(opener: Any, url: str, partial: Path, start: int, report: Callable[[int], None]) -> None:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    with _open(opener, request) as response, open(partial, "ab") as file:
        if start and response.status != http.HTTPStatus.PARTIAL_CONTENT:  # the server sends it from its beginning
            file.truncate(0)
        while True:
            with _network():
                block = response.read1(_BLOCK_BYTES)
            if not block:
                return
            file.write(block)
            file.flush()  # keeps the partial file if the program is killed
            report(file.tell())


def _opener() -> Any:
    """What opens addresses: through the system's proxy, trusting the system's certificates and those of pip."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):  # a frozen program finds the system's on some systems only
        context.load_verify_locations(importlib.import_module("pip._vendor.certifi").where())
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


@contextlib.contextmanager
def _open(opener: Any, request: urllib.request.Request) -> Iterator[Any]:
    with _network():
        response = opener.open(request, timeout=TIMEOUT_S)
    with response:
        yield response


@contextlib.contextmanager
def _network() -> Iterator[None]:
    """Tells errors of the network from those of the disk."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise _NetworkError(f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)  # of an URLError
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise _NetworkError(text) from error


def _not_downloaded(name: str, reason: str) -> CodecError:
    return CodecError(
        f"{name} cannot be downloaded: {reason}",
        "Check the network connection, and try again: what has been downloaded is kept",
    )
