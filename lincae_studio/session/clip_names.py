"""Names of clips that are those of their files, and follow them until they are changed. Pure functions.

A clip follows its file while its name is that of the file: nothing else is stored, so that copies, parts and projects
of any version follow, too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from lincae_studio.session.edits import change_clips, name_of
from lincae_studio.session.model import Clip, Media, Session

#: The kind of edit that `reset_names` is, for undo.
RESET_NAMES = "Reset Names of Clips"


def follows_file(clip: Clip, media: Media) -> bool:
    """Whether a clip has the name of its file."""
    return clip.name == name_of(media)


def named_after(clip: Clip, before: Media, after: Media) -> Clip:
    """A clip that played `before`, with the name of `after` if it had that of its file."""
    return replace(clip, name=name_of(after)) if follows_file(clip, before) else clip


def reset_names(session: Session, clip_ids: Collection[int]) -> Session:
    """Name clips after their files, which they then follow."""
    media: Mapping[str, Media] = {item.digest: item for item in session.media}
    return change_clips(session, clip_ids, lambda clip: replace(clip, name=name_of(media[clip.media])))
