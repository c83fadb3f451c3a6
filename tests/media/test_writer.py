"""Writing audio: files are read back, and an older file is replaced only by a complete new one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile as sf

from lincae_studio.errors import Cancelled, ExportError
from lincae_studio.export_settings import AudioFormat, Container, SampleFormat
from lincae_studio.media import writer as writer_module
from lincae_studio.media.formats import FORMATS, SAMPLE_FORMAT_TITLES, SUBTYPES
from lincae_studio.media.writer import writing
from lincae_studio.session.model import DEFAULT_RATE
from tests.helpers import FullDisk, files_below, noise, read_audio

OLD = b"an older export"


def write(path: Path, audio: np.ndarray, sample_format: SampleFormat = "32f", block: int = 1000) -> None:
    with writing(path, audio.shape[1], len(audio), AudioFormat(sample_format=sample_format), rate=DEFAULT_RATE) as out:
        for start in range(0, len(audio), block):
            out.write(audio[start : start + block])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("sample_format", "step"), [("16", 2**-15), ("24", 2**-23), ("32f", 0.0)])
def test_written_files_are_read_back(tmp_path: Path, sample_format: SampleFormat, step: float, channels: int) -> None:
    path = tmp_path / "out.wav"
    audio = noise(1, 12_345, channels)
    write(path, audio, sample_format)
    info = sf.info(path)
    assert (info.samplerate, info.channels, info.frames) == (DEFAULT_RATE, channels, 12_345)
    assert (info.format, info.subtype) == ("WAV", SUBTYPES[sample_format])
    assert np.abs(read_audio(path).T - audio).max() <= 1.5 * step
    assert files_below(tmp_path) == [path]


def test_every_sample_format_has_a_title() -> None:
    assert SAMPLE_FORMAT_TITLES.keys() == SUBTYPES.keys()


@pytest.mark.parametrize("sample_format", ["16", "24"])
def test_integer_formats_clip_and_count(tmp_path: Path, sample_format: SampleFormat) -> None:
    path = tmp_path / "out.wav"
    audio = np.array([[0.5, 1.0], [1.5, -2.0], [-1.0, -1.0001]], np.float32)
    with writing(path, 2, 3, AudioFormat(sample_format=sample_format), rate=DEFAULT_RATE) as out:
        out.write(audio)
        out.write(audio[:0])
    assert (out.clipped_samples, out.peak, out.written) == (3, 2.0, 3)
    assert np.abs(read_audio(path).T - np.clip(audio, -1.0, 1.0)).max() <= 2**-14
    assert audio[1, 0] == 1.5


def test_float_keeps_samples_beyond_full_scale(tmp_path: Path) -> None:
    audio = np.array([[3.0], [-5.0]], np.float32)
    with writing(tmp_path / "out.wav", 1, 2, rate=DEFAULT_RATE) as out:
        out.write(audio)
    assert out.clipped_samples == 0
    assert np.array_equal(read_audio(tmp_path / "out.wav").T, audio)


def test_only_files_too_large_for_wav_become_rf64(tmp_path: Path) -> None:
    """The announced length decides; nothing that large is written here."""
    limit = 4_000_000_000 // 8
    for length, expected in ((limit, "WAV"), (limit + 1, "RF64")):
        with writing(tmp_path / "out.wav", 2, length, rate=DEFAULT_RATE) as out:
            out.write(noise(1, 100, 2))
        assert sf.info(tmp_path / "out.wav").format == expected
    with writing(tmp_path / "out.wav", 2, limit + 1, AudioFormat(sample_format="16"), rate=DEFAULT_RATE) as out:
        out.write(noise(1, 100, 2))
    assert sf.info(tmp_path / "out.wav").format == "WAV"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "out.wav"
    path.write_bytes(OLD)
    return path


def assert_old(old: Path) -> None:
    assert old.read_bytes() == OLD
    assert files_below(old.parent) == [old]


def test_the_old_file_stays_until_the_new_one_is_complete(old: Path) -> None:
    with writing(old, 1, 100, rate=DEFAULT_RATE) as out:
        out.write(noise(1, 100))
        assert old.read_bytes() == OLD
    assert sf.info(old).frames == 100


@pytest.mark.parametrize("room", [0, 44, 5000, 30_000])
@pytest.mark.parametrize("sample_format", ["16", "32f"])
def test_a_disk_that_fills_up(
    old: Path, monkeypatch: pytest.MonkeyPatch, room: int, sample_format: SampleFormat
) -> None:
    disk = FullDisk(room)
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "open", disk, raising=False)
        with pytest.raises(ExportError, match="the disk is full") as caught:
            write(old, noise(1, 50_000), sample_format)
    assert disk.refused
    assert "Free some space" in caught.value.remedy
    assert_old(old)


def test_a_file_size_limit_of_the_system(old: Path) -> None:
    """The kernel itself refuses the write here: nothing is simulated."""
    resource = pytest.importorskip("resource", reason="Windows has no file size limits")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(ExportError, match=r"cannot export to .*large"):
            write(old, noise(1, 50_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_old(old)


@pytest.mark.parametrize("error", [Cancelled(), RuntimeError("our bug"), KeyboardInterrupt()])
def test_an_error_or_cancel_inside_the_block_passes_and_leaves_the_old_file(old: Path, error: BaseException) -> None:
    def stop_half_way() -> None:
        with writing(old, 1, 100, rate=DEFAULT_RATE) as out:
            out.write(noise(1, 50))
            raise error

    with pytest.raises(type(error)):
        stop_half_way()
    assert_old(old)


@pytest.mark.parametrize("name", ["out.mp3", "out", "out.wav.txt", ".wav", "mix v1.2"])
def test_names_without_a_wav_extension_are_refused(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ExportError, match=r"must end in \.wav") as caught,
        writing(tmp_path / name, 1, 1, rate=DEFAULT_RATE),
    ):
        pass
    assert caught.value.remedy == f"Try {name}.wav"
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("name", ["out.WAV", "out.wave"])
def test_other_spellings_of_wav_are_accepted(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, noise(1, 10))
    assert sf.info(tmp_path / name).frames == 10


@pytest.mark.parametrize(("place", "reason"), [("no/such/out.wav", "no such file"), ("folder.wav", "regular file")])
def test_unwritable_targets_are_refused(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(ExportError, match=reason), writing(tmp_path / place, 1, 1, rate=DEFAULT_RATE):
        pytest.fail("the block must not run")
    assert files_below(tmp_path) == []


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    """As root, renaming over /dev/null would break the machine; a named pipe stands for it."""
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    with pytest.raises(ExportError, match="not a regular file"), writing(pipe, 1, 1, rate=DEFAULT_RATE):
        pytest.fail("the block must not run")
    assert pipe.is_fifo()
    link = tmp_path / "link.wav"
    link.symlink_to("/dev/null")
    with pytest.raises(ExportError, match="not a regular file"), writing(link, 1, 1, rate=DEFAULT_RATE):
        pytest.fail("the block must not run")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_a_write_protected_file_is_not_replaced(old: Path, mode: int) -> None:
    """Not even for root, who may write everything."""
    old.chmod(mode)
    with pytest.raises(ExportError, match="permission denied"), writing(old, 1, 1, rate=DEFAULT_RATE):
        pytest.fail("the block must not run")
    assert_old(old)


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o640])
def test_a_replaced_file_keeps_its_permissions(old: Path, mode: int) -> None:
    old.chmod(mode)
    write(old, noise(1, 10))
    assert sf.info(old).frames == 10
    assert stat.S_IMODE(old.stat().st_mode) == mode


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    write(tmp_path / "out.wav", noise(1, 10))
    assert (tmp_path / "out.wav").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_disk_without_permissions_takes_exports_too(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    write(old, noise(1, 10))
    assert sf.info(old).frames == 10


def test_the_target_of_a_link_is_replaced_and_the_link_kept(tmp_path: Path, old: Path) -> None:
    link = tmp_path / "elsewhere" / "link.wav"
    link.parent.mkdir()
    link.symlink_to(old)
    write(link, noise(1, 10))
    assert link.is_symlink()
    assert sf.info(old).frames == 10
    assert files_below(tmp_path) == sorted([old, link])


def test_every_container_that_can_be_chosen_is_described() -> None:
    assert FORMATS.keys() == set(get_args(Container))
    endings = [ending for one in FORMATS.values() for ending in one.endings]
    assert len(set(endings)) == len(endings), "an extension that names two containers"


@pytest.mark.parametrize("container", get_args(Container))
def test_every_container_is_written_and_read(tmp_path: Path, container: Container) -> None:
    one = FORMATS[container]
    sample_format = one.sample_formats[0] if one.sample_formats else "32f"
    path = tmp_path / f"any{one.endings[-1]}"
    with writing(
        path, 2, 9000, AudioFormat(container=container, sample_format=sample_format), rate=DEFAULT_RATE
    ) as file:
        file.write(noise(1, 9000, 2))
    assert (sf.info(path).channels, sf.info(path).samplerate) == (2, 44_100)
    assert sf.info(path).frames >= 9000
