"""Morphs: a crossfade of two mixes is one sum of latents, decoded once; recalled snapshots are not rendered again."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.engine.bundles.writer import windows_of
from lincae_studio.engine.planning.factors import Curve
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Plan, Planner, make_plan
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.render_store import RenderStore
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.session import edits, groups, snapshots
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Point, Session
from tests.engine.analysis.test_linearity import bent
from tests.helpers import MemoryAudio, made_up_media, new_renderer, render_all, session_of

GRID = Grid(256, 256, 8, 2)
CODEC = registry.info("mdct-2x")
MONO, STEREO = made_up_media(1, 20_000), made_up_media(3, 20_000, 2)
READER = MemoryAudio.of(MONO, STEREO)

#: The first mix until 4,000, the second from 14,000 on.
LINE = (Point(4000, 0.0), Point(14_000, 1.0))


def morph(first_master: float = 1.0, second_master: float = 1.0) -> Session:
    """Two tracks, of which the second is muted in the first mix, and both differ; a morph is on."""
    session = edits.set_gain_points(session_of(MONO, STEREO), 1, [Point(0, 0.5), Point(9000, 1.0)])
    session = edits.set_track_mute(edits.set_master_gain(session, first_master), 3, True)
    session = snapshots.store(session, "one")
    session = edits.set_track_pan(edits.set_track_gain(edits.set_track_mute(session, 3, False), 1, 0.3), 1, 0.6)
    session = snapshots.store(edits.set_master_gain(edits.set_track_subtract(session, 3, True), second_master), "two")
    one, other = (snapshot.id for snapshot in session.snapshots)
    return snapshots.set_morph_points(snapshots.set_morph(session, one, other), LINE)


def plan(session: Session) -> Plan:
    return make_plan(session, CODEC, GRID)


def share(start: int, count: int) -> Curve:
    return np.interp(np.arange(start, start + count), [point.at for point in LINE], [point.value for point in LINE])


@pytest.mark.parametrize("masters", [(1.0, 1.0), (0.5, 0.5), (0.25, 1.5), (0.0, 1.0), (1.0, 0.0)])
def test_the_dry_mix_is_a_crossfade_of_the_two_mixes(masters: tuple[float, float]) -> None:
    session = morph(*masters)
    first, second = (DryMix(mix, READER).read(3000, 15_000) for mix in session.mixes)
    place = share(3000, 15_000)
    expected = np.broadcast_to((1.0 - place) * first + place * second, (2, 15_000))
    np.testing.assert_allclose(DryMix(session, READER).read(3000, 15_000), expected, atol=1e-5)
    assert np.abs(expected).max() > 0.05


@pytest.mark.parametrize("masters", [(1.0, 1.0), (0.25, 1.5), (0.0, 1.0)])
def test_latents_go_over_about_those_of_silence_frame_by_frame(masters: tuple[float, float]) -> None:
    """With a codec that puts silence elsewhere than at 0."""
    codec = bent()
    renderer = Renderer(lambda *_: codec, READER, LatentCache())
    session = morph(*masters)
    of_session, *of_mixes = (make_plan(one, codec.info, GRID) for one in (session, *session.mixes))
    for chunk in of_session.audible:
        origin = codec.silence(GRID.frames)
        first, second = (
            renderer.render(found).latents if (found := one.chunks[chunk.index]) is not None else origin[None]
            for one in of_mixes
        )
        place = np.interp(GRID.frame_centres(chunk.index), [4000, 14_000], [0.0, 1.0])
        shape = 2, *origin.shape
        expected = (1.0 - place) * np.broadcast_to(first, shape) + place * np.broadcast_to(second, shape)
        between = np.broadcast_to(renderer.render(chunk).latents, shape)
        np.testing.assert_allclose(between, expected, atol=1e-4)


@pytest.mark.parametrize("chosen", [1, 3, "group"])
def test_each_mix_has_its_own_solos_and_the_mutes_of_its_groups(chosen: int | str) -> None:
    session = groups.group_tracks(snapshots.store(session_of(MONO, STEREO), "one"), {3})
    if chosen == "group":
        session = edits.set_track_mute(session, session.track(3).parent, True)
    else:
        session = edits.set_track_solo(session, int(chosen), True)
    session = snapshots.store(session, "two")
    one, other = (snapshot.id for snapshot in session.snapshots)
    session = snapshots.set_morph_points(snapshots.set_morph(session, one, other), LINE)
    before, after = (DryMix(mix, READER).read(3000, 15_000) for mix in session.mixes)
    place = share(3000, 15_000)
    heard = DryMix(session, READER).read(3000, 15_000)
    np.testing.assert_allclose(heard, (1.0 - place) * before + place * after, atol=1e-5)


def test_chunks_at_the_ends_of_the_line_are_those_of_the_snapshots() -> None:
    for masters in ((1.0, 1.0), (0.3, 0.7), (10 ** (12 / 20), 10 ** (4 / 20))):
        session = morph(*masters)
        between, first, second = (plan(one).chunks for one in (session, *session.mixes))
        for index, chunk in enumerate(between):
            centres = GRID.frame_centres(index)
            same = first if centres[-1] <= 4000 else second if centres[0] >= 14_000 else None
            assert chunk is not None
            if same is None:
                assert chunk.key not in first.keys | second.keys
            else:
                assert chunk == same[index]


def test_a_morph_of_32_tracks_costs_as_many_decodes_as_one_of_1() -> None:
    """And encodes nothing that the mixes have not."""
    media = [made_up_media(number, 20_000) for number in range(32)]
    reader = MemoryAudio.of(*media)
    decodes = []
    for count in (1, 32):
        session = snapshots.store(session_of(*media[:count]), "one")
        for track in session.tracks:
            session = edits.set_track_gain(session, track.id, 0.5 + track.id / 100)
        session = snapshots.store(session, "two")
        one, other = (snapshot.id for snapshot in session.snapshots)
        session = snapshots.set_morph(session, one, other)
        renderer = new_renderer(reader)
        for mix in session.mixes:
            renderer.render_many(plan(mix).audible)
        before = renderer.counters.encodes, renderer.counters.decodes
        chunks = plan(session).audible
        renderer.render_many(chunks)
        assert renderer.counters.encodes == before[0]
        decodes.append(renderer.counters.decodes - before[1])
        assert decodes[-1] == len(chunks)
    assert decodes[0] == decodes[1]


def test_recalling_a_rendered_snapshot_decodes_nothing() -> None:
    session = snapshots.turn_morph(morph(), False)
    one, other = (snapshot.id for snapshot in session.snapshots)
    renderer, store, planner = new_renderer(READER), RenderStore(), Planner()
    counts = []
    for recalled in (one, other, one, other):
        session = snapshots.recall(session, recalled)
        made = planner.plan(session, CODEC, GRID)
        store.set_current(made)
        before = renderer.counters.decodes
        for chunk in store.missing(made):
            store.put(renderer.render(chunk))
        counts.append(renderer.counters.decodes - before)
    assert counts[0] > 0
    assert counts[1] > 0
    assert counts[2:] == [0, 0]


def test_stems_add_up_to_the_mix() -> None:
    for masters in ((1.0, 1.0), (0.25, 1.5)):
        session = morph(*masters)
        render = partial(render_all, reader=READER, codec_id="mdct-2x", grid=GRID)
        stems = sum(render(only_track(session, track.id)) for track in session.tracks)
        assert np.abs(stems - render(session)).max() < 1e-5


def test_a_planner_follows_the_line_and_forgets_it() -> None:
    planner, session = Planner(), morph()
    later = snapshots.set_morph_points(session, [*LINE[:1], Point(16_000, 0.5)])
    for one in (session, later, snapshots.turn_morph(later, False), session, snapshots.clear_morph(session)):
        assert planner.plan(one, CODEC, GRID) == plan(one)
    before, after = plan(session).chunks, plan(later).chunks
    assert before[0] == after[0]
    assert before[len(before) - 1] != after[len(after) - 1]


def test_a_dry_mix_reuses_what_the_morph_does_not_change() -> None:
    session = morph()
    mix = DryMix(session, READER)
    again = DryMix(edits.set_track_color(session, 1, "#123456"), READER, mix)
    np.testing.assert_array_equal(again.read(0, 20_000), mix.read(0, 20_000))


def test_bundles_contain_what_no_mix_of_the_morph_has() -> None:
    session = morph(0.0, 0.0)
    plain = snapshots.clear_morph(session)
    keys = [{chunk.key for chunk in windows_of(one, CODEC, GRID)} for one in (session, plain)]
    assert keys[0] == keys[1]
