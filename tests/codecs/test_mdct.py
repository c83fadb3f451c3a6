"""The built-in codecs: exactly linear, time-invariant by hops, and lossless at 1x."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lincae_studio.codecs import mdct, registry
from lincae_studio.codecs.base import Array, Codec
from tests.codecs.reference import EDGES_4X, HOP, VARIANTS, ReferenceMdct, band_gain, mel_edges
from tests.helpers import noise

IDS = list(VARIANTS)


def window(seed: int, frames: int = 20, batch: int = 1) -> Array:
    return np.stack([noise(seed + item, frames * HOP + HOP)[:, 0] for item in range(batch)])


@pytest.fixture(params=IDS)
def codec(request: pytest.FixtureRequest) -> Codec:
    return registry.load(request.param)


@pytest.mark.parametrize("frames", [351, 352, 353, 1500])
def test_windows_that_are_computed_in_parts_have_no_seams(frames: int) -> None:
    codec = registry.load("mdct-1x")
    audio = window(1, frames)
    decoded = codec.decode(codec.encode(audio), first_frames=[0], seed=0)
    assert np.abs(decoded - audio)[:, HOP:-HOP].max() < 1e-5


def test_1x_reconstructs_all_but_the_outer_hops() -> None:
    codec = registry.load("mdct-1x")
    audio = window(1, 50)
    decoded = codec.decode(codec.encode(audio), first_frames=[0], seed=0)
    error = np.abs(decoded - audio)
    assert error[:, HOP:-HOP].max() < 1e-5
    assert error[:, :HOP].max() > 0.01  # the edge that window_extra announces is real
    assert error[:, -HOP:].max() > 0.01


def test_encoder_and_decoder_equal_the_reference(codec: Codec) -> None:
    reference = ReferenceMdct(codec.info.id)
    audio = window(2)
    latents = codec.encode(audio)
    assert np.abs(latents[0] - reference.encode(audio[0].astype(np.float64))).max() < 1e-5
    decoded = codec.decode(latents, first_frames=[0], seed=0)
    assert np.abs(decoded[0] - reference.decode(latents[0].astype(np.float64))).max() < 1e-5


def test_the_encoder_is_additive_and_homogeneous(codec: Codec) -> None:
    one, other = window(3), window(4)
    assert np.abs(codec.encode(one + other) - codec.encode(one) - codec.encode(other)).max() < 1e-5
    assert np.abs(codec.encode(np.float32(-0.3) * one) + np.float32(0.3) * codec.encode(one)).max() < 1e-5


def test_the_decoder_is_additive_and_homogeneous(codec: Codec) -> None:
    def decode(latents: Array) -> Array:
        return codec.decode(latents, first_frames=[0], seed=0)

    one, other = codec.encode(window(5)), codec.encode(window(6))
    assert np.abs(decode(one + other) - decode(one) - decode(other)).max() < 1e-5
    assert np.abs(decode(np.float32(-0.3) * one) + np.float32(0.3) * decode(one)).max() < 1e-5


def test_silence_is_the_origin(codec: Codec) -> None:
    zeros = np.zeros((1, 11 * HOP), np.float32)
    silence = codec.silence(10)
    assert silence.shape == (codec.info.dim, 10)
    assert np.array_equal(codec.encode(zeros)[0], silence)
    assert not codec.decode(silence[None], first_frames=[0], seed=0).any()


def test_moving_the_audio_by_hops_moves_the_latents(codec: Codec) -> None:
    audio = window(7, 40)
    moved = np.roll(audio, 5 * HOP, axis=1)
    assert np.abs(codec.encode(moved)[:, :, 5:] - codec.encode(audio)[:, :, :-5]).max() < 1e-6


def test_items_of_a_batch_do_not_depend_on_each_other(codec: Codec) -> None:
    batch = window(8, batch=4)
    latents = codec.encode(batch)
    decoded = codec.decode(latents, first_frames=[0, 9, 9, 4], seed=3)
    for item in range(4):
        alone = codec.encode(batch[item : item + 1])
        assert np.abs(alone[0] - latents[item]).max() < 1e-6
        assert np.abs(codec.decode(alone, first_frames=[7], seed=1)[0] - decoded[item]).max() < 1e-6


def test_arguments_are_never_changed(codec: Codec) -> None:
    audio = window(9)
    before = audio.copy()
    latents = codec.encode(audio)
    assert np.array_equal(audio, before)
    before = latents.copy()
    codec.decode(latents, first_frames=[0], seed=0)
    assert np.array_equal(latents, before)
    audio.setflags(write=False)
    latents.setflags(write=False)
    codec.decode(codec.encode(audio), first_frames=[0], seed=0)
    codec.decode(latents, first_frames=[0], seed=0)


def test_equal_arguments_give_equal_bits(codec: Codec) -> None:
    audio = window(10, batch=2)
    first, second = (codec.decode(codec.encode(audio), first_frames=[0, 0], seed=0) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("frames", [1, 2, 17])
@pytest.mark.parametrize("batch", [1, 3])
def test_shapes_and_types(codec: Codec, frames: int, batch: int) -> None:
    audio = window(11, frames, batch)
    latents = codec.encode(audio)
    assert latents.shape == (batch, codec.info.dim, frames)
    assert latents.dtype == np.float32
    decoded = codec.decode(latents, first_frames=[0] * batch, seed=0)
    assert decoded.shape == audio.shape
    assert decoded.dtype == np.float32


@pytest.mark.parametrize("samples", [0, 1, 255, 256, 513, 767])
def test_windows_of_no_whole_number_of_hops_are_refused(codec: Codec, samples: int) -> None:
    with pytest.raises(ValueError, match=f"whole number of hops of 256.* not {samples} samples"):
        codec.encode(np.zeros((1, samples), np.float32))


def test_the_band_edges_are_part_of_the_format() -> None:
    assert mdct.band_edges(52, 12) == EDGES_4X
    for exact, values, _ in VARIANTS.values():
        if values > exact:
            edges = mdct.band_edges(exact, values - exact)
            assert edges == mel_edges(exact, values - exact)
            assert all(first < last for first, last in itertools.pairwise(edges))
            assert (edges[0], edges[-1]) == (exact, 256)


@pytest.mark.parametrize("codec_id", ["mdct-2x", "mdct-4x"])
def test_sketched_bands_come_back_with_the_gain_of_the_formula(codec_id: str) -> None:
    """A unit in one latent of one frame is decoded to a signal of energy gain**2: the basis is orthonormal."""
    exact, values, g0 = VARIANTS[codec_id]
    codec = registry.load(codec_id)
    edges = mdct.band_edges(exact, values - exact)
    gains = []
    for band, (first, last) in enumerate(itertools.pairwise(edges)):
        latents = np.zeros((1, values, 3), np.float32)
        latents[0, exact + band, 1] = 1.0
        decoded = codec.decode(latents, first_frames=[0], seed=0)
        gain = float(np.sqrt(np.sum(decoded.astype(np.float64) ** 2)))
        assert gain == pytest.approx(band_gain(first, last, exact, g0), rel=1e-5)
        gains.append(gain / np.sqrt(last - first))
    assert all(
        gain >= 1.0 / np.sqrt(last - first) - 1e-6
        for gain, (first, last) in zip(gains, itertools.pairwise(edges), strict=True)
    )
    assert 0.9 < gains[-1] < 1.0  # nearly true to the band's energy on top


@pytest.mark.parametrize(("codec_id", "kept_hz"), [("mdct-1x", 21_900.0), ("mdct-2x", 9_000.0), ("mdct-4x", 4_000.0)])
def test_tones_below_the_sketched_bands_are_exact(codec_id: str, kept_hz: float) -> None:
    codec = registry.load(codec_id)
    samples = 101 * HOP
    audio = np.sin(2 * np.pi * kept_hz * np.arange(samples) / 44_100).astype(np.float32)[None]
    decoded = codec.decode(codec.encode(audio), first_frames=[0], seed=0)
    assert np.abs(decoded - audio)[:, HOP:-HOP].max() < 0.03
