"""The learned codecs that the program comes with: what they promise, on the stems of the demo song."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from lincae_studio import paths
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Codec
from lincae_studio.codecs.linear import family
from lincae_studio.codecs.linear.codec import LinearCodec
from lincae_studio.codecs.linear.folder import open_folder
from lincae_studio.evaluation.audio import Recordings, read_groups
from lincae_studio.evaluation.measuring import evaluate
from lincae_studio.training.linear_net import LinearNet

STEMS = sorted(paths.resource("demo").glob("*.ogg"))


@pytest.fixture(params=family.IN_THE_BOX)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def measured(codec: Codec) -> dict[str, float]:
    return evaluate(codec, read_groups(Recordings(STEMS, stems=True), codec.info, limit=4)).figures


def fixed_design(name: str) -> Codec:
    """The codec as it was before training."""
    folder = open_folder(paths.resource(f"codecs/{name}"))
    return LinearCodec(registry.info(name), folder.config, LinearNet(folder.config).weights())


@pytest.mark.slow
def test_they_keep_what_they_promise(name: str) -> None:
    found, before = measured(registry.load(name)), measured(fixed_design(name))
    assert found["encoder_additivity"] < 1e-5
    assert found["decoder_homogeneity_db"] > 110.0
    assert found["decoder_additivity_db"] > 24.0
    for figure in ("mr_stft", "mix_mr_stft", "rest_mr_stft"):
        assert found[figure] < 0.85 * before[figure], figure
    for figure in ("mix_si_sdr_db", "rest_si_sdr_db"):
        assert found[figure] > before[figure], figure


def test_they_are_small_and_say_what_they_were_trained_on(name: str) -> None:
    folder = paths.resource(f"codecs/{name}")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 10_000_000
    card = (folder / "README.md").read_text()
    for package in ("fluid-soundfont-gm", "musescore-general-soundfont", "openttd-openmsx", "wesnoth-1.16-music"):
        assert package in card


def test_an_incomplete_installation_has_the_other_codecs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shipped = paths.resource("codecs/linear-8x")
    broken = tmp_path / "codecs" / "linear-15x"
    broken.mkdir(parents=True)
    (broken / "config.json").write_text("{")
    places = {"codecs/linear-8x": shipped, "codecs/linear-15x": broken}
    monkeypatch.setattr(paths, "resource", places.__getitem__)
    family._in_the_box.cache_clear()
    try:
        with caplog.at_level(logging.ERROR):
            ids = registry.ids(packages=False)
    finally:
        family._in_the_box.cache_clear()
    assert "linear-8x" in ids
    assert "linear-15x" not in ids
    assert f"linear-15x is missing from the installation: {os.fspath(broken)}" in caplog.text


def test_windows_of_sound_and_silence_are_finite(name: str) -> None:
    codec = registry.load(name)
    window = np.zeros((1, codec.info.window_samples(60)), np.float32)
    assert not codec.decode(codec.encode(window), first_frames=[0], seed=0).any()
    window[0, 30_000] = 1.0
    decoded = codec.decode(codec.encode(window), first_frames=[0], seed=0)
    assert np.isfinite(decoded).all()
    assert np.abs(decoded).max() < 2.0
