"""The engine of sessions: in this process or in one of its own, in any thread, closed when it is not used."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.studio.process import EngineProcess
from tests.codecs.lincae.models import small_model
from tests.helpers import damage, noise, write_audio

RATE = 44_100


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write_audio(tmp_path / f"{name}.wav", noise(name, 3 * RATE)) for name in (1, 2)]


@pytest.mark.process
def test_a_process_renders_the_same(files: list[Path]) -> None:
    here = ls.Session.from_files(*files)
    with ls.Engine(process=True) as engine:
        there = ls.Session.from_files(*files, engine=engine)
        assert isinstance(engine.renderer, EngineProcess)
        np.testing.assert_array_equal(there.render(), here.render())
        np.testing.assert_array_equal(there.latents(), here.latents())
        np.testing.assert_array_equal(there.latents().decode(), here.render())
        assert there.linearity().residual_db.tolist() == here.linearity().residual_db.tolist()
        assert not engine.renderer._events.store.nbytes, "what was returned is not kept"


@pytest.mark.process
def test_a_process_that_dies_is_restarted(files: list[Path]) -> None:
    with ls.Engine(process=True) as engine:
        song = ls.Session.from_files(*files, engine=engine)
        before = song.render(span=(0.0, 1.0))
        assert isinstance(engine.renderer, EngineProcess)
        process = engine.renderer._client._process
        assert process is not None
        process.kill()
        np.testing.assert_array_equal(song.render(span=(0.0, 1.0)), before)


@pytest.mark.process
def test_a_process_reports_what_it_cannot_render(files: list[Path], cache_dir: Path) -> None:
    with ls.Engine(process=True) as engine:
        song = ls.Session.from_files(*files, engine=engine)
        engine.store.clear()
        with pytest.raises(ls.StudioError, match="cannot be rendered"):
            song.render()


@pytest.mark.process
def test_a_process_uses_the_latents_of_a_bundle(files: list[Path], tmp_path: Path) -> None:
    here = ls.open(ls.Session.from_files(*files).save(tmp_path / "song.lincaez"))
    with ls.Engine(process=True) as engine:
        there = ls.open(tmp_path / "song.lincaez", engine=engine)
        np.testing.assert_array_equal(there.render(), here.render())


def test_an_engine_closes_when_nothing_uses_it(files: list[Path]) -> None:
    song = ls.Session.from_files(*files)
    song.render()
    assert "cache-writer" in {thread.name for thread in threading.enumerate()}
    engine = weakref.ref(song.engine)
    del song
    gc.collect()
    assert engine() is None
    assert "cache-writer" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.process
@pytest.mark.slow
def test_a_neural_codec_computes_alike_here_and_in_a_process(files: list[Path], tmp_path: Path) -> None:
    """Its identity depends on device and precision, which only a process with torch finds out."""
    pretrained.save_own(small_model(), tmp_path / "model", title="Small", linear=False)
    codec = str(tmp_path / "model")
    here = ls.Session.from_files(*files, codec=codec, engine=ls.Engine(device="cpu"))
    expected = here.render(span=(0.0, 0.5))
    assert np.abs(expected.samples).max() > 0.0
    with ls.Engine(process=True, device="cpu") as engine:
        there = ls.Session.from_files(*files, codec=codec, engine=engine)
        assert engine.info(codec).identity == here.engine.info(codec).identity
        np.testing.assert_allclose(there.render(span=(0.0, 0.5)), expected, atol=1e-6)


@pytest.mark.parametrize("process", [False, pytest.param(True, marks=pytest.mark.process)])
def test_a_closed_engine_says_so(files: list[Path], process: bool) -> None:
    with ls.Engine(process=process) as engine:
        song = ls.Session.from_files(*files, engine=engine)
        song.render(span=(0.0, 0.5))
    engine.close()
    with pytest.raises(ls.StudioError, match="the engine is closed"):
        song.render()


def test_edits_need_no_codec_and_start_nothing() -> None:
    song = ls.Session().add_track("a").set_track("a", gain=0.5)
    assert "renderer" not in song.engine.__dict__


def test_any_thread_may_render(files: list[Path]) -> None:
    song = ls.Session.from_files(*files)
    expected = song.render()
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda gain: song.set_master(gain=gain).render(), [1.0, 1.0]):
            np.testing.assert_array_equal(found, expected)


def test_sessions_share_an_engine_and_its_codecs(files: list[Path]) -> None:
    song = ls.Session.from_files(*files)
    assert song.set_track(1, gain=0.5).engine is song.engine
    assert song.engine.load("mdct-2x") is song.engine.load("mdct-2x")


def test_damaged_audio_is_conformed_again_with_a_warning(files: list[Path], cache_dir: Path) -> None:
    song = ls.Session.from_files(*files)
    expected = song.render()
    for audio in cache_dir.glob("media-v1/*/*/audio.f32"):
        damage(audio, 1000)
    (cache_dir / "latents").rename(cache_dir / "gone")
    again = ls.Session.of(song.document)
    again.engine._imported.media.update(song.engine._imported.media)
    with pytest.warns(ls.StudioWarning, match="damaged and has been recreated"):
        np.testing.assert_array_equal(again.render(), expected)


def test_device_and_precision_are_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINCAE_STUDIO_PRECISION", "fp32")
    engine = ls.Engine(device="cpu")
    assert (engine.computation.device, engine.computation.precision) == ("cpu", "fp32")
    assert ls.Engine(precision="bf16").computation.precision == "bf16"
    with pytest.raises(ls.StudioError, match="fp8"):
        ls.Engine(precision="fp8")  # type: ignore[arg-type]


def test_no_engine_warns_of_ordinary_files(files: list[Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ls.Session.from_files(*files).render(span=(0.0, 0.5))
