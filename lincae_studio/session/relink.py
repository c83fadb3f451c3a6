"""Edits that relink clips: to a file that was moved or changed, or to the audio that latents were encoded from."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from lincae_studio.session.clip_names import named_after
from lincae_studio.session.model import Clip, Media, Session


def relink(session: Session, found: Mapping[str, Media]) -> Session:
    """Replace media, by digest.

    Clips keep their edits; those named as their files follow them (`clip_names`). Where the new audio is shorter, clips
    end with it; a clip with no audio left is removed.
    """
    before = {digest: session.media_of(digest) for digest in found}
    media: dict[str, Media] = {}
    for item in session.media:
        replacement = found.get(item.digest, item)
        if replacement is not item or item.digest not in media:
            media[replacement.digest] = replacement
    tracks = tuple(
        replace(
            track,
            clips=tuple(fitting for clip in track.clips if (fitting := _fitting(clip, before, found)) is not None),
        )
        if any(clip.media in found for clip in track.clips)
        else track
        for track in session.tracks
    )
    return replace(session, media=tuple(media.values()), tracks=tracks)


def _fitting(clip: Clip, before: Mapping[str, Media], found: Mapping[str, Media]) -> Clip | None:
    media = found.get(clip.media)
    if media is None:
        return clip
    clip = named_after(clip, before[clip.media], media)
    if media.digest == clip.media:
        return clip
    length = min(clip.length, media.length - clip.offset)
    if length <= 0:
        return None
    fades = {"fade_in": min(clip.fade_in, length), "fade_out": min(clip.fade_out, length)}
    return replace(clip, media=media.digest, length=length, **fades)
