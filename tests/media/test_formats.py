"""Importing: every format that libsndfile writes here, every common rate, and what the store keeps of them."""

from __future__ import annotations

import errno
import io
import mmap
import os
import shutil
import struct
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from msgspec.structs import replace

from lincae_studio.errors import Cancelled, MediaError
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media.probe import EXTENSIONS, probe
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import DEFAULT_RATE, Media
from tests.helpers import REPOSITORY, files_below, noise, tone, write_audio

#: Suffix, libsndfile subtype, largest error of a sample (None: lossy).
FORMATS: list[tuple[str, str, float | None]] = [
    ("wav", "PCM_16", 2**-15),
    ("wav", "PCM_24", 2**-23),
    ("wav", "FLOAT", 0.0),
    ("wav", "DOUBLE", 0.0),
    ("flac", "PCM_16", 2**-15),
    ("flac", "PCM_24", 2**-23),
    ("aiff", "PCM_24", 2**-23),
    ("au", "PCM_16", 2**-15),
    ("caf", "FLOAT", 0.0),
    ("w64", "PCM_24", 2**-23),
    ("rf64", "FLOAT", 0.0),
    ("ogg", "VORBIS", None),
    ("mp3", "MPEG_LAYER_III", None),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("suffix", "subtype", "tolerance"), FORMATS)
def test_every_format_is_imported(
    tmp_path: Path, store: MediaStore, suffix: str, subtype: str, tolerance: float | None, channels: int
) -> None:
    audio = np.concatenate([tone(440.0, 50_000), tone(1234.5, 50_000)], axis=1)[:, :channels]
    path = write_audio(tmp_path / f"a.{suffix}", audio, subtype=subtype)
    info = probe(path)
    assert (info.sample_rate, info.channels) == (DEFAULT_RATE, channels)
    assert info.length == pytest.approx(50_000, rel=0.05)
    media = store.import_file(path)
    assert (media.sample_rate, media.channels, media.path) == (DEFAULT_RATE, channels, str(path))
    stored = store.open(media.digest)
    assert stored.samples.dtype == np.float32
    assert stored.samples.shape == (media.length, channels)
    if tolerance is not None:
        assert media.length == 50_000
        assert np.abs(stored.samples - audio).max() <= tolerance
    else:
        assert media.length == pytest.approx(50_000, rel=0.05)
        for channel, frequency in enumerate((440.0, 1234.5)[:channels]):
            assert_sine(stored.samples[:, channel], frequency, 0.5, level_tolerance=0.03)


def assert_sine(samples: np.ndarray, frequency_hz: float, level: float, level_tolerance: float = 0.002) -> None:
    """The middle of the samples is a sine of that frequency and level, and hardly anything else."""
    middle = samples[len(samples) // 4 : -len(samples) // 4].astype(np.float64)
    phase = 2.0 * np.pi * frequency_hz * np.arange(len(middle)) / DEFAULT_RATE
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, middle, rcond=None)
    assert np.hypot(*weights) == pytest.approx(level, rel=level_tolerance)
    assert np.abs(middle - basis @ weights).max() < 10 * level_tolerance * level


@pytest.mark.parametrize(
    "rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000]
)
def test_every_rate_is_converted_in_length_pitch_and_level(tmp_path: Path, store: MediaStore, rate: int) -> None:
    path = write_audio(tmp_path / "a.wav", tone(997.0, rate + 7, rate), rate)
    media = store.import_file(path)
    assert media.sample_rate == rate
    assert abs(media.length - (rate + 7) * DEFAULT_RATE / rate) <= 1
    assert_sine(store.open(media.digest).samples[:, 0], 997.0, 0.5)


def test_conversion_keeps_time_and_does_not_mirror_high_tones(tmp_path: Path, store: MediaStore) -> None:
    """An impulse stays where it was; a tone above the session's Nyquist frequency vanishes instead of folding down."""
    impulse = np.zeros((96_000, 1), np.float32)
    impulse[48_000] = 1.0
    media = store.import_file(write_audio(tmp_path / "impulse.wav", impulse, 96_000))
    assert np.argmax(store.open(media.digest).samples[:, 0]) == 22_050
    media = store.import_file(write_audio(tmp_path / "high.wav", tone(30_000.0, 96_000, 96_000), 96_000))
    assert np.abs(store.open(media.digest).samples[2000:-2000]).max() < 1e-4


