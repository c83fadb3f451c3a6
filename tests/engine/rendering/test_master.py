"""The master: one factor for the sum of all tracks, in latents as in the dry mix; nothing is encoded again for it."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.engine.analysis.matching import match_stem
from lincae_studio.engine.bundles.writer import windows_of
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Plan, Planner, make_plan
from lincae_studio.engine.planning.probes import latents_only, silence_of
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.session import edits
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Point, Session
from tests.engine.analysis.test_linearity import bent, figures, mdct, song
from tests.engine.analysis.test_matching import music, project
from tests.helpers import MemoryAudio, made_up_media, new_renderer, render_all, session_of

GRID = Grid(256, 256, 8, 2)
CODEC = registry.info("mdct-2x")
MONO, STEREO = made_up_media(1, 20_000), made_up_media(3, 20_000, 2)
READER = MemoryAudio.of(MONO, STEREO)

#: Falls by 20 dB, then is silent from sample 12,000 on.
FALLING = (Point(0, 1.0), Point(8000, 0.1), Point(11_999, 0.1), Point(12_000, 0.0))


def mix() -> Session:
    session = edits.set_gain_points(session_of(MONO, STEREO), 1, [Point(0, 0.5), Point(9000, 1.0)])
    return edits.set_track_pan(session, 1, 0.25)


def plan(session: Session) -> Plan:
    return make_plan(session, CODEC, GRID)


def test_without_a_master_the_keys_are_those_of_versions_that_had_none() -> None:
    for session in (mix(), edits.set_master_points(mix(), [Point(0, 1.0), Point(5000, 1.0)])):
        keys = "".join(chunk.key for chunk in plan(session).audible)
        assert hashlib.sha256(keys.encode()).hexdigest()[:16] == "b365643cc3d9cea3"


def test_another_master_changes_keys_where_it_is_heard() -> None:
    planner = Planner()
    before = planner.plan(mix(), CODEC, GRID)
    quieter = planner.plan(edits.set_master_gain(mix(), 0.5), CODEC, GRID)
    assert not before.chunks.keys & quieter.chunks.keys
    late = edits.set_master_points(mix(), [Point(15_000, 1.0), Point(16_000, 0.5)])
    for old, new in zip(before.chunks, planner.plan(late, CODEC, GRID).chunks, strict=True):
        assert old is not None
        assert new is not None
        assert (old.key == new.key) == (GRID.frame_centres(old.index)[-1] <= 15_000)
    assert planner.plan(mix(), CODEC, GRID) == before


def test_keys_are_equal_only_where_the_master_is() -> None:
    """Also where masters begin alike, or one ends as another begins."""
    centres = GRID.frame_centres(1)
    last, before = int(centres[-1]), int(centres[-2])
    envelopes: list[tuple[float, tuple[Point, ...]]] = [(1.0, ()), (0.5, ()), (0.25, ()), (0.5, (Point(0, 0.5),))]
    envelopes += [
        (1.0, (Point(before, one), Point(last, other))) for one, other in ((1.0, 0.5), (0.5, 1.0), (0.5, 0.4))
    ]
    masters: dict[str, set[object]] = {}
    for gain, points in envelopes:
        session = edits.set_master_points(edits.set_master_gain(mix(), gain), points)
        chunk = plan(session).chunks[1]
        assert chunk is not None
        masters.setdefault(chunk.key, set()).add(chunk.master)
    assert [len(found) for found in masters.values()] == [1] * (len(envelopes) - 1), "two masters are equal"


def test_moving_the_master_encodes_nothing_and_sums_nothing_again() -> None:
    renderer = new_renderer(READER)
    for gain in (1.0, 0.5):
        chunks = plan(edits.set_master_gain(mix(), gain)).audible
        renderer.render_many(chunks)
        if gain == 1.0:
            encodes = renderer.counters.encodes
            sums = set(renderer.sums._kept)
    assert renderer.counters.encodes == encodes
    assert set(renderer.sums._kept) == sums


def test_a_master_scales_the_mix_about_the_latents_of_silence() -> None:
    """With a codec that puts silence elsewhere than at 0."""
    codec = bent()
    renderer = Renderer(lambda *_: codec, READER, LatentCache())
    moved = edits.set_master_points(edits.set_master_gain(mix(), 2.0), FALLING)
    plain_plan = make_plan(mix(), codec.info, GRID)
    for after in make_plan(moved, codec.info, GRID).audible:
        before = plain_plan.chunks[after.index]
        assert before is not None
        origin = renderer.render(silence_of(before)).latents
        plain, scaled = (renderer.render(latents_only(chunk)).latents for chunk in (before, after))
        np.testing.assert_allclose(scaled - origin, np.asarray(after.master) * (plain - origin), atol=1e-5)


def test_nothing_is_decoded_where_the_master_is_silent() -> None:
    silent = edits.set_master_gain(mix(), 0.0)
    assert plan(silent).audible == []
    assert len(plan(silent).chunks) == len(plan(mix()).chunks)
    assert not DryMix(silent, READER).read(0, 20_000).any()
    falling = plan(edits.set_master_points(mix(), FALLING))
    heard = [index for index, chunk in enumerate(falling.chunks) if chunk is not None]
    assert heard == [k for k in range(len(falling.chunks)) if GRID.frame_centres(k)[0] < 12_000]


def test_an_envelope_that_does_not_move_is_the_fader() -> None:
    one = edits.set_master_gain(mix(), 0.25)
    other = edits.set_master_points(edits.set_master_gain(mix(), 0.5), [Point(500, 0.5)])
    assert plan(one) == plan(other)


def test_the_dry_mix_follows_the_master_sample_by_sample() -> None:
    session = edits.set_master_points(mix(), FALLING)
    dry, plain = DryMix(session, READER).read(3000, 10_000), DryMix(mix(), READER).read(3000, 10_000)
    expected = plain * 10.0 ** (-np.arange(3000, 13_000) / 8000)
    np.testing.assert_allclose(dry[:, :5000], expected[:, :5000], rtol=1e-4, atol=1e-6)
    assert not dry[:, 9000:].any()
    assert DryMix(session, READER).peaks(0, 20_000) == DryMix(mix(), READER).peaks(0, 20_000), "tracks' own levels"


def test_stems_add_up_to_the_mix() -> None:
    session = edits.set_master_points(edits.set_master_gain(mix(), 0.7), FALLING)
    stems = sum(render_all(only_track(session, track.id), READER, "mdct-2x", GRID) for track in session.tracks)
    assert np.abs(stems - render_all(session, READER, "mdct-2x", GRID)).max() < 1e-5


def test_chunks_keep_their_master_on_the_way_to_the_engine() -> None:
    for chunk in plan(edits.set_master_points(mix(), FALLING)).audible:
        sent = msgspec.msgpack.decode(msgspec.msgpack.encode(chunk), type=Chunk)
        assert (sent, sent.master) == (chunk, chunk.master)


def test_figures_of_linearity_are_those_of_the_mix_after_the_master() -> None:
    session = edits.clear_envelopes(song(), song().tracks[1].id)
    quieter = edits.set_master_gain(session, 0.5)
    _, before, _ = figures(session, mdct())
    _, after, _ = figures(quieter, mdct())
    for one, other in zip(before, after, strict=True):
        assert other.sum_db is None or other.sum_db < -110.0
        for track, figure in one.tracks.items():
            changed = other.tracks[track]
            assert changed.level_db == pytest.approx(figure.level_db, abs=1e-3)
            assert changed.share == pytest.approx(figure.share, abs=1e-5)
            assert changed.loss_db == pytest.approx(figure.loss_db, abs=0.01)
    _, louder, _ = figures(edits.set_master_gain(session, 2.0), bent())
    _, plain, _ = figures(session, bent())
    assert louder[1].sum_db is not None
    assert plain[1].sum_db is not None
    assert louder[1].sum_db > plain[1].sum_db + 3.0, "the decoder bends more at higher levels"


def test_figures_of_linearity_are_those_of_tracks_that_all_have_the_masters_envelope() -> None:
    session = edits.clear_envelopes(song(), song().tracks[1].id)
    points = (Point(4000, 1.0), Point(9000, 0.05), Point(20_000, 1.5))
    _, found, _ = figures(edits.set_master_points(session, points), mdct())
    for track in session.tracks:
        session = edits.set_gain_points(session, track.id, points)
    _, expected, _ = figures(session, mdct())
    for one, other in zip(found, expected, strict=True):
        for track_id, figure in other.tracks.items():
            assert one.tracks[track_id].level_db == pytest.approx(figure.level_db, abs=1e-3)
            assert one.tracks[track_id].share == pytest.approx(figure.share, abs=1e-5)


def test_a_stem_is_found_in_a_mix_whatever_the_master() -> None:
    stem = music(1)
    session, reader = project(music(2) + 0.25 * stem, stem)
    found = []
    for one in (session, edits.set_master_gain(session, 0.0), edits.set_master_points(session, FALLING)):
        made = make_plan(one, registry.info("mdct-4x"))
        found.append(match_stem(one, one.tracks[1].id, made, reader, new_renderer(reader).render_many, 8000))
    assert found[0] == found[1] == found[2]


def test_bundles_contain_what_a_silent_master_hides() -> None:
    def keys(session: Session) -> set[str]:
        return {chunk.key for chunk in windows_of(session, CODEC, GRID)}

    assert keys(edits.set_master_gain(mix(), 0.0)) == keys(mix())
    hidden = edits.set_master_points(replace(mix(), tracks=mix().tracks[:1]), FALLING)
    assert keys(hidden) == keys(replace(hidden, master=mix().master))
