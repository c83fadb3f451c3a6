"""Stretching: exact lengths, tempo and pitch; no worse than the library used directly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from python_stretch import Signalsmith

from lincae_studio import paths
from lincae_studio.codecs.base import Array
from lincae_studio.errors import Cancelled, MediaError
from lincae_studio.jobs import CancelToken, no_progress
from lincae_studio.media import stretching
from lincae_studio.media.signals import Signal
from lincae_studio.session.processes import Stretch
from tests.helpers import noise

RATE = 44_100


def stretch(audio: Array, factor: float, semitones: float = 0.0, cancel: CancelToken | None = None) -> Array:
    """Samples `(n, C)` after stretching."""
    signal = Signal(len(audio), audio.shape[1], lambda first, last: audio[first:last].copy())
    length = max(1, round(len(audio) * factor))
    chosen, cancel = Stretch(factor, semitones), cancel or CancelToken()
    blocks: Iterator[Array] = stretching.stretched(signal, chosen, length, RATE, no_progress, cancel)
    result: Array = np.concatenate(list(blocks))
    assert result.shape == (length, audio.shape[1])
    return result


def clicks(seconds: int, bpm: float) -> tuple[Array, Array]:
    """A click on every beat, and where they are."""
    at = np.arange(RATE // 2, seconds * RATE - RATE // 2, RATE * 60 / bpm).astype(int)
    audio = np.zeros((seconds * RATE, 1), np.float32)
    for place in at:
        audio[place : place + 400, 0] = np.sin(np.arange(400) * 0.4) * np.exp(-np.arange(400) / 60)
    return audio, at


def onset(audio: Array, near: int, reach: int = 2000) -> float:
    """The centre of the energy around a place."""
    part = np.square(audio[near - reach : near + reach, 0].astype(np.float64))
    return float(near - reach + (part * np.arange(len(part))).sum() / part.sum())


def pitch(audio: Array) -> float:
    """The frequency of a sine, in Hz, from the phase of its middle."""
    part = audio[len(audio) // 4 : len(audio) // 4 * 3, 0].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 20))
    peak = int(spectrum.argmax())
    low, mid, high = np.log(spectrum[peak - 1 : peak + 2])
    return float((peak + (low - high) / (2 * (low - 2 * mid + high))) * RATE / (1 << 20))


@pytest.mark.parametrize("samples", [1, 2, 100, 3000, 6000])
@pytest.mark.parametrize("factor", [0.125, 1.0, 1.37, 8.0])
def test_lengths_are_exact_however_short(samples: int, factor: float) -> None:
    stretch(noise(1, samples, 2), factor)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_the_tempo_of_clicks_is_exact(factor: float) -> None:
    audio, at = clicks(20, 120.0)
    result = stretch(audio, factor)
    before = np.array([onset(audio, place) for place in at])
    after = np.array([onset(result, round(place * factor)) for place in at])
    tempo = np.polyfit(before, after, 1)[0]
    assert tempo == pytest.approx(factor, rel=1e-3)
    assert after == pytest.approx(before * factor, abs=RATE * 0.01)


@pytest.mark.parametrize(("factor", "semitones"), [(1.0, 3.0), (1.5, 0.0), (0.75, -4.5), (1.0, 0.07)])
def test_the_pitch_is_exact(factor: float, semitones: float) -> None:
    sine = np.sin(np.arange(4 * RATE) * 2 * np.pi * 440.0 / RATE).astype(np.float32)[:, None] * 0.5
    found = 1200 * np.log2(pitch(stretch(sine, factor, semitones)) / 440.0)
    assert found == pytest.approx(semitones * 100, abs=2.0)


def test_the_result_is_that_of_the_library() -> None:
    """So transients are as sharp as the library leaves them, and nothing is late."""
    audio = clicks(5, 140.0)[0] + noise(3, 5 * RATE, 1, 0.01)
    library = Signalsmith.Stretch(1)
    library.preset(1, RATE)
    library.setTimeFactor(len(audio) / round(len(audio) * 1.25))
    direct = np.asarray(library.process(np.ascontiguousarray(audio.T))).T
    assert (stretch(audio, 1.25) == direct).all()


def test_the_same_audio_gives_the_same_result() -> None:
    audio = noise(4, RATE, 2)
    assert (stretch(audio, 1.1, 2.0) == stretch(audio, 1.1, 2.0)).all()


def test_silence_stays_silent() -> None:
    assert not stretch(np.zeros((RATE, 2), np.float32), 1.5, 3.0).any()


def test_long_audio_is_stretched_in_sections_that_join(monkeypatch: pytest.MonkeyPatch) -> None:
    audio, at = clicks(20, 90.0)
    audio = audio + 0.05 * np.sin(np.arange(len(audio)) * 0.05).astype(np.float32)[:, None]
    whole = stretch(audio, 1.3)
    monkeypatch.setattr(stretching, "SECTION_S", 6)
    result = stretch(audio, 1.3)
    assert not (result == whole).all()
    after = np.array([onset(result, round(place * 1.3)) for place in at])
    assert after == pytest.approx(at * 1.3, abs=RATE * 0.012)
    steps = np.abs(np.diff(result[:, 0]))
    assert steps.max() < 1.5 * np.abs(np.diff(whole[:, 0])).max()  # no click where they join


def test_a_stretch_is_cancelled_at_once() -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        stretch(noise(5, 60 * RATE, 2), 8.0, cancel=cancel)


def test_a_process_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [*paths.stretch_command()[:1], "-c", "import sys; sys.stdin.buffer.read(); sys.exit('no library')"]
    monkeypatch.setattr(paths, "stretch_command", lambda: broken)
    with pytest.raises(MediaError, match="could not be stretched: no library"):
        stretch(noise(6, 1000), 1.5)
    not_numbers = "import sys; count = len(sys.stdin.buffer.read()) - 32; sys.stdout.buffer.write(b'\\xff' * count)"
    monkeypatch.setattr(paths, "stretch_command", lambda: [*broken[:1], "-c", not_numbers])
    with pytest.raises(MediaError, match="not finite"):
        stretch(noise(6, 1000), 1.0, 2.0)
    monkeypatch.setattr(paths, "stretch_command", lambda: ["/nowhere/python"])
    with pytest.raises(MediaError, match="could not be started"):
        stretch(noise(6, 1000), 1.5)
