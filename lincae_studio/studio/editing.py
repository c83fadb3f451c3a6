"""The edits of the Python interface: each calls a pure edit of `session/`, with times in samples instead of seconds.

Any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self

import numpy as np

from lincae_studio.codecs import registry
from lincae_studio.engine.bundles.operator_files import load_operator
from lincae_studio.engine.planning.inserts import digest_of
from lincae_studio.errors import EditError
from lincae_studio.session import edits, excerpt, groups, operators, places, regions, snapshots
from lincae_studio.session.levels import db_to_gain
from lincae_studio.session.model import MASTER, FadeShape, Operator, Point, Region, Session as Document
from lincae_studio.session.rules import check_change
from lincae_studio.session.track_locks import check_locks
from lincae_studio.studio.engine import Engine
from lincae_studio.studio.mix import Mix, Span
from lincae_studio.studio.tracks import Clip, EnvelopePoint, Track

_Arguments = ParamSpec("_Arguments")

#: A track, its id, or its name if that is unique.
TrackLike = Track | str | int

#: A clip, or its id.
ClipLike = Clip | int


class Edited(Mix):
    """The edits: each returns another session.

    Times are in seconds. Omitted arguments change nothing. Invalid edits raise `EditError`.
    """

    @classmethod
    def of(cls, document: Document, engine: Engine | None = None) -> Self:
        """The session of a document. Its files must have been imported by this engine, or be in the cache."""
        made = cls.__new__(cls)
        Mix.__init__(made, document, engine or Engine())
        return made

    @property
    def document(self) -> Document:
        """The document, whose times are in samples."""
        return self._heard

    def apply(
        self,
        edit: Callable[Concatenate[Document, _Arguments], Document],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> Self:
        """Apply any edit: a function of `lincae_studio.session` whose first argument is the document, or one of your
        own.

            >>> from lincae_studio import Session
            >>> from lincae_studio.session import places
            >>> song = Session().apply(places.add_marker, 44_100, "Verse")
            >>> song.document.markers[0].name
            'Verse'

        Raises:
            EditError: when the edit raises it, or its result breaks a rule of documents, or changes a locked track.
        """
        document = edit(self.document, *args, **kwargs)
        check_change(self.document, document)
        check_locks(self.document, document)
        return self.of(document, self.engine)

    def set_codec(self, codec: str) -> Self:
        """Choose the codec, by its id or the path of a model's folder. Raises `CodecError` when there is none."""
        codec = registry.by_path(codec)
        registry.for_session(codec, rate=self.rate)
        return self.apply(edits.set_codec, codec)

    def set_rendering(
        self, *, seed: int | None = None, chunk_frames: int | None = None, overlap_frames: int | None = None
    ) -> Self:
        """Set the seed of the noise of stochastic codecs, and the chunks in latent frames; 0: the codec's own."""
        now = self.document
        return self.apply(
            edits.set_rendering,
            now.seed if seed is None else seed,
            now.chunk_frames if chunk_frames is None else chunk_frames,
            now.overlap_frames if overlap_frames is None else overlap_frames,
        )

    def add_track(self, name: str = "") -> Self:
        """Add an empty track at the end."""
        return self.apply(edits.add_track, name)

    def add_stems(self, *paths: str | Path, start: float = 0.0, channels: str = "") -> Self:
        """Import audio files and place them at a common start, each on a new track named after the file.

        Args:
            channels: which channels of files with more than two: "1,2", "3", or "mix" for their mean.

        Raises:
            MediaError: for a file that cannot be read, or has more than two channels.
        """
        media = self.engine.import_files(map(Path, paths), channels=channels, rate=self.rate)
        return self.apply(edits.add_stems, media, self._at(start))

    def add_clip(self, track: TrackLike, path: str | Path, *, start: float = 0.0, channels: str = "") -> Self:
        """Import an audio file and place it on a track. Raises like `add_stems`."""
        media = self.engine.import_file(Path(path), channels=channels, rate=self.rate)
        return self.apply(edits.add_clip, self._track_id(track), media, self._at(start))

    def set_track(
        self,
        track: TrackLike,
        *,
        name: str | None = None,
        color: str | None = None,
        gain: float | None = None,
        gain_db: float | None = None,
        pan: float | None = None,
        mute: bool | None = None,
        solo: bool | None = None,
        subtract: bool | None = None,
        gain_envelope: Iterable[EnvelopePoint] | None = None,
        pan_envelope: Iterable[EnvelopePoint] | None = None,
    ) -> Self:
        """Change a track.

        Args:
            color: as "#rrggbb".
            pan: from -1, left, to 1, right.
            subtract: whether to subtract it from the mix instead of adding it.
            gain_envelope: points (time, amplitude factor), multiplied by the fader; () for none.
            pan_envelope: points (time, pan), added to the pan; () for none.
        """
        track_id = self._track_id(track)
        changed = self
        changes: tuple[tuple[Callable[[Document, int, Any], Document], object], ...] = (
            (edits.rename_track, name),
            (edits.set_track_color, color),
            (edits.set_track_gain, _factor(gain, gain_db)),
            (edits.set_track_pan, pan),
            (edits.set_track_mute, mute),
            (edits.set_track_solo, solo),
            (edits.set_track_subtract, subtract),
            (edits.set_gain_points, self._points(gain_envelope)),
            (edits.set_pan_points, self._points(pan_envelope)),
        )
        for edit, value in changes:
            if value is not None:
                changed = changed.apply(edit, track_id, value)
        return changed

    def set_master(
        self,
        *,
        gain: float | None = None,
        gain_db: float | None = None,
        gain_envelope: Iterable[EnvelopePoint] | None = None,
    ) -> Self:
        """Change the master, which is applied to the sum of all tracks. Arguments as in `set_track`."""
        factor, points = _factor(gain, gain_db), self._points(gain_envelope)
        changed = self if factor is None else self.apply(edits.set_master_gain, factor)
        return changed if points is None else changed.apply(edits.set_master_points, points)

    def remove_tracks(self, *tracks: TrackLike) -> Self:
        """Remove tracks with their clips, and the tracks in groups."""
        return self.apply(edits.remove_tracks, self._track_ids(tracks))

    def duplicate_tracks(self, *tracks: TrackLike) -> Self:
        """Duplicate tracks with their clips, below the last of them."""
        return self.apply(groups.duplicate_tracks, self._track_ids(tracks))

    def group_tracks(self, *tracks: TrackLike, name: str = "") -> Self:
        """Put tracks into a new group, whose strip applies to all of them."""
        return self.apply(groups.group_tracks, self._track_ids(tracks), name)

    def ungroup_tracks(self, *tracks: TrackLike) -> Self:
        """Take all tracks out of these groups."""
        return self.apply(groups.ungroup_tracks, self._track_ids(tracks))

    def only(self, *tracks: TrackLike) -> Self:
        """The session with only these tracks, and those in them, audible; its length and channels stay the same."""
        return self.apply(excerpt.only_tracks, self._track_ids(tracks))

    def without(self, track: TrackLike) -> Self:
        """The session with a track muted; its length and channels stay the same."""
        return self.apply(excerpt.without_track, self._track_id(track))

    def set_clip(
        self,
        clip: ClipLike,
        *,
        name: str | None = None,
        color: str | None = None,
        gain: float | None = None,
        gain_db: float | None = None,
        fade_in: float | None = None,
        fade_out: float | None = None,
        fade_in_shape: FadeShape | None = None,
        fade_out_shape: FadeShape | None = None,
        mute: bool | None = None,
    ) -> Self:
        """Change a clip.

        Args:
            color: as "#rrggbb".
            fade_in, fade_out: in seconds; 0 for an automatic fade.
            fade_in_shape, fade_out_shape: "linear", "equal-power" or "s-curve".
        """
        clip_id = clip_id_of(clip)
        factor = _factor(gain, gain_db)
        fades = [None if fade is None else round(fade * self.rate) for fade in (fade_in, fade_out)]
        changed = self.apply(edits.set_clip_fades, {clip_id}, *fades)
        changed = changed.apply(edits.set_fade_shapes, {clip_id}, fade_in=fade_in_shape, fade_out=fade_out_shape)
        changed = changed if name is None else changed.apply(edits.rename_clip, clip_id, name)
        changed = changed if color is None else changed.apply(edits.set_clip_color, {clip_id}, color)
        changed = changed if factor is None else changed.apply(edits.set_clip_gain, {clip_id}, factor)
        return changed if mute is None else changed.apply(edits.set_clip_mute, {clip_id}, mute)

    def move_clip(self, clip: ClipLike, start: float, *, track: TrackLike | None = None) -> Self:
        """Move a clip to another start, and to another track if one is given."""
        clip_id = clip_id_of(clip)
        order = [one.id for one in self.document.tracks]
        here = order.index(self.document.track_of(clip_id).id)
        there = here if track is None else order.index(self._track_id(track))
        by = self._at(start) - self.document.clip(clip_id).start
        return self.apply(edits.move_clips, {clip_id}, by, there - here)

    def trim_clip(self, clip: ClipLike, start: float | None = None, end: float | None = None) -> Self:
        """Set the edges of a clip on the timeline; its audio stays where it is."""
        now = self.document.clip(clip_id_of(clip))
        first = now.start if start is None else self._at(start)
        return self.apply(edits.trim_clip, now.id, first, now.end if end is None else self._at(end))

    def slip_clip(self, clip: ClipLike, by: float) -> Self:
        """Move the audio inside a clip later by seconds; its edges stay where they are."""
        return self.apply(edits.slip_clip, clip_id_of(clip), round(by * self.rate))

    def split_clip(self, clip: ClipLike, at: float) -> Self:
        """Split a clip in two at a time on the timeline; the left part keeps its id."""
        return self.apply(edits.split_clips, {clip_id_of(clip)}, self._at(at))

    def remove_clips(self, *clips: ClipLike) -> Self:
        """Remove clips."""
        return self.apply(edits.remove_clips, set(map(clip_id_of, clips)))

    def add_marker(self, at: float, name: str = "", length: float = 0.0) -> Self:
        """Add a marker or, with a length in seconds, a section."""
        return self.apply(places.add_marker, self._at(at), name, self._at(at + length) - self._at(at))

    def add_region(
        self,
        span: Span,
        channels: tuple[int, int],
        *,
        gain: float | None = None,
        gain_db: float | None = None,
        of: TrackLike | Clip | None = None,
        keep: bool = False,
        fade: float = 0.0,
        fade_channels: int = 0,
        name: str = "",
    ) -> Self:
        """Add a region, which turns latent channels of the session's codec down or up in a span of time.

        Args:
            span: `(start, end)` on the timeline, in seconds.
            channels: the first and the last, counted from 0.
            gain, gain_db: 0, silence, if neither is given.
            of: a track or a clip; None for the mix.
            keep: whether the gain applies to all other channels instead.
            fade: length of the fades at the start and the end, in seconds.
            fade_channels: length of the fades at the other two edges, in channels.

        Raises:
            CodecError: when the session's codec is missing.
        """
        factor = _factor(gain, gain_db)
        owner = MASTER if of is None else of.id if isinstance(of, Clip) else self._track_id(of)
        origin = regions.origin_of(self.document, owner)
        start, end = (self._at(seconds) - origin for seconds in span)
        codec = self.engine.info(self.document.codec, self.rate)
        region = Region(
            id=self.document.next_id,
            name=name,
            start=start,
            end=end,
            low=int(channels[0]),
            high=int(channels[1]),
            gain=0.0 if factor is None else factor,
            keep=keep,
            fade=self._at(fade),
            fade_channels=fade_channels,
            space=codec.latent_space,
            codec=codec.id,
        )
        return self.apply(regions.add, owner, region)

    def insert(self, operator: Operator | str | Path | None, *tracks: TrackLike) -> Self:
        """Make an operator the insert of tracks: a learned one or that of a file; None removes their insert.

        Raises:
            ProjectError: when a file cannot be read, or is not an operator.
        """
        if operator is None:
            return self.apply(operators.set_insert, self._track_ids(tracks), 0)
        made = operator if isinstance(operator, Operator) else load_operator(Path(operator))
        known = [one.id for one in self.document.operators if digest_of(one) == digest_of(made)]
        changed = self if known else self.apply(operators.add, made)
        operator_id = known[0] if known else changed.document.operators[-1].id
        return changed.apply(operators.set_insert, self._track_ids(tracks), operator_id)

    def store_snapshot(self, name: str = "") -> Self:
        """Store gains, pans, mutes, solos and polarities as a snapshot."""
        return self.apply(snapshots.store, name)

    def recall_snapshot(self, name: str | int) -> Self:
        """Set the mixer to a snapshot, by its name or id."""
        return self.apply(snapshots.recall, self._snapshot_id(name))

    def morph(self, first: str | int, second: str | int, line: Iterable[EnvelopePoint] | None = None) -> Self:
        """Morph between two snapshots, by name or id, along a line over time.

        Args:
            line: points (time, value), from 0, the first snapshot, to 1, the second; None for a line from the start to
                the end of the session.
        """
        changed = self.apply(snapshots.set_morph, self._snapshot_id(first), self._snapshot_id(second))
        points = self._points(line)
        return changed if points is None else changed.apply(snapshots.set_morph_points, points)

    def _track_id(self, track: TrackLike) -> int:
        if isinstance(track, str):
            found = [one.id for one in self.document.tracks if one.name == track]
            if len(found) != 1:
                names = ", ".join(one.name for one in self.document.tracks) or "none"
                problem = f"there is no track “{track}”" if not found else f"{len(found)} tracks are named “{track}”"
                raise EditError(problem, f"Use an id, or one of these names: {names}")
            return found[0]
        return self.document.track(track.id if isinstance(track, Track) else int(track)).id

    def _track_ids(self, tracks: Iterable[TrackLike]) -> list[int]:
        return list(map(self._track_id, tracks))

    def _snapshot_id(self, snapshot: str | int) -> int:
        return snapshot if isinstance(snapshot, int) else snapshots.named(self.document, snapshot)

    def _at(self, seconds: float) -> int:
        """The sample at a time. Raises `EditError` if it is not finite."""
        if not np.isfinite(seconds):
            raise EditError("a time must be a finite number of seconds")
        return round(seconds * self.rate)

    def _points(self, envelope: Iterable[EnvelopePoint] | None) -> tuple[Point, ...] | None:
        return None if envelope is None else tuple(Point(self._at(at), float(value)) for at, value in envelope)


def _factor(gain: float | None, gain_db: float | None) -> float | None:
    """The amplitude factor of either. Raises `EditError` for both."""
    if gain is not None and gain_db is not None:
        raise EditError("a gain is given twice", "Give gain, an amplitude factor, or gain_db")
    return gain if gain_db is None else db_to_gain(gain_db)


def clip_id_of(clip: ClipLike) -> int:
    """The id of a clip."""
    return clip.id if isinstance(clip, Clip) else int(clip)
