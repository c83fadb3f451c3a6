"""Edits that give clips another file: the same one elsewhere, a changed one, or the audio that latents were made of."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from lincae_studio.session.model import Clip, Media, Session


def relink(session: Session, found: Mapping[str, Media]) -> Session:
    """Let media, by digest, be others.

    Clips keep all that was done to them. Where the new audio is shorter they end with it; a clip of which nothing is
    left is removed.
    """
    for digest in found:
        session.media_of(digest)
    media: dict[str, Media] = {}
    for item in session.media:
        replacement = found.get(item.digest, item)
        if replacement is not item or item.digest not in media:
            media[replacement.digest] = replacement
    tracks = tuple(
        replace(track, clips=tuple(fitting for clip in track.clips if (fitting := _fitting(clip, found)) is not None))
        if any(clip.media in found for clip in track.clips)
        else track
        for track in session.tracks
    )
    return replace(session, media=tuple(media.values()), tracks=tracks)


def _fitting(clip: Clip, found: Mapping[str, Media]) -> Clip | None:
    media = found.get(clip.media)
    if media is None or media.digest == clip.media:
        return clip
    length = min(clip.length, media.length - clip.offset)
    if length <= 0:
        return None
    fades = {"fade_in": min(clip.fade_in, length), "fade_out": min(clip.fade_out, length)}
    return replace(clip, media=media.digest, length=length, **fades)
