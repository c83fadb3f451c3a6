"""Inserts: chunks agree with the whole clip, keys change with the operator, and nothing is encoded twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import mdct, registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.engine.analysis.residual import residual_db
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.inserts import spans_of
from lincae_studio.engine.planning.plan import Plan, make_plan
from lincae_studio.engine.planning.probes import latents_only, term_alone
from lincae_studio.engine.process import messages
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.session import edits, operators, regions, snapshots
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Operator, Point, Region, Session
from tests.engine import wide
from tests.engine.analysis.test_linearity import bent
from tests.helpers import MemoryAudio, made_up_media, new_renderer, render_all, session_of

MONO, STEREO, SHORT = made_up_media(1, 40_000), made_up_media(3, 40_000, 2), made_up_media(4, 700)
READER = MemoryAudio.of(MONO, STEREO, SHORT)
CODECS: dict[str, tuple[CodecInfo, Callable[..., mdct.MdctCodec]]] = {
    "mdct-1x": (mdct.MDCT_1X, lambda *_: mdct.load_mdct_1x()),
    "wide": (wide.INFO, lambda *_: wide.WideCodec()),
}


@pytest.fixture(autouse=True)
def wide_codec() -> Iterator[None]:
    with wide.added():
        yield


def operator(codec: str = "mdct-1x", reach: int = 1, past: int = 3, future: int = 2, seed: int = 0) -> Operator:
    info = registry.info(codec)
    shape = info.dim, min(2 * reach + 1, info.dim), past + 1 + future
    weights = np.random.default_rng(seed).normal(0.0, 0.3 / np.sqrt(shape[1] * shape[2]), shape).astype("<f4")
    return Operator(
        id=1,
        name="Room",
        space=info.latent_space,
        channels=info.dim,
        reach=reach,
        past=past,
        future=future,
        weights=weights.tobytes(),
        r2=0.9,
    )


def song(codec: str = "mdct-1x", start: int = 5000) -> Session:
    return session_of(MONO, codec=codec, start=start)


def with_insert(session: Session, insert: Operator) -> Session:
    return operators.set_insert(operators.add(session, insert), [session.tracks[0].id], session.next_id)


def applied(weights: Array, latents: Array, reach: int, past: int, future: int) -> Array:
    """The map of `(D, T)` by its definition, with silence around."""
    dim, frames = latents.shape
    made = np.zeros((dim, frames))
    for place in range(past + 1 + future):
        delay = place - future
        moved = np.zeros((dim, frames))
        moved[:, max(0, delay) : frames + min(0, delay)] = latents[:, max(0, -delay) : frames - max(0, delay)]
        matrix = np.zeros((dim, dim))
        for channel in range(dim):
            for beside in range(weights.shape[1]):
                other = beside if weights.shape[1] == dim else channel - reach + beside
                if 0 <= other < dim:
                    matrix[channel, other] = weights[channel, beside, place]
        made += matrix @ moved
    return made.astype(np.float32)


def whole(codec: str, session: Session, insert: Operator) -> Array:
    """Audio `(N,)` of the clip, in one window, through the operator."""
    info, load = CODECS[codec]
    lead, clip = 200, session.tracks[0].clips[0]
    window = np.zeros((1, info.window_samples(2 * lead + -(-clip.end // info.hop))), np.float32)
    window[0, lead * info.hop + clip.start :][: clip.length] = READER.read(clip.media, 0, clip.offset, clip.length)
    latents = load().encode(window)[0]
    weights = np.frombuffer(insert.weights, "<f4").reshape(info.dim, insert.width, insert.frames)
    mapped = applied(weights, latents, insert.reach, insert.past, insert.future)
    return load().decode(mapped[None], first_frames=[0], seed=0)[0, lead * info.hop :]


@pytest.mark.parametrize("codec", ["mdct-1x", "wide"])
@pytest.mark.parametrize(
    ("reach", "past", "future"), [(0, 0, 0), (1, 3, 2), (2, 0, 4), (1, 60, 0), (0, 5, 50), (128, 1, 1)]
)
@pytest.mark.parametrize("start", [0, 5000])
def test_chunks_with_an_insert_agree_with_the_whole_clip(
    codec: str, reach: int, past: int, future: int, start: int
) -> None:
    """Also where it looks farther back or ahead than a chunk is long."""
    insert = operator(codec, reach, past, future)
    session = song(codec, start)
    expected = whole(codec, session, insert)[: session.length]
    heard = render_all(with_insert(session, insert), READER, codec, Grid.of(CODECS[codec][0], 40))[0]
    assert np.abs(expected).max() > 0.05
    assert np.abs(heard - expected).max() < 1e-5


@pytest.mark.parametrize("codec", ["mdct-1x", "wide"])
def test_nothing_is_lost_before_and_after_a_short_clip(codec: str) -> None:
    """Wherever it is in a chunk, and also in chunks in which it has no samples."""
    insert, grid = operator(codec, 1, 45, 20), Grid.of(CODECS[codec][0], 40)
    placed = session_of(SHORT, MONO, codec=codec)
    placed = edits.set_track_mute(placed, placed.tracks[1].id, True)
    for by in range(grid.step_samples, 2 * grid.step_samples, 2 * grid.hop + 100):
        session = edits.move_clips(placed, [placed.tracks[0].clips[0].id], by)
        expected = whole(codec, session, insert)[: session.length]
        heard = render_all(with_insert(session, insert), READER, codec, grid)[0]
        assert np.abs(heard - expected).max() < 1e-5


def test_each_frame_that_is_needed_is_taken_once_from_where_it_is_reliable() -> None:
    for frames, overlap, context in [(40, 7, 2), (10, 5, 2), (344, 1, 0)]:
        grid = Grid(256, 256, frames, overlap, context)
        for index in range(6):
            for past, future in [(0, 0), (3, 2), (64, 64)]:
                taken: list[int] = []
                for owner, first, last, at in spans_of(grid, index, past, future):
                    assert 0 <= first < last <= frames
                    if owner != index:
                        assert context <= first or owner == 0
                        assert last <= frames - context
                    assert owner * grid.step + first == index * grid.step + at
                    taken += range(at, at + last - first)
                begin = index * grid.step
                assert taken == list(range(max(-past, -begin), frames + future))


def test_an_operator_is_heard_past_the_end_of_its_clip() -> None:
    """Of a track beside a longer one, up to as many frames as it looks back."""
    session = edits.trim_clip(session_of(MONO, STEREO, codec="mdct-1x"), 2, 0, 9000)
    insert = operator(past=40, future=0)
    plain, heard = (render_all(one, READER, "mdct-1x") for one in (session, with_insert(session, insert)))
    tail = np.abs(heard - plain)[0]
    assert tail[9000 : 9000 + 256 * 30].max() > 1e-3
    assert tail[9000 + 256 * 43 :].max() < 1e-6


def plan(session: Session) -> Plan:
    return make_plan(session, mdct.MDCT_1X, Grid.of(mdct.MDCT_1X, 32))


def test_whatever_an_operator_computes_changes_the_keys() -> None:
    keys = [[chunk.key for chunk in plan(song()).audible]]
    first = operator()
    others = [operator(reach=2), operator(past=4, future=1), operator(seed=1), replace(first, weights=bytes(256 * 72))]
    for insert in (first, *others):
        keys.append([chunk.key for chunk in plan(with_insert(song(), insert)).audible])
        assert all(chunk.edited for chunk in plan(with_insert(song(), insert)).audible)
    assert all(set(one).isdisjoint(other) for at, one in enumerate(keys) for other in keys[:at])
    renamed = replace(first, name="Other", r2=0.5)
    assert [chunk.key for chunk in plan(with_insert(song(), renamed)).audible] == keys[1]


@pytest.mark.parametrize("fields", [{"space": "mdct-2x/1"}, {"channels": 128, "weights": bytes(128 * 72)}])
def test_an_operator_of_other_latents_is_kept_and_not_applied(fields: dict[str, object]) -> None:
    session = with_insert(song(), replace(operator(), **fields))
    assert [chunk.key for chunk in plan(session).audible] == [chunk.key for chunk in plan(song()).audible]
    assert not any(chunk.edited for chunk in plan(session).audible)


def test_an_insert_encodes_nothing_again_and_faders_do_not_apply_it_again() -> None:
    renderer = new_renderer(READER)
    renderer.render_many(plan(song()).audible)
    encodes = renderer.counters.encodes
    session = with_insert(song(), operator())
    renderer.render_many(plan(session).audible)
    assert renderer.counters.encodes == encodes
    quiet = plan(edits.set_track_gain(session, 1, 0.5)).audible
    made: list[str] = []
    put = renderer.cache.put_many
    renderer.cache.put_many = lambda items, on_disk=True: (made.extend(items), put(items, on_disk))[1]  # type: ignore
    half = renderer.render_many(quiet)
    assert not made
    full = renderer.render_many(plan(session).audible)
    for one, other in zip(half, full, strict=True):
        np.testing.assert_allclose(one.audio, 0.5 * other.audio, atol=1e-6)


def test_an_insert_is_linear() -> None:
    """Of two clips that overlap: the insert of their sum is the sum of their inserts; gains and envelopes follow it."""
    session = session_of(MONO, STEREO, codec="mdct-1x")
    together = with_insert(edits.move_clips(session, [4], 0, -1), operator())
    alone = [edits.set_clip_mute(together, [clip], True) for clip in (2, 4)]
    both, one, other = (render_all(each, READER, "mdct-1x") for each in (together, *alone))
    np.testing.assert_allclose(both, one + other, atol=2e-6)


def test_regions_of_clips_come_before_an_insert_and_those_of_tracks_after_it() -> None:
    """An operator that only looks back moves what a region of the clip lets through out of the region's time."""
    echo = np.zeros((256, 1, 31), np.float32)
    echo[:, 0, 30] = 1.0  # 30 frames later
    insert = replace(operator(reach=0, past=30, future=0), weights=echo.tobytes())
    part = Region(id=1, start=256 * 40, end=256 * 60, low=0, high=255, keep=True, space="mdct-1x/1")
    session = with_insert(song(start=0), insert)

    def loud(session: Session) -> list[int]:
        """The tens of frames in which it sounds."""
        audio = render_all(session, READER, "mdct-1x", Grid.of(mdct.MDCT_1X, 32))[0]
        return [at for at in range(15) if np.abs(audio[at * 2560 + 600 : at * 2560 + 2000]).max() > 1e-3]

    clip_id = session.tracks[0].clips[0].id
    low = replace(part, keep=False)
    assert loud(session) == list(range(3, 15))
    assert loud(regions.add(session, clip_id, low)) == [3, 4, 5, 6, *range(9, 15)]
    assert loud(regions.add(session, 1, low)) == [3, *range(6, 15)]


