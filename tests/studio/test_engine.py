"""The engine of sessions: in this process or in one of its own, in any thread, closed when it is not used."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio import cores
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.session.model import Media
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
        assert there.evaluate("mdct-2x").figures == here.evaluate("mdct-2x").figures
        assert there.linearity().residual_db.tolist() == here.linearity().residual_db.tolist()
        assert not engine.renderer._events.store.nbytes, "what was returned is not kept"


@pytest.mark.process
def test_a_process_that_dies_is_restarted(files: list[Path]) -> None:
    with ls.Engine(process=True) as engine:
        song = ls.Session.from_files(*files, engine=engine)
        before = song.render(span=(0.0, 1.0))
        assert isinstance(engine.renderer, EngineProcess)
        channel = engine.renderer._client._channel
        assert channel is not None
        channel.kill()
        np.testing.assert_array_equal(song.render(span=(0.0, 1.0)), before)
        latents = song.latents(span=(0.0, 1.0))
        channel = engine.renderer._client._channel
        assert channel is not None
        channel.kill()
        np.testing.assert_array_equal(latents.decode(), before)


@pytest.mark.process
def test_a_process_reports_what_it_cannot_render(files: list[Path], cache_dir: Path) -> None:
    with ls.Engine(process=True) as engine:
        song = ls.Session.from_files(*files, engine=engine)
        engine.store.clear()
        with pytest.raises(ls.StudioError, match="cannot be rendered"):
            song.render()


@pytest.mark.process
def test_a_process_reports_what_it_cannot_compute() -> None:
    with ls.Engine(process=True) as engine:
        codec = engine.load("mdct-2x")
        with pytest.raises(ls.StudioError, match="not 7 samples"):
            codec.encode(np.zeros((1, 7), np.float32))
        assert codec.encode(np.zeros((1, 512), np.float32)).shape == (1, 128, 1)


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
        latents = song.latents(span=(0.0, 0.5))
    engine.close()
    for call in (song.render, latents.decode):
        with pytest.raises(ls.StudioError, match="the engine is closed"):
            call()


@pytest.mark.process
def test_closing_ends_all_waiting(files: list[Path]) -> None:
    """Also for a computation that its process never finishes."""
    engine = ls.Engine(process=True)
    codec = engine.load("mdct-2x")
    process = engine.renderer
    assert isinstance(process, EngineProcess)
    channel = None
    while channel is None:
        channel = process._client._channel
    os.kill(channel._process.pid, signal.SIGSTOP)  # type: ignore[attr-defined]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(codec.encode, np.zeros((1, codec.info.window_samples(8)), np.float32))
        while not process._number:
            threading.Event().wait(0.01)
        engine.close()
        with pytest.raises(ls.StudioError, match="closed"):
            waiting.result()


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


@pytest.fixture
def engine(cache_dir: Path) -> ls.Engine:
    return ls.Engine()


def test_files_are_imported_in_the_order_given_and_each_once(
    engine: ls.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = {f"{number}.wav": 90_000 - 9000 * number for number in range(6)}
    paths = [write_audio(tmp_path / name, noise(length, length)) for name, length in lengths.items()]
    copied = tmp_path / "copy.wav"
    shutil.copyfile(paths[2], copied)
    read: list[Path] = []
    import_file = engine.store.import_file

    def counted(path: Path, *arguments: Any, **named: Any) -> Media:
        read.append(path)
        return import_file(path, *arguments, **named)

    monkeypatch.setattr(engine.store, "import_file", counted)
    media = engine.import_files([*paths, paths[0], copied])
    assert [one.length for one in media] == [*lengths.values(), lengths["0.wav"], lengths["2.wav"]]
    assert sorted(read) == sorted([*paths, copied])
    assert media[6] == media[0]
    assert (media[7].digest, media[7].path) == (media[2].digest, str(copied))
    assert engine.store.usage()[0] == len(paths)
    assert engine._imported.media.keys() == {one.digest for one in media}
    assert engine.import_files([]) == []


def test_files_are_imported_at_the_same_time(
    engine: ls.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "count", lambda: 2)
    together = threading.Barrier(2, timeout=30)
    import_file = engine.store.import_file

    def waiting(*arguments: Any, **named: Any) -> Media:
        together.wait()
        return import_file(*arguments, **named)

    monkeypatch.setattr(engine.store, "import_file", waiting)
    paths = [write_audio(tmp_path / f"{number}.wav", noise(number, 1000)) for number in range(6)]
    assert [one.path for one in engine.import_files(paths)] == list(map(str, paths))


def test_the_error_is_that_of_the_first_bad_file(engine: ls.Engine, files: list[Path], tmp_path: Path) -> None:
    damaged, missing = tmp_path / "damaged.wav", tmp_path / "missing.wav"
    damaged.write_bytes(b"no audio")
    for _ in range(5):
        with pytest.raises(ls.StudioError, match=r"damaged\.wav"):
            engine.import_files([files[0], damaged, missing, files[1]])
        with pytest.raises(ls.StudioError, match=r"missing\.wav"):
            engine.import_files([missing, damaged])
    assert [one.path for one in engine.import_files(files)] == list(map(str, files)), "the engine is still usable"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("core_")]


def test_wide_files_need_a_choice_of_channels(engine: ls.Engine, files: list[Path], tmp_path: Path) -> None:
    audio = noise(1, 70_000, 3)
    wide = write_audio(tmp_path / "wide.wav", audio)
    with pytest.raises(ls.StudioError, match=r"wide\.wav"):
        engine.import_files([*files, wide])
    narrow, _, mixed = engine.import_files([*files, wide], channels="mix")
    assert (narrow.channel_selection, mixed.channel_selection) == ("", "mix"), "others are imported as they are"
    np.testing.assert_array_equal(engine.store.open(mixed.digest).samples, audio.mean(axis=1, keepdims=True))
    (pair,) = engine.import_files([wide], channels="2,3")
    np.testing.assert_array_equal(engine.store.open(pair.digest).samples, audio[:, 1:])
    with pytest.raises(ls.StudioError, match="channel 4"):
        engine.import_files([wide], channels="4")
