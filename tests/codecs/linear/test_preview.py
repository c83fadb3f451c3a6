"""Previews: a decoder for the latents of another codec, aligned with it, and used with its weights only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.codecs.computation import AUTO
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.codecs.linear.config import LinearConfig
from lincae_studio.codecs.linear.decoder import Decoder
from lincae_studio.codecs.linear.folder import WEIGHTS_NAME
from lincae_studio.codecs.linear.preview import Preview, PreviewConfig, folder_of, install, load_preview
from lincae_studio.codecs.linear.transform import basis
from lincae_studio.codecs.mdct import MDCT_4X, load_mdct_4x
from lincae_studio.codecs.resampled import at_rate
from lincae_studio.errors import CodecError
from tests.codecs.lincae.models import small_model
from tests.codecs.linear.models import install_preview_for, preview_config, save, save_preview_for
from tests.helpers import noise


@pytest.fixture
def codec(tmp_path: Path) -> Codec:
    """A Lin-CAE with random weights, whose latents of silence are not 0."""
    save_own(small_model(), tmp_path / "model", title="Mine", linear=True)
    return registry.load(str(tmp_path / "model"))


def latents_of(codec: Codec, frames: int = 6) -> Array:
    audio = noise(1, 2 * codec.info.window_samples(frames))[:, 0]
    return codec.encode(audio.reshape(2, -1))


@pytest.mark.parametrize("gain", [-1.0, 0.3, 1e6])
def test_it_scales_with_the_latents_about_the_origin(codec: Codec, tmp_path: Path, gain: float) -> None:
    preview = load_preview(codec, save_preview_for(codec.info, tmp_path / "preview"))
    latents, origin = latents_of(codec), codec.silence(6)
    assert origin.any()
    plain = preview.decode(latents)
    scaled = preview.decode(origin + np.float32(gain) * (latents - origin))
    assert plain.shape == (2, codec.info.window_samples(6))
    assert np.abs(scaled - np.float32(gain) * plain).max() < 1e-3 * abs(gain) * np.abs(plain).max()
    assert not preview.decode(origin[None]).any()


@pytest.mark.parametrize("bins", [64, 256, 1024])
def test_a_preview_that_knows_the_transform_is_aligned_with_the_codec(bins: int) -> None:
    """With the bins of the transform as latents, a linear preview is lossless wherever it is placed in the window."""
    hop = MDCT_4X.hop * 4
    info = replace(MDCT_4X, hop=hop, dim=hop, window_extra=512)
    config = PreviewConfig(
        space="s", window_extra=512, bins=bins, model=LinearConfig(hop=hop, exact=0, sketched=hop, blocks=0)
    )
    preview = Preview(
        Stretched(load_mdct_4x(), info),
        config,
        Decoder(config.model, {"spread": np.eye(hop, dtype=np.float32)}),
        basis(bins),
    )
    audio = noise(2, info.window_samples(8))[:, 0]
    lead = (512 - bins) // 2
    at = np.arange(8 * hop // bins) * bins + lead
    padded = np.pad(audio, (bins, bins))
    latents = np.stack([padded[bins + first : 3 * bins + first] for first in at]) @ basis(bins)
    decoded = preview.decode(latents.reshape(8, hop).T[None])[0]
    inside = slice(lead + 2 * bins if lead > 0 else 2 * bins, -2 * bins - 512)
    np.testing.assert_allclose(decoded[inside], audio[inside], atol=1e-5)


class Stretched:
    """A codec with other frames; its origin is 0."""

    def __init__(self, codec: Codec, info: CodecInfo) -> None:
        self.codec, self.info, self.batch = codec, info, 1

    def encode(self, audio: Array) -> Array:
        return self.codec.encode(audio)

    def decode(self, latents: Array, **_: object) -> Array:
        raise AssertionError

    def silence(self, frames: int) -> Array:
        return np.zeros((self.info.dim, frames), np.float32)


def test_an_installed_preview_belongs_to_the_weights_that_it_was_trained_for(codec: Codec, tmp_path: Path) -> None:
    assert registry.preview_of(codec) is None
    folder = save_preview_for(codec.info, tmp_path / "preview")
    assert install(folder) == folder_of(codec.info)
    assert registry.has_preview(codec.info)
    found = registry.preview_of(codec)
    assert found is not None
    ours = load_preview(codec, folder).decode(latents_of(codec))
    assert np.array_equal(found.decode(latents_of(codec), first_frames=(), seed=0), ours)
    other = replace(codec.info, space="other weights")
    assert not registry.has_preview(other)
    with pytest.raises(CodecError, match="not one of"):
        Preview.of(Stretched(codec, other), preview_config(codec.info, 64), {})


def test_quick_codecs_use_none(tmp_path: Path) -> None:
    info = save(tmp_path / "linear").info("linear", AUTO)
    install_preview_for(info, tmp_path / "preview")
    assert not registry.has_preview(info)


def test_at_another_rate_the_preview_is_resampled_like_the_codec(codec: Codec, tmp_path: Path) -> None:
    install_preview_for(codec.info, tmp_path / "preview")
    other = at_rate(codec, 48_000)
    found = registry.preview_of(other)
    assert found is not None
    assert found.info == other.info
    decoded = found.decode(latents_of(codec), first_frames=(0, 0), seed=0)
    assert decoded.shape == (2, other.info.window_samples(6))
    assert np.abs(decoded).max() > 0.0


def truncated(folder: Path) -> None:
    path = folder / WEIGHTS_NAME
    path.write_bytes(path.read_bytes()[:-100])


def changed(**options: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        saved = json.loads(path.read_text())
        for name, value in options.items():
            (saved if name in saved else saved["preview"]).update({name: value})
        path.write_text(json.dumps(saved))

    return change


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (truncated, "is damaged: its checksum"),
        (lambda folder: (folder / WEIGHTS_NAME).unlink(), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[" * 10_000), "config.json"),
        (changed(version=2), "another format or version"),
        (changed(bins=63), "bins must be even"),
        (changed(window_extra=7), "not one of"),
        (changed(space="other"), "not one of"),
        (changed(format="other"), "another format or version"),
    ],
)
def test_a_damaged_preview_is_refused(
    codec: Codec, tmp_path: Path, damage: Callable[[Path], None], problem: str
) -> None:
    install_preview_for(codec.info, tmp_path / "preview")
    damage(folder_of(codec.info))
    with pytest.raises(CodecError, match=problem):
        registry.preview_of(codec)


def test_sizes_of_a_stranger_are_limited(codec: Codec) -> None:
    plain = msgspec.to_builtins(preview_config(codec.info, 64))
    plain["model"]["exact"] = 1
    with pytest.raises(msgspec.ValidationError, match="exact"):
        msgspec.convert(plain, PreviewConfig)
