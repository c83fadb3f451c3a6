"""What linear codecs promise by construction: latents of sums, scaled decodes, windows that agree."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.linear.codec import LinearCodec
from lincae_studio.codecs.linear.config import LinearConfig
from tests.codecs.linear.models import SMALL, small_codec


@pytest.fixture
def codec(tmp_path: Path) -> LinearCodec:
    return small_codec(tmp_path / "codec")


def windows(codec: LinearCodec, count: int = 2, frames: int = 40) -> Array:
    rng = np.random.default_rng(1)
    return rng.normal(0.0, 0.2, (count, codec.info.window_samples(frames))).astype(np.float32)


def relative(ours: Array, theirs: Array) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def test_latents_of_a_sum_are_the_sum_of_latents(codec: LinearCodec) -> None:
    one, other = windows(codec)
    mixed = codec.encode((one - 3.0 * other)[None])
    apart = codec.encode(np.stack([one, other]))
    assert relative(mixed[0], apart[0] - 3.0 * apart[1]) < 1e-6


@pytest.mark.parametrize("gain", [-1.0, 0.3, 1e-12, 1e9])
def test_decoding_scales_with_the_latents(codec: LinearCodec, gain: float) -> None:
    latents = codec.encode(windows(codec))
    ours, theirs = codec.decode(np.float32(gain) * latents), np.float32(gain) * codec.decode(latents)
    assert relative(ours, theirs) < 3e-6
    assert not codec.decode(0.0 * latents).any()


def test_the_network_is_heard_and_leaves_exact_bins_alone(codec: LinearCodec) -> None:
    """Without it the decoder is linear, which the whole decoder is not; the difference has none of the lowest bins."""
    latents = codec.encode(windows(codec, 3))
    both = latents[0] + latents[1]
    error = codec.decode(both[None])[0] - codec.decode(latents[:2]).sum(axis=0)
    assert np.abs(error).max() > 0.01
    heard = error[codec.info.margin : -codec.info.margin]
    again = codec.encode(np.ascontiguousarray(heard[: len(heard) // 64 * 64])[None])
    assert np.abs(again[0, : SMALL.exact]).max() < 1e-5


def test_a_codec_without_blocks_is_linear(tmp_path: Path) -> None:
    codec = small_codec(tmp_path / "codec", msgspec.structs.replace(SMALL, blocks=0))
    latents = codec.encode(windows(codec))
    assert codec.info.linearity == "exact"
    assert codec.info.context == 0
    assert relative(codec.decode(latents.sum(axis=0)[None])[0], codec.decode(latents).sum(axis=0)) < 1e-6


def test_all_bins_exact_is_lossless(tmp_path: Path) -> None:
    config = LinearConfig(hop=64, exact=64, sketched=0, blocks=0)
    codec = small_codec(tmp_path / "codec", config)
    audio = windows(codec)
    decoded = codec.decode(codec.encode(audio))
    np.testing.assert_allclose(decoded[:, 64:-64], audio[:, 64:-64], atol=1e-6)


def test_a_window_agrees_with_the_whole_signal_outside_its_context(codec: LinearCodec) -> None:
    info = codec.info
    assert info.context == 5 // 2 + 1 + 2
    whole = codec.encode(windows(codec, 1, 60))
    part = whole[..., 20:50]
    ours = codec.decode(part)[0, info.margin : -info.margin]
    theirs = codec.decode(whole)[0, 20 * info.hop :][info.margin : info.margin + len(ours)]
    assert relative(ours, theirs) < 1e-5
    ends = slice(info.hop, 4 * info.hop)
    assert relative(codec.decode(part)[0, ends], codec.decode(whole)[0, 20 * info.hop :][ends]) > 1e-3


def test_a_window_decodes_equally_alone_and_in_a_batch(codec: LinearCodec) -> None:
    latents = codec.encode(windows(codec, 3))
    together = codec.decode(latents)
    for one, expected in zip(latents, together, strict=True):
        assert np.array_equal(codec.decode(one[None])[0], expected)


def test_a_window_of_another_length_is_refused(codec: LinearCodec) -> None:
    with pytest.raises(ValueError, match="whole number"):
        codec.encode(np.zeros((1, 1001), np.float32))


@pytest.mark.parametrize(
    "changes",
    [{"hop": 63}, {"kernel": 4}, {"level_frames": 2}, {"exact": 61}, {"exact": 64, "sketched": 0}, {"width": 0}],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be|nothing for a network"):
        msgspec.structs.replace(SMALL, **changes)
