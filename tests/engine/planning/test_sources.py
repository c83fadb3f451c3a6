"""Sources: cuts and fades exact to the sample, and keys that change only where the sound does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.planning.sources import (
    Fade,
    FadeRamp,
    Source,
    _crossfades,
    declick_samples,
    effective_fades,
    key_of,
    read_source,
)
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.session import edits
from lincae_studio.session.model import Clip, FadeShape, Session
from tests.engine.reference import waveform_mix
from tests.helpers import MemoryAudio, made_up_media, missing_clips, plan_of, render_all, session_of
from tests.strategies import SHORT_MEDIA, sessions

MEDIA = made_up_media(1, 20_000)
GRID = Grid(256, 256, 8, 2)
STEP = GRID.step_samples
READER = MemoryAudio.of(MEDIA, made_up_media(4, 10_000), *SHORT_MEDIA)
ONES = MemoryAudio({MEDIA.digest: np.ones((MEDIA.length, 1), np.float32)})


def ramps_of(session: Session) -> list[tuple[FadeRamp | None, ...]]:
    media = {item.digest: item for item in session.media}
    found = [fades for track in session.tracks for fades in effective_fades(track, media).values()]
    return [tuple(fade.ramp if fade is not None else None for fade in fades) for fades in found]


def fades_of(session: Session) -> list[tuple[int, ...]]:
    """Lengths; 0 where there is none."""
    return [tuple(ramp.length if ramp is not None else 0 for ramp in fades) for fades in ramps_of(session)]


def source_keys(plan: Plan) -> list[frozenset[str]]:
    return [frozenset(term.key for term in chunk.terms) if chunk else frozenset() for chunk in plan.chunks]


def test_the_natural_ends_of_a_file_get_no_fade() -> None:
    assert fades_of(session_of(MEDIA)) == [(0, 0)]


def test_edges_that_cut_into_the_media_are_declicked() -> None:
    assert (declick_samples(44_100), declick_samples(48_000)) == (220, 240)
    trimmed = edits.trim_clip(session_of(MEDIA), 2, 5, 20_000)
    assert fades_of(trimmed) == [(220, 0)]
    assert fades_of(edits.trim_clip(trimmed, 2, 5, 19_999)) == [(220, 220)]
    assert fades_of(edits.trim_clip(trimmed, 2, 5, 105)) == [(100, 100)]  # a clip shorter than a de-click


def test_a_clips_own_fades_replace_the_declick() -> None:
    session = edits.trim_clip(session_of(MEDIA), 2, 5, 15_000)
    assert fades_of(edits.set_clip_fades(session, {2}, 7, 0)) == [(7, 220)]
    assert fades_of(edits.set_clip_fades(session, {2}, 0, 9)) == [(220, 9)]


def test_the_sides_of_a_split_are_declicked_only_once_they_part() -> None:
    split = edits.split_clips(session_of(MEDIA), {2}, 9_000)
    assert fades_of(split) == [(0, 0), (0, 0)]
    assert fades_of(edits.move_clips(split, {3}, 1)) == [(0, 220), (220, 0)]
    assert fades_of(edits.set_clip_gain(split, {3}, 0.5)) == [(0, 220), (220, 0)]
    assert fades_of(edits.set_clip_fades(split, {3}, 10, 0)) == [(0, 220), (10, 0)]
    assert fades_of(edits.move_clips(edits.add_track(split), {3}, 0, 1)) == [(0, 220), (220, 0)]


@given(st.lists(st.integers(1, 19_999), min_size=1, max_size=4), st.integers(0, 3000))
@pytest.mark.slow
def test_a_split_is_inaudible(cuts: list[int], start: int) -> None:
    whole = session_of(MEDIA, start=start)
    parts = whole
    for cut in cuts:
        parts = edits.split_clips(parts, {clip.id for clip in parts.clips()}, start + cut)
    assert len(list(parts.clips())) == len(set(cuts)) + 1
    difference = render_all(parts, READER, "mdct-2x", GRID) - render_all(whole, READER, "mdct-2x", GRID)
    assert np.abs(difference).max() < 1e-6


@given(st.lists(st.integers(1, 19_999), min_size=1, max_size=5), st.integers(-1, 1), st.booleans())
def test_splits_within_declicks_and_crossfades_are_exact(cuts: list[int], shift: int, same: bool) -> None:
    """Two clips that cut into their files and overlap by 4,000 samples, of other audio, or of the same out of step."""
    other = MEDIA if same else made_up_media(4, 10_000)
    whole = edits.add_clip(edits.trim_clip(session_of(MEDIA), 2, 50, 19_950), 1, other, 15_950 + shift)
    whole = edits.trim_clip(whole, 3, 15_950 + shift + 7, 25_900)
    parts = whole
    for cut in cuts:
        parts = edits.split_clips(parts, {clip.id for clip in parts.clips()}, cut)
    before, after = (DryMix(session, READER).read(0, whole.length) for session in (whole, parts))
    assert np.abs(after - before).max() < 1e-6


@given(sessions())
def test_the_dry_mix_equals_the_plain_sum(session: Session) -> None:
    dry = DryMix(session, READER).read(0, session.length)
    assert np.abs(dry - waveform_mix(session, READER.audio)).max(initial=0.0) < 1e-5


@given(sessions(), st.integers(-500, 9000), st.integers(0, 3000))
def test_the_dry_mix_of_a_part_is_a_part_of_the_dry_mix(session: Session, start: int, count: int) -> None:
    dry = DryMix(session, READER)
    whole = np.pad(dry.read(0, session.length), ((0, 0), (500, 12_000)))
    assert np.abs(dry.read(start, count) - whole[:, start + 500 : start + 500 + count]).max(initial=0.0) < 1e-6


@pytest.mark.parametrize("window", [0, 100, 19_000, -300])
def test_fades_are_straight_lines_wherever_the_window_lies(window: int) -> None:
    session = edits.set_clip_fades(session_of(MEDIA), {2}, 4_000, 1_500)
    expected = np.pad(waveform_mix(session, ONES.audio)[0], (500, 500))
    dry = DryMix(session, ONES).read(window, 700)
    assert np.abs(dry[0] - expected[window + 500 : window + 1200]).max(initial=0.0) < 1e-6


def test_a_fade_of_an_hour_rises_at_every_sample() -> None:
    """float32 cannot count that far."""
    length = 3600 * 44_100
    source = Source(MEDIA.digest, 0, 0, 0, 1000, fade_in=Fade(-(length // 2), FadeRamp(length)))
    window = read_source(source, 1000, ONES).astype(np.float64)
    expected = (np.arange(1000) + length // 2 + 0.5) / length
    assert np.abs(window - expected).max() < 1e-7
    fade_out = Source(MEDIA.digest, 0, 0, 0, 1000, fade_out=Fade(-(length // 2), FadeRamp(length)))
    assert np.abs(read_source(fade_out, 1000, ONES) - (1.0 - expected)).max() < 1e-7


@given(st.integers(0, 6))
def test_moving_by_whole_steps_keeps_every_key(steps: int) -> None:
    session = edits.trim_clip(session_of(MEDIA, start=300), 2, 700, 15_000)
    moved = edits.move_clips(session, {2}, steps * STEP)
    before, after = (source_keys(plan_of(item, "mdct-2x", GRID)) for item in (session, moved))
    assert after[steps:] == before
    assert not any(after[: max(0, steps - 1)])


def test_moving_by_one_sample_keeps_none() -> None:
    session = session_of(MEDIA)
    before, after = (
        frozenset().union(*source_keys(plan_of(item, "mdct-2x", GRID)))
        for item in (session, edits.move_clips(session, {2}, 1))
    )
    assert not before & after


@given(st.integers(200, 9_000))
def test_trimming_an_end_keeps_the_keys_of_the_rest(cut: int) -> None:
    session = session_of(MEDIA)
    trimmed = edits.trim_clip(session, 2, 0, MEDIA.length - cut)
    before, after = (source_keys(plan_of(item, "mdct-2x", GRID)) for item in (session, trimmed))
    for index, keys in enumerate(after):
        window_end = GRID.window_start(index) + GRID.window_samples
        reached = window_end > MEDIA.length - cut - declick_samples(44_100)
        assert (keys == before[index]) != reached


def test_overlapping_clips_are_crossfaded() -> None:
    other = made_up_media(4, 10_000)
    session = edits.add_clip(session_of(MEDIA), 1, other, 15_000)
    assert ramps_of(session) == [(None, FadeRamp(5_000, "equal-power")), (FadeRamp(5_000, "equal-power"), None)]
    assert fades_of(edits.set_clip_mute(session, {3}, True)) == [(0, 0)], "a muted clip causes no fades"
    assert fades_of(edits.set_clip_fades(session, {3}, 100, 0)) == [(0, 5_000), (100, 0)], "its own fade comes first"
    assert fades_of(edits.move_clips(session, {3}, 5_000)) == [(0, 0), (0, 0)], "side by side"
    assert fades_of(edits.move_clips(session, {3}, -10_000)) == [(0, 0), (0, 0)], "one within the other"


def test_the_same_audio_in_sync_is_crossfaded_with_equal_gain() -> None:
    split = edits.split_clips(session_of(MEDIA), {2}, 9_000)
    overlapping = edits.trim_clip(split, 3, 8_000, 20_000)
    assert ramps_of(overlapping) == [(None, FadeRamp(1_000)), (FadeRamp(1_000), None)]
    whole, parts = (DryMix(session, READER).read(0, 20_000) for session in (split, overlapping))
    assert np.abs(whole - parts).max() < 1e-6


@pytest.mark.parametrize(
    ("shape", "middle"), [("linear", 0.5), ("equal-power", 0.5**0.5), ("s-curve", 0.5)], ids=lambda v: str(v)
)
def test_shapes_of_fades(shape: FadeShape, middle: float) -> None:
    session = edits.set_fade_shapes(edits.set_clip_fades(session_of(MEDIA), {2}, 4_000, 6_000), {2}, fade_in=shape)
    dry = DryMix(session, ONES).read(0, 20_000)[0]
    assert dry[0] < 1e-3
    assert dry[2_000] == pytest.approx(middle, abs=1e-3)
    assert dry[4_000] == 1.0
    assert dry[17_000] == pytest.approx(0.5, abs=1e-3), "the other side stays as it was"
    assert np.all(np.diff(dry[:4_000]) > 0.0)


def test_a_muted_clip_is_not_heard() -> None:
    session = edits.add_clip(session_of(MEDIA), 1, made_up_media(4, 10_000), 30_000)
    muted = edits.set_clip_mute(session, {2}, True)
    assert not DryMix(muted, READER).read(0, 20_000).any()
    assert plan_of(muted, "mdct-2x", GRID).chunks[0] is None


def test_a_key_depends_on_everything_that_is_heard() -> None:
    source = Source("a" * 64, 0, 10, 0, 100, Fade(0, FadeRamp(5)), Fade(90, FadeRamp(10)))
    others = [
        Source("b" * 64, 0, 10, 0, 100, Fade(0, FadeRamp(5)), Fade(90, FadeRamp(10))),
        Source("a" * 64, 1, 10, 0, 100, Fade(0, FadeRamp(5)), Fade(90, FadeRamp(10))),
        Source("a" * 64, 0, 11, 0, 100, Fade(0, FadeRamp(5)), Fade(90, FadeRamp(10))),
        Source("a" * 64, 0, 10, 1, 100, Fade(0, FadeRamp(5)), Fade(90, FadeRamp(10))),
        Source("a" * 64, 0, 10, 0, 99, Fade(0, FadeRamp(5)), Fade(90, FadeRamp(10))),
        Source("a" * 64, 0, 10, 0, 100, Fade(1, FadeRamp(5)), Fade(90, FadeRamp(10))),
        Source("a" * 64, 0, 10, 0, 100, Fade(0, FadeRamp(5)), Fade(90, FadeRamp(9))),
        Source("a" * 64, 0, 10, 0, 100, Fade(0, FadeRamp(5)), None),
        Source("a" * 64, 0, 10, 0, 100, None, Fade(0, FadeRamp(5))),
        Source("a" * 64, 0, 10, 0, 100, Fade(0, FadeRamp(5, "s-curve")), Fade(90, FadeRamp(10))),
    ]
    keys = {key_of(item, 512, "codec/1") for item in (source, *others)}
    keys |= {key_of(source, 768, "codec/1"), key_of(source, 512, "codec/2")}
    assert len(keys) == len({source, *others}) + 2
    assert key_of(Source(*(getattr(source, name) for name in source.__struct_fields__)), 512, "codec/1") in keys


class Counted(Sequence[Clip]):
    """Clips that count how often one of them is read."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._clips = clips
        self.read = 0

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: Any) -> Any:
        self.read += 1
        return self._clips[index]


def test_only_adjacent_clips_are_searched_for_crossfades() -> None:
    clips = Counted(missing_clips(1, 300).tracks[0].clips)
    assert _crossfades(clips) == ({}, {})
    assert clips.read < 5 * len(clips)