def test_the_content_decides_not_the_ending(tmp_path: Path, store: MediaStore) -> None:
    path = write_audio(tmp_path / "a.flac", noise(1, 5000), subtype="PCM_16").rename(tmp_path / "a.wav")
    assert store.import_file(path).length == 5000
    assert "wav" in EXTENSIONS
    assert "flac" in EXTENSIONS


def test_a_wav_written_to_a_pipe_is_accepted(tmp_path: Path, store: MediaStore) -> None:
    """Programs that stream cannot go back and write the sizes: they leave 0xFFFFFFFF."""
    audio = noise(1, 5000)
    buffer = io.BytesIO()
    sf.write(buffer, audio, DEFAULT_RATE, subtype="PCM_16", format="WAV")
    data = bytearray(buffer.getvalue())
    struct.pack_into("<I", data, 4, 0xFFFFFFFF)
    struct.pack_into("<I", data, data.index(b"data") + 4, 0xFFFFFFFF)
    path = tmp_path / "streamed.wav"
    path.write_bytes(data)
    media = store.import_file(path)
    assert media.length == 5000
    assert np.abs(store.open(media.digest).samples - audio).max() <= 2**-15


# The store


def stored_files(cache_dir: Path) -> list[str]:
    return [path.name for path in files_below(cache_dir / "media-v1")]


def test_equal_content_is_conformed_once(tmp_path: Path, store: MediaStore, cache_dir: Path) -> None:
    audio = noise(1, 60_000)
    reports: list[Progress] = []
    first = store.import_file(write_audio(tmp_path / "a.wav", audio), reports.append)
    assert reports
    before = {path: path.stat().st_mtime_ns for path in files_below(cache_dir / "media-v1")}
    reports.clear()
    shutil.copy(
        tmp_path / "a.wav", tmp_path / "b.wav"
    )  # its header contains the time, so writing it again might differ
    second = MediaStore(cache_dir).import_file(tmp_path / "b.wav", reports.append)
    assert second.digest == first.digest
    assert second.path == str(tmp_path / "b.wav")
    assert not reports
    assert {path: path.stat().st_mtime_ns for path in files_below(cache_dir / "media-v1")} == before
    assert sorted(stored_files(cache_dir)) == ["audio.f32", "checksums.crc32", "info.json", "peaks.npy"]


def test_reading_outside_the_media_gives_zeros(tmp_path: Path, store: MediaStore) -> None:
    audio = noise(1, 1000, 2)
    conformed = store.open(store.import_file(write_audio(tmp_path / "a.wav", audio)).digest)
    assert np.array_equal(conformed.read(1, -10, 1020), np.concatenate([np.zeros(10), audio[:, 1], np.zeros(10)]))
    assert not conformed.read(0, 1000, 5).any()
    assert not conformed.read(0, -5, 5).any()
    part = conformed.read(0, 10, 5)
    part[:] = 9.0  # a copy: the store stays as it is
    assert np.array_equal(conformed.read(0, 10, 5), audio[10:15, 0])
    with pytest.raises(ValueError, match="read-only"):
        conformed.samples[0] = 0.0


