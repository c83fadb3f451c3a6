"""Levels of exports: the target is reached, or the result says what was reached instead, and why."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile as sf

from lincae_studio.codecs.base import Array
from lincae_studio.engine.export.levels import MOST_DRIVE_DB, gain_for
from lincae_studio.engine.export.writer import ExportItem, ExportResult, export
from lincae_studio.errors import Cancelled
from lincae_studio.export_settings import PRESETS, AudioFormat, ExportSettings, Level
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media.loudness import FileMeter
from lincae_studio.media.writer import Tags
from lincae_studio.session.model import DEFAULT_RATE
from tests.engine.export.test_export import stream_of
from tests.helpers import files_below, noise

STREAMING = Level(normalize="loudness", target_db=-14.0, true_peak_db=-1.0)
LIMITED = msgspec.structs.replace(STREAMING, limiter=True)


def spiky(seed: int = 3, channels: int = 2) -> Array:
    """Three seconds of noise at about -25 LUFS, with hits that peak at full scale."""
    audio = noise(seed, 3 * DEFAULT_RATE, channels, 0.05).T.copy()
    hits = noise(seed + 1, 3 * DEFAULT_RATE, channels, 1.0).T
    for place in range(5000, audio.shape[1] - 2000, 20_000):
        audio[:, place : place + 300] = hits[:, place : place + 300]
    return audio


def write(path: Path, audio: Array, level: Level, audio_format: AudioFormat | None = None) -> ExportResult:
    item = ExportItem(path, stream_of(audio), Tags("song", comment="codec x"))
    [result] = export([item], 0, audio.shape[1], audio_format or AudioFormat(), level)
    return result


def levels_of(path: Path) -> tuple[float, float]:
    """Integrated loudness and true peak of a file."""
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    meter = FileMeter(samples.shape[1], rate)
    meter.add(samples.T)
    return meter.read()


def test_a_target_that_the_true_peak_forbids_is_missed_and_said(tmp_path: Path) -> None:
    result = write(tmp_path / "out.wav", spiky(), STREAMING)
    loudness, true_peak_db = levels_of(tmp_path / "out.wav")
    assert true_peak_db == pytest.approx(-1.0, abs=0.01)
    assert result.loudness == pytest.approx(loudness, abs=0.01)
    assert result.true_peak_db == pytest.approx(true_peak_db, abs=0.01)
    assert result.missed_db == pytest.approx(-14.0 - loudness, abs=0.01)
    assert result.missed_db > 3.0
    with sf.SoundFile(result.path) as file:
        assert file.comment == f"codec x, level changed by {result.gain_db:+.1f} dB, {loudness:.1f} LUFS"
    assert result.shortfall == (
        f"{result.missed_db:.1f} LU below the target of -14 LUFS: with more gain, its true peak would exceed -1 dBTP"
    )


@pytest.mark.parametrize(
    ("rate", "channels", "bits"),
    [(44_100, "mix", "24"), (48_000, "mix", "16"), (96_000, "stereo", "32f"), (22_050, "mono", "32f")],
)
def test_with_the_limiter_the_target_is_reached(tmp_path: Path, rate: int, channels: str, bits: str) -> None:
    audio_format = AudioFormat(sample_rate=rate, channels=channels, sample_format=bits)  # type: ignore[arg-type]
    result = write(tmp_path / "out.wav", spiky(), LIMITED, audio_format)
    loudness, true_peak_db = levels_of(tmp_path / "out.wav")
    assert loudness == pytest.approx(-14.0, abs=0.1)
    assert true_peak_db == pytest.approx(-1.0, abs=0.1)
    assert (result.missed_db, result.shortfall) == (0.0, "")
    assert result.reduction_db > 3.0
    assert result.length == len(sf.read(tmp_path / "out.wav")[0])
    with sf.SoundFile(tmp_path / "out.wav") as file:
        gain = f"level changed by {result.gain_db:+.1f} dB"
        assert file.comment == f"codec x, {gain}, -14.0 LUFS, true peak limited to -1 dBTP"
    assert files_below(tmp_path) == [tmp_path / "out.wav"], "temporary files are gone"


def test_a_target_that_no_limiter_reaches_is_missed_and_said(tmp_path: Path) -> None:
    audio = np.zeros((1, 3 * DEFAULT_RATE), np.float32)
    audio[0, 1000::4410] = 0.5
    result = write(tmp_path / "out.wav", audio, LIMITED)
    loudness, true_peak_db = levels_of(tmp_path / "out.wav")
    assert true_peak_db == pytest.approx(-1.0, abs=0.01)
    assert result.missed_db == pytest.approx(-14.0 - loudness, abs=0.01)
    assert "hardly gets louder with more gain" in result.shortfall
    assert result.reduction_db < MOST_DRIVE_DB + 12.0, "it is not driven on for nothing"


@pytest.mark.parametrize("limiter", [False, True])
def test_a_file_that_gets_too_quiet_to_measure_is_written_and_said(tmp_path: Path, limiter: bool) -> None:
    audio = np.zeros((1, 3 * DEFAULT_RATE), np.float32)
    audio[0, 1000::8820] = 0.5
    level = Level(normalize="loudness", target_db=-14.0, true_peak_db=-60.0, limiter=limiter)
    result = write(tmp_path / "out.wav", audio, level)
    loudness, true_peak_db = levels_of(tmp_path / "out.wav")
    assert loudness == -math.inf
    assert true_peak_db == pytest.approx(-60.0, abs=0.01)
    assert result.missed_db == 56.0
    assert result.shortfall.startswith("at least 56.0 LU below the target of -14 LUFS: ")
    with sf.SoundFile(result.path) as file:
        assert "LUFS" not in file.comment


def test_peaks_that_no_float_could_raise_to_the_target_are_silence(tmp_path: Path) -> None:
    audio = np.zeros((1, 1000), np.float32)
    audio[0, 5] = 1e-40
    for limiter in (False, True):
        result = write(tmp_path / "out.wav", audio, Level(normalize="peak", limiter=limiter))
        assert (result.gain_db, result.not_normalized) == (0.0, "it is silent")
    audio[0, 5] = 1e-37
    assert write(tmp_path / "out.wav", audio, Level(normalize="peak")).peak == pytest.approx(10.0 ** (-1.0 / 20.0))


def test_nothing_is_limited_where_the_gain_alone_reaches_the_target(tmp_path: Path) -> None:
    audio = noise(3, 2 * DEFAULT_RATE, 2, 0.05).T.copy()
    found = []
    for level in (STREAMING, LIMITED):
        result = write(tmp_path / "out.wav", audio, msgspec.structs.replace(level, target_db=-25.0))
        assert (result.reduction_db, result.shortfall) == (0.0, "")
        found.append(sf.read(tmp_path / "out.wav", dtype="float32")[0])
    np.testing.assert_array_equal(*found)
    plain = write(tmp_path / "plain.wav", audio, Level(limiter=True))
    np.testing.assert_array_equal(sf.read(plain.path, dtype="float32")[0].T, audio)
    assert plain.gain_db == 0.0


def test_a_level_that_is_not_normalised_can_be_limited(tmp_path: Path) -> None:
    audio = spiky()
    result = write(tmp_path / "out.wav", audio, Level(limiter=True, true_peak_db=-6.0))
    assert levels_of(tmp_path / "out.wav")[1] == pytest.approx(-6.0, abs=0.01)
    assert (result.gain_db, result.shortfall) == (0.0, "")
    found = sf.read(tmp_path / "out.wav", dtype="float32")[0].T
    np.testing.assert_array_equal(found[:, :4000], audio[:, :4000], "before the first hit")


def test_a_peak_target_above_the_true_peak_is_missed_and_said(tmp_path: Path) -> None:
    at = np.arange(DEFAULT_RATE)
    crests = (0.5 * np.sin(np.pi / 2 * at + np.pi / 4))[None].astype(np.float32)
    for limiter, reason in (
        (False, "with more gain, its true peak would exceed"),
        (True, "its true peak is limited to"),
    ):
        level = Level(normalize="peak", target_db=-1.0, true_peak_db=-1.0, limiter=limiter)
        result = write(tmp_path / "out.wav", crests, level)
        assert levels_of(tmp_path / "out.wav")[1] == pytest.approx(-1.0, abs=0.05)
        assert result.missed_db == pytest.approx(3.0, abs=0.2)
        assert result.shortfall.startswith(f"{result.missed_db:.1f} dB below the target of -1 dBFS: ")
        assert reason in result.shortfall
        assert not result.limiter_helps, "its samples would be no higher"


def test_the_highest_of_files_with_one_gain_is_the_one_that_misses_a_peak_target(tmp_path: Path) -> None:
    at = np.arange(DEFAULT_RATE)
    crests = (0.5 * np.sin(np.pi / 2 * at + np.pi / 4))[None].astype(np.float32)
    items = [ExportItem(tmp_path / f"{gain}.wav", stream_of(crests * np.float32(gain))) for gain in (0.1, 1.0)]
    for limiter in (False, True):
        level = Level(normalize="peak", target_db=-1.0, true_peak_db=-1.0, limiter=limiter)
        quiet, loud = export(items, 0, crests.shape[1], AudioFormat(), level)
        assert quiet.shortfall == ""
        assert loud.missed_db == pytest.approx(3.0, abs=0.2)


def test_silence_before_it_does_not_keep_a_file_from_its_target(tmp_path: Path) -> None:
    audio = spiky()
    items = [ExportItem(tmp_path / f"{gain}.wav", stream_of(audio * np.float32(gain))) for gain in (0.0, 1.0)]
    _, result = export(items, 0, audio.shape[1], AudioFormat(), LIMITED)
    assert levels_of(result.path)[0] == pytest.approx(-14.0, abs=0.1)


@pytest.mark.parametrize("samples", [10_000, 3 * DEFAULT_RATE])
@pytest.mark.parametrize("limiter", [False, True])
def test_each_file_by_itself_keeps_the_true_peak(tmp_path: Path, samples: int, limiter: bool) -> None:
    """Also those that are too short to measure their loudness."""
    items = [ExportItem(tmp_path / f"{gain}.wav", stream_of(spiky()[:, :samples] * gain)) for gain in (0.5, 1.0)]
    level = msgspec.structs.replace(STREAMING, true_peak_db=-9.0, together=False, limiter=limiter)
    for result in export(items, 0, samples, AudioFormat(), level):
        assert levels_of(result.path)[1] == pytest.approx(-9.0, abs=0.05)
        assert bool(result.not_normalized) == (samples == 10_000)


def test_limited_stems_still_add_up_to_the_limited_mix(tmp_path: Path) -> None:
    one, two = spiky(3), noise(9, 3 * DEFAULT_RATE, 2, 0.1).T.copy()
    mono = noise(10, 3 * DEFAULT_RATE, 1, 0.05).T.copy()
    parts = {"mix": one + two + mono, "one": one, "two": two, "mono": mono}
    items = [ExportItem(tmp_path / f"{name}.wav", stream_of(audio)) for name, audio in parts.items()]
    results = export(items, 0, one.shape[1], AudioFormat(), LIMITED)
    assert levels_of(items[0].path)[0] == pytest.approx(-14.0, abs=0.1)
    assert len({result.gain_db for result in results}) == 1
    assert len({result.reduction_db for result in results}) == 1
    mix, first, second, third = (sf.read(item.path, always_2d=True)[0] for item in items)
    np.testing.assert_allclose(first + second + third, mix, atol=1e-6)
    assert max(levels_of(item.path)[1] for item in items) == pytest.approx(-1.0, abs=0.01)
    each = export(items, 0, one.shape[1], AudioFormat(), msgspec.structs.replace(LIMITED, together=False))
    assert [result.shortfall for result in each] == [""] * 4
    for item in items:
        loudness, true_peak_db = levels_of(item.path)
        assert loudness == pytest.approx(-14.0, abs=0.1)
        assert true_peak_db < -0.9


def test_the_file_that_allows_no_more_gain_is_named(tmp_path: Path) -> None:
    """What the mix cancels, a stem still peaks with."""
    mix = noise(1, 2 * DEFAULT_RATE, 1, 0.02).T.copy()
    stem = mix.copy()
    stem[0, 9000] = 0.95
    items = [ExportItem(tmp_path / f"{name}.wav", stream_of(audio)) for name, audio in (("mix", mix), ("stem", stem))]
    first, second = export(items, 0, mix.shape[1], AudioFormat(), STREAMING)
    assert "the true peak of stem.wav would exceed -1 dBTP" in first.shortfall
    assert second.shortfall == "", "its loudness is not the one asked for"
    assert first.limiter_helps
    limited = export(items, 0, mix.shape[1], AudioFormat(), LIMITED)
    assert limited[0].loudness == pytest.approx(-14.0, abs=0.1)
    assert limited[1].true_peak_db == pytest.approx(-1.0, abs=0.01), "the mix is lowered along with the stem"


def test_progress_grows_while_the_gain_is_looked_for(tmp_path: Path) -> None:
    reports: list[Progress] = []
    items = [ExportItem(tmp_path / f"{number}.wav", stream_of(spiky(number))) for number in range(2)]
    export(items, 0, 3 * DEFAULT_RATE, AudioFormat(), msgspec.structs.replace(LIMITED, together=False), reports.append)
    done = [report.fraction for report in reports]
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert {report.label for report in reports} >= {"Exporting 0.wav", "Limiting 0.wav", "Limiting 1.wav"}


@pytest.mark.parametrize("when", ["Exporting", "Limiting"])
def test_cancelled_while_the_gain_is_looked_for_nothing_is_left(tmp_path: Path, when: str) -> None:
    cancel = CancelToken()

    def report(progress: Progress) -> None:
        if progress.label.startswith(when):
            cancel.cancel()

    item = ExportItem(tmp_path / "out.wav", stream_of(spiky()))
    with pytest.raises(Cancelled):
        export([item], 0, 3 * DEFAULT_RATE, AudioFormat(), LIMITED, report, cancel)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("loudness_at", "expected", "most"),
    [
        (lambda gain: gain - 14.02, 0.0, 1),
        (lambda gain: gain - 20.0, 6.0, 3),
        (lambda gain: -14.5 + 5.0 * math.tanh((gain - 6.0) / 5.0), 6.5, 5),
        (lambda gain: min(gain - 20.0, -17.0), 4.0, 3),
        (lambda gain: -30.0 + 0.05 * gain, 0.0, 2),
        (lambda gain: -math.inf if gain < 3.0 else gain - 20.0, 6.0, 6),
        (lambda gain: -math.inf, 0.0, 2),
    ],
)
def test_the_gain_is_found_with_few_measurements(
    loudness_at: Callable[[float], float], expected: float, most: int
) -> None:
    asked: list[float] = []

    def measured(gain: float) -> float:
        asked.append(gain)
        return loudness_at(gain)

    found, loudness = gain_for(measured, -14.0, 0.0)
    assert loudness == max(loudness_at(found), -70.0)
    assert found == pytest.approx(expected, abs=0.1)
    assert len(asked) <= most


def test_settings_and_presets_from_before_the_limiter_still_load() -> None:
    for settings in (ExportSettings(level=STREAMING), *PRESETS.values()):
        stored = json.loads(msgspec.json.encode(settings))
        assert msgspec.convert(stored, ExportSettings) == settings
        del stored["level"]["limiter"]
        assert msgspec.convert(stored, ExportSettings).level == msgspec.structs.replace(settings.level, limiter=False)
