"""Files that are not whole audio: refused in words that name the file and the reason, and nothing stays behind."""

from __future__ import annotations

import errno
import io
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from msgspec.structs import replace

from lincae_studio import atomic, bounded
from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, no_progress
from lincae_studio.media import conformed as conformed_module
from lincae_studio.media.importing import import_all, natural_order, with_folders
from lincae_studio.media.search import search
from lincae_studio.media.store import MediaStore, digest_of
from lincae_studio.session.model import DEFAULT_RATE
from tests.helpers import FullDisk, files_below, made_up_media, noise, tone, write_audio


@pytest.fixture
def refused(store: MediaStore, cache_dir: Path) -> Any:
    """Import a path that must be refused: returns the message, after looking that nothing was left in the store."""

    def refuse(path: Path) -> str:
        with pytest.raises(MediaError) as caught:
            store.import_file(path)
        assert path.name in caught.value.problem
        assert caught.value.remedy
        assert files_below(cache_dir) == []
        return caught.value.problem

    return refuse


def test_a_missing_file(tmp_path: Path, refused: Any) -> None:
    assert "no such file" in refused(tmp_path / "none.wav")


def test_a_folder(tmp_path: Path, refused: Any) -> None:
    (tmp_path / "folder.wav").mkdir()
    assert "it is a folder" in refused(tmp_path / "folder.wav")


