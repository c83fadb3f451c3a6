"""The algebra of latents about an origin, with a codec whose silence is not zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.rendering.algebra import combine
from lincae_studio.session import edits
from tests.engine.reference import waveform_mix
from tests.helpers import MemoryAudio, made_up_media, new_renderer, noise, render_plan, session_of

DIM, FRAMES = 4, 6


class AffineCodec:
    """The lossless codec with a constant added to its latents: encoder and decoder are affine, not linear."""

    batch = 1

    def __init__(self) -> None:
        self._inner = registry.load("mdct-1x")
        self._info = replace(self._inner.info, id="affine", identity="affine/1", linearity="trained")
        self._origin = noise(77, self._info.dim, level=0.3)

    @property
    def info(self) -> CodecInfo:
        return self._info

    def encode(self, audio: Array) -> Array:
        return self._inner.encode(audio) + self._origin

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        return self._inner.decode(latents - self._origin, first_frames=first_frames, seed=seed)

    def silence(self, frames: int) -> Array:
        return np.repeat(self._origin, frames, axis=1)


def latents(seed: int) -> Array:
    return noise(seed, DIM, FRAMES)


ZERO = np.zeros((DIM, FRAMES), np.float32)


def test_with_a_zero_origin_it_is_the_weighted_sum() -> None:
    one, other = latents(1), latents(2)
    sums = combine([one, other], [(1.0, 0.5), (0.25, -2.0)], ZERO)
    assert np.allclose(sums[0], one + 0.25 * other, atol=1e-6)
    assert np.allclose(sums[1], 0.5 * one - 2.0 * other, atol=1e-6)


def test_an_empty_sum_is_silence() -> None:
    origin = latents(9)
    assert np.array_equal(combine([], [], origin), origin[None])
    assert np.array_equal(combine([latents(1)], [(0.0,)], origin), origin[None])


def test_a_single_term_at_gain_1_is_itself_whatever_the_origin() -> None:
    one = latents(1)
    assert np.allclose(combine([one], [(1.0,)], latents(9))[0], one, atol=1e-6)


def test_a_term_minus_itself_is_silence_whatever_the_origin() -> None:
    origin = latents(9)
    assert np.allclose(combine([latents(1), latents(1)], [(1.0,), (-1.0,)], origin)[0], origin, atol=1e-6)


def test_the_formula_about_an_origin() -> None:
    one, other, origin = latents(1), latents(2), latents(9)
    expected = origin + 0.3 * (one - origin) - 1.7 * (other - origin)
    assert np.allclose(combine([one, other], [(0.3,), (-1.7,)], origin)[0], expected, atol=1e-6)


def test_arguments_are_not_modified() -> None:
    one, origin = latents(1), latents(9)
    before = one.copy(), origin.copy()
    one.setflags(write=False)
    origin.setflags(write=False)
    result = combine([one], [(2.0,)], origin)
    result[:] = 0.0
    assert np.array_equal(one, before[0])
    assert np.array_equal(origin, before[1])


def test_every_term_needs_its_coefficients() -> None:
    with pytest.raises(ValueError, match="zip"):
        combine([latents(1), latents(2)], [(1.0,)], ZERO)


def test_an_affine_codec_mixes_as_well_as_a_linear_one() -> None:
    """Without the origin, three terms would add the constant three times."""
    media = [made_up_media(number, 6000) for number in range(3)]
    reader = MemoryAudio.of(*media)
    session = edits.set_track_gain(session_of(*media), 1, 0.3)
    session = edits.move_clips(session, {4}, 3000)
    codec = AffineCodec()
    grid = Grid.of(codec.info, 8, 2)
    mix = render_plan(make_plan(session, codec.info, grid), new_renderer(reader, load=lambda *_: codec))
    assert np.abs(mix - waveform_mix(session, reader.audio)).max() < 1e-4
