"""All of a file's audio is read, whatever its header says, or it is refused."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, strategies as st

from lincae_studio.codecs.base import Array
from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.probe import probe
from lincae_studio.media.reading import mp3, reader
from lincae_studio.media.reading.reader import AudioFile
from lincae_studio.media.reading.view import FileView, patched
from lincae_studio.media.store import MediaStore
from tests.helpers import noise, write_audio

RATE = 44_100

#: An MPEG frame of layer III at 44.1 kHz, in samples.
FRAME = 1152


def encoded(audio: Array, kind: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, audio, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def bursts(seconds: float = 4.0) -> Array:
    """Noise that comes and goes, so that MP3 frames borrow bits from earlier ones."""
    time = np.arange(round(seconds * RATE)) / RATE
    loud = np.sin(4 * np.pi * time) > 0
    return (0.3 * np.sin(2 * np.pi * 220 * time) + 0.2 * noise(3, len(time))[:, 0] * loud).astype(np.float32)


def read(path: Path) -> Array:
    """A file's samples; its announced length must be theirs."""
    with AudioFile(path) as file:
        audio = np.concatenate([block.copy() for block in file.blocks()])
        assert len(audio) == file.info.length
    return audio


def decoded(data: bytes) -> Array:
    """What one call of the library decodes."""
    audio, _ = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return np.asarray(audio)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def without_xing(data: bytes) -> bytes:
    """An MP3 without the frame that says how many follow."""
    first = mp3.frame_of(data[:4])
    assert first is not None
    assert data[21:25] in (b"Xing", b"Info")
    return data[first.size :]


def riff(data: bytes, *, riff_size: int | None = None, data_size: int | None = None) -> bytes:
    """A WAV with other sizes in its header, which is 44 bytes long."""
    assert data[36:40] == b"data"
    head = bytearray(data[:44])
    if riff_size is not None:
        head[4:8] = struct.pack("<I", riff_size)
    if data_size is not None:
        head[40:44] = struct.pack("<I", data_size)
    return bytes(head) + data[44:]


FORMATS = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
    ("MP3", None),
    ("AIFF", "PCM_24"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Array]]:
    """A file of each format, with what one call decodes of it."""
    folder = tmp_path_factory.mktemp("formats")
    found = []
    for number, (kind, subtype) in enumerate(FORMATS):
        data = encoded(bursts(), kind, subtype)
        found.append((put(folder / f"{number}.audio", data), decoded(data)))
    return found


@given(number=st.integers(0, len(FORMATS) - 1), frames=st.integers(1000, 90_000))
def test_reading_in_blocks_of_any_size_equals_one_decode(
    files: list[tuple[Path, Array]], number: int, frames: int
) -> None:
    path, expected = files[number]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "BLOCK_FRAMES", frames)
        np.testing.assert_array_equal(read(path), expected)


def test_an_imported_mp3_equals_one_decode(tmp_path: Path, store: MediaStore) -> None:
    data = encoded(bursts(6.0), "MP3")
    media = store.import_file(put(tmp_path / "bass.mp3", data))
    np.testing.assert_array_equal(store.open(media.digest).samples, decoded(data))


def test_an_mp3_without_a_header_is_counted(tmp_path: Path) -> None:
    data = encoded(bursts(), "MP3")
    audio = read(put(tmp_path / "stream.mp3", without_xing(data)))
    assert 0 <= len(audio) - len(decoded(data)) < 2 * FRAME
    whole = decoded(data)[:, 0]
    lag = int(np.argmax(np.correlate(audio[: 3 * FRAME + 20_000, 0], whole[3 * FRAME : 3 * FRAME + 10_000])))
    shifted = audio[lag - 3 * FRAME :, 0] if lag >= 3 * FRAME else audio[:, 0]
    np.testing.assert_allclose(shifted[20_000:40_000], whole[20_000:40_000], atol=1e-3)


@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)])
def test_mp3s_one_behind_the_other_are_read_to_the_end(tmp_path: Path, tag: bytes) -> None:
    one, two = encoded(bursts(2.0), "MP3"), encoded(bursts(1.0)[::-1], "MP3")
    audio = read(put(tmp_path / "joined.mp3", tag + one + tag + two))
    np.testing.assert_allclose(audio, np.concatenate([decoded(one), decoded(two)]), atol=1e-6)


def test_an_mp3_with_more_frames_than_its_header_says_is_read_to_the_end(tmp_path: Path) -> None:
    one, two = encoded(bursts(2.0), "MP3"), encoded(bursts(1.0), "MP3")
    audio = read(put(tmp_path / "joined.mp3", one + without_xing(two)))
    assert abs(len(audio) - len(decoded(one)) - len(decoded(two))) < 2 * FRAME


