"""Folders of linear codecs: they are imported and used, and damaged ones are refused by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lincae_studio.cli import run
from lincae_studio.codecs import install, registry
from lincae_studio.codecs.library import codec_folder
from lincae_studio.errors import CodecError
from tests.codecs.linear.models import SMALL, save
from tests.helpers import noise, read_audio, write_audio


def test_an_imported_folder_is_a_codec_that_mixes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "codec")
    assert run(["codecs", "import", str(tmp_path / "codec"), "--id", "small"]) == 0
    info = registry.info("small")
    assert (info.dim, info.hop, info.linearity, info.title) == (10, 64, "trained", "Small")
    assert info.identity == registry.info(str(tmp_path / "codec")).identity
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 30_000), 44_100)) for seed in (1, 2)]
    assert run(["mix", *stems, "--codec", "small", "-o", str(tmp_path / "mix.wav")]) == 0
    assert read_audio(tmp_path / "mix.wav").shape == (1, 30_000)
    assert np.abs(read_audio(tmp_path / "mix.wav")).max() > 0.01
    capsys.readouterr()
    assert run(["codecs", "show", "small", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] > 1000


def test_the_identity_depends_on_weights_and_sizes(tmp_path: Path) -> None:
    folders = [save(tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    assert len({registry.info(str(folder.path)).identity for folder in folders}) == 2
    assert len({registry.info(str(folder.path)).latent_space for folder in folders}) == 2


def change(folder: Path, **options: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for name, value in options.items():
        (config["model"] if name in config["model"] else config)[name] = value
    path.write_text(json.dumps(config))


def with_weights(folder: Path, edit: Callable[[dict[str, np.ndarray]], None]) -> None:
    """Other weights with a checksum that is right."""
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors")
    change(folder, weights_sha256=hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest())


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def missing(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def not_a_number(folder: Path) -> None:
    with_weights(folder, lambda weights: weights["spread"].fill(np.nan))


def negative_scale(folder: Path) -> None:
    with_weights(folder, lambda weights: weights["scale"].fill(-1.0))


def without_a_part(folder: Path) -> None:
    with_weights(folder, lambda weights: weights.__delitem__("levels.bias"))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (truncated, "is damaged: its checksum"),
        (missing, "model.safetensors missing"),
        (not_a_number, "spread is missing or not valid"),
        (negative_scale, "scale must be positive"),
        (without_a_part, "levels.bias is missing or not valid"),
        (lambda folder: change(folder, version=2), "another format or version"),
        (lambda folder: change(folder, width=10**9), "width must be between"),
        (lambda folder: change(folder, blocks=3), "does not fit|not valid"),
        (lambda folder: change(folder, colour="red"), "colour"),
    ],
)
def test_a_damaged_folder_is_refused_by_name(tmp_path: Path, damage: Callable[[Path], None], problem: str) -> None:
    folder = save(tmp_path / "codec").path
    damage(folder)
    with pytest.raises(CodecError, match=problem):
        install.check_folder(folder)


def test_a_folder_keeps_its_card(tmp_path: Path) -> None:
    folder = save(tmp_path / "codec").path
    (folder / "README.md").write_text("# Card")
    assert run(["codecs", "import", str(folder), "--id", "small"]) == 0
    installed = codec_folder("small")
    assert installed is not None
    assert (installed / "README.md").read_text() == "# Card"
    assert SMALL.dim == registry.info("small").dim