def test_stems_with_inserts_add_up_and_a_morph_keeps_them() -> None:
    session = with_insert(session_of(MONO, STEREO, codec="mdct-1x"), operator())
    stems = [render_all(only_track(session, track.id), READER, "mdct-1x") for track in session.tracks]
    np.testing.assert_allclose(sum(stems), render_all(session, READER, "mdct-1x"), atol=2e-6)
    stored = snapshots.store(snapshots.store(session, "A"), "B")
    first, second = (one.id for one in stored.snapshots)
    morphed = snapshots.set_morph(stored, first, second)
    np.testing.assert_allclose(
        render_all(morphed, READER, "mdct-1x"), render_all(session, READER, "mdct-1x"), atol=2e-6
    )


def test_a_term_alone_has_its_insert_and_the_dry_mix_is_not_compared_with_it() -> None:
    session = with_insert(song(), operator())
    made = plan(session)
    renderer = new_renderer(READER)
    for chunk in made.audible:
        (rendered,) = renderer.render_many([chunk])
        (term,) = chunk.terms
        (alone,) = renderer.render_many([term_alone(term, chunk)])
        np.testing.assert_allclose(alone.audio, rendered.audio, atol=1e-6)
        assert residual_db(made, DryMix(session, READER), rendered, chunk.index) is None


