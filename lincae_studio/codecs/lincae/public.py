"""The public checkpoints, and their download from the Hugging Face hub. No torch; any thread.

Data of the checkpoints: from the model cards of `BernardoTorres/linear_consistency_autoencoders` and the package
`linear-cae` 0.1.4.

`fetch` does not use `huggingface_hub`'s own download, which (in 2.4.0) deletes a partial file when stopped, so that the
next attempt starts over; can be stopped only after each 10 MiB; and compares sizes but not checksums.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from lincae_studio import bounded, jobs
from lincae_studio.errors import CodecError

HUB_REPOSITORY = "BernardoTorres/linear_consistency_autoencoders"

#: The default checkpoint type.
LAST = "last"

#: Attempts in a row without receiving data before a download fails.
_TRIES = 4

#: Seconds without a response after which a server counts as unreachable; also the longest wait when cancelling.
_TIMEOUT_S = 10.0

PARTS = ("frontend", "generator", "diffusion")


class PublicModel(Struct, frozen=True):
    """A model on the hub.

    Attributes:
        folder: its folder there.
        scale_factor: scales its latents to about unit variance.
        linear: whether it was trained to be linear.
        mebibytes: approximate size of its four files.
        hop: samples per latent frame.
        dim: channels of a latent frame.
    """

    folder: str
    scale_factor: float
    title: str
    description: str
    linear: bool
    mebibytes: int = 223
    hop: int = 4096
    dim: int = 64

    @property
    def compression(self) -> float:
        """Samples per latent value."""
        return self.hop / self.dim


PUBLIC_MODELS = {
    "lin-cae": PublicModel(
        "0a3afbec_weights",
        33.0,
        "Lin-CAE",
        "Linear Consistency Autoencoder: scaling and adding latents scales and adds the audio",
        linear=True,
    ),
    "lin-cae-2": PublicModel(
        "2f4c6d21_weights",
        40.0,
        "Lin-CAE 2",
        "Linear Consistency Autoencoder trained without gain annealing",
        linear=True,
    ),
    "m2l": PublicModel(
        "1511f18a_weights",
        15.0,
        "Music2Latent (baseline)",
        "Music2Latent retrained as the baseline: not trained to be linear, for comparison",
        linear=False,
    ),
}


def public_id(name: str) -> str | None:
    """The id of a public model, given that id or its folder on the hub, with or without `_weights`; None for others."""
    folder = f"{name.removesuffix('_weights')}_weights"
    return next((key for key, model in PUBLIC_MODELS.items() if name == key or folder == model.folder), None)


def official_names(ckpt_type: str = LAST) -> list[str]:
    """The four files of an official folder, weights first."""
    return [f"autoencoder_inference_model_{ckpt_type}.pth", *(f"{part}_kwargs_{ckpt_type}.yaml" for part in PARTS)]


def trainer_names() -> list[str]:
    """The four files that the reference's trainer writes at its end, weights first."""
    return ["autoencoder.pth", *(f"{part}_kwargs.yaml" for part in PARTS)]


