"""Groups: their strips are factors of the coefficients, in latents as in the dry mix; nothing is encoded for them."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pytest

from lincae_studio.codecs import registry
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Plan, Planner, make_plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.session import edits, groups, snapshots, strips
from lincae_studio.session.excerpt import only_group
from lincae_studio.session.model import Point, Session
from tests.engine.reference import envelope
from tests.helpers import MemoryAudio, made_up_media, new_renderer, render_all, session_of

GRID = Grid(256, 256, 8, 2)
CODEC = registry.info("mdct-1x")
MONO, OTHER, STEREO = made_up_media(1, 20_000), made_up_media(2, 20_000), made_up_media(3, 20_000, 2)
READER = MemoryAudio.of(MONO, OTHER, STEREO)
LENGTH = 20_000

RISING = (Point(0, 0.25), Point(15_000, 1.5))
FALLING = (Point(2000, 1.0), Point(18_000, 0.05))
ACROSS = (Point(0, -0.5), Point(19_000, 0.75))


def plan(session: Session) -> Plan:
    return make_plan(session, CODEC, GRID)


def song() -> Session:
    """Three tracks, 1, 3 (stereo) and 5, without a group."""
    return session_of(MONO, STEREO, OTHER)


def nested() -> tuple[Session, int, int]:
    """Tracks 1 and 3 in a group within another one, that also has track 5; all strips do something."""
    session = edits.set_track_gain(edits.set_track_pan(song(), 1, -0.4), 3, 0.8)
    session = edits.set_gain_points(session, 5, FALLING)
    session = groups.group_tracks(session, {1, 3})
    inner = session.tracks[0].id
    session = groups.group_tracks(session, {inner, 5})
    outer = session.tracks[0].id
    session = edits.set_gain_points(edits.set_track_gain(session, inner, 0.7), inner, RISING)
    session = edits.set_pan_points(edits.set_track_pan(session, inner, 0.2), inner, ACROSS)
    session = edits.set_track_subtract(edits.set_track_pan(session, outer, -0.3), outer, True)
    return edits.set_gain_points(session, outer, FALLING), inner, outer


def balance(pan: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.stack([np.minimum(1.0, 1.0 - pan), np.minimum(1.0, 1.0 + pan)])


def curve(points: tuple[Point, ...], in_db: bool = True) -> npt.NDArray[np.float64]:
    return np.array([envelope(points, n, in_db) for n in range(LENGTH)])


def test_the_mix_is_the_product_of_all_strips_around_a_track() -> None:
    session, _, _ = nested()
    inner = 0.7 * curve(RISING) * balance(np.clip(0.2 + curve(ACROSS, in_db=False), -1.0, 1.0))
    outer = -curve(FALLING) * balance(np.full(LENGTH, -0.3))
    angle = 0.6 * np.pi / 4
    first = np.sqrt(2.0) * np.array([[np.cos(angle)], [np.sin(angle)]])
    audio = {media: samples.T.astype(np.float64) for media, samples in READER.audio.items()}
    expected = outer * (
        inner * (first * audio[MONO.digest] + 0.8 * audio[STEREO.digest]) + curve(FALLING) * audio[OTHER.digest]
    )
    mix = DryMix(session, READER).read(0, LENGTH)
    assert np.abs(mix - expected).max() < 1e-6
    assert np.abs(expected).max() > 0.1


def test_latents_are_weighted_as_the_dry_mix_is() -> None:
    """With constant strips; envelopes are constant within a frame, as `tests/engine/reference.py` has it."""
    session, inner, outer = nested()
    for track in (5, inner, outer):
        session = edits.clear_envelopes(session, track)
    rendered = render_all(session, READER, "mdct-1x", GRID)
    assert np.abs(rendered - DryMix(session, READER).read(0, LENGTH)).max() < 1e-4


def test_an_envelope_of_the_outermost_group_alone_moves_all_in_it() -> None:
    session, inner, outer = nested()
    for track in (5, inner):
        session = edits.clear_envelopes(session, track)
    still = DryMix(edits.clear_envelopes(session, outer), READER).read(0, LENGTH)
    np.testing.assert_allclose(DryMix(session, READER).read(0, LENGTH), curve(FALLING) * still, atol=1e-6)


def test_a_group_that_does_nothing_leaves_all_keys_as_they_are() -> None:
    alone = [chunk.key for chunk in plan(song()).audible]
    session = groups.group_tracks(groups.group_tracks(song(), {1, 3}), {5})
    named = strips.each(session, session.group_ids, lambda s, track: edits.rename_track(s, track, "other"))
    for one in (session, named, groups.fold_groups(named, named.group_ids, True)):
        assert [chunk.key for chunk in plan(one).audible] == alone
    moved = edits.set_track_gain(session, session.tracks[0].id, 0.5)
    assert not {chunk.key for chunk in plan(moved).audible} & set(alone)


def test_keys_of_a_session_with_groups_do_not_change() -> None:
    session = groups.group_tracks(song(), {1, 3})
    group = session.tracks[0].id
    session = edits.set_track_pan(edits.set_track_gain(session, group, 0.5), group, 0.25)
    keys = "".join(chunk.key for chunk in plan(session).audible)
    assert hashlib.sha256(keys.encode()).hexdigest()[:16] == "4fb8de741c93a640"


def test_a_strip_of_a_group_encodes_nothing_and_decodes_once() -> None:
    session, inner, outer = nested()
    renderer = new_renderer(READER)
    renderer.render_many(plan(session).audible)
    encodes, decodes = renderer.counters.encodes, renderer.counters.decodes
    for number, track in enumerate((inner, outer), start=1):
        session = edits.set_track_pan(edits.set_track_gain(session, track, 0.9), track, 0.1)
        chunks = plan(session).audible
        renderer.render_many(chunks)
        assert renderer.counters.encodes == encodes
        assert renderer.counters.decodes == decodes + number * sum(chunk.buses for chunk in chunks)


def test_only_the_tracks_of_a_group_are_planned_again_for_it() -> None:
    session, inner, _ = nested()
    planner = Planner()
    before = planner.plan(session, CODEC, GRID)
    after = planner.plan(edits.set_track_gain(session, inner, 0.5), CODEC, GRID)
    for old, new in zip(before.audible, after.audible, strict=True):
        was, now = ({one.track: one for one in chunk.contributions} for chunk in (old, new))
        assert was[5] is now[5]
        assert all(was[track].digest != now[track].digest for track in (1, 3))
    assert after == make_plan(edits.set_track_gain(session, inner, 0.5), CODEC, GRID)
    assert planner.plan(session, CODEC, GRID) == before


def test_a_silent_or_muted_group_costs_nothing() -> None:
    session, _, outer = nested()
    assert not plan(edits.set_track_gain(session, outer, 0.0)).audible
    assert not plan(edits.set_track_mute(session, outer, True)).audible


def test_a_dry_mix_that_follows_another_one_is_the_same() -> None:
    session, inner, _ = nested()
    changed = edits.set_track_pan(session, inner, -1.0)
    following = DryMix(changed, READER, DryMix(session, READER)).read(0, LENGTH)
    assert np.array_equal(following, DryMix(changed, READER).read(0, LENGTH))


def test_a_dry_mix_that_becomes_stereo_is_that_of_its_session() -> None:
    """Tracks that did not change have other factors then: one for each side."""
    mono = session_of(MONO, OTHER)
    stereo = edits.set_track_pan(mono, 1, -1.0)
    assert (mono.channels, stereo.channels) == (1, 2)
    for before, after in ((mono, stereo), (stereo, mono)):
        following = DryMix(after, READER, DryMix(before, READER)).read(0, LENGTH)
        assert np.array_equal(following, DryMix(after, READER).read(0, LENGTH))


def test_the_level_of_a_group_is_that_of_its_sum_after_its_fader() -> None:
    session, inner, outer = nested()
    peaks = DryMix(session, READER).peaks(4000, 1000)
    whole = np.abs(DryMix(session, READER).read(4000, 1000)).max(axis=1)
    assert peaks[outer] == pytest.approx(whole.tolist(), rel=1e-5)
    out = edits.set_track_subtract(groups.move_out(session, {inner}), outer, False)
    alone = np.abs(DryMix(only_group(out, inner), READER).read(4000, 1000)).max(axis=1)
    assert peaks[inner] == pytest.approx(alone.tolist(), rel=1e-5)
    ungrouped = groups.ungroup_tracks(session, session.group_ids)
    assert DryMix(ungrouped, READER).peaks(4000, 1000) == {track: peaks[track] for track in (1, 3, 5)}


def test_the_level_of_a_group_is_that_of_its_sum_under_a_morph() -> None:
    """Not the product of the morphed strips: halfway from 1 * 0.2 to 0.2 * 1 that would be 0.36 instead of 0.2."""
    session, inner, outer = nested()
    for name, own, around in (("one", 1.0, 0.2), ("two", 0.2, 1.0)):
        for track_id, gain in ((1, own), (inner, around), (outer, own)):
            session = edits.set_track_gain(session, track_id, gain)
        session = snapshots.store(session, name)
    first, second = (snapshot.id for snapshot in session.snapshots)
    session = snapshots.set_morph(session, first, second)
    session = snapshots.set_morph_points(session, (Point(0, 0.0), Point(LENGTH, 1.0)))
    peaks = DryMix(session, READER).peaks(9000, 1000)
    whole = np.abs(DryMix(session, READER).read(9000, 1000)).max(axis=1)
    assert peaks[outer] == pytest.approx(whole.tolist(), rel=1e-5)


def test_stems_of_groups_add_up_to_the_mix() -> None:
    session, inner, _ = nested()
    session = edits.set_track_gain(edits.add_clip(session, inner, OTHER, 3000), 5, 0.4)
    mix = DryMix(session, READER).read(0, session.length)
    parts = [DryMix(only_group(session, one), READER).read(0, session.length) for one in (inner, 5)]
    assert np.abs(sum(parts) - mix).max() < 1e-6
