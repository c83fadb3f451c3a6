"""`lincae-studio mix --process`: files that are reversed, stretched and so on before they are mixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.cli.inputs import parse_process
from lincae_studio.errors import UsageError
from lincae_studio.session.processes import Channels, Reverse
from tests.cli.test_mix import figures
from tests.helpers import noise, read_audio, tone, write_audio

RATE = 44_100


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Mono noise of a second, and a stereo file of which only the right channel sounds."""
    right = np.concatenate([np.zeros((RATE, 1), np.float32), tone(440.0, RATE)], axis=1)
    return write_audio(tmp_path / "one.wav", noise(1, RATE)), write_audio(tmp_path / "two.wav", right)


def mixed(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: object) -> np.ndarray:
    figures(capsys, "mix", *arguments, "-o", tmp_path / "mix.wav", "--codec", "mdct-1x", "--bits", "32f")
    return read_audio(tmp_path / "mix.wav")


def test_files_are_processed_in_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: tuple[Path, Path]
) -> None:
    one, two = files
    plain = mixed(capsys, tmp_path, one)
    assert mixed(capsys, tmp_path, one, "--process", "reverse") == pytest.approx(plain[:, ::-1], abs=1e-4)
    assert mixed(capsys, tmp_path, two, one, "--process", "swap=1", "--process", "invert=2") == pytest.approx(
        mixed(capsys, tmp_path, two)[::-1] - plain, abs=1e-4
    )
    left = mixed(capsys, tmp_path, two, "--process", "swap", "--process", "left")
    assert left == pytest.approx(mixed(capsys, tmp_path, two)[1:], abs=1e-4), "the channel that was on the right"


def test_a_stretch_and_a_pitch_are_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: tuple[Path, Path]
) -> None:
    longer = mixed(
        capsys, tmp_path, files[1], "--process", "right", "--process", "stretch:1.5", "--process", "pitch:12"
    )
    assert longer.shape == (1, RATE * 3 // 2)
    spectrum = np.abs(np.fft.rfft(longer[0] * np.hanning(longer.shape[1])))
    assert spectrum.argmax() / 1.5 == pytest.approx(880.0, abs=1.0)


@pytest.mark.parametrize(
    ("process", "message"),
    [
        ("louder", "louder is not a process"),
        ("reverse=3", "there is no input 3 for reverse"),
        ("stretch", "stretch needs a number"),
        ("reverse:2", "reverse takes no number"),
        ("stretch:20", "cannot be stretched to 2000 %"),
        ("left=1", "the clips are mono"),
    ],
)
def test_what_cannot_be_done_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: tuple[Path, Path], process: str, message: str
) -> None:
    assert run(["mix", *map(str, files), "--process", process, "-o", str(tmp_path / "x.wav")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x.wav").exists()


def test_processes_are_parsed() -> None:
    assert (parse_process("reverse", 3).process, parse_process("reverse", 3).inputs) == (Reverse(), (0, 1, 2))
    assert (parse_process("mono=1,3", 3).process, parse_process("mono=1,3", 3).inputs) == (Channels("mono"), (0, 2))
    assert parse_process("pitch:-3.5=2", 3).semitones == -3.5
    assert parse_process("stretch:.5", 3).factor == 0.5
    with pytest.raises(UsageError):
        parse_process("stretch:=1", 3)
