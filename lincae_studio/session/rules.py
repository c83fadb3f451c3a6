"""The rules of a session: the types of its fields, and `check` for what types cannot express. Pure functions.

`edits` keeps the rules, `files` verifies them on loading and before saving, `check_change` after each edit.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from lincae_studio.errors import EditError
from lincae_studio.session import derived
from lincae_studio.session.digests import rate_of
from lincae_studio.session.model import (
    LONGEST,
    MAX_DEPTH,
    MAX_GAIN,
    MAX_LENGTH,
    MAX_PATH,
    MIN_HEIGHT,
    MIN_LOOP,
    Clip,
    Master,
    Media,
    Operator,
    Point,
    Region,
    Session,
    Track,
)

#: Fields of a session that change as a whole, with their types.
_FIELDS = {field.name: field.type for field in msgspec.structs.fields(Session) if field.name not in ("media", "tracks")}


def check(session: Session) -> None:
    """Check the rules that the field types cannot express.

    Raises:
        EditError: naming the first violated rule.
    """
    digests = [media.digest for media in session.media]
    if len(set(digests)) != len(digests):
        raise EditError("two audio files have the same digest", "List each file only once")
    for media in session.media:
        if rate_of(media.digest) != session.rate:
            raise EditError(f"the audio file {media.path} is not listed at the session’s rate of {session.rate:,} Hz")
        for path in (media.path, media.original.path if media.original is not None else ""):
            if "\0" in path:
                raise EditError("the path of an audio file is not valid: it has a NUL character")
            if len(path) > MAX_PATH:
                raise EditError(f"the path of an audio file is not valid: it has {len(path):,} characters")
    problem = derived.problem_of(session.media)
    if problem:
        raise EditError(problem, "Remove its processing, or import the file again")
    _check_ids(session)
    check_groups(session.tracks)
    _check_places(session)
    _check_master(session.master, session.next_id)
    _check_morph(session)
    for operator in session.operators:
        _check_operator(operator)
    _check_inserts(session)
    for track in session.tracks:
        _check_track(track, session.next_id)
    by_digest = {media.digest: media for media in session.media}
    for clip in session.clips():
        _check_clip(clip, by_digest)


def check_change(before: Session, after: Session) -> None:
    """Check the field types and rules of everything that differs from a session that is valid.

    Objects that are the same in both are not checked again, so this is cheap after an edit, which keeps most of them.

    Raises:
        EditError: naming the field or rule that is violated.
    """
    if after is before:
        return
    for name, kind in _FIELDS.items():
        if getattr(after, name) is not getattr(before, name):
            _check_types(getattr(after, name), kind, f"the session’s {name}")
    known = {id(media) for media in before.media}
    for media in after.media:
        if id(media) not in known:
            _check_types(media, Media, f"the audio file {media.path}")
    kept = {id(track) for track in before.tracks} & {id(track) for track in after.tracks}
    replaced = [track for track in before.tracks if id(track) not in kept]
    changed = [track for track in after.tracks if id(track) not in kept]
    clips = {id(clip) for track in replaced for clip in track.clips}
    by_digest = {media.digest: media for media in after.media} if changed else {}
    for track in changed:
        _check_types(msgspec.structs.replace(track, clips=()), Track, f"track {track.id} ({track.name})")
        _check_track(track, after.next_id)
        for clip in track.clips:
            if id(clip) not in clips:
                _check_types(clip, Clip, f"clip {clip.id} ({clip.name})")
                _check_clip(clip, by_digest)
    if after.media is not before.media or after.rate != before.rate:
        check(after)
        return
    check_groups(after.tracks)
    _check_places(after)
    if after.master is not before.master:
        _check_master(after.master, after.next_id)
    if after.morph is not before.morph or after.snapshots is not before.snapshots:
        _check_morph(after)
    known_operators = {id(operator) for operator in before.operators}
    for operator in after.operators:
        if id(operator) not in known_operators:
            _check_operator(operator)
    if changed or after.operators is not before.operators:
        _check_inserts(after)
    strips_only = [(track.id, id(track.clips)) for track in changed] == [(old.id, id(old.clips)) for old in replaced]
    named = any(getattr(after, name) is not getattr(before, name) for name in ("markers", "snapshots", "operators"))
    if not strips_only or named or after.next_id < before.next_id:
        _check_ids(after)


def _check_types(value: object, kind: Any, name: str) -> None:
    """Check a value by writing and reading it as a project file does."""
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    except UnicodeEncodeError as error:
        text = str(error.object).encode(errors="backslashreplace").decode()
        remedy = "Rename the audio file on the disk, or the track or clip in the session"
        raise EditError(f"the name {text} is not valid Unicode", remedy) from error
    except msgspec.ValidationError as error:
        raise EditError(f"{name} is not valid: {error}") from error


def _check_ids(session: Session) -> None:
    ids = [track.id for track in session.tracks] + [clip.id for clip in session.clips()]
    ids += [one.id for named in (session.markers, session.snapshots, session.operators) for one in named]
    if len(set(ids)) != len(ids):
        raise EditError("two tracks, clips, markers, snapshots or operators have the same id")
    if ids and max(ids) >= session.next_id:
        raise EditError(f"next_id is {session.next_id}, but id {max(ids)} is in use")


def check_groups(tracks: Sequence[Track]) -> None:
    """Check that the tracks in each group follow it, in one piece, and that groups are not nested too deeply.

    Raises:
        EditError: naming the first track that breaks a rule.
    """
    around: list[int] = []
    for track in tracks:
        while around and around[-1] != track.parent:
            around.pop()
        if track.parent and not around:
            raise EditError(f"track {track.id} ({track.name}) does not follow the other tracks of its group")
        if len(around) > MAX_DEPTH:
            problem = f"track {track.id} ({track.name}) would be in {len(around)} groups, one within the other"
            raise EditError(problem, f"Nest at most {MAX_DEPTH} groups")
        around.append(track.id)


def _check_regions(regions: Sequence[Region], whose: str, next_id: int) -> None:
    ids = [region.id for region in regions]
    if len(set(ids)) != len(ids) or max(ids, default=0) >= next_id:
        raise EditError(f"the regions of {whose} have ids that are not valid")
    for region in regions:
        if region.end <= region.start or region.high < region.low:
            raise EditError(f"a region of {whose} ends before it starts")


def _check_places(session: Session) -> None:
    if any(later.at < earlier.at for earlier, later in pairwise(session.markers)):
        raise EditError("markers are not in order")
    if any(marker.end > MAX_LENGTH for marker in session.markers):
        raise EditError(f"a section ends after the longest session, {LONGEST}")
    if session.loop is not None and session.loop.end - session.loop.start < MIN_LOOP:
        raise EditError(f"the loop ends at {session.loop.end}, less than {MIN_LOOP} samples after its start")


def _check_master(master: Master, next_id: int) -> None:
    _check_regions(master.regions, "the mix", next_id)
    problem = envelope_problem(master.gain_points, 0.0, MAX_GAIN)
    if problem:
        raise EditError(f"the envelope of the master is not valid: {problem}")


def _check_morph(session: Session) -> None:
    for snapshot in session.snapshots:
        if len({state.id for state in snapshot.strips}) != len(snapshot.strips):
            raise EditError(f"the snapshot {snapshot.name} has two strips of the same track")
    if session.morph is None:
        return
    if {session.morph.first, session.morph.second} - {snapshot.id for snapshot in session.snapshots}:
        raise EditError("the morph goes between snapshots that do not exist")
    problem = envelope_problem(session.morph.points, 0.0, 1.0)
    if problem:
        raise EditError(f"the line of the morph is not valid: {problem}")


def _check_operator(operator: Operator) -> None:
    count = operator.channels * operator.width * operator.frames
    if len(operator.weights) != 4 * count:
        raise EditError(f"the operator {operator.name} does not have {count:,} weights")
    weights = array("f", operator.weights)
    if sys.byteorder == "big":
        weights.byteswap()
    if not math.isfinite(sum(weights)):
        raise EditError(f"weights of the operator {operator.name} are NaN or infinite")


def _check_inserts(session: Session) -> None:
    known = {0, *(operator.id for operator in session.operators)}
    for track in session.tracks:
        if track.insert not in known:
            raise EditError(f"track {track.id} ({track.name}) has an insert that does not exist")


def _check_track(track: Track, next_id: int) -> None:
    _check_regions(track.regions, f"track {track.id} ({track.name})", next_id)
    for clip in track.clips:
        if clip.regions:
            _check_regions(clip.regions, f"clip {clip.id} ({clip.name})", next_id)
    if 0 < track.height < MIN_HEIGHT:
        raise EditError(f"track {track.id} ({track.name}) is less than {MIN_HEIGHT} pixels high")
    for points, least, most in ((track.gain_points, 0.0, MAX_GAIN), (track.pan_points, -1.0, 1.0)):
        problem = envelope_problem(points, least, most)
        if problem:
            raise EditError(f"an envelope of track {track.id} ({track.name}) is not valid: {problem}")


def _check_clip(clip: Clip, by_digest: Mapping[str, Media]) -> None:
    media = by_digest.get(clip.media)
    if media is None:
        raise EditError(f"clip {clip.id} ({clip.name}) refers to audio file {clip.media[:12]}, which is not listed")
    if clip.offset + clip.length > media.length:
        raise EditError(f"clip {clip.id} ({clip.name}) extends past the end of its audio file")
    if clip.end > MAX_LENGTH:
        raise EditError(f"clip {clip.id} ({clip.name}) ends after {LONGEST}")
    if max(clip.fade_in, clip.fade_out) > clip.length:
        raise EditError(f"clip {clip.id} ({clip.name}) has a fade longer than the clip")


def envelope_problem(points: Sequence[Point], least: float, most: float) -> str:
    """A message about the problem with an envelope; empty when it is valid."""
    if any(not least <= point.value <= most for point in points):
        return f"a value is not between {least:g} and {most:g}"
    if any(not 0 <= point.at <= MAX_LENGTH for point in points):
        return "a point is not on the timeline"
    if any(later.at <= earlier.at for earlier, later in pairwise(points)):
        return "two points are at the same sample, or out of order"
    return ""


def validated(session: Session) -> Session:
    """Return the session after checking its field types and `check`.

    Raises:
        EditError: naming the field or rule that was violated.
    """
    try:
        msgspec.convert(msgspec.to_builtins(session), Session)
    except msgspec.ValidationError as error:
        raise EditError(f"the session is not valid: {error}") from error
    check(session)
    return session