def download(model_id: str, ckpt_type: str = LAST, revision: str | None = None, endpoint: str | None = None) -> Path:
    """The folder of a public model in the hub's own cache, downloaded if it is not there yet.

    `endpoint`: URL of a server to use instead of the hub.

    Raises:
        CodecError: when the hub cannot be reached or does not have the files.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    names = [f"{PUBLIC_MODELS[model_id].folder}/{name}" for name in official_names(ckpt_type)]
    try:
        found = [
            huggingface_hub.hf_hub_download(HUB_REPOSITORY, name, revision=revision, endpoint=endpoint)
            for name in names
        ]
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise _not_downloaded(model_id, error, names) from error
    return Path(found[0]).parent


def fetch(
    model_id: str,
    folder: Path,
    progress: jobs.ReportProgress = jobs.no_progress,
    cancel: jobs.CancelToken | None = None,
    endpoint: str | None = None,
) -> None:
    """Download a public model's four files into a folder.

    It can be cancelled, and resumes an earlier failed or cancelled download, whose files it verifies. Only one download
    per folder may run at a time: see `library`.

    Args:
        progress: called with the number of bytes.
        endpoint: URL of a server to use instead of the hub.

    Raises:
        CodecError: when the hub cannot be reached, does not have the files, or a file is damaged.
        Cancelled: after `cancel` was set.
        OSError: when the folder cannot be written.
    """
    import huggingface_hub

    client = huggingface_hub.get_session()
    # The library's HTTP client has changed its name before, but not the names of its errors.
    http = importlib.import_module(type(client).__module__.partition(".")[0])
    network_errors = (http.HTTPError, http.InvalidURL, ConnectionError)  # the last one: offline by HF_HUB_OFFLINE
    public = PUBLIC_MODELS[model_id]
    try:
        urls = [
            huggingface_hub.hf_hub_url(HUB_REPOSITORY, f"{public.folder}/{name}", endpoint=endpoint)
            for name in official_names()
        ]
        remote_files = [huggingface_hub.get_hf_file_metadata(url, endpoint=endpoint) for url in urls]
        total, before = sum(remote.size or 0 for remote in remote_files), 0
        for name, url, remote in zip(official_names(), urls, remote_files, strict=True):

            def report(done: int, before: int = before) -> None:
                if cancel is not None:
                    cancel.check()
                progress(jobs.Progress(before + done, total, f"downloading {public.title}"))

            if remote.etag is None:  # the hub always sends one
                raise _PortalError
            if remote.size is None:
                raise _DamagedError(f"the hub does not provide the size of {name}")
            _fetch_file(client, url, folder / name, remote.etag, remote.size, network_errors, report, cancel)
            before += remote.size
    except (*network_errors, huggingface_hub.errors.HfHubHTTPError, _DamagedError, _PortalError) as error:
        raise _not_downloaded(model_id, error, official_names()) from error


def file_sha256(path: Path, cancel: jobs.CancelToken | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises `OSError`, or `Cancelled`."""
    digest = hashlib.sha256()
    for block in bounded.blocks(path):
        if cancel is not None:
            cancel.check()
        digest.update(block)
    return digest.hexdigest()


class _DamagedError(Exception):
    """A file does not match the hub's size or checksum."""


class _PortalError(Exception):
    """Something else answers in place of the hub, such as the sign-in page of a network."""


def _fetch_file(
    client: Any,
    url: str,
    path: Path,
    etag: str,
    size: int,
    network_errors: tuple[type[Exception], ...],
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
    partial.touch()
    failures_in_a_row = 0
    while (start := partial.stat().st_size) < size:
        report(start)
        failure: Exception = _DamagedError(f"{path.name} ends too early")
        try:
            _append(client, url, partial, start, report)
        except network_errors as error:
            failure = error
        failures_in_a_row = 0 if partial.stat().st_size > start else failures_in_a_row + 1
        if failures_in_a_row == _TRIES:
            raise failure
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


def _append(client: Any, url: str, partial: Path, start: int, report: Callable[[int], None]) -> None:
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"} if start else {"Accept-Encoding": "identity"}
    with client.stream("GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT_S) as response:
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


def _not_downloaded(model_id: str, error: Exception, names: list[str]) -> CodecError:
    """The error to report; `names`: the files that were wanted."""
    reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".") or type(error).__name__
    remedy = "Check the connection and try again"
    code, what = _answer(error)
    if isinstance(error, _PortalError):
        reason = "another page answers in its place, as where a network asks for a sign-in"
        remedy = "Open a browser and sign in to the network, then try again"
    elif what == "RevisionNotFound":
        reason, remedy = "it has no such revision", "Choose another revision"
    elif code == 404:
        reason = f"it has no {names[0]} or one of the files that belong to it"
        remedy = "Try again later" if names[0].endswith(official_names()[0]) else "Choose another checkpoint type"
    elif code is not None and code >= 500:
        reason, remedy = f"the hub is out of order (error {code})", "Try again later"
    return CodecError(
        f"{model_id} cannot be downloaded from the Hugging Face hub: {reason}",
        f"{remedy}, or import a folder with its four files: " + ", ".join(official_names()),
    )


def _answer(error: BaseException | None) -> tuple[int | None, str]:
    """The status and the hub's own error code of the response that caused an error; None and "" without one."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return int(response.status_code), str(response.headers.get("X-Error-Code", ""))
        error = error.__cause__ or error.__context__
    return None, ""
