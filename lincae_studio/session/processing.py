"""Edits of what clips are processed with: reverse, invert, channels, DC offset, stretch and pitch. Pure functions.

A clip plays derived media (`processes`), and an edit of its chain gives it other media: all of the file is processed,
and the clip stays a window on it. The window covers the same audio as before: that of a reversed clip is counted from
the end of the file, and that of a stretched one is as much longer. What one file is processed with is listed once,
however many clips play it, and no longer than one does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.derived import Chain, Course, derived
from lincae_studio.session.edits import checked_start, sorted_clips
from lincae_studio.session.model import MAX_LENGTH, Clip, Media, Region, Session, Tempo, Track
from lincae_studio.session.processes import (
    MAX_FACTOR,
    MAX_PROCESSES,
    MAX_SEMITONES,
    MIN_FACTOR,
    Channels,
    Invert,
    Process,
    Reverse,
    Stretch,
    channels_of,
    length_of,
    stretch_of,
)


def add_process(session: Session, clip_ids: Collection[int], process: Process) -> Session:
    """Process clips, after what they are processed with already. What undoes the last process removes it.

    Choosing channels concerns stereo clips only; others stay as they are.

    Raises:
        EditError: when no clip is stereo, for channels; or a chain would be too long.
    """
    media = {item.digest: item for item in session.media}
    placed = session.clips_of(clip_ids)
    if isinstance(process, Channels):
        stereo = {clip.id for _, clip in placed if media[clip.media].channels == 2}
        if placed and not stereo:
            raise EditError("there are no channels to choose from: the clips are mono", "Select stereo clips")
        clip_ids = stereo
    return set_chains(
        session, {clip.id: _added(media[clip.media].chain, process) for _, clip in placed if clip.id in clip_ids}
    )


def _added(chain: Chain, process: Process) -> Chain:
    if not chain or chain[-1] != process:
        return (*chain, process)
    undoes_itself = isinstance(process, Reverse | Invert) or process == Channels("swap")
    return chain[:-1] if undoes_itself else chain


def set_chains(session: Session, chains: Mapping[int, Chain], lengths: Mapping[int, int] | None = None) -> Session:
    """Set what clips are processed with, by their ids; without processes, they play their file.

    Args:
        lengths: the lengths of clips afterwards, in samples, where they must be exact; else a clip plays what it played
            before.

    Raises:
        EditError: when a chain is not valid for its clip, or the audio would be too long.
    """
    lengths = lengths or {}
    media = {item.digest: item for item in session.media}
    made: dict[str, Media] = {}

    def changed(clip: Clip) -> Clip:
        before = media[clip.media]
        after = derived(before.source, _checked(clip, before, chains[clip.id]))
        if after.length > MAX_LENGTH:
            raise EditError(f"{clip.name} would be too long", "Stretch it less")
        made[after.digest] = media.get(after.digest, after)
        return clip if after.digest == clip.media else _fitted(clip, before, after, lengths.get(clip.id))

    session.clips_of(chains)
    tracks = tuple(_with_clips(track, chains, changed) for track in session.tracks)
    listed = (*session.media, *(item for digest, item in made.items() if digest not in media))
    return _without_unused(replace(session, media=listed, tracks=tracks), session)


def _checked(clip: Clip, media: Media, chain: Chain) -> Chain:
    if len(chain) > MAX_PROCESSES:
        raise EditError(f"{clip.name} is processed {MAX_PROCESSES} times already", "Remove some of them first")
    if sum(isinstance(process, Stretch) for process in chain) > 1:
        raise EditError(f"{clip.name} is stretched already", "Change that instead")
    channels = media.source.channels
    for process in chain:
        if isinstance(process, Channels) and channels == 1:
            raise EditError(f"{clip.name} is mono, and has no other channels", "Remove the choice of channels")
        channels = channels_of(channels, (process,))
    return tuple(chain)


def _with_clips(track: Track, ids: Collection[int], change: Callable[[Clip], Clip]) -> Track:
    if not any(clip.id in ids for clip in track.clips):
        return track
    clips = sorted_clips(tuple(change(clip) if clip.id in ids else clip for clip in track.clips))
    return track if clips == track.clips else replace(track, clips=clips)


def _without_unused(session: Session, before: Session) -> Session:
    """The session without derived media that clips used before, and do not use any more."""
    used = {clip.media for clip in session.clips()}
    media = tuple(item for item in session.media if item.derived is None or item.digest in used)
    return before if session == before else replace(session, media=media)


def _fitted(clip: Clip, before: Media, after: Media, exact: int | None) -> Clip:
    """A clip that plays the same audio of other media from the same source."""
    common = 0
    for one, other in zip(before.chain, after.chain, strict=False):
        if one != other:
            break
        common += 1
    length = length_of(before.source.length, before.chain[:common])
    old, new = Course(length, before.chain[common:]), Course(length, after.chain[common:])

    def moved(place: float) -> float:
        return new.forth(old.back(place))

    first, last = sorted((moved(clip.offset), moved(clip.offset + clip.length)))
    length = exact if exact is not None else max(1, round(last) - round(first))
    length = min(length, after.length)
    offset = min(max(round(first), 0), after.length - length)
    return replace(
        clip,
        media=after.digest,
        start=checked_start(clip.start, length),
        offset=offset,
        length=length,
        fade_in=min(clip.fade_in, length),
        fade_out=min(clip.fade_out, length),
        regions=tuple(_region(region, moved) for region in clip.regions),
    )


def standing_in(clip: Clip, media: Media, heard: Media) -> Clip:
    """A clip that plays other media from the same source until its own are made: from its start on, in its time."""
    other = _fitted(replace(clip, start=0), media, heard, None)
    length = min(other.length, clip.length)
    fades = {"fade_in": min(clip.fade_in, length), "fade_out": min(clip.fade_out, length)}
    return replace(other, start=clip.start, length=length, **fades)


def _region(region: Region, moved: Callable[[float], float]) -> Region:
    start, end = sorted(min(max(round(moved(place)), 0), MAX_LENGTH) for place in (region.start, region.end))
    if region.end == MAX_LENGTH:  # to the end, as `regions.solo` makes them
        end = MAX_LENGTH
    start = min(start, end - 1) if end else 0
    return replace(region, start=start, end=max(end, start + 1))


def with_stretch(chain: Chain, stretch: Stretch) -> Chain:
    """A chain with another stretch in place of its own, or at its end; none if it changes nothing."""
    neutral = stretch.factor == 1.0 and stretch.semitones == 0.0
    kept = tuple(stretch if isinstance(process, Stretch) else process for process in chain)
    if neutral:
        return tuple(process for process in chain if not isinstance(process, Stretch))
    return kept if stretch in kept else (*chain, stretch)


def set_stretch(
    session: Session, clip_ids: Collection[int], *, factor: float | None = None, semitones: float | None = None
) -> Session:
    """Set how much longer clips are than their audio, and by how many semitones they are raised; None: as before.

    The start of a clip stays. It no longer follows the session's tempo if a factor is given.

    Raises:
        EditError: for a value out of range.
    """
    media = {item.digest: item for item in session.media}
    chains = {}
    for _, clip in session.clips_of(clip_ids):
        chain = media[clip.media].chain
        now = stretch_of(chain)
        chains[clip.id] = with_stretch(
            chain,
            Stretch(
                _checked_factor(clip, now.factor if factor is None else factor),
                _checked_semitones(now.semitones if semitones is None else semitones),
            ),
        )
    session = set_chains(session, chains)
    return session if factor is None else _following(session, clip_ids, 0.0)


def stretch_clips(session: Session, edges: Mapping[int, tuple[int, int]]) -> Session:
    """Stretch clips so that they start and end at samples of the timeline, by id. They play the same audio as before.

    Raises:
        EditError: when a clip cannot be that short or long.
    """
    media = {item.digest: item for item in session.media}
    chains, lengths = {}, {}
    for _, clip in session.clips_of(edges):
        start, end = edges[clip.id]
        if end <= start:
            raise EditError("a clip cannot be shorter than one sample")
        checked_start(start, end - start)
        item = media[clip.media]
        now = stretch_of(item.chain)
        factor, whole = now.factor * (end - start) / clip.length, (end - start) / item.source.length
        if clip.length == item.length or round(item.source.length * factor) < end - start:
            factor = whole  # not a sample more or less
        chains[clip.id] = with_stretch(item.chain, Stretch(_checked_factor(clip, factor), now.semitones))
        lengths[clip.id] = end - start
    changed = set_chains(session, chains, lengths)
    starts = {clip_id: start for clip_id, (start, _) in edges.items()}
    tracks = tuple(
        _with_clips(track, starts, lambda clip: replace(clip, start=starts[clip.id], tempo=0.0))
        for track in changed.tracks
    )
    return replace(changed, tracks=tracks)


def stretched_limits(clip: Clip, media: Media) -> tuple[int, int]:
    """The shortest and the longest length that a clip can be stretched to, in samples."""
    unstretched = clip.length / stretch_of(media.chain).factor
    longest = min(MAX_FACTOR * unstretched, MAX_LENGTH * clip.length / media.length, MAX_LENGTH - clip.start)
    return max(1, math.ceil(MIN_FACTOR * unstretched)), max(1, math.floor(longest))


def set_clip_tempo(session: Session, clip_ids: Collection[int], tempo: float) -> Session:
    """Set the tempo of the audio of clips before stretching, in bpm: they follow the session's tempo. 0: they do not.

    Raises:
        EditError: when the session has no tempo, or one from which the clips' is too far.
    """
    if not math.isfinite(tempo) or not 0.0 <= tempo <= 1000.0:
        raise EditError(f"a tempo of {tempo:g} bpm is not between 0 and 1000")
    session.clips_of(clip_ids)
    if tempo and session.tempo is None:
        raise EditError("the session has no tempo that clips could follow", "Set it in Session > Tempo")
    return _in_tempo(_following(session, clip_ids, float(tempo)), clip_ids)


def follow_tempo(session: Session, before: Tempo | None) -> Session:
    """Stretch the clips that follow the session's tempo, which has changed, and keep them at their bars and beats.

    Raises:
        EditError: when it is too far from that of a clip.
    """
    tempo = session.tempo
    following = {clip.id for clip in session.clips() if clip.tempo}
    if tempo is None or not following:
        return session
    if before is not None and before != tempo:
        ratio = before.bpm / tempo.bpm

        def moved(clip: Clip) -> Clip:
            start = max(0, tempo.start + round((clip.start - before.start) * ratio))
            return replace(clip, start=start)

        session = replace(session, tracks=tuple(_with_clips(track, following, moved) for track in session.tracks))
    return _in_tempo(session, following)


def _following(session: Session, clip_ids: Collection[int], tempo: float) -> Session:
    tracks = tuple(_with_clips(track, clip_ids, lambda clip: replace(clip, tempo=tempo)) for track in session.tracks)
    return replace(session, tracks=tracks)


def _in_tempo(session: Session, clip_ids: Collection[int]) -> Session:
    if session.tempo is None:
        return session
    bpm = session.tempo.bpm
    media = {item.digest: item for item in session.media}
    chains = {}
    for _, clip in session.clips_of(clip_ids):
        if clip.tempo:
            chain = media[clip.media].chain
            stretch = Stretch(_checked_factor(clip, clip.tempo / bpm), stretch_of(chain).semitones)
            chains[clip.id] = with_stretch(chain, stretch)
    return set_chains(session, chains)


def _checked_factor(clip: Clip, factor: float) -> float:
    if not MIN_FACTOR <= factor <= MAX_FACTOR:
        least, most = MIN_FACTOR * 100, MAX_FACTOR * 100
        raise EditError(
            f"{clip.name} cannot be stretched to {factor * 100:.4g} %", f"From {least:g} to {most:g} % is possible"
        )
    return float(factor)


def _checked_semitones(semitones: float) -> float:
    if not -MAX_SEMITONES <= semitones <= MAX_SEMITONES:
        problem = f"the pitch cannot be changed by {semitones:+.4g} semitones"
        raise EditError(problem, f"Up to {MAX_SEMITONES:g} up or down are possible")
    return float(semitones)
