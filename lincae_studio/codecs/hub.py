"""Downloading files of repositories on the Hugging Face hub. No torch; any thread.

It does not use `huggingface_hub`'s own download, which (in 2.4.0) deletes a partial file when stopped, so that the next
attempt starts over; can be stopped only after each 10 MiB; and compares sizes but not checksums.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lincae_studio import jobs
from lincae_studio.codecs.family import Download
from lincae_studio.codecs.folders import file_sha256
from lincae_studio.codecs.resuming import TIMEOUT_S, receive
from lincae_studio.errors import CodecError


def fetch(
    download: Download,
    folder: Path,
    progress: jobs.ReportProgress = jobs.no_progress,
    cancel: jobs.CancelToken | None = None,
    endpoint: str | None = None,
) -> None:
    """Download the files of a codec into a folder, under their paths.

    It can be cancelled, and resumes an earlier failed or cancelled download, whose files it verifies. Only one download
    per folder may run at a time: see `library`. For a gated repository the token of the hub's client is sent.

    Args:
        progress: called with the number of bytes.
        endpoint: URL of a server to use instead of the hub.

    Raises:
        CodecError: when the hub cannot be reached, does not have the files or does not send them to this account, or a
            file is damaged.
        Cancelled: after `cancel` was set.
        OSError: when the folder cannot be written.
    """
    import huggingface_hub

    client = huggingface_hub.get_session()
    # The library's HTTP client has changed its name before, but not the names of its errors.
    http = importlib.import_module(type(client).__module__.partition(".")[0])
    network_errors = (http.HTTPError, http.InvalidURL, ConnectionError)  # the last one: offline by HF_HUB_OFFLINE
    token = huggingface_hub.get_token() if download.gated else None
    headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        urls = [
            huggingface_hub.hf_hub_url(download.repository, path, revision=download.revision, endpoint=endpoint)
            for path in download.paths
        ]
        remote_files = [huggingface_hub.get_hf_file_metadata(url, endpoint=endpoint) for url in urls]
        total, before = sum(remote.size or 0 for remote in remote_files), 0
        for name, url, remote in zip(download.files, urls, remote_files, strict=True):

            def report(done: int, before: int = before) -> None:
                if cancel is not None:
                    cancel.check()
                progress(jobs.Progress(before + done, total, f"downloading {download.title}"))

            if remote.etag is None:  # the hub always sends one
                raise _PortalError
            if remote.size is None:
                raise _DamagedError(f"the hub does not provide the size of {name}")
            source = _Source(client, url, headers, network_errors)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _fetch_file(source, folder / name, remote.etag, remote.size, report, cancel)
            before += remote.size
    except (*network_errors, huggingface_hub.errors.HfHubHTTPError, _DamagedError, _PortalError) as error:
        raise not_downloaded(download, error, download.files) from error


class _DamagedError(Exception):
    """A file does not match the hub's size or checksum."""


class _PortalError(Exception):
    """Something else answers in place of the hub, such as the sign-in page of a network."""


class _Source(NamedTuple):
    """Where a file comes from: the hub's HTTP client, its URL, headers to send, and the errors of the network."""

    client: Any
    url: str
    headers: dict[str, str]
    network_errors: tuple[type[Exception], ...]


def _fetch_file(
    source: _Source,
    path: Path,
    etag: str,
    size: int,
    report: Callable[[int], None],
    cancel: jobs.CancelToken | None,
) -> None:
    """Download one file, resuming an earlier attempt."""
    if path.is_file():
        if _is_whole(path, etag, size, cancel):
            return
        path.unlink()
    partial = path.with_name(f"{path.name}.{''.join(filter(str.isalnum, etag))[:64]}.part")
    for other in path.parent.glob(f"{path.name}.*.part"):  # of a file that the hub has replaced
        if other != partial:
            other.unlink()
    incomplete = _DamagedError(f"{path.name} ends too early")

    def append(start: int) -> None:
        _append(source, partial, start, report)

    receive(partial, size, append, source.network_errors, incomplete, report)
    if not _is_whole(partial, etag, size, cancel):
        partial.unlink()
        raise _DamagedError(f"{path.name} was damaged in transit (its size or checksum is wrong)")
    partial.replace(path)


def _is_whole(path: Path, etag: str, size: int, cancel: jobs.CancelToken | None) -> bool:
    """Whether a file is complete and intact. The etag is the SHA-256 of a large file, git's SHA-1 of a small one."""
    if path.stat().st_size != size:
        return False
    if len(etag) == 64:
        return file_sha256(path, cancel) == etag
    if len(etag) == 40:
        return hashlib.sha1(b"blob %d\0" % size + path.read_bytes(), usedforsecurity=False).hexdigest() == etag
    return True


def _append(source: _Source, partial: Path, start: int, report: Callable[[int], None]) -> None:
    headers = {**source.headers, **({"Range": f"bytes={start}-"} if start else {})}
    with source.client.stream("GET", source.url, headers=headers, follow_redirects=True, timeout=TIMEOUT_S) as response:
        response.raise_for_status()
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise _PortalError
        resumed = response.status_code == 206
        with open(partial, "ab" if resumed else "wb") as file:
            done = start if resumed else 0
            for block in response.iter_bytes():  # as they arrive: a connection may drop early, again and again
                file.write(block)
                done += len(block)
                report(done)


def not_downloaded(download: Download, error: Exception, names: Sequence[str], if_missing: str = "") -> CodecError:
    """The error to report for a download of `names`; `if_missing`: what to do if the hub does not have them."""
    reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".") or type(error).__name__
    remedy = "Check the connection and try again"
    code, what = _answer(error)
    if isinstance(error, _PortalError):
        reason = "a different page answers, as on networks that require a sign-in"
        remedy = "Open a browser and sign in to the network, then try again"
    elif what == "GatedRepo" or (download.gated and code in (401, 403)):
        reason = "only accounts that have accepted the licence can download it"
        remedy = f"Accept it on {download.page}, log in with “hf auth login” or set HF_TOKEN, and try again"
    elif what == "RevisionNotFound":
        reason, remedy = "it has no such revision", "Choose another revision"
    elif code == 404:
        reason = f"it has no {names[0]} or one of the files that belong to it"
        remedy = if_missing or "Try again later"
    elif code is not None and code >= 500:
        reason, remedy = f"the Hub has a problem (error {code})", "Try again later"
    return CodecError(
        f"{download.id} cannot be downloaded from the Hugging Face hub: {reason}",
        f"{remedy}, or import a folder with its files: {', '.join(download.files)}",
    )


def _answer(error: BaseException | None) -> tuple[int | None, str]:
    """The status and the hub's own error code of the response that caused an error; None and "" without one."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return int(response.status_code), str(response.headers.get("X-Error-Code", ""))
        error = error.__cause__ or error.__context__
    return None, ""
