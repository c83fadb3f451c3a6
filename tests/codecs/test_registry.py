"""The list of codecs, and facts that agree with what the codecs do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.errors import CodecError
from lincae_studio.session.model import DEFAULT_RATE

BUILT_IN = {"mdct-1x": 1.0, "mdct-2x": 2.0, "mdct-4x": 4.0, "linear-8x": 8.0, "linear-15x": 1024 / 68}


def test_the_built_in_codecs_are_listed_once_and_the_default_is_among_them() -> None:
    ids = [info.id for info in registry.all_info()]
    assert len(set(ids)) == len(ids)
    assert {*BUILT_IN, DEFAULT_CODEC} <= set(ids)
    identities = [info.identity for info in registry.all_info()]
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize("codec_id", ["", "mdct", "MDCT-2X", "lin-cae-99"])
def test_an_unknown_codec_is_refused_with_the_known_ones(codec_id: str) -> None:
    for look_up in (registry.info, registry.load):
        with pytest.raises(CodecError, match=f"“{codec_id}”") as caught:
            look_up(codec_id)
        for info in registry.all_info():
            assert info.id in caught.value.remedy


@pytest.mark.parametrize("codec", ["./" + "b" * 300, "a/\0", "a/\ud800"])
def test_names_that_no_file_can_have_are_unknown_codecs(codec: str) -> None:
    assert registry.by_path(codec) == codec
    with pytest.raises(CodecError, match="there is no codec"):
        registry.info(codec)


@pytest.mark.parametrize("codec_id", BUILT_IN)
def test_info_agrees_with_the_codec(codec_id: str) -> None:
    codec = registry.load(codec_id)
    info = registry.info(codec_id)
    assert codec.info == info
    assert info.sample_rate == DEFAULT_RATE
    assert info.compression == BUILT_IN[codec_id]
    assert info.linearity == ("exact" if codec_id.startswith("mdct") else "trained")
    assert not info.stochastic
    for frames in (1, 10):
        samples = info.window_samples(frames)
        latents = codec.encode(np.zeros((1, samples), np.float32))
        assert latents.shape == (1, info.dim, frames)
        assert codec.decode(latents, first_frames=[0], seed=0).shape == (1, samples)
        with pytest.raises(ValueError, match="whole number"):
            codec.encode(np.zeros((1, samples + 1), np.float32))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "is not a model"),
        ({"config.json": "{"}, "config.json cannot be read"),
        ({"config.json": "[1]"}, "config.json cannot be read: it is not a table"),
        ({"config.json": "[" * 100_000}, "config.json cannot be read"),
        ({"config.json": '{"format": "another"}'}, "config.json describes an unknown kind of model"),
        ({"config.json": '{"format": "lincae-studio-autoencoder", "version": 99}'}, "config.json has another format"),
        ({"config.json": " " * ((1 << 20) + 1)}, "config.json cannot be read"),
        ({"autoencoder.pth": ""}, "is not a model: .* missing"),
    ],
)
def test_a_folder_that_is_no_model_is_refused_by_name(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CodecError, match=said) as caught:
        registry.open_folder(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert caught.value.remedy


def test_a_folder_that_is_gone_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="gone cannot be read: there is no such file"):
        registry.open_folder(tmp_path / "gone")


def test_what_a_precision_comes_to_is_asked_only_where_it_matters() -> None:
    asked = Computation("cuda:7", "fp16")  # not available here: would be an error
    assert registry.resolved("mdct-2x", asked) == asked