def test_mpeg_audio_of_another_layer_is_named(tmp_path: Path) -> None:
    frame = bytes.fromhex("fffd8004") + bytes(413)  # layer II, 128 kb/s, 44.1 kHz
    with pytest.raises(MediaError, match="layer I or II"):
        probe(put(tmp_path / "a.mp2", 20 * frame))


def test_an_mp3_whose_rate_changes_is_refused(tmp_path: Path) -> None:
    data = encoded(bursts(1.0), "MP3") + encoded(bursts(1.0), "MP3", rate=48_000)
    with pytest.raises(MediaError, match="changes in the middle, from 44100 Hz mono to 48000 Hz mono"):
        probe(put(tmp_path / "joined.mp3", data))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_chained_ogg_streams_are_read_to_the_end(tmp_path: Path, subtype: str) -> None:
    rate = 48_000 if subtype == "OPUS" else RATE
    one, two = encoded(bursts(2.0), "OGG", subtype, rate), encoded(bursts(1.0), "OGG", subtype, rate)
    audio = read(put(tmp_path / "radio.ogg", one + two))
    np.testing.assert_array_equal(audio, np.concatenate([decoded(one), decoded(two)]))


def test_padding_behind_an_ogg_stream_is_skipped(tmp_path: Path) -> None:
    data = encoded(bursts(1.0), "OGG")
    np.testing.assert_array_equal(read(put(tmp_path / "a.ogg", data + bytes(5000))), decoded(data))
    assert probe(tmp_path / "a.ogg").warning == ""


def without_end(data: bytes) -> bytes:
    """An Ogg stream whose last page does not say so; its checksum is right."""
    last = data.rindex(b"OggS\0")
    page = bytearray(data[last:])
    page[5] &= ~4
    page[22:26] = bytes(4)
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    page[22:26] = struct.pack("<I", crc)
    return data[:last] + bytes(page)


def test_an_ogg_stream_without_an_end_is_imported_with_a_word(tmp_path: Path, store: MediaStore) -> None:
    data = encoded(bursts(1.0), "OGG")
    warnings: list[str] = []
    media = store.import_file(put(tmp_path / "radio.ogg", without_end(data)), warn=warnings.append)
    np.testing.assert_array_equal(store.open(media.digest).samples, decoded(data))
    assert len(warnings) == 1
    assert warnings[0].startswith("radio.ogg: its Ogg stream has no end")


def test_chained_ogg_streams_of_different_rates_are_refused(tmp_path: Path) -> None:
    one, two = encoded(bursts(1.0), "OGG"), encoded(bursts(1.0), "OGG", rate=48_000)
    with pytest.raises(MediaError, match="its parts differ: 44100 Hz with 1 channels, then 48000 Hz"):
        probe(put(tmp_path / "radio.ogg", one + two))