def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path, refused: Any) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert "not a regular file" in refused(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to("/dev/zero")
    assert "not a regular file" in refused(tmp_path / "link.wav")


@pytest.mark.linux("opens a pipe that nobody writes to")
def test_a_pipe_put_in_place_of_a_file_at_the_last_moment_is_refused(
    tmp_path: Path, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_audio(tmp_path / "kick.wav", noise(1, 100))
    real = atomic.check_ordinary

    def check(file: Path | int) -> os.stat_result:
        status = real(file)
        if file == path:
            path.unlink()
            os.mkfifo(path)
        return status

    monkeypatch.setattr(bounded, "check_ordinary", check)
    assert "not a regular file" in refused(path)


@pytest.mark.linux("reads a file of the system that has no end")
def test_files_without_an_end_are_not_read_to_it(tmp_path: Path, store: MediaStore, refused: Any) -> None:
    """They are regular files with a size of 0; projects of older versions know no sizes to compare it with."""
    endless = tmp_path / "pagemap.wav"
    endless.symlink_to("/proc/self/pagemap")
    assert "empty" in refused(endless)
    media = replace(made_up_media(1, 1000), path=str(endless))
    assert store.file_state(media) == "changed"
    assert search(tmp_path, [replace(media, path="/music/pagemap.wav")]) == {}
    assert len(digest_of(endless, CancelToken())) == 64


@pytest.mark.linux("makes named pipes")
def test_folders_of_pipes_and_devices_are_dropped_without_waiting(tmp_path: Path, store: MediaStore) -> None:
    folder = tmp_path / "dropped"
    write_audio(folder / "kick.wav", noise(1, 1000))
    os.mkfifo(folder / "pipe.wav")
    for name in ("zero", "random"):
        (folder / f"{name}.wav").symlink_to(f"/dev/{name}")
    (folder / "pagemap.wav").symlink_to("/proc/self/pagemap")
    imported = import_all(store, natural_order(with_folders([folder])), no_progress, CancelToken(), DEFAULT_RATE)
    assert [path.name for path in imported.media] == ["kick.wav"]
    assert len(imported.problems) == 4


@pytest.mark.parametrize("name", ["a\udcff.wav", "\ud800.wav", "\udcfe/a.wav"])
def test_a_name_that_is_not_valid_unicode(tmp_path: Path, store: MediaStore, cache_dir: Path, name: str) -> None:
    with pytest.raises(MediaError, match="not valid Unicode") as caught:
        store.import_file(tmp_path / name)
    assert "Rename the file" in caught.value.remedy
    str(caught.value).encode()
    assert files_below(cache_dir) == []


def test_an_unreadable_file(tmp_path: Path, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_audio(tmp_path / "secret.wav", noise(1, 100))

    def denied(file: Any, *arguments: Any, **options: Any) -> Any:
        if file == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return real(file, *arguments, **options)

    real = os.open
    monkeypatch.setattr(os, "open", denied)  # root may read everything: mode bits would prove nothing
    assert "permission denied" in refused(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Dear diary, this is text.\n" * 100, "not a readable audio file"),
        (b"RIFF", "not a readable audio file"),
        (b"\0" * 5000, "not a readable audio file"),
        (b"fLaC", "not a readable audio file"),
        (b"OggS", "not a readable audio file"),
        (b"FORM\0\0\0\0AIFF", "not a readable audio file"),
    ],
)
def test_files_that_are_not_audio(tmp_path: Path, refused: Any, data: bytes, reason: str) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(data)
    assert reason in refused(path)


def wav_bytes(audio: np.ndarray, rate: int = DEFAULT_RATE, subtype: str = "PCM_16") -> bytearray:
    buffer = io.BytesIO()
    sf.write(buffer, audio, rate, subtype=subtype, format="WAV")
    return bytearray(buffer.getvalue())


def test_a_header_without_audio(tmp_path: Path, refused: Any) -> None:
    data = wav_bytes(noise(1, 1000))
    path = tmp_path / "header.wav"
    path.write_bytes(data[: data.index(b"data") + 8])
    assert "contains no audio" in refused(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
def test_audio_of_no_length(tmp_path: Path, refused: Any, suffix: str) -> None:
    path = write_audio(tmp_path / f"none.{suffix}", np.zeros((0, 1), np.float32), subtype="PCM_16")
    refused(path)


def test_less_than_a_sample_at_the_rate_of_the_session(tmp_path: Path, refused: Any) -> None:
    path = write_audio(tmp_path / "click.wav", noise(1, 1), 192_000)
    assert "shorter than one sample at 44.1 kHz" in refused(path)


def test_a_rate_of_0_hz(tmp_path: Path, refused: Any) -> None:
    data = wav_bytes(noise(1, 1000))
    struct.pack_into("<I", data, 24, 0)
    path = tmp_path / "zero.wav"
    path.write_bytes(data)
    assert "sample rate" in refused(path)


def test_more_than_two_channels(tmp_path: Path, refused: Any) -> None:
    assert "6 channels" in refused(write_audio(tmp_path / "surround.wav", noise(1, 1000, 6)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("at", "rate", "channel"), [(0, 44_100, 0), (110_250, 44_100, 1), (120_000, 48_000, 0)])
def test_nan_samples_are_reported_with_their_time(
    tmp_path: Path, refused: Any, value: float, at: int, rate: int, channel: int
) -> None:
    audio = noise(1, 150_000, 2)
    audio[at, channel] = value
    audio[at + 500] = value
    message = refused(write_audio(tmp_path / "nan.wav", audio, rate))
    assert f"(first at {at / rate:.3f} s)" in message


TRUNCATED = [("wav", "PCM_16"), ("wav", "FLOAT"), ("aiff", "PCM_16"), ("au", "PCM_16"), ("w64", "PCM_16")]
TRUNCATED += [("caf", "PCM_16"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III")]


@pytest.mark.parametrize(("suffix", "subtype"), TRUNCATED)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_file_that_ends_early(tmp_path: Path, refused: Any, suffix: str, subtype: str, share: float) -> None:
    path = write_audio(tmp_path / f"cut.{suffix}", noise(1, 200_000), subtype=subtype)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    message = refused(path)
    if suffix == "caf":  # libsndfile itself refuses these
        assert "malformed" in message
        return
    assert "truncated" in message
    percent = re.search(r"(\d+) % of its audio", message)
    if percent is not None:
        # FLAC counts whole blocks that were read, so it may say less.
        assert (-35 if suffix == "flac" else -8) < int(percent[1]) - 100 * share < 8


def test_a_flac_with_damage_in_the_middle(tmp_path: Path, refused: Any) -> None:
    path = write_audio(tmp_path / "damaged.flac", noise(1, 200_000), subtype="PCM_16")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    assert "truncated or damaged" in refused(path)


# The disk of the store


@pytest.mark.parametrize("room", [0, 100_000, 700_000])
def test_a_disk_that_fills_up_while_conforming(
    tmp_path: Path, store: MediaStore, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 200_000))
    disk = FullDisk(room)
    with monkeypatch.context() as patch:
        patch.setattr(conformed_module, "open", disk, raising=False)
        with pytest.raises(MediaError, match=r"cannot import a\.wav .* the disk is full") as caught:
            store.import_file(path)
    assert disk.refused
    assert "Free some space" in caught.value.remedy
    assert files_below(cache_dir) == []
    assert store.import_file(path).length == 200_000


def test_a_disk_that_fills_up_at_the_last_moment(
    tmp_path: Path, store: MediaStore, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        """A file on a network drive, which says that it is full when the file is closed."""

        def close(self) -> None:
            before, _ = self.closed, super().close()
            if not before:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = write_audio(tmp_path / "a.wav", noise(1, 2000))
    with monkeypatch.context() as patch:
        patch.setattr(conformed_module, "open", lambda name, _mode: io.BufferedWriter(Full(name, "w")), raising=False)
        with pytest.raises(MediaError, match="the disk is full"):
            store.import_file(path)
    assert files_below(cache_dir) == []


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    path = write_audio(tmp_path / "a.wav", tone(440.0, 1000))
    with pytest.raises(MediaError, match=r"cannot import a\.wav into"):
        MediaStore(tmp_path / "cache").import_file(path)
