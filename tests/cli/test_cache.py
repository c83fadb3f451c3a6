"""`lincae-studio cache ...`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.engine.rendering.cache import LatentCache, RenderCache, latent_database
from lincae_studio.paths import cache_dir
from tests.codecs.lincae.models import small_model
from tests.helpers import noise, read_audio, write_audio


def info(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    assert run(["cache", "info", "--json"]) == 0
    figures: dict[str, int] = json.loads(capsys.readouterr().out)
    return figures


def test_info_counts_what_a_mix_left_and_clear_deletes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (info(capsys)["media"], info(capsys)["latents"]) == (0, 0)
    stem = write_audio(tmp_path / "stem.wav", noise(1, 60_000))
    save_own(small_model(), tmp_path / "model", title="Mine", linear=True)
    codec = ["--codec", str(tmp_path / "model")]  # latents of built-in codecs are not kept
    assert run(["mix", str(stem), "-o", str(tmp_path / "one.wav"), *codec]) == 0
    capsys.readouterr()
    figures = info(capsys)
    assert figures["media"] == 1
    assert figures["media_bytes"] >= 4 * 60_000
    assert figures["latents"] > 0
    assert 0 < figures["latents_bytes"] <= figures["latents_file_bytes"]
    assert run(["cache", "info"]) == 0
    assert f"latents: {figures['latents']} array" in capsys.readouterr().out
    assert run(["cache", "clear"]) == 0
    cleared = info(capsys) if not capsys.readouterr().err else {}
    assert (cleared["media"], cleared["latents"]) == (1, 0)
    assert cleared["latents_file_bytes"] < figures["latents_file_bytes"]
    assert run(["cache", "clear", "--media"]) == 0
    capsys.readouterr()
    assert info(capsys)["media"] == 0
    assert run(["mix", str(stem), "-o", str(tmp_path / "two.wav"), *codec]) == 0
    assert np.array_equal(read_audio(tmp_path / "one.wav"), read_audio(tmp_path / "two.wav"))


def test_a_cache_that_is_in_use_can_be_cleared() -> None:
    latents = noise(1, 8, 10)
    cache = LatentCache(cache_dir(), memory_bytes=1)
    cache.put_many({"a": latents, "b": latents})
    cache.flush()
    assert run(["cache", "clear"]) == 0
    cache.put_many({"c": latents, "d": latents})
    cache.flush()
    assert set(cache.get_many(["a", "c", "d"])) == {"c", "d"}
    cache.close()


def test_renders_are_counted_and_cleared(capsys: pytest.CaptureFixture[str]) -> None:
    renders = RenderCache(cache_dir())
    renders.put("key", noise(1, 8, 10)[None], noise(2, 2, 500))
    renders.flush()
    figures = info(capsys)
    assert figures["renders"] == 2
    assert figures["renders_bytes"] == 4 * (80 + 1000)
    assert run(["cache", "clear"]) == 0
    assert renders.get("key") is None
    renders.close()


def test_a_damaged_cache_is_reported_and_can_be_cleared(capsys: pytest.CaptureFixture[str]) -> None:
    LatentCache(cache_dir()).close()
    latent_database(cache_dir()).write_bytes(b"garbage" * 1000)
    assert run(["cache", "info"]) == 2
    assert "cache clear" in capsys.readouterr().err
    assert run(["cache", "clear"]) == 0
    capsys.readouterr()
    assert info(capsys)["latents"] == 0


@pytest.mark.parametrize("command", ["mix", "encode", "bundle"])
def test_a_cache_folder_that_cannot_be_created_names_the_variable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    stem = write_audio(tmp_path / "stem.wav", noise(1, 1000))
    monkeypatch.setenv("LINCAE_STUDIO_CACHE", str(stem / "cache"))
    output = {"mix": "out.wav", "encode": "out.npz", "bundle": "out.lincaez"}[command]
    assert run([command, str(stem), "-o", str(tmp_path / output)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"the cache folder {stem / 'cache'} cannot be created" in said
    assert "LINCAE_STUDIO_CACHE" in said


def test_deeply_nested_cache_records_are_rewritten(tmp_path: Path) -> None:
    stem = write_audio(tmp_path / "stem.wav", noise(1, 5_000))
    assert run(["mix", str(stem), "-o", str(tmp_path / "one.wav")]) == 0
    [record], [entry] = cache_dir().glob("media-files-v1/*.json"), cache_dir().glob("media-v1/*/*/info.json")
    for file in (record, entry):
        file.write_text("[" * 100_000)
    assert run(["mix", str(stem), "-o", str(tmp_path / "two.wav")]) == 0
    assert all(json.loads(file.read_text()) for file in (record, entry))
