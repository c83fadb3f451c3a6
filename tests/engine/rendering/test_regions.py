"""Regions: their factors in the sum, keys that change only where they are, and figures that are not wrong for them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.mdct import load_mdct_1x
from lincae_studio.engine.analysis.residual import residual_db
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.masks import Mask, factors_of, masks_of
from lincae_studio.engine.planning.plan import Chunk, Plan, make_plan
from lincae_studio.engine.planning.probes import latents_only, silence_of
from lincae_studio.engine.process import messages
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.session import edits, groups, regions
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import MASTER, Region, Session
from tests.engine.analysis.test_linearity import bent, figures, mdct, song
from tests.helpers import MemoryAudio, made_up_media, new_renderer, render_all, session_of

CODEC = registry.info("mdct-1x")
GRID = Grid.of(CODEC, 32)
MONO, STEREO = made_up_media(1, 40_000), made_up_media(3, 40_000, 2)
READER = MemoryAudio.of(MONO, STEREO)

#: Of 30 frames, in the middle of the mix.
PART = Region(id=1, start=256 * 60, end=256 * 90, low=20, high=79, space=CODEC.latent_space)


def mix() -> Session:
    session = edits.set_track_pan(session_of(MONO, STEREO, codec="mdct-1x"), 1, 0.25)
    return edits.set_track_gain(session, 3, 0.7)


def plan(session: Session) -> Plan:
    return make_plan(session, CODEC, GRID)


def with_region(owner: int, region: Region = PART) -> Session:
    return regions.add(mix(), owner, region)


def test_without_regions_the_keys_are_those_of_versions_that_had_none() -> None:
    off = regions.add(with_region(MASTER, replace(PART, gain=1.0)), 1, replace(PART, on=False))
    foreign = regions.add(off, 2, replace(PART, space="another"))
    for session in (mix(), foreign):
        keys = "".join(chunk.key for chunk in plan(session).audible)
        assert hashlib.sha256(keys.encode()).hexdigest()[:16] == "dc1274df62449809"
        assert not any(chunk.edited for chunk in plan(session).audible)


@pytest.mark.parametrize("owner", [MASTER, 1, 2])
@pytest.mark.parametrize(
    "fields", [{}, {"gain": 0.5}, {"keep": True}, {"fade": 700}, {"fade_channels": 3}, {"low": 21}, {"end": 256 * 80}]
)
def test_every_field_changes_the_keys_where_the_region_is_heard(owner: int, fields: dict[str, float]) -> None:
    plain, first = plan(mix()), plan(with_region(owner))
    other = plan(with_region(owner, replace(PART, **fields)))
    shift = 0 if owner != 2 else mix().clip(2).start
    for before, muted, after in zip(plain.audible, first.audible, other.audible, strict=True):
        centres = GRID.frame_centres(before.index) - shift
        touched = bool(((centres >= PART.start) & (centres < PART.end)).any())
        assert (before.key != muted.key) == touched == muted.edited
        if fields and touched and "end" not in fields:
            assert muted.key != after.key


def test_a_muted_region_equals_mdct_coefficients_set_to_zero() -> None:
    """The whole mix is transformed, its coefficients are set to 0, and it is transformed back."""
    codec = load_mdct_1x()
    plain = render_all(mix(), READER, "mdct-1x", GRID)
    frames = plain.shape[1] // 256 + 4
    padded = np.zeros((2, (frames + 1) * 256), np.float32)
    padded[:, 256 : 256 + plain.shape[1]] = plain  # frame f is centred on sample f * 256
    coefficients = codec.encode(padded)
    coefficients[:, 20:80, 60:90] = 0.0
    expected = codec.decode(coefficients)[:, 256 : 256 + plain.shape[1]]
    heard = render_all(with_region(MASTER), READER, "mdct-1x", GRID)
    assert np.abs(heard - plain).max() > 0.05
    assert np.abs(heard - expected).max() < 1e-5
    on_tracks = regions.add(with_region(1), 3, PART)
    on_clips = regions.add(with_region(2), 4, PART)
    for session in (on_tracks, on_clips):
        assert np.abs(render_all(session, READER, "mdct-1x", GRID) - expected).max() < 1e-5


def test_keeping_a_region_and_muting_it_add_up_to_the_mix() -> None:
    plain = render_all(mix(), READER, "mdct-1x", GRID)
    fades = replace(PART, fade=2000, fade_channels=5)
    muted, kept = (render_all(with_region(1, replace(fades, keep=keep)), READER, "mdct-1x", GRID) for keep in (0, 1))
    inside = slice(256 * 63 + 2000, 256 * 87 - 2000)
    silent = edits.set_track_mute(mix(), 1, True)
    others = render_all(silent, READER, "mdct-1x", GRID)
    np.testing.assert_allclose((muted + kept - others)[:, inside], plain[:, inside], atol=1e-5)
    np.testing.assert_allclose(muted[:, : 256 * 59], plain[:, : 256 * 59], atol=1e-5)


def test_factors_have_fades_over_frames_and_channels() -> None:
    centres = np.arange(0.0, 1000.0, 100.0, dtype=np.float64)
    (mask,) = masks_of([replace(PART, start=100, end=701, low=2, high=8, gain=0.5, fade=200, fade_channels=1)], centres)
    factors = factors_of([mask], 12)
    np.testing.assert_allclose(1 - factors[5], 0.5 * np.array([0, 0, 0.5, 1, 1, 1, 0.505, 0.005, 0, 0]), atol=1e-6)
    np.testing.assert_allclose(1 - factors[:, 4], 0.5 * np.array([0, 0, 0.5, 1, 1, 1, 1, 1, 0.5, 0, 0, 0]), atol=1e-6)
    (whole,) = masks_of([replace(PART, start=0, end=901, low=2, high=8, gain=0.5, fade_channels=1)], centres)
    assert whole.amounts == -0.5
    np.testing.assert_allclose(factors_of([whole], 12), factors[:, 4:5], atol=1e-6)
    np.testing.assert_allclose(factors_of([whole, mask], 12), factors[:, 4:5] * factors, atol=1e-6)
    for edge in ({"start": 1}, {"end": 900}, {"start": 0, "fade": 1}, {"start": -1, "end": 901, "fade": 2}):
        (part,) = masks_of([replace(PART, **({"start": 0, "end": 901} | edge))], centres)
        assert isinstance(part.amounts, tuple), edge
    both = factors_of([mask, mask], 12)
    np.testing.assert_allclose(both, factors**2, atol=1e-6)


def test_a_mask_is_one_number_where_it_does_not_change_within_a_chunk() -> None:
    """Plans of long regions stay small, and moving an edge changes only the keys of the chunks around it."""
    long = replace(PART, start=256 * 40, end=256 * 130, fade=256 * 6)
    for owner in (MASTER, 1, 2):
        before, after = (plan(with_region(owner, part)).audible for part in (long, replace(long, end=256 * 140)))
        kinds = []
        for chunk, other in zip(before, after, strict=True):
            masks = [*chunk.masks, *(mask for term in chunk.terms for mask in term.masks)]
            kinds += [type(mask.amounts) for mask in masks]
            if masks and all(isinstance(mask.amounts, float) for mask in masks):
                assert chunk == other
        assert kinds.count(float) >= 1
        assert kinds.count(tuple) >= 2


def test_changing_a_region_encodes_nothing_again_and_keeps_partial_sums_of_the_mix() -> None:
    renderer = new_renderer(READER)
    renderer.render_many(plan(mix()).audible)
    encodes = renderer.counters.encodes
    for owner in (1, 2, MASTER):
        renderer.render_many(plan(with_region(owner)).audible)
    assert renderer.counters.encodes == encodes


def test_a_region_scales_latents_about_those_of_silence() -> None:
    """With a codec that puts silence elsewhere than at 0."""
    codec = bent()
    renderer = Renderer(lambda *_: codec, READER, LatentCache())
    part = replace(PART, space=codec.info.latent_space, low=3, high=9, gain=2.0)
    grid = Grid.of(codec.info, 32)
    plain_plan = make_plan(mix(), codec.info, grid)
    for after in make_plan(with_region(MASTER, part), codec.info, grid).audible:
        before = plain_plan.chunks[after.index]
        assert before is not None
        origin = renderer.render(silence_of(before)).latents
        plain, scaled = (renderer.render(latents_only(chunk)).latents for chunk in (before, after))
        factors = factors_of(after.masks, len(origin[0])) if after.masks else 1.0
        np.testing.assert_allclose(scaled - origin, factors * (plain - origin), atol=1e-5)


def test_stems_add_up_to_the_mix() -> None:
    session = regions.add(regions.add(with_region(MASTER, replace(PART, gain=2.0, fade=900)), 1, PART), 4, PART)
    stems = [render_all(only_track(session, track.id), READER, "mdct-1x", GRID) for track in session.tracks]
    np.testing.assert_allclose(sum(stems), render_all(session, READER, "mdct-1x", GRID), atol=1e-5)


def test_chunks_with_regions_are_not_compared_with_the_dry_mix() -> None:
    session = with_region(MASTER)
    found, renderer = plan(session), new_renderer(READER)
    dry = DryMix(session, READER)
    for chunk in found.audible:
        assert (residual_db(found, dry, renderer.render(chunk), chunk.index) is None) == chunk.edited
    assert any(chunk.edited for chunk in found.audible)
    assert not all(chunk.edited for chunk in found.audible)


def test_linearity_is_measured_with_regions() -> None:
    """An exactly linear codec stays linear, and the shares of all tracks add up to 1."""
    codec = mdct()
    session = edits.clear_envelopes(song(), song().tracks[1].id)
    part = replace(PART, space=codec.info.latent_space, start=0, end=50_000, gain=0.3)
    for owner in (MASTER, session.tracks[0].id, session.tracks[1].clips[0].id):
        session = regions.add(session, owner, part)
    for found in figures(session, codec)[1]:
        assert found.sum_db is not None
        assert found.sum_db < -100
        assert found.residual_db is None
        shares = [track.share for track in found.tracks.values() if track.share is not None]
        assert abs(sum(shares) - 1.0) < 1e-6


def test_the_order_of_regions_and_of_equal_sources_changes_neither_keys_nor_bits() -> None:
    """Of regions of one owner, of a track and its clip, and of two tracks with one clip's audio but other regions."""
    first, second, third = PART, replace(PART, low=60, high=120, gain=0.3), replace(PART, low=70, keep=True, gain=0.7)
    for owner in (MASTER, 1, 2):
        one = regions.add(regions.add(regions.add(mix(), owner, first), owner, second), owner, third)
        other = regions.add(regions.add(regions.add(mix(), owner, third), owner, second), owner, first)
        assert plan(one) == plan(other)
    assert plan(regions.add(with_region(1, second), 2, first)) == plan(regions.add(with_region(1, first), 2, second))
    doubled = groups.duplicate_tracks(mix(), [1])
    twin = next(track.id for track in doubled.tracks if track.name.endswith("copy"))
    one, other = (
        regions.add(regions.add(doubled, owners[0], second), owners[1], third) for owners in ((1, twin), (twin, 1))
    )
    assert plan(one) == plan(other)
    for before, after in zip(plan(one).audible, plan(other).audible, strict=True):
        assert before.terms == after.terms


def test_masks_reach_the_engine_process() -> None:
    chunks = tuple(plan(regions.add(with_region(MASTER), 1, PART)).audible)
    found = messages.decode_to_engine(messages.encode(messages.Render(chunks)))
    assert isinstance(found, messages.Render)
    for before, after in zip(chunks, found.chunks, strict=True):
        assert isinstance(after, Chunk)
        assert after.masks == before.masks
        assert after.terms == before.terms
    assert any(isinstance(mask, Mask) for chunk in found.chunks for term in chunk.terms for mask in term.masks)
