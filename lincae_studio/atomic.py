"""Replacing files so that a reader never sees half of one: temporary file, fsync, replace.

The temporary file lies in the target's folder (a rename across disks is not atomic).
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path; when the block ends without an error, it replaces `target`, else it is deleted.

    Raises:
        OSError: from the block, or when the folder cannot be written. `target` is then as before.
    """
    target = Path(os.path.realpath(target))  # a link stays a link, what it points to is replaced
    if target.exists() and not target.is_file():
        # Renaming over a device such as /dev/null would destroy it.
        raise OSError(errno.EINVAL, "it is not an ordinary file", str(target))
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def write_bytes(target: Path, data: bytes) -> None:
    """Write `data` to `target`, entirely or not at all."""
    with replacing(target) as temporary:
        temporary.write_bytes(data)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the platform can (Windows cannot open folders)."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
