"""Edits that give clips another file: the same one elsewhere, a changed one, or the audio that latents were made of."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from lincae_studio.session.edits import add_media
from lincae_studio.session.model import Clip, Media, Session


def relink(session: Session, found: Mapping[str, Media]) -> Session:
    """Let media, by digest, be others.

    Clips keep all that was done to them. Where the new audio is shorter they end with it; a clip of which nothing is
    left is removed.
    """
    relinked = session
    for digest, media in found.items():
        session.media_of(digest)
        relinked = _replaced(relinked, digest, media)
    return relinked


def _replaced(session: Session, digest: str, media: Media) -> Session:
    if media.digest == digest:
        return add_media(session, media)
    others = tuple(item for item in session.media if item.digest != digest)
    session = add_media(replace(session, media=others), media)
    tracks = tuple(
        replace(track, clips=tuple(fitting for clip in track.clips if (fitting := _fitting(clip, digest, media))))
        if any(clip.media == digest for clip in track.clips)
        else track
        for track in session.tracks
    )
    return replace(session, tracks=tracks)


def _fitting(clip: Clip, digest: str, media: Media) -> Clip | None:
    if clip.media != digest:
        return clip
    length = min(clip.length, media.length - clip.offset)
    if length <= 0:
        return None
    fades = {"fade_in": min(clip.fade_in, length), "fade_out": min(clip.fade_out, length)}
    return replace(clip, media=media.digest, length=length, **fades)
