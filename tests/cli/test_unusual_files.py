"""Files as recorders, streams and other programs leave them, mixed on the command line: whole, or refused in a line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.session.model import DEFAULT_RATE
from tests.helpers import noise, read_audio, write_audio
from tests.media.reading.test_reading import PLAIN, N, bursts, encoded, riff, wav_of, without_end, without_xing

WHOLE: dict[str, tuple[Callable[[], bytes], int]] = {
    "never_closed.wav": (lambda: riff(PLAIN, riff_size=0, data_size=0), N),
    "piped.wav": (lambda: riff(PLAIN, riff_size=0xFFFF_FFFF, data_size=0xFFFF_FFFF), N),
    "packed.wav": (lambda: wav_of(24, 4, np.arange(N, dtype="<i4").tobytes()), N),
    "stream.mp3": (lambda: without_xing(encoded(bursts(2.0), "MP3")), 2 * DEFAULT_RATE),
    "joined.mp3": (lambda: 2 * encoded(bursts(1.0), "MP3"), 2 * DEFAULT_RATE),
    "chained.ogg": (lambda: 2 * encoded(bursts(1.0), "OGG"), 2 * DEFAULT_RATE),
}
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut.wav": (lambda: riff(PLAIN, riff_size=3_000_000_036, data_size=3_000_000_000), "truncated or damaged"),
    "odd.wav": (lambda: wav_of(24, 8, bytes(8000)), "24 bits a sample in blocks of 8 bytes"),
    "logger.wav": (lambda: encoded(noise(1, 100), "WAV", "PCM_16", 1), "its sample rate is 1 Hz"),
    "huge.wav": (lambda: encoded(noise(1, N) * 1e38, "WAV", "FLOAT"), "over +600 dBFS (first at"),
    "cut.mp3": (lambda: encoded(bursts(2.0), "MP3")[:-5000], "truncated or damaged"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_all_of_its_audio_is_mixed(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    make, samples = WHOLE[name]
    (tmp_path / name).write_bytes(make())
    assert run(["mix", str(tmp_path / name), "-o", str(tmp_path / "mix.wav"), "--json"]) == 0
    out, err = capfd.readouterr()
    assert 0 <= json.loads(out)["duration_s"] * DEFAULT_RATE - samples < 2 * 1152 + 1
    assert err == ""


@pytest.mark.parametrize("name", REFUSED)
def test_one_line_says_what_is_wrong(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    make, reason = REFUSED[name]
    (tmp_path / name).write_bytes(make())
    assert run(["mix", str(tmp_path / name), "-o", str(tmp_path / "mix.wav")]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"error: cannot import {name}: ")
    assert reason in err
    assert not (tmp_path / "mix.wav").exists()


def test_a_stream_without_an_end_is_mixed_with_a_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "radio.ogg").write_bytes(without_end(encoded(bursts(1.0), "OGG")))
    assert run(["mix", str(tmp_path / "radio.ogg"), "-o", str(tmp_path / "mix.wav")]) == 0
    err = capfd.readouterr().err
    assert err.startswith("warning: radio.ogg: its Ogg stream has no end")
    assert err.count("\n") == 1


def test_decoders_print_nothing(tmp_path: Path) -> None:
    """Damaged frames, about which the MP3 decoder prints lines of its own on the standard error of the process."""
    data = bytearray(encoded(bursts(2.0), "MP3"))
    for place in range(2000, len(data), 97):
        if data[place] != 0xFF and data[place - 1] != 0xFF:
            data[place] ^= 0x55
    (tmp_path / "scratched.mp3").write_bytes(data)
    command = [sys.executable, "-m", "lincae_studio", "mix", str(tmp_path / "scratched.mp3"), "-o"]
    done = subprocess.run([*command, str(tmp_path / "mix.wav"), "--json"], capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    assert done.returncode in (0, 2)
    assert all(line.startswith("error: cannot import scratched.mp3") for line in lines)
    assert len(lines) == (done.returncode == 2)


@pytest.mark.parametrize(("choice", "left", "right"), [("2", 1, 1), ("3,1", 2, 0), ("mix", None, None)])
def test_channels_of_a_wide_file(tmp_path: Path, choice: str, left: int | None, right: int | None) -> None:
    audio = noise(4, N, 4)
    write_audio(tmp_path / "surround.wav", audio)
    command = ["mix", str(tmp_path / "surround.wav"), "-o", str(tmp_path / "mix.wav"), "--from-channels", choice]
    assert run([*command, "--write", "dry", "--channels", "stereo"]) == 0
    mixed = read_audio(tmp_path / "mix.wav")
    mean = audio.mean(axis=1)
    np.testing.assert_allclose(mixed[0], mean if left is None else audio[:, left], atol=1e-6)
    np.testing.assert_allclose(mixed[1], mean if right is None else audio[:, right], atol=1e-6)


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        ("0", "not a valid"),
        ("1,2,3", "not a valid"),
        ("mix\n", "not a valid"),
        ("1٣", "not a valid"),
        ("9", "has 4 ch"),
    ],
)
def test_channels_that_cannot_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], choice: str, problem: str
) -> None:
    write_audio(tmp_path / "surround.wav", noise(4, N, 4))
    command = ["mix", str(tmp_path / "surround.wav"), "-o", str(tmp_path / "mix.wav")]
    assert run([*command, "--from-channels", choice]) == 2
    assert problem in capsys.readouterr().err
    assert run(command) == 2
    assert "--from-channels" in capsys.readouterr().err
