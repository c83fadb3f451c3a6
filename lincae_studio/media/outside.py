"""Files outside its folder that a project from another computer uses. Any thread.

Such a project may name any file on this computer, and collecting or exporting its audio would give that file away.
A project made here is recognised by its files: they were imported, so the store has verified them at their paths.
"""

from __future__ import annotations

import os
from pathlib import Path

from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media, Session


def is_outside(path: str | Path, folder: Path) -> bool:
    """Whether a path leads out of a folder, perhaps through links."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def new_outside(store: MediaStore, session: Session, folder: Path) -> list[Media]:
    """The files outside a folder that clips use, and that were never imported on this computer from where they are.

    Bundles are not among them: only a bundle with the expected latents is used at all. Looks at no file of the project,
    as its paths were resolved when it was read.
    """
    folder = Path(os.path.realpath(folder))
    return [
        media
        for media in session.used_media()
        if media.original is None and not Path(media.path).is_relative_to(folder) and not store.has_verified(media)
    ]