@pytest.mark.parametrize("name", ["audio.f32", "peaks.npy", "info.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "garbage"])
def test_a_damaged_store_is_rebuilt(tmp_path: Path, store: MediaStore, cache_dir: Path, name: str, damage: str) -> None:
    audio = noise(1, 70_000)
    path = write_audio(tmp_path / "a.wav", audio)
    media = store.import_file(path)
    damaged = next(found for found in files_below(cache_dir / "media-v1") if found.name == name)
    match damage:
        case "cut":
            damaged.write_bytes(damaged.read_bytes()[:-4])
        case "gone":
            damaged.unlink()
        case "garbage":
            damaged.write_bytes(b"\x93garbage")
    again = MediaStore(cache_dir)
    assert again.get(media.digest) is None
    with pytest.raises(MediaError, match="not in the cache"):
        again.open(media.digest)
    assert again.import_file(path) == media
    assert np.array_equal(again.open(media.digest).samples, audio)


def test_too_many_open_files_are_not_taken_for_missing_audio(
    tmp_path: Path, store: MediaStore, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = store.import_file(write_audio(tmp_path / "a.wav", noise(1, 1000)))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    another = MediaStore(cache_dir)
    with monkeypatch.context() as patch:
        patch.setattr(mmap, "mmap", refuse)
        with pytest.raises(MediaError, match="too many files are open"):
            another.get(media.digest)
    assert another.get(media.digest) is not None, "nothing was removed"


def test_ensure_conforms_again_what_the_cache_has_lost(tmp_path: Path, store: MediaStore) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 5000))
    media = store.import_file(path)
    fresh = MediaStore(tmp_path / "other cache")
    fresh.ensure(media)
    assert fresh.open(media.digest).length == 5000
    path.unlink()
    fresh.ensure(media)  # nothing to do
    with pytest.raises(MediaError, match="no such file"):
        MediaStore(tmp_path / "third").ensure(media)
    write_audio(path, noise(2, 5000))
    with pytest.raises(MediaError, match="has changed since"):
        MediaStore(tmp_path / "third").ensure(media)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("changes", [{"length": 4999}, {"length": 5001}, {"channels": 2}])
def test_ensure_refuses_a_session_that_does_not_match_the_file(
    tmp_path: Path, store: MediaStore, cached: bool, changes: dict[str, int]
) -> None:
    media = store.import_file(write_audio(tmp_path / "a.wav", noise(1, 5000)))
    used = store if cached else MediaStore(tmp_path / "other cache")
    with pytest.raises(MediaError, match=r"does not fit the project: it has 1 × 5000"):
        used.ensure(replace(media, **changes))
    used.ensure(media)


# Several processes in one store


def damage_store(cache_dir: Path) -> None:
    next(found for found in files_below(cache_dir / "media-v1") if found.name == "info.json").write_text("{")


def assert_one_media(cache_dir: Path) -> None:
    """Four good files, and neither temporary nor damaged folders beside them."""
    assert sorted(stored_files(cache_dir)) == ["audio.f32", "checksums.crc32", "info.json", "peaks.npy"]
    (folder,) = {path.parent for path in files_below(cache_dir / "media-v1")}
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("damaged", [False, True])
def test_another_process_publishes_first(
    tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    """It does so at the worst moment: when this one is about to rename."""
    path = write_audio(tmp_path / "a.wav", noise(1, 5000))
    if damaged:
        MediaStore(cache_dir).import_file(path)
        damage_store(cache_dir)
    real = os.rename

    def rename(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "rename", real)
        MediaStore(cache_dir).import_file(path)
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    store = MediaStore(cache_dir)
    media = store.import_file(path)
    assert np.array_equal(store.open(media.digest).samples, noise(1, 5000))
    assert_one_media(cache_dir)


def test_another_process_takes_a_good_folder_for_the_damaged_one_it_saw(
    tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 5000))
    real = MediaStore._publish

    def publish(self: MediaStore, temporary: Path, folder: Path) -> None:
        monkeypatch.setattr(MediaStore, "_publish", real)
        real(self, temporary, folder)
        os.rename(folder, tmp_path / "bad")

    monkeypatch.setattr(MediaStore, "_publish", publish)
    store = MediaStore(cache_dir)
    assert store.open(store.import_file(path).digest).length == 5000
    assert_one_media(cache_dir)


def test_a_store_whose_folders_cannot_be_renamed_says_so(
    tmp_path: Path, store: MediaStore, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_source: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(MediaError, match="permission denied"):
        store.import_file(write_audio(tmp_path / "a.wav", noise(1, 5000)))
    assert files_below(cache_dir) == []


@pytest.mark.parametrize("damaged", [False, True])
def test_many_importers_of_one_file_all_get_it(tmp_path: Path, cache_dir: Path, damaged: bool) -> None:
    """A store of its own for each thread: nothing but the disk is shared, as between processes."""
    path = write_audio(tmp_path / "a.wav", noise(1, 5000))
    importers = 16
    start = threading.Barrier(importers)
    outcomes: list[object] = []

    def import_it() -> None:
        start.wait()
        try:
            outcomes.append(MediaStore(cache_dir).import_file(path).length)
        except Exception as error:
            outcomes.append(error)

    for _ in range(5):
        outcomes.clear()
        if damaged:
            MediaStore(cache_dir).import_file(path)
            damage_store(cache_dir)
        threads = [threading.Thread(target=import_it) for _ in range(importers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == [5000] * importers
        assert_one_media(cache_dir)
        for found in files_below(cache_dir / "media-v1"):
            found.unlink()


IMPORT_WHEN_TOLD = """
import sys
from pathlib import Path
from lincae_studio.media.store import MediaStore
print("ready", flush=True)
sys.stdin.readline()
print(MediaStore(Path(sys.argv[1])).import_file(Path(sys.argv[2])).length)
"""


@pytest.mark.parametrize("damaged", [False, True])
def test_several_processes_import_one_file(tmp_path: Path, cache_dir: Path, damaged: bool) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 5000))
    if damaged:
        MediaStore(cache_dir).import_file(path)
        damage_store(cache_dir)
    command = [sys.executable, "-c", IMPORT_WHEN_TOLD, str(cache_dir), str(path)]
    processes = [
        subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in processes] == [("5000\n", "")] * 4
    assert_one_media(cache_dir)


class CancelAfter:
    """Cancels a token at the n-th report."""

    def __init__(self, token: CancelToken, reports: int) -> None:
        self._token = token
        self._left = reports
        self.last = Progress(0, 1)

    def __call__(self, progress: Progress) -> None:
        assert progress.done >= self.last.done
        self.last = progress
        self._left -= 1
        if self._left == 0:
            self._token.cancel()


@pytest.mark.parametrize("rate", [DEFAULT_RATE, 48_000])
def test_a_cancelled_import_leaves_nothing(tmp_path: Path, store: MediaStore, cache_dir: Path, rate: int) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 400_000), rate)
    token = CancelToken()
    cancelling = CancelAfter(token, 2)
    with pytest.raises(Cancelled):
        store.import_file(path, cancelling, token)
    assert 0.0 < cancelling.last.fraction < 1.0
    assert files_below(cache_dir) == []
    assert store.import_file(path).sample_rate == rate


