"""Windows for training: deterministic, never silent, from all files that can be read."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lincae_studio.errors import MediaError, UsageError
from lincae_studio.training.audio_folder import AudioFolder
from lincae_studio.training.data import (
    Batches,
    DataPart,
    Mixed,
    SongPool,
    Source,
    audible_window,
    make_pool,
    open_source,
    parse_data,
)
from tests.helpers import noise, tone, write_audio

RATE = 8_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    audio = tmp_path / "audio"
    write_audio(audio / "a.wav", noise(1, 3 * RATE, 2), RATE)
    write_audio(audio / "deep" / "b.flac", noise(2, 2 * RATE)[:, 0], RATE, None)
    (audio / "notes.txt").write_text("not audio")
    return audio


def batches(source: Source, first_step: int = 0, seed: int = 0, rank: int = 0) -> Batches:
    return Batches(source, batch=3, samples=500, level_min=0.1, seed=seed, rank=rank, first_step=first_step)


def take(source: Source, count: int, workers: int = 0, **options: int) -> list[torch.Tensor]:
    loader = DataLoader(batches(source, **options), batch_size=None, num_workers=workers)
    return [batch for batch, _ in zip(loader, range(count), strict=False)]


def test_what_data_is_named() -> None:
    assert parse_data(["synth", "music:2", "voices:0.5"]) == [
        DataPart(None, 1.0),
        DataPart(Path("music"), 2.0),
        DataPart(Path("voices"), 0.5),
    ]
    assert parse_data(["C:no-number"]) == [DataPart(Path("C:no-number"), 1.0)]
    assert [str(part) for part in parse_data(["synth:3", "/music"])] == ["synth:3", "/music:1"]
    for text in ("music:0", "music:-1", "music:nan"):
        with pytest.raises(UsageError, match="fraction"):
            parse_data([text])


def test_batches_depend_on_seed_step_and_rank_alone(folder: Path) -> None:
    source = AudioFolder(folder, RATE)
    whole = take(source, 4)
    assert whole[0].shape == (3, 500)
    assert whole[0].dtype == torch.float32
    resumed = take(source, 2, first_step=2)
    assert all(torch.equal(a, b) for a, b in zip(whole[2:], resumed, strict=True))
    assert not torch.equal(whole[0], whole[1])
    assert not torch.equal(whole[0], take(source, 1, seed=1)[0])
    assert not torch.equal(whole[0], take(source, 1, rank=1)[0])


def test_worker_processes_change_nothing(folder: Path) -> None:
    source = AudioFolder(folder, RATE)
    for ours, theirs in zip(take(source, 5), take(source, 5, workers=2), strict=True):
        assert torch.equal(ours, theirs)


def test_windows_are_mono_at_the_rate_asked_for(tmp_path: Path) -> None:
    stereo = np.concatenate([tone(440.0, 44_100, 44_100, 0.6), tone(440.0, 44_100, 44_100, 0.2)], axis=1)
    write_audio(tmp_path / "tone.wav", stereo, 44_100)
    window = AudioFolder(tmp_path, RATE).window(np.random.default_rng(0), 4000)
    spectrum = np.abs(np.fft.rfft(window * np.hanning(4000)))
    assert np.argmax(spectrum) * RATE / 4000 == pytest.approx(440.0, abs=2.0)
    assert np.abs(window[500:-500]).max() == pytest.approx(0.4, rel=0.02)


def test_a_short_file_is_followed_by_silence(tmp_path: Path) -> None:
    write_audio(tmp_path / "click.wav", noise(3, 100), RATE)
    window = AudioFolder(tmp_path, RATE).window(np.random.default_rng(0), 500)
    assert window.shape == (500,)
    assert window[:100].any()
    assert not window[100:].any()


def test_levels_are_drawn_and_silence_is_not(tmp_path: Path) -> None:
    half = np.concatenate([np.zeros(5 * RATE, np.float32), noise(4, 5 * RATE)[:, 0]])
    write_audio(tmp_path / "half.wav", half, RATE)
    rng = np.random.default_rng(0)
    source = AudioFolder(tmp_path, RATE)
    peaks = [float(np.abs(audible_window(source, rng, 400, 0.1)).max()) for _ in range(50)]
    assert 0.1 <= min(peaks) < 0.3
    assert 0.8 < max(peaks) <= 1.0
    as_it_is = audible_window(source, rng, 400, 0.0)
    assert 0.3 < np.abs(as_it_is).max() < 1.0


def test_silent_audio_is_an_error(tmp_path: Path) -> None:
    write_audio(tmp_path / "silence.wav", np.zeros(RATE, np.float32), RATE)
    with pytest.raises(MediaError, match="silent"):
        audible_window(AudioFolder(tmp_path, RATE), np.random.default_rng(0), 100, 0.1)


def test_a_broken_file_is_reported_once_and_skipped(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "broken.wav").write_bytes(b"RIFF....WAVE")
    with caplog.at_level(logging.WARNING):
        source = AudioFolder(folder, RATE)
        take(source, 20)
    assert len(source.files) == 2
    assert [record.message.split(" is skipped")[0] for record in caplog.records] == [str(folder / "broken.wav")]


def test_a_file_that_breaks_later_is_reported_once_and_skipped(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = AudioFolder(folder, RATE)
    (folder / "a.wav").unlink()
    with caplog.at_level(logging.WARNING):
        assert len(take(source, 20)) == 20
        assert len(take(source, 20)) == 20
    assert len(caplog.records) == 1
    (folder / "deep" / "b.flac").unlink()
    with pytest.raises(MediaError, match="none of the audio files"):
        take(source, 1)


def test_a_folder_without_readable_audio_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="not a folder"):
        AudioFolder(tmp_path / "nowhere", RATE)
    (tmp_path / "readme.txt").write_text("")
    with pytest.raises(MediaError, match="contains no audio files"):
        AudioFolder(tmp_path, RATE)
    (tmp_path / "broken.wav").write_bytes(b"")
    with pytest.raises(MediaError, match="1 audio file, but none can be read"):
        AudioFolder(tmp_path, RATE)


def test_sources_are_drawn_by_their_fractions(tmp_path: Path) -> None:
    write_audio(tmp_path / "low" / "low.wav", tone(200.0, RATE, RATE), RATE)
    write_audio(tmp_path / "high" / "high.wav", tone(2000.0, RATE, RATE), RATE)
    parts = [DataPart(tmp_path / "low", 3.0), DataPart(tmp_path / "high", 1.0)]
    source = open_source(parts, RATE, lambda: pytest.fail("no songs were asked for"))
    assert isinstance(source, Mixed)
    rng = np.random.default_rng(0)
    low = [np.argmax(np.abs(np.fft.rfft(source.window(rng, 800)))) < 50 for _ in range(400)]
    assert np.mean(low) == pytest.approx(0.75, abs=0.06)


def test_a_pool_is_generated_once_and_contains_songs(tmp_path: Path) -> None:
    path = tmp_path / "run" / "songs.npy"
    pool = make_pool(path, 0.4, RATE, seed=5, processes=1)
    assert np.load(path, mmap_mode="r").shape == (2, 4, 20 * RATE)
    written = path.stat().st_mtime_ns
    assert isinstance(make_pool(path, 0.4, RATE, seed=5, processes=1), SongPool)
    assert path.stat().st_mtime_ns == written
    for ours, theirs in zip(take(pool, 3), take(pool, 3, workers=1), strict=True):
        assert torch.equal(ours, theirs)
