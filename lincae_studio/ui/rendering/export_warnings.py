"""What an export would lack of what the session specifies, in words."""

from __future__ import annotations

from collections.abc import Collection

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.session import operators, regions
from lincae_studio.session.model import Session
from lincae_studio.session.times import count_of


def export_warnings(
    session: Session, codec: CodecInfo, offline: Collection[str], loading: bool, undecoded: Collection[str], dry: bool
) -> list[str]:
    """A sentence for each reason why an export would differ from the session.

    Args:
        codec: the one that is used.
        offline: digests of media that cannot be read; with `loading`, not yet.
        undecoded: digests of media whose audio is needed, and known only as latents.
        dry: whether the export includes the dry mix.
    """
    warnings = []
    count = sum(clip.media in undecoded for clip in session.clips())
    if count:
        clips = count_of(count, "clip")
        warnings.append(f"The audio of {clips} is not decoded from latents yet, and will be missing from the dry mix.")
    if offline:
        count = sum(clip.media in offline for clip in session.clips())
        why = "has not been loaded yet" if loading else "is missing"
        warnings.append(f"The audio of {count_of(count, 'clip')} {why} and will be silent.")
    if codec.id != session.codec:
        warnings.append(f"Codec {session.codec} is not installed; {codec.title} is used instead.")
    space = codec.latent_space
    return warnings + regions.warnings(session, space, dry) + operators.warnings(session, space, dry)
