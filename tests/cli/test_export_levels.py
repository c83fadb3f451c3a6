"""Levels of exports at their extremes: nothing that is not finite is written, and nothing is changed unasked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from lincae_studio.jobs import CancelToken
from lincae_studio.media.store import MediaStore, digest_of
from lincae_studio.session import edits, files
from lincae_studio.session.model import DEFAULT_RATE, Session
from tests.cli.test_exports import printed, refused
from tests.cli.test_mix import lincae
from tests.helpers import files_below, noise, read_audio, tone, write_audio

QUIET_DB = -80.0


@pytest.fixture
def too_loud(tmp_path: Path, store: MediaStore) -> Path:
    """Two seconds of noise, with other audio in the cache: from 1.5 s on, no sum of two samples can be held.

    An audio file with such samples is not imported.
    """
    path = write_audio(tmp_path / "in" / "loud.wav", noise(1, 2 * DEFAULT_RATE, 2))
    audio = noise(1, 2 * DEFAULT_RATE, 2)
    audio[3 * DEFAULT_RATE // 2 :] = 3.3e38
    store.put(digest_of(path, CancelToken()), iter([audio]), path.name)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out.wav", ()),
        ("out.wav", ("--bits", "16")),
        ("out.wav", ("--normalize", "peak")),
        ("out.wav", ("--normalize", "loudness")),
        ("out.wav", ("--write", "difference")),
        ("out.wav", ("--write", "dry", "--rate", "48000")),
        ("out.wav", ("--write", "dry", "--channels", "mono", "--normalize", "peak")),
        ("out.mp3", ()),
        ("out.npz", ("--write", "latents")),
    ],
)
def test_nothing_that_is_not_finite_is_written(
    too_loud: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, options: tuple[str, ...]
) -> None:
    (tmp_path / "out").mkdir()
    old = tmp_path / "out" / name
    old.write_bytes(b"old")
    said = refused(capsys, "mix", too_loud, "-o", old, *options)
    assert "NaN or infinite at 0:01." in said
    assert "Turn down" in said
    assert files_below(old.parent) == [old]
    assert old.read_bytes() == b"old"


def test_latents_that_are_not_finite_are_not_written(
    too_loud: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "NaN or infinite at 0:01." in refused(capsys, "encode", too_loud, "-o", tmp_path / "z.npz")
    assert not (tmp_path / "z.npz").exists()


def test_loud_but_finite_audio_is_written_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audio = noise(1, 30_000) * np.float32(1e29)
    path = write_audio(tmp_path / "loud.wav", audio)
    lincae(capsys, "mix", path, "-o", tmp_path / "out.wav", "--write", "dry")
    assert np.array_equal(read_audio(tmp_path / "out.wav")[0], audio[:, 0])


@pytest.mark.parametrize(
    ("samples", "level", "reason"),
    [
        (5 * DEFAULT_RATE, 10 ** (QUIET_DB / 20), "below -70 LUFS"),
        (13_230, 0.3, "shorter than 0.4 s"),
        (DEFAULT_RATE, 0.0, "silent"),
    ],
)
def test_a_loudness_that_cannot_be_measured_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], samples: int, level: float, reason: str
) -> None:
    path = write_audio(tmp_path / "in.wav", tone(440.0, samples, level=level))
    lincae(capsys, "mix", path, "-o", tmp_path / "plain.wav")
    said = lincae(capsys, "mix", path, "-o", tmp_path / "out.wav", "--normalize", "loudness")
    assert f"{tmp_path / 'out.wav'} was not normalised: " in said
    assert reason in said
    assert np.array_equal(read_audio(tmp_path / "out.wav"), read_audio(tmp_path / "plain.wav"))
    found = printed(capsys, "mix", path, "-o", tmp_path / "out.wav", "--normalize", "loudness")
    assert found["gain_db"] == 0.0
    assert reason in found["not_normalized"]


def test_what_cannot_be_measured_still_keeps_the_true_peak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_audio(tmp_path / "in.wav", tone(440.0, 10_000, level=0.9))
    options = ("--normalize", "loudness", "--true-peak", "-6", "--write", "dry")
    found = printed(capsys, "mix", path, "-o", tmp_path / "out.wav", *options)
    assert -8.0 < found["peak_dbfs"] <= -6.0
    assert "shorter than" in found["not_normalized"]


def test_a_missed_target_is_reported_and_the_limiter_reaches_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = noise(1, 3 * DEFAULT_RATE, level=0.05)
    audio[20_000] = 0.9
    path, out = write_audio(tmp_path / "in.wav", audio), tmp_path / "out.wav"
    options = ("mix", path, "-o", out, "--write", "dry", "--normalize", "loudness")
    missed = printed(capsys, *options)
    assert missed["true_peak_dbtp"] == pytest.approx(-1.0, abs=0.01)
    assert missed["missed_db"] == pytest.approx(-14.0 - missed["loudness_lufs"], abs=0.01)
    said = lincae(capsys, *options)
    assert f"{missed['loudness_lufs']:.1f} LUFS, true peak -1.0 dBTP, level changed by" in said
    assert f"{out} is {missed['missed_db']:.1f} LU below the target of -14 LUFS: with more gain, its true" in said
    assert "add --limiter, choose a lower --target or a higher --true-peak" in said
    assert missed["limiter_helps"]
    reached = printed(capsys, *options, "--limiter")
    assert reached["loudness_lufs"] == pytest.approx(-14.0, abs=0.1)
    assert (reached["missed_db"], reached["shortfall"]) == (0.0, "")
    assert f"peaks limited by up to {reached['reduction_db']:.1f} dB" in lincae(capsys, *options, "--limiter")
    assert printed(capsys, "mix", path, "-o", out, "--write", "dry")["loudness_lufs"] is None, "not measured"


@pytest.mark.parametrize("option", ["--target", "--true-peak"])
def test_a_level_that_would_have_no_effect_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    path = write_audio(tmp_path / "in.wav", noise(1, 10_000))
    said = refused(capsys, "mix", path, "-o", tmp_path / "out.wav", option, "-3")
    assert f"{option} needs --normalize" in said
    assert not (tmp_path / "out.wav").exists()
    limited = printed(capsys, "mix", path, "-o", tmp_path / "out.wav", "--true-peak", "-30", "--limiter")
    assert limited["true_peak_dbtp"] == pytest.approx(-30.0, abs=0.01)


@pytest.fixture
def band(tmp_path: Path, store: MediaStore) -> Path:
    """Loud noise, room tone below the gate, and silence, each on its track."""
    sounds = {"drums": noise(1, 2 * DEFAULT_RATE, level=0.05), "room": noise(2, 2 * DEFAULT_RATE, level=1e-5)}
    sounds["nothing"] = np.zeros((2 * DEFAULT_RATE, 1), np.float32)
    media = [store.import_file(write_audio(tmp_path / "in" / f"{name}.wav", audio)) for name, audio in sounds.items()]
    files.save(edits.set_codec(edits.add_stems(Session(), media, 0), "mdct-1x"), tmp_path / "in" / "band.lincae")
    return tmp_path / "in" / "band.lincae"


def test_stems_that_cannot_be_measured_keep_their_level_alone(
    band: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("render", band, "-o", tmp_path / "out.wav", "--write", "tracks", "--normalize")
    each = printed(capsys, *options, "loudness", "--each")["files"]
    assert [bool(row["not_normalized"]) for row in each] == [False, True, True]
    assert [row["gain_db"] for row in each[1:]] == [0.0, 0.0]
    assert each[0]["gain_db"] > 3.0
    assert lincae(capsys, *options, "loudness", "--each").count("was not normalised") == 2
    peaks = printed(capsys, *options, "peak", "--each")["files"]
    assert [row["not_normalized"] for row in peaks] == ["", "", "it is silent"]
    together = printed(capsys, *options, "loudness")["files"]
    assert len({row["gain_db"] for row in together}) == 1
    assert not any(row["not_normalized"] for row in together)


@pytest.mark.parametrize("name", ["out.mp3", "out.ogg", "out.flac", "out.wav"])
@pytest.mark.parametrize("rate", ["44100", "16000"])
def test_both_ends_of_the_quality_are_possible(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, rate: str
) -> None:
    path = write_audio(tmp_path / "in.wav", noise(1, 60_000))
    sizes = []
    for quality in ("0", "0.5", "1"):
        lincae(capsys, "mix", path, "-o", tmp_path / name, "--quality", quality, "--rate", rate)
        assert sf.info(tmp_path / name).samplerate == int(rate)
        sizes.append((tmp_path / name).stat().st_size)
    assert sizes == sorted(sizes)
    assert (sizes[0] < sizes[2]) == (name in ("out.mp3", "out.ogg"))


@pytest.mark.parametrize("bits", ["16", "24"])
def test_full_scale_is_not_clipped(tmp_path: Path, capsys: pytest.CaptureFixture[str], bits: str) -> None:
    """Decoding rounds: some samples at full scale come out a millionth beyond it."""
    limit = 2 ** (int(bits) - 1)
    audio = np.where(np.random.default_rng(1).random((40_000, 1)) < 0.5, -1.0, 1.0 - 1.0 / limit).astype(np.float32)
    path = write_audio(tmp_path / "in.wav", audio, subtype=f"PCM_{bits}")
    out = tmp_path / "out.wav"
    options = ("--codec", "mdct-1x", "--bits", bits, "--no-dither")
    assert printed(capsys, "mix", path, "-o", out, *options)["clipped_samples"] == 0
    if bits == "16":
        assert np.array_equal(sf.read(out, dtype="int16")[0], sf.read(path, dtype="int16")[0])
    louder = printed(capsys, "mix", f"{path}:+0.01", "-o", out, *options)
    assert louder["clipped_samples"] == 40_000