def test_progress_ends_at_the_whole(tmp_path: Path, store: MediaStore) -> None:
    reports: list[Progress] = []
    store.import_file(write_audio(tmp_path / "a.wav", noise(1, 200_000)), reports.append)
    assert reports[-1].fraction == 1.0
    assert [report.done for report in reports] == sorted(report.done for report in reports)


def write_long(path: Path, minutes: int, rate: int) -> None:
    block = tone(441.0, rate, rate)  # a whole number of periods: blocks join without a step
    with sf.SoundFile(path, "w", rate, 1, subtype="PCM_16") as file:
        for _ in range(60 * minutes):
            file.write(block)


@pytest.mark.parametrize("rate", [DEFAULT_RATE, 22_050])
def test_memory_does_not_grow_with_the_length(tmp_path: Path, store: MediaStore, rate: int) -> None:
    path = tmp_path / "long.wav"
    write_long(path, 20, rate)
    tracemalloc.start()
    try:
        media: Media = store.import_file(path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert media.length == 20 * 60 * DEFAULT_RATE
    assert media.length * 4 > 200e6  # what it would take as a whole
    assert peak_bytes < 64e6


def test_importing_again_restores_files_deleted_while_open(store: MediaStore, cache_dir: Path, tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 3000))
    media = store.import_file(path)
    shutil.rmtree(next(cache_dir.glob(f"media-*/*/{media.digest}")))
    store.import_file(path)
    np.testing.assert_array_equal(MediaStore(cache_dir).open(media.digest).samples, noise(1, 3000))


@pytest.mark.linux("looks into /proc")
def test_reading_does_not_fill_the_memory(tmp_path: Path, store: MediaStore) -> None:
    """As an export reads a long session: window after window, here and there."""
    media = store.import_file(write_audio(tmp_path / "long.wav", noise(1, 4_000_000)))
    conformed = store.open(media.digest)
    for start in range(0, media.length, 88_000):
        for offset in (0, 100, 300):
            conformed.read(0, start + offset, 88_244)
    sizes = Path("/proc/self/smaps").read_text().split(f"{media.digest}/audio.f32")[1:]
    resident_kib = sum(int(part.split("Rss:")[1].split()[0]) for part in sizes)
    assert resident_kib < 2_000, "of 16 MB"