def test_a_flac_of_unknown_length_is_read_to_the_end(tmp_path: Path) -> None:
    """Written to a pipe: the number of samples and the checksum in its header stay 0."""
    data = bytearray(encoded(bursts(), "FLAC", "PCM_16"))
    expected = decoded(bytes(data))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    data[26:42] = bytes(16)
    np.testing.assert_array_equal(read(put(tmp_path / "piped.flac", bytes(data))), expected)
    with pytest.raises(MediaError, match="truncated or damaged"):
        read(put(tmp_path / "cut.flac", bytes(data[: len(data) // 2])))


@pytest.mark.parametrize("samples", [1000, 180_000, 500_000])
def test_a_flac_with_more_samples_than_its_header_says_is_read_to_the_end(tmp_path: Path, samples: int) -> None:
    data = bytearray(encoded(noise(9, samples, 2), "FLAC", "PCM_16"))
    expected = decoded(bytes(data))
    for promised in (1, samples // 2, samples - 1):
        data[22:26] = promised.to_bytes(4, "big")
        np.testing.assert_array_equal(read(put(tmp_path / "a.flac", bytes(data))), expected)
    data[22:26] = (samples + 1).to_bytes(4, "big")
    with pytest.raises(MediaError, match="truncated or damaged"):
        read(put(tmp_path / "b.flac", bytes(data)))


@pytest.mark.parametrize("behind", [b"TAG" + bytes(125), b"\xff\xf8" + bytes(range(200))])
def test_tags_behind_a_flac_are_skipped(tmp_path: Path, behind: bytes) -> None:
    data = encoded(bursts(1.0), "FLAC", "PCM_16")
    np.testing.assert_array_equal(read(put(tmp_path / "a.flac", data + behind)), decoded(data))


N = 20_000
PLAIN = encoded(noise(5, N, 2), "WAV", "PCM_16")
PROMISES = {
    "never closed": ({"riff_size": 0, "data_size": 0}, N),
    "never closed, riff of the header": ({"riff_size": 36, "data_size": 0}, N),
    "piped, -1": ({"riff_size": 0xFFFF_FFFF, "data_size": 0xFFFF_FFFF}, N),
    "piped, largest int": ({"riff_size": 0x7FFF_FFFF, "data_size": 0x7FFF_FFDB}, N),
    "piped, 2 GiB": ({"riff_size": 0x8000_0024, "data_size": 0x8000_0000}, N),
    "wrong riff size only": ({"riff_size": 0}, N),
    "3 GB promised": ({"riff_size": 3_000_000_036, "data_size": 3_000_000_000}, None),
    "4 GB promised": ({"riff_size": 4_000_000_036, "data_size": 4_000_000_000}, None),
    "a sample too many promised": ({"data_size": 4 * N + 4}, None),
}


@pytest.mark.parametrize("name", PROMISES)
def test_sizes_of_a_wav_that_are_wrong(tmp_path: Path, name: str) -> None:
    sizes, samples = PROMISES[name]
    path = put(tmp_path / "a.wav", riff(PLAIN, **sizes))
    if samples is None:
        with pytest.raises(MediaError, match=r"truncated or damaged, [\d.]+ % of its audio is present"):
            probe(path)
    else:
        np.testing.assert_array_equal(read(path), decoded(PLAIN))


def test_audio_behind_what_the_header_says_is_reported(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", riff(PLAIN, riff_size=2036, data_size=2000))
    assert len(read(path)) == 500
    assert "audio ends after 2 % of the file" in probe(path).warning
    tagged = riff(PLAIN, riff_size=len(PLAIN) + 100_000) + b"id3 " + struct.pack("<I", 100_000) + bytes(100_000)
    assert probe(put(tmp_path / "b.wav", tagged)).warning == ""


def rf64(data_size: int, long_size: int, samples: bytes) -> bytes:
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, min(long_size + 72, (1 << 64) - 1) if long_size else 0, long_size, 0, 0)
    fmt = PLAIN[12:36]
    head = b"RF64" + struct.pack("<I", 0xFFFF_FFFF) + b"WAVE" + ds64 + fmt
    return head + b"data" + struct.pack("<I", data_size) + samples


@pytest.mark.parametrize(
    ("data_size", "long_size", "whole"),
    [
        (0xFFFF_FFFF, 4 * N, True),
        (0xFFFF_FFFF, 5_000_000_000, False),
        (0xFFFF_FFFF, (1 << 64) - 1, True),
        (0xFFFF_FFFF, 0, True),
        (0, 0, True),
    ],
)
def test_sizes_of_an_rf64(tmp_path: Path, data_size: int, long_size: int, whole: bool) -> None:
    path = put(tmp_path / "a.wav", rf64(data_size, long_size, PLAIN[44:]))
    if whole:
        np.testing.assert_array_equal(read(path), decoded(PLAIN))
    else:
        with pytest.raises(MediaError, match="truncated or damaged"):
            probe(path)


@pytest.mark.parametrize("size", [(1 << 63) - 8, (1 << 64) - 8])
def test_sizes_that_no_file_has(tmp_path: Path, capfd: pytest.CaptureFixture[str], size: int) -> None:
    """The decoder seeks there: all of it or a refusal, and nothing is printed."""
    data = bytearray(encoded(noise(5, N), "W64", "PCM_16"))
    place = data.index(b"data") + 16
    data[place : place + 8] = struct.pack("<Q", size)
    path = put(tmp_path / "a.w64", bytes(data))
    with contextlib.suppress(MediaError):
        assert len(read(path)) == N
    assert capfd.readouterr().err == ""


def wav_of(bits: int, block: int, samples: bytes, tag: int = 1) -> bytes:
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, 1, RATE, RATE * block, block, bits)
    body = b"WAVE" + fmt + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(("bits", "size"), [(24, 4), (20, 3), (20, 4), (12, 2)])
def test_samples_of_fewer_bits_than_their_bytes(tmp_path: Path, bits: int, size: int) -> None:
    values = np.random.default_rng(6).integers(-(1 << bits - 1), 1 << bits - 1, 5000)
    containers = (values.astype(np.int64) << 8 * size - bits).astype("<i8")
    data = containers.view(np.uint8).reshape(-1, 8)[:, :size].tobytes()
    audio = read(put(tmp_path / "a.wav", wav_of(bits, size, data)))
    np.testing.assert_allclose(audio[:, 0], values / (1 << bits - 1), atol=1e-7)


@pytest.mark.parametrize(("bits", "block", "tag"), [(24, 8, 1), (16, 1, 1)])
def test_blocks_that_fit_no_sample_are_refused(tmp_path: Path, bits: int, block: int, tag: int) -> None:
    with pytest.raises(MediaError, match=f"{bits} bits a sample in blocks of {block} bytes"):
        probe(put(tmp_path / "a.wav", wav_of(bits, block, bytes(8000), tag)))


@pytest.mark.parametrize(("tag", "name"), [(0xFF, "AAC"), (0x161, "WMA"), (0x2000, "AC-3")])
def test_an_encoding_that_is_not_supported_is_named(tmp_path: Path, tag: int, name: str) -> None:
    with pytest.raises(MediaError, match=f"a WAV file with {name} inside") as caught:
        probe(put(tmp_path / "a.wav", wav_of(16, 2, bytes(8000), tag)))
    assert "PCM" in caught.value.remedy


def test_mp3_in_a_wav_is_read_to_the_end(tmp_path: Path) -> None:
    data = encoded(bursts(2.0), "MP3")
    wav = wav_of(0, 1, data, tag=0x55)
    np.testing.assert_array_equal(read(put(tmp_path / "a.wav", wav)), decoded(data))
    with pytest.raises(MediaError, match="truncated or damaged"):
        probe(put(tmp_path / "cut.wav", wav[:-8000]))


@pytest.mark.linux("its paths may have 4,095 characters")
def test_a_path_of_over_1024_characters(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*8 * ["a" * 200])
    folder.mkdir(parents=True)
    np.testing.assert_array_equal(read(put(folder / "a.wav", PLAIN)), decoded(PLAIN))


@pytest.mark.parametrize("rate", [1, 68, 999, 2_000_000])
def test_rates_that_no_recording_has(tmp_path: Path, rate: int) -> None:
    data = bytearray(PLAIN)
    data[24:28] = struct.pack("<I", rate)
    with pytest.raises(MediaError, match=f"its sample rate is {rate:,} Hz"):
        probe(put(tmp_path / "logger.wav", bytes(data)))


def test_samples_whose_sum_would_not_be_finite(tmp_path: Path, store: MediaStore) -> None:
    audio = np.zeros(2 * RATE, np.float32)
    audio[RATE] = 1e38
    with pytest.raises(MediaError, match=r"over \+600 dBFS \(first at 1.000 s\)"):
        store.import_file(write_audio(tmp_path / "a.wav", audio))


def written_in_place(path: Path, other: bytes) -> None:
    with open(path, "r+b") as file:
        file.write(other)


def renamed_over(path: Path, other: bytes) -> None:
    os.replace(put(path.with_suffix(".new"), other), path)


def removed(path: Path, other: bytes) -> None:
    path.unlink()


def linked(path: Path, other: bytes) -> None:
    path.unlink()
    path.symlink_to(put(path.with_suffix(".other"), other))


@pytest.mark.parametrize("change", [written_in_place, renamed_over, removed, linked])
@pytest.mark.parametrize("after_hash", [True, False])
def test_a_file_that_changes_while_it_is_imported(
    tmp_path: Path,
    store: MediaStore,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, bytes], None],
    after_hash: bool,
) -> None:
    """It is refused, and the store has nothing else under the digest of the file as it was."""
    path = write_audio(tmp_path / "stem.wav", noise(7, N), subtype="PCM_16")
    original, other = path.read_bytes(), encoded(noise(8, N), "WAV", "PCM_16")
    hashed = reader.hash_of

    def hash_of(file: BinaryIO, path: Path, cancel: CancelToken) -> str:
        if not after_hash:
            change(path, other)
        digest = hashed(file, path, cancel)
        if after_hash:
            change(path, other)
        return digest

    with monkeypatch.context() as patch:
        patch.setattr(reader, "hash_of", hash_of)
        with pytest.raises(MediaError, match="changed by another program while it was being read"):
            store.import_file(path)
    for data in (original, other):
        media = store.import_file(put(path, data))
        np.testing.assert_array_equal(store.open(media.digest).samples, decoded(data))


def test_a_view_is_its_pieces_one_after_the_other(tmp_path: Path) -> None:
    data = bytes(range(100))
    path = put(tmp_path / "data", data)
    expected = b"AB" + data[10:20] + b"x" + data[21:30]
    with open(path, "rb", buffering=0) as file:
        view = FileView(file, [b"AB", *patched(range(10, 30), {20: b"x"})])
        assert view.read() == expected
        assert view.seek(-4, io.SEEK_END) == len(expected) - 4
        assert view.read(100) == expected[-4:]
        view.seek(1)
        assert [view.read(3), view.tell()] == [expected[1:4], 4]
