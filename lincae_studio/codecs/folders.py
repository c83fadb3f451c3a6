"""Reading and copying the files of model folders, which are untrusted. No torch; any thread."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path
from typing import Any

import msgspec

from lincae_studio import bounded, jobs
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.errors import CodecError

#: Limit for `config.json`, which takes a few kilobytes.
MAX_CONFIG_BYTES = 1 << 20


def read_config(folder: Path) -> dict[str, Any]:
    """The content of a folder's `config.json`.

    Raises:
        CodecError: when it is not a JSON object; the message names the file.
        OSError: when it is missing, too large, or cannot be read.
    """
    path = folder / CONFIG_NAME
    try:
        config = msgspec.json.decode(bounded.read(path, MAX_CONFIG_BYTES))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"{path} cannot be read: {error}", "Export or download the model again") from error
    if not isinstance(config, dict):
        raise CodecError(f"{path} cannot be read: it is not a table", "Export or download the model again")
    return config


def one_line(text: str) -> str:
    """The text on one line, with spaces for control characters, line breaks and lone surrogates."""
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in text)


def names_in(folder: Path, limit: int = 10_000) -> frozenset[str]:
    """Names of the files in a folder, up to a limit. Raises `OSError`."""
    names = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            names.add(entry.name)
            if len(names) == limit:
                break
    return frozenset(names)


def file_sha256(path: Path, cancel: jobs.CancelToken | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises `OSError`, or `Cancelled`."""
    digest = hashlib.sha256()
    for block in bounded.blocks(path):
        if cancel is not None:
            cancel.check()
        digest.update(block)
    return digest.hexdigest()


def copy_file(
    source: Path, target: Path, label: str, progress: jobs.ReportProgress, cancel: jobs.CancelToken | None
) -> None:
    """Copy one file. Raises `OSError`, or `Cancelled`."""
    total, done = os.path.getsize(source), 0
    with open(target, "wb") as writing:
        for block in bounded.blocks(source):
            if cancel is not None:
                cancel.check()
            writing.write(block)
            done += len(block)
            progress(jobs.Progress(done, total, label))
