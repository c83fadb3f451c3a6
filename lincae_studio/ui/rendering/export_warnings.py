"""What an export would lack of what the session specifies, in words."""

from __future__ import annotations

from collections.abc import Collection

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.media.store import MediaStore
from lincae_studio.session import operators, regions
from lincae_studio.session.model import Session
from lincae_studio.session.times import count_of, listed


def export_warnings(
    session: Session,
    codec: CodecInfo,
    offline: Collection[str],
    loading: bool,
    bundled: Collection[str],
    store: MediaStore,
    dry: bool,
) -> list[str]:
    """A sentence for each reason why an export would differ from the session.

    Args:
        codec: the one that is used.
        offline: digests of media that cannot be read; with `loading`, not yet.
        bundled: digests of media whose latents are in bundles.
        dry: whether the export includes the dry mix.
    """
    warnings = []
    count = sum(clip.media in bundled and store.get(clip.media) is None for clip in session.clips()) if dry else 0
    if count:
        clips = count_of(count, "clip")
        warnings.append(f"The audio of {clips} is not decoded from latents yet, and will be missing from the dry mix.")
    # Derived media are made while the window is used, from audio that is there: those left could not be made.
    made = [one for one in session.media if one.digest in offline and one.derived is not None]
    unmade = {one.digest for one in made if store.get(one.source.digest) is not None}
    silent = [
        (set(offline).difference(unmade), "has not been loaded yet" if loading else "is missing"),
        (unmade.difference(store.failures), "has not been processed yet"),
    ]
    for digests, why in silent:
        count = sum(clip.media in digests for clip in session.clips())
        if count:
            warnings.append(f"The audio of {count_of(count, 'clip')} {why} and will be silent.")
    for digest in sorted(unmade.intersection(store.failures)):
        names = [clip.name for clip in session.clips() if clip.media == digest]
        if names:
            problem = store.failures[digest]
            warnings.append(f"{listed(names)} could not be processed and will be silent: {problem}.")
    if codec.id != session.codec:
        warnings.append(f"Codec {session.codec} is not installed; {codec.title} is used instead.")
    space = codec.latent_space
    return warnings + regions.warnings(session, space, dry) + operators.warnings(session, space, dry)
