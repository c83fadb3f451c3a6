"""The mean of several decodes, for codecs that decode from noise: what it is, what it costs, what it gains."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.engine.export.items import items_of
from lincae_studio.engine.export.writer import export
from lincae_studio.engine.planning.plan import Plan, make_plan
from lincae_studio.engine.rendering.averaging import Averaged, other_seeds
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.engine.rendering.streams import dry, mix_blocks
from lincae_studio.export_settings import ExportSettings
from lincae_studio.session import regions
from lincae_studio.session.model import MASTER, Region, Session
from tests.engine.analysis.test_linearity import GRID, BentCodec, mdct, song
from tests.helpers import MemoryAudio, new_renderer, read_audio, render_plan

NOISE = 0.02


def noisy(noise: float, bend: float) -> BentCodec:
    """A codec that loses nothing but by its noise, and by bending."""
    codec = BentCodec.__new__(BentCodec)
    codec.__dict__.update(registry.load("mdct-1x").__dict__)
    codec.noise, codec.bend = noise, bend
    return codec


def setting(noise: float = NOISE, bend: float = 0.0) -> tuple[Session, Plan, Renderer, MemoryAudio]:
    codec, session = noisy(noise, bend), song()
    reader = MemoryAudio.of(*session.media)
    renderer = Renderer(lambda *_: codec, reader, LatentCache())
    return session, make_plan(session, codec.info, GRID), renderer, reader


def averaged(renderer: Renderer, decodes: int) -> Averaged:
    return Averaged(decodes, lambda chunks: [renderer.render(chunk) for chunk in chunks])


def test_the_mean_is_that_of_renders_with_the_seeds_from_the_sessions_own_on() -> None:
    _, plan, renderer, _ = setting(bend=0.3)
    provide = averaged(renderer, 3).provider(plan, renderer.render)
    for chunk in plan.audible[:3]:
        found = provide(chunk)
        decodes = [renderer.render(one).audio for one in (chunk, *other_seeds(chunk, 3))]
        np.testing.assert_allclose(found.audio, np.mean(decodes, axis=0), atol=1e-6)
        np.testing.assert_array_equal(found.latents, renderer.render(chunk).latents)
        assert found.key == chunk.key
        assert not np.array_equal(decodes[0], decodes[1])
        assert [one.seed - chunk.seed for one in other_seeds(chunk, 3)] == [1, 2]


def test_chunks_of_several_seeds_can_be_rendered_together() -> None:
    """Each is decoded from the noise of its own seed, in whichever order they come."""
    _, plan, renderer, _ = setting()
    chunks = [*plan.audible[:2], *other_seeds(plan.audible[0], 3), plan.audible[2]]
    together = renderer.render_many(chunks)
    assert [rendered.key for rendered in together] == [chunk.key for chunk in chunks]
    for rendered, chunk in zip(together, chunks, strict=True):
        np.testing.assert_array_equal(rendered.audio, renderer.render(chunk).audio)


def test_it_costs_as_many_decodes_as_were_asked_for_and_no_encode() -> None:
    _, plan, renderer, _ = setting()
    renderer.render_many(plan.audible)
    encodes, decodes = renderer.counters.encodes, renderer.counters.decodes
    provide = averaged(renderer, 4).provider(plan, renderer.render)
    for chunk in plan.audible:
        provide(chunk)
    assert renderer.counters.encodes == encodes
    assert renderer.counters.decodes == 5 * decodes


def test_the_gain_is_what_averaging_independent_noise_gains() -> None:
    """The noise is the same in all chunks and on both buses: its energy is measured, not assumed."""
    session, plan, renderer, reader = setting()
    for decodes in (2, 8):
        averaging = averaged(renderer, decodes)
        mix = DryMix(session, reader)
        provide = averaging.provider(plan, renderer.render, mix)
        mean = np.concatenate([block for _, block in mix_blocks(plan, provide)], axis=1)
        gain = averaging.gain
        assert gain is not None
        reference = mix.read(0, plan.length).astype(np.float64)
        assert gain.mean_db == pytest.approx(level(mean - reference, reference), abs=0.1)
        assert gain.gain_db == pytest.approx(10.0 * math.log10(decodes), abs=2.0 if decodes == 8 else 0.7)
        assert gain.spread_db == pytest.approx(20 * math.log10(NOISE) - level_of(reference), abs=0.7)
        assert f"mean of {decodes} decodes: {gain.gain_db:.1f} dB nearer to the dry mix" in gain.text


def level_of(signal: np.ndarray) -> float:
    return float(10.0 * np.log10(np.mean(np.square(signal))))


def level(signal: np.ndarray, reference: np.ndarray) -> float:
    return level_of(signal) - level_of(reference)


def test_what_does_not_come_from_noise_is_not_gained() -> None:
    """A decoder that bends: the mean bends as much as each decode."""
    session, plan, renderer, reader = setting(noise=0.0)
    averaging = averaged(renderer, 4)
    for chunk in plan.audible:
        averaging.provider(plan, renderer.render, DryMix(session, reader))(chunk)
    assert averaging.gain is not None
    assert averaging.gain.gain_db == pytest.approx(0.0, abs=1e-3)
    assert averaging.gain.spread_db < -120.0


def test_chunks_with_regions_are_averaged_but_not_compared_with_the_dry_mix() -> None:
    session, plan, renderer, reader = setting()
    part = Region(id=1, start=0, end=plan.length, low=0, high=99, space=plan.codec.latent_space)
    edited = make_plan(regions.add(session, MASTER, part), plan.codec, GRID)
    averaging = averaged(renderer, 2)
    provide = averaging.provider(edited, renderer.render, DryMix(session, reader))
    for chunk in edited.audible:
        decodes = [renderer.render(one).audio for one in (chunk, *other_seeds(chunk, 2))]
        np.testing.assert_allclose(provide(chunk).audio, np.mean(decodes, axis=0), atol=1e-6)
        assert chunk.edited
    assert averaging.gain is None, "the dry mix has no regions"


def test_a_codec_without_noise_is_decoded_once() -> None:
    session = song()
    reader = MemoryAudio.of(*session.media)
    renderer = new_renderer(reader)
    plan = make_plan(session, mdct().info, GRID)
    averaging = averaged(renderer, 8)
    provide = averaging.provider(plan, renderer.render, DryMix(session, reader))
    chunk = plan.audible[0]
    provide(chunk)
    assert renderer.counters.decodes == chunk.buses
    assert averaging.gain is None


def test_an_export_writes_the_mean_says_so_and_measures_the_mix(tmp_path: Path) -> None:
    session, plan, renderer, reader = setting()
    settings = ExportSettings(contents=("mix", "difference", "tracks"), decodes=4)
    averaging = averaged(renderer, settings.decodes)
    items = items_of(session, plan, settings, tmp_path / "song.wav", "", lambda _: renderer.render, reader, averaging)
    export(items, 0, plan.length, settings.format, settings.level)
    assert ["mean of 4 decodes" in item.tags.comment for item in items] == [True] * len(items)
    one = render_plan(plan, renderer)
    mean, difference = (read_audio(tmp_path / f"song{name}.wav") for name in ("", " (difference)"))
    reference = np.concatenate(list(dry(DryMix(session, reader)).blocks(0, plan.length)), axis=1)
    np.testing.assert_allclose(mean - reference, difference, atol=1e-6)
    assert averaging.gain is not None
    nearer = level(one - reference, reference) - level(mean - reference, reference)
    assert averaging.gain.gain_db == pytest.approx(nearer, abs=1.0)
