"""Figures of linearity, against computations of their own: with an exactly linear codec, and with ones that are not."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.codecs.mdct import MdctCodec
from lincae_studio.engine.analysis.linearity import ChunkFigures, measure, median_db, needed, solo_mixes
from lincae_studio.engine.analysis.residual import LEAST_DB, own_samples
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Plan, make_plan
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.session import edits
from lincae_studio.session.model import Point, Session
from tests.helpers import MemoryAudio, made_up_media, render_all, session_of

GRID = Grid(256, 256, 64, 2)


class BentCodec(MdctCodec):
    """Latents with an offset, a decoder that bends: affine on the way in, not linear on the way out, and noisy."""

    noise = 0.0
    bend = 0.3

    @property
    def info(self) -> CodecInfo:
        return msgspec.structs.replace(super().info, id="bent", identity="bent/1", stochastic=True)

    def encode(self, audio: Array) -> Array:
        return super().encode(audio) + np.float32(0.25)

    def decode(self, latents: Array, *, first_frames: Sequence[int] = (), seed: int = 0) -> Array:
        audio = super().decode(latents - np.float32(0.25), first_frames=first_frames, seed=seed)
        noise = np.random.default_rng(seed).standard_normal(audio.shape[1:]).astype(np.float32)
        return audio - self.bend * audio**3 + self.noise * noise

    def silence(self, frames: int) -> Array:
        return np.full((self.info.dim, frames), 0.25, np.float32)


def song() -> Session:
    session = session_of(made_up_media(1, 40_000), made_up_media(2, 30_000, channels=2), made_up_media(3, 20_000))
    session = edits.set_track_gain(session, session.tracks[0].id, 0.4)
    session = edits.set_track_pan(session, session.tracks[2].id, 0.5)
    points = (Point(5000, 0.2), Point(35_000, 1.5))
    return edits.set_gain_points(session, session.tracks[1].id, points)


def figures(session: Session, codec: Codec) -> tuple[Plan, list[ChunkFigures], Renderer]:
    reader = MemoryAudio.of(*session.media)
    plan = make_plan(session, codec.info, GRID)
    renderer = Renderer(lambda *_: codec, reader, LatentCache())
    dry, parts = DryMix(session, reader), solo_mixes(session, plan, reader)
    found = []
    for chunk in plan.audible:
        renders = {wanted.key: renderer.render(wanted) for wanted in needed(plan, chunk)}
        found.append(measure(plan, dry, parts, chunk, renders))
    return plan, found, renderer


def mdct() -> MdctCodec:
    codec = registry.load("mdct-4x")
    assert isinstance(codec, MdctCodec)
    return codec


def bent(noise: float = 0.0, bend: float = 0.3) -> BentCodec:
    inner = mdct()
    codec = BentCodec.__new__(BentCodec)
    codec.__dict__.update(inner.__dict__)
    codec.noise, codec.bend = noise, bend
    return codec


def test_a_linear_codec_decodes_the_sum_as_the_sum_of_decodes() -> None:
    session = edits.clear_envelopes(song(), song().tracks[1].id)
    _, found, _ = figures(session, mdct())
    assert max(one.sum_db for one in found if one.sum_db is not None) < -110.0
    assert {one.floor_db for one in found} == {None}, "it does not start from noise"


def test_an_envelope_adds_only_the_interpolation_error() -> None:
    _, found, _ = figures(song(), mdct())
    worst = max(one.sum_db for one in found if one.sum_db is not None)
    assert -110.0 < worst < -40.0


def test_shares_add_up_to_one_and_levels_are_those_of_the_latents() -> None:
    session = song()
    plan, found, renderer = figures(session, mdct())
    for chunk, one in zip(plan.audible, found, strict=True):
        assert sum(track.share or 0.0 for track in one.tracks.values()) == pytest.approx(1.0)
        whole = renderer.render(chunk).latents
        frames = slice(GRID.lead_frames, GRID.lead_frames + GRID.step)
        for track in session.tracks:
            others = [other.id for other in session.tracks if other.id != track.id]
            alone = session
            for other in others:
                alone = edits.set_track_mute(alone, other, True)
            part = make_plan(alone, plan.codec, GRID).chunks[chunk.index]
            if part is None:
                assert track.id not in one.tracks
                continue
            latents = np.broadcast_to(renderer.render(part).latents, (2, *whole.shape[1:]))
            ratio = np.linalg.norm(latents[:, :, frames]) / np.linalg.norm(
                np.broadcast_to(whole, latents.shape)[:, :, frames]
            )
            assert one.tracks[track.id].level_db == pytest.approx(20 * np.log10(ratio), abs=1e-3)


def test_an_offset_of_all_latents_changes_no_figure_of_a_track() -> None:
    """What a codec says of silence is no part of a track."""
    session = song()
    _, plain, _ = figures(session, mdct())
    _, shifted, _ = figures(session, bent(bend=0.0))
    for one, other in zip(plain, shifted, strict=True):
        for track, told in one.tracks.items():
            assert other.tracks[track].level_db == pytest.approx(told.level_db, abs=1e-3)
            assert other.tracks[track].share == pytest.approx(told.share, abs=1e-4)


def test_a_tracks_loss_is_that_of_the_track_alone() -> None:
    session = song()
    plan, found, _ = figures(session, mdct())
    first = session.tracks[0]
    alone = session
    for other in session.tracks[1:]:
        alone = edits.set_track_mute(alone, other.id, True)
    reader = MemoryAudio.of(*session.media)
    mix, dry = render_all(alone, reader, "mdct-4x", GRID), DryMix(alone, reader).read(0, session.length)
    for chunk, one in zip(plan.audible, found, strict=True):
        part = slice(chunk.index * GRID.step_samples, min((chunk.index + 1) * GRID.step_samples, plan.length))
        reference = np.linalg.norm(dry[:, part])
        if not reference:
            continue
        expected = 20 * np.log10(np.linalg.norm(mix[:, part] - dry[:, part]) / reference)
        assert one.tracks[first.id].loss_db == pytest.approx(expected, abs=0.3), "overlaps are crossfaded in a mix"


def test_a_nonlinear_decoder_is_detected() -> None:
    """Against the definition, written out for one chunk: terms decoded by hand."""
    session = edits.clear_envelopes(song(), song().tracks[1].id)
    codec = bent()
    plan, found, renderer = figures(session, codec)
    chunk = plan.audible[1]
    total = np.zeros((2, GRID.window_samples))
    for term in chunk.terms:
        [latents] = renderer.latents([term], chunk)
        decoded = codec.decode(latents[None], first_frames=[chunk.first_frame], seed=0)[0].astype(np.float64)
        total += np.array(term.coefficients)[:, None] * decoded
    begin = GRID.step_samples - GRID.window_start(1)
    own = slice(begin, begin + GRID.step_samples)
    rendered = renderer.render(chunk).audio.astype(np.float64)
    expected = np.linalg.norm(rendered[:, own] - total[:, own]) / np.linalg.norm(total[:, own])
    assert found[1].sum_db == pytest.approx(20 * np.log10(expected), abs=0.01)
    assert found[1].sum_db is not None
    assert -60.0 < found[1].sum_db < -5.0
    assert sum(track.share or 0.0 for track in found[1].tracks.values()) == pytest.approx(1.0)


def test_the_floor_is_what_two_seeds_differ_by() -> None:
    session = song()
    for noise in (0.001, 0.01):
        _, found, _ = figures(session, bent(noise, bend=0.0))
        plan, _, renderer = figures(session, bent(noise, bend=0.0))
        for chunk, one in zip(plan.audible[:3], found[:3], strict=True):
            rendered = renderer.render(chunk).audio
            begin = chunk.index * GRID.step_samples - GRID.window_start(chunk.index)
            own = rendered[:, begin : begin + min(GRID.step_samples, plan.length - chunk.index * GRID.step_samples)]
            level = float(np.sqrt(np.mean(own.astype(np.float64) ** 2)))
            expected = 20 * np.log10(noise * np.sqrt(2.0) / level)  # two independent noises
            assert one.floor_db == pytest.approx(expected, abs=0.2)
    _, quiet, _ = figures(session, bent(0.0, bend=0.0))
    assert {one.floor_db for one in quiet} == {LEAST_DB}


def test_a_faders_move_decodes_no_term_again() -> None:
    session = song()
    codec = mdct()
    plans = [
        make_plan(one, codec.info, GRID) for one in (session, edits.set_track_gain(session, session.tracks[0].id, 0.9))
    ]
    before, after = ({wanted.key for wanted in needed(plan, plan.audible[0])} for plan in plans)
    assert len(after - before) == 1, "the mix itself"


def test_a_chunk_behind_the_end_owns_nothing() -> None:
    """The lead-in of a window with a wide edge: the mix ends in it."""
    grid = Grid(4096, 1536, 24, 2)
    length = 5 * grid.step_samples + 1000 - 2560
    plan = msgspec.structs.replace(make_plan(song(), mdct().info, GRID), grid=grid, length=length)
    for index in range(grid.count(length)):
        start, end = own_samples(plan, index)
        assert start <= end <= max(start, length)
    assert own_samples(plan, 5) == (5 * grid.step_samples, 5 * grid.step_samples)


def test_medians_ignore_missing_values() -> None:
    assert median_db([None, -10.0, -30.0, -20.0]) == -20.0
    assert median_db([None]) is None
