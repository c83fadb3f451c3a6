"""Random edits in any order: the document stays valid, can be saved, and can be undone."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import (
    arrange,
    clip_names,
    edits,
    files,
    groups,
    operators,
    places,
    processing,
    rates,
    regions,
    ripple,
    silence,
    snapshots,
    strips,
    time_edits,
    track_locks,
)
from lincae_studio.session.balance import TrackBalance, set_balance
from lincae_studio.session.derived import derived
from lincae_studio.session.digests import digest_at
from lincae_studio.session.history import History
from lincae_studio.session.model import MASTER, RATES, Media, Operator, Point, Rate, Region, Session, Tempo
from lincae_studio.session.processes import Channels, Invert, Process, RemoveDC, Reverse
from lincae_studio.session.relink import relink
from lincae_studio.session.rules import validated
from lincae_studio.session.time_edits import TimeRange
from tests.helpers import made_up_media
from tests.strategies import any_gain

MEDIA = (made_up_media(1, 40_000), made_up_media(2, 12_345, 2), made_up_media(3, 7))
processes = st.one_of(
    st.sampled_from([Reverse(), Invert(), RemoveDC()]),
    st.builds(Channels, st.sampled_from(["swap", "left", "right", "mono", "side"])),
)
positions = st.integers(0, 60_000)
picks = st.integers(0, 1_000_000)


#: Lengths at 48 kHz: rounded down, to the nearest, and up.
HIGH_LENGTHS = {"6": 43_537, "d": 13_437, "4": 8}


def conformed(media: Media, rate: Rate) -> Media:
    """One of the media as it is stored for a rate."""
    low = next(item for item in MEDIA if digest_at(media.source.digest, 44_100) == item.digest)
    chosen = derived(low, media.chain)
    return chosen if rate == 44_100 else rates.at_rate(chosen, rate, HIGH_LENGTHS[low.digest[0]])


class Editing(RuleBasedStateMachine):
    """A user editing: each rule is one edit, on an existing track or clip."""

    def __init__(self) -> None:
        super().__init__()
        self.start = Session()
        self.history = History(self.start)
        self.ids_seen: set[int] = set()

    @property
    def session(self) -> Session:
        return self.history.session

    def clip_id(self, pick: int) -> int:
        ids = [clip.id for clip in self.session.clips()]
        return ids[pick % len(ids)]

    def track_id(self, pick: int) -> int:
        return self.session.tracks[pick % len(self.session.tracks)].id

    def do(self, edit: Callable[..., Session], *arguments: Any) -> None:
        """Push the edit; one that is refused leaves the document alone."""
        before = self.session
        try:
            after = edit(before, *arguments)
            track_locks.check_locks(before, after)
        except EditError:
            assert self.session is before
            return
        self.history.push(edit.__name__, after)

    def at_rate(self, media: Media) -> Media:
        """The media as they are imported into the session; some files stay at 44.1 kHz, and are refused at 48 kHz."""
        return media if media.length < 10 else conformed(media, self.session.rate)

    def has_clips(self) -> bool:
        return any(True for _ in self.session.clips())

    @rule(at=st.one_of(st.none(), st.integers(-1, 9)), name=st.text(max_size=5))
    def add_track(self, at: int | None, name: str) -> None:
        self.do(edits.add_track, name, at)

    @rule(media=st.lists(st.sampled_from(MEDIA), min_size=1, max_size=3), start=positions, row=st.booleans())
    def add_stems(self, media: list[Any], start: int, row: bool) -> None:
        self.do(edits.add_stems, list(map(self.at_rate, media)), start, None, row)

    @precondition(lambda self: self.session.tracks)
    @rule(pick=picks, media=st.sampled_from(MEDIA), start=positions)
    def add_clip(self, pick: int, media: Any, start: int) -> None:
        self.do(edits.add_clip, self.track_id(pick), self.at_rate(media), start)

    @precondition(lambda self: len(self.session.tracks) > 2)
    @rule(pick=picks)
    def remove_track(self, pick: int) -> None:
        self.do(edits.remove_tracks, {self.track_id(pick)})

    @precondition(lambda self: self.session.tracks)
    @rule(pick=picks, position=st.integers(-1, 5))
    def move_track(self, pick: int, position: int) -> None:
        self.do(groups.place_tracks, {self.track_id(pick)}, position)

    @precondition(lambda self: self.session.tracks)
    @rule(pick=picks, gain=any_gain, pan=st.floats(-1.1, 1.1), mute=st.booleans(), name=st.text(max_size=5))
    def change_track(self, pick: int, gain: float, pan: float, mute: bool, name: str) -> None:
        track_id = self.track_id(pick)
        self.do(edits.set_track_gain, track_id, gain)
        self.do(edits.set_track_pan, track_id, pan)
        self.do(edits.set_track_mute, track_id, mute)
        self.do(edits.set_track_solo, track_id, not mute)
        self.do(edits.rename_track, track_id, name)

    @precondition(has_clips)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), by=st.integers(-20_000, 20_000), tracks=st.integers(-1, 1))
    def move_clips(self, picked: list[int], by: int, tracks: int) -> None:
        self.do(edits.move_clips, [self.clip_id(pick) for pick in picked], by, tracks)

    @precondition(has_clips)
    @rule(pick=picks, left=st.integers(-500, 5000), right=st.integers(-500, 5000))
    def trim(self, pick: int, left: int, right: int) -> None:
        clip = self.session.clip(self.clip_id(pick))
        self.do(edits.trim_clip, clip.id, clip.start + left, clip.end - right)

    @precondition(has_clips)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), at=st.floats(0.0, 1.0))
    def split(self, picked: list[int], at: float) -> None:
        clip = self.session.clip(self.clip_id(picked[0]))
        self.do(edits.split_clips, [self.clip_id(pick) for pick in picked], clip.start + int(at * clip.length))

    @precondition(has_clips)
    @rule(pick=picks, gain=any_gain, fade_in=st.integers(0, 9000), fade_out=st.integers(0, 9000))
    def change_clip(self, pick: int, gain: float, fade_in: int, fade_out: int) -> None:
        clip_id = self.clip_id(pick)
        self.do(edits.set_clip_gain, {clip_id}, gain)
        self.do(edits.set_clip_fades, {clip_id}, fade_in, fade_out)

    @precondition(has_clips)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), process=processes, number=picks)
    def process(self, picked: list[int], process: Process, number: int) -> None:
        ids = [self.clip_id(pick) for pick in picked]
        self.do(processing.add_process, ids, process)
        chain = list(self.session.media_of(self.session.clip(ids[0]).media).chain)
        if number % 3 == 0 and chain:
            chain.insert(number % len(chain), chain.pop())
            self.do(processing.set_chains, {ids[0]: tuple(chain)})
        elif number % 3 == 1:
            self.do(processing.set_chains, {clip_id: tuple(chain[1:]) for clip_id in ids})

    @precondition(has_clips)
    @rule(pick=picks, left=st.integers(-500, 5000), right=st.integers(-30_000, 5000), pitch=st.floats(-25, 25))
    def stretch(self, pick: int, left: int, right: int, pitch: float) -> None:
        clip = self.session.clip(self.clip_id(pick))
        before = self.session
        self.do(processing.stretch_clips, {clip.id: (clip.start + left, clip.end - right)})
        if self.session is not before:
            after = self.session.clip(clip.id)
            assert (after.start, after.end) == (clip.start + left, clip.end - right)
        self.do(lambda session: processing.set_stretch(session, {clip.id}, semitones=pitch))

    @precondition(has_clips)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), bpm=st.floats(0.0, 500.0))
    def follow_tempo(self, picked: list[int], bpm: float) -> None:
        self.do(processing.set_clip_tempo, [self.clip_id(pick) for pick in picked], bpm)

    @precondition(has_clips)
    @rule(pick=picks)
    def remove_clip(self, pick: int) -> None:
        self.do(edits.remove_clips, {self.clip_id(pick)})

    @precondition(has_clips)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), number=st.integers(0, 5), factor=st.floats(0.0, 20.0))
    def arrange(self, picked: list[int], number: int, factor: float) -> None:
        ids = {self.clip_id(pick) for pick in picked}
        several = (
            arrange.duplicate_clips,
            arrange.join_clips,
            arrange.group_clips,
            arrange.ungroup_clips,
        )
        if number < len(several):
            self.do(several[number], ids)
        elif number == len(several):
            self.do(arrange.move_gains, ids, min(ids), factor)
        else:
            self.do(groups.duplicate_tracks, {self.track_id(picked[0])})

    @precondition(has_clips)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), at=positions, track=st.integers(0, 4))
    def copy_and_paste(self, picked: list[int], at: int, track: int) -> None:
        clipboard = arrange.copy_clips(self.session, {self.clip_id(pick) for pick in picked})
        self.do(arrange.paste_clips, clipboard, at, track)

    @precondition(lambda self: self.session.tracks)
    @rule(
        ends=st.lists(positions, min_size=2, max_size=4, unique=True),
        picked=st.none() | st.lists(picks, min_size=1, max_size=3),
        at=positions,
        number=st.integers(0, 5),
        mode=st.sampled_from(["off", "track", "all"]),
    )
    def edit_time(self, ends: list[int], picked: list[int] | None, at: int, number: int, mode: ripple.Ripple) -> None:
        tracks = None if picked is None else frozenset(map(self.track_id, picked))
        time = TimeRange(ripple.merged(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False)), tracks)
        if number == 0:
            self.do(time_edits.delete, time, mode)
        elif number == 1:
            self.do(time_edits.split, time)
        elif number == 2:
            self.do(time_edits.fade, time)
        elif number == 3:
            self.do(time_edits.insert_time, at, time.end - time.start, None if mode == "all" else time.on(self.session))
        else:

            def copy_and_paste(session: Session) -> Session:
                how: time_edits.PasteMode = "insert" if number == 4 else "replace"
                return time_edits.paste(session, time_edits.copy(session, time), at, 0, how, mode)

            self.do(copy_and_paste)

    @precondition(has_clips)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), ends=st.lists(positions, max_size=6))
    def strip_silence(self, picked: list[int], ends: list[int]) -> None:
        silent = ripple.merged(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
        self.do(silence.strip, {self.clip_id(pick): silent for pick in picked})

    @precondition(has_clips)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), name=st.text(max_size=3), renamed=st.text(max_size=3))
    def names(self, picked: list[int], name: str, renamed: str) -> None:
        ids = [self.clip_id(pick) for pick in picked]
        self.do(edits.rename_clip, ids[0], name)
        media = self.session.media_of(self.session.clip(ids[0]).media)
        if "\0" not in renamed:
            self.do(relink, {media.digest: replace(media, path=f"/music/{renamed}.wav")})
        self.do(clip_names.reset_names, ids)

    @precondition(has_clips)
    @rule(
        picked=st.lists(picks, min_size=1, max_size=3),
        by=st.integers(-20_000, 20_000),
        number=st.integers(0, 4),
        mode=st.sampled_from(["track", "all"]),
    )
    def edit_with_ripple(self, picked: list[int], by: int, number: int, mode: ripple.Ripple) -> None:
        ids = {self.clip_id(pick) for pick in picked}
        clip = self.session.clip(min(ids))
        if number == 0:
            self.do(ripple.remove_clips, ids, mode)
        elif number == 1:
            self.do(ripple.move_clips, ids, by, 0, mode)
        elif number == 4:
            self.do(arrange.move_to, ids, abs(by), mode)
        elif number == 2:
            self.do(ripple.trim_clips, {clip.id: (clip.start, clip.end + by // 4)}, mode)
        else:
            self.do(ripple.trim_clips, {clip.id: (clip.start + by // 4, clip.end)}, mode)

    @precondition(lambda self: self.session.tracks)
    @rule(pick=picks, locked=st.booleans())
    def lock(self, pick: int, locked: bool) -> None:
        self.do(track_locks.lock_tracks, {self.track_id(pick)}, locked)

    @precondition(has_clips)
    @rule(pick=picks, by=st.integers(-9000, 9000), mute=st.booleans(), shape=st.sampled_from(["linear", "s-curve"]))
    def dress_clip(self, pick: int, by: int, mute: bool, shape: Any) -> None:
        clip_id = self.clip_id(pick)
        self.do(edits.slip_clip, clip_id, by)
        self.do(edits.set_clip_mute, {clip_id}, mute)
        self.do(edits.set_clip_color, {clip_id}, "#a0b1c2" if mute else None)
        self.do(lambda session: edits.set_fade_shapes(session, {clip_id}, fade_in=shape))

    @rule(at=st.integers(-5, 60_000), other=positions, name=st.text(max_size=3), on=st.booleans())
    def places(self, at: int, other: int, name: str, on: bool) -> None:
        self.do(places.add_marker, at, name)
        self.do(places.add_marker, at, name, other)
        self.do(places.set_loop, at, other)
        self.do(places.turn_loop, on)
        if self.session.markers:
            marker = self.session.markers[at % len(self.session.markers)].id
            self.do(places.rename_marker, marker, name)
            self.do(places.move_marker, marker, other)
            self.do(places.set_section, marker, at, other)
            if on:
                self.do(places.remove_marker, marker)

    @rule(bpm=st.floats(20.0, 400.0), beats=st.integers(1, 32), start=positions, unit=st.sampled_from([None, 4, 8]))
    def tempo(self, bpm: float, beats: int, start: int, unit: Any) -> None:
        self.do(places.set_tempo, None if unit is None else Tempo(bpm=bpm, beats=beats, start=start, unit=unit))

    @rule(gain=any_gain, points=st.lists(st.builds(Point, positions, any_gain), max_size=3))
    def master(self, gain: float, points: list[Point]) -> None:
        self.do(edits.set_master_gain, gain)
        self.do(edits.set_master_points, points)

    @rule(name=st.text(max_size=3), pick=picks, number=st.integers(0, 4))
    def snapshots(self, name: str, pick: int, number: int) -> None:
        self.do(snapshots.store, name)
        chosen = self.session.snapshots[pick % len(self.session.snapshots)].id
        if number == 0:
            self.do(snapshots.remove, chosen)
        elif number == 1:
            self.do(snapshots.rename, chosen, name)
        elif number == 2:
            self.do(snapshots.update, chosen)
        else:
            self.do(snapshots.recall, chosen)
            assert chosen in snapshots.current(self.session)

    @precondition(lambda self: self.session.snapshots)
    @rule(pick=picks, other=picks, points=st.lists(st.builds(Point, positions, st.floats(-0.1, 1.1)), max_size=3))
    def morph(self, pick: int, other: int, points: list[Point]) -> None:
        found = self.session.snapshots
        self.do(snapshots.set_morph, found[pick % len(found)].id, found[other % len(found)].id)
        self.do(snapshots.set_morph_points, points)
        self.do(snapshots.turn_morph, bool(pick % 3))
        if pick % 5 == 0:
            self.do(snapshots.clear_morph)

    @rule(
        pick=picks,
        start=st.integers(-5, 60_000),
        length=st.integers(-1, 60_000),
        low=st.integers(-1, 300),
        channels=st.integers(-1, 100),
        gain=any_gain,
        keep=st.booleans(),
    )
    def add_region(self, pick: int, start: int, length: int, low: int, channels: int, gain: float, keep: bool) -> None:
        owners = [MASTER, *(track.id for track in self.session.tracks), *(clip.id for clip in self.session.clips())]
        region = Region(
            id=1,
            start=start,
            end=start + length,
            low=low,
            high=low + channels,
            gain=gain,
            keep=keep,
            space="mdct-1x/1",
        )
        self.do(regions.add, owners[pick % len(owners)], region)

    @precondition(lambda self: any(True for _ in regions.all_regions(self.session)))
    @rule(pick=picks, by=st.integers(-70_000, 70_000), channels=st.integers(-400, 400), fade=st.integers(0, 9000))
    def change_region(self, pick: int, by: int, channels: int, fade: int) -> None:
        found = list(regions.all_regions(self.session))
        owner, region = found[pick % len(found)]
        self.do(regions.move, owner, region.id, by, channels, 256)
        self.do(lambda session: regions.change(session, owner, region.id, fade=fade, on=by > 0, name="a" * (fade % 3)))
        if by % 5 == 0:
            self.do(regions.remove, owner, {region.id})
        elif by % 5 == 1:
            self.do(regions.solo, owner, region.low, region.high, region.space, "mdct-1x")

    @precondition(lambda self: self.session.tracks)
    @rule(pick=picks, count=st.integers(0, 13), name=st.text(max_size=3), value=st.floats(-2.0, 2.0, width=32))
    def operators(self, pick: int, count: int, name: str, value: float) -> None:
        known = [0, *(one.id for one in self.session.operators)]
        chosen = known[pick % len(known)]
        weights = array("f", [value] * 12).tobytes()
        made = Operator(id=1, name=name, space="mdct-2x/1", channels=2, reach=9, past=2, weights=weights, r2=0.5)
        if count < 3:
            self.do(operators.add, made)
        elif count < 10 and self.session.tracks:
            self.do(operators.set_insert, {self.track_id(pick), self.track_id(pick + count)}, chosen)
        elif count < 12:
            self.do(operators.rename, chosen, name)
        else:
            self.do(operators.remove, chosen)

    @precondition(lambda self: self.session.tracks)
    @rule(pick=picks, height=st.integers(0, 700))
    def height(self, pick: int, height: int) -> None:
        self.do(edits.set_track_height, self.track_id(pick), height)

    @precondition(lambda self: self.session.tracks)
    @rule(
        picked=st.lists(picks, min_size=1, max_size=3, unique=True),
        gain=any_gain,
        pan=st.floats(-1.1, 1.1),
        number=st.integers(0, 5),
    )
    def several_tracks(self, picked: list[int], gain: float, pan: float, number: int) -> None:
        ids = tuple(dict.fromkeys(self.track_id(pick) for pick in picked))
        before = self.session
        self.do(strips.move_gains, ids, ids[0], gain, before)
        self.do(strips.move_pans, ids, ids[0], pan, before)
        if number == 0:
            self.do(strips.solo_only, ids)
        elif number == 1:
            self.do(groups.duplicate_tracks, ids)
        elif number == 2:
            self.do(groups.step_tracks, ids, -1 if pan < 0 else 1)
        else:
            self.do(groups.place_tracks, ids, number)

    @precondition(lambda self: self.session.tracks)
    @rule(picked=st.lists(picks, min_size=1, max_size=3), gap=st.integers(0, 5), parent=picks, number=st.integers(0, 7))
    def group(self, picked: list[int], gap: int, parent: int, number: int) -> None:
        ids = {self.track_id(pick) for pick in picked}
        if number == 0:
            self.do(groups.ungroup_tracks, ids)
        elif number == 1:
            self.do(groups.move_out, ids)
        elif number == 2:
            self.do(groups.move_in, ids)
        elif number == 3:
            self.do(groups.fold_groups, ids, bool(gap % 2))
        elif number == 4:
            self.do(groups.place_tracks, ids, gap, self.track_id(parent))
        elif number == 5:
            self.do(groups.add_below, ids)
        else:
            self.do(groups.group_tracks, ids)

    @precondition(lambda self: self.session.tracks)
    @rule(
        pick=picks,
        lag=st.integers(-30_000, 30_000),
        gain=any_gain,
        pan=st.floats(-1.1, 1.1),
        points=st.lists(st.builds(Point, positions, st.floats(0.0, 1.0)), max_size=3),
    )
    def balance(self, pick: int, lag: int, gain: float, pan: float, points: list[Point]) -> None:
        reference = self.track_id(pick)
        tracks = {
            track.id: TrackBalance(lag, gain, points, pan, points)
            for track in self.session.tracks
            if track.id != reference
        }
        self.do(set_balance, reference, tracks)

    @rule()
    def change_rate(self) -> None:
        rate = RATES[1] if self.session.rate == RATES[0] else RATES[0]
        self.do(rates.convert, rate, {media.digest: conformed(media, rate) for media in self.session.media})

    @rule(codec=st.sampled_from(["mdct-1x", "mdct-2x", "unknown"]))
    def choose_codec(self, codec: str) -> None:
        self.do(edits.set_codec, codec)

    @rule(steps=st.integers(1, 3))
    def undo_and_redo(self, steps: int) -> None:
        """Leaves the document as it was."""
        before = self.session
        done = sum(self.history.undo() is not None for _ in range(steps))
        for _ in range(done):
            self.history.redo()
        assert self.session is before

    @invariant()
    def the_document_is_valid(self) -> None:
        validated(self.session)

    @invariant()
    def clips_are_sorted(self) -> None:
        for track in self.session.tracks:
            assert list(track.clips) == sorted(track.clips, key=lambda clip: (clip.start, clip.id))

    @invariant()
    def ids_are_unique_and_only_grow(self) -> None:
        ids = [track.id for track in self.session.tracks] + [clip.id for clip in self.session.clips()]
        ids += [marker.id for marker in self.session.markers]
        ids += [one.id for one in self.session.snapshots] + [one.id for one in self.session.operators]
        assert len(set(ids)) == len(ids)
        fresh = set(ids) - self.ids_seen
        assert not fresh or not self.ids_seen or min(fresh) > max(self.ids_seen)
        self.ids_seen |= fresh

    def teardown(self) -> None:
        with TemporaryDirectory() as folder:
            project = Path(folder).resolve() / "song.lincae"
            files.save(self.session, project)
            assert files.load(project) == self.session
        while self.history.undo() is not None:
            validated(self.session)
        assert self.session is self.start


TestEditing = Editing.TestCase
TestEditing.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