def test_messages_carry_inserts() -> None:
    for chunk in plan(with_insert(song(), operator())).audible:
        sent = messages.Render((chunk, latents_only(chunk)))
        received = messages.decode_to_engine(messages.encode(sent))
        assert isinstance(received, messages.Render)
        assert received.chunks[0].contributions == chunk.contributions


def test_an_insert_maps_deviations_from_silence() -> None:
    """With a codec that puts silence elsewhere than at 0, silence stays silence."""
    codec = bent()
    insert = replace(operator(), space=codec.info.latent_space)
    silent = MemoryAudio({MONO.digest: np.zeros((1, 40_000), np.float32)})
    made = make_plan(with_insert(song(), insert), codec.info, Grid.of(codec.info, 32))
    renderer = new_renderer(silent, load=lambda *_: codec)
    for chunk in made.audible:
        (rendered,) = renderer.render_many([latents_only(chunk)])
        np.testing.assert_allclose(rendered.latents[0], codec.silence(32), atol=1e-6)


def test_an_envelope_is_applied_after_the_insert() -> None:
    """An envelope that opens late does not silence what an operator that looks ahead brings forward."""
    ahead = np.zeros((256, 1, 31), np.float32)
    ahead[:, 0, 0] = 1.0
    insert = replace(operator(reach=0, past=0, future=30), weights=ahead.tobytes())
    session = with_insert(song(start=0), insert)
    points = (Point(256 * 50, 1.0), Point(256 * 50 + 1, 0.0))
    heard = render_all(edits.set_gain_points(session, 1, points), READER, "mdct-1x")[0]
    source = READER.read(MONO.digest, 0, 0, 40_000)
    np.testing.assert_allclose(heard[256 * 10 : 256 * 40], source[256 * 40 : 256 * 70], atol=1e-5)
    assert np.abs(heard[256 * 55 :]).max() < 1e-5
