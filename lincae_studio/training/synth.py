"""Procedural music in four stems, so that training and its tests need no recordings. numpy only; any process.

A song is a seed: tempo, key, chords, and for each stem a random instrument (plucked, bowed, blown, sung, electric;
drum kits of sweeps, noise and metal), then its notes. Tones are read from two band-limited wavetables, a bright and a
dark one, between which an envelope fades. Signals are `(N,)` float32 at the requested rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs.base import CodecInfo

Array = npt.NDArray[np.float32]

STEMS = ("drums", "bass", "chords", "lead")

#: First part of the seeds of songs for validation and evaluation; the seeds of training songs have two numbers.
_TEST_SEED = 2**32 - 1

#: Start of each test song that is skipped, since the first bars are alike.
_SONG_START_S = 4.0

_TABLE = 4096
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 5, 7, 9, 10))
_STEPS_PER_BAR = 16


@dataclass(frozen=True)
class _Score:
    """What the band agrees on.

    Attributes:
        step: seconds per sixteenth.
        tonic: MIDI number of the key's lowest bass note.
        scale: semitones of its seven degrees.
        degrees: of the chord of each bar, repeated for ever.
    """

    step: float
    tonic: int
    scale: tuple[int, ...]
    degrees: tuple[int, ...]

    def pitch(self, degree: int) -> float:
        octave, place = divmod(degree, 7)
        return self.tonic + 12 * octave + self.scale[place]


@dataclass(frozen=True)
class _Note:
    start_s: float
    length_s: float
    pitch: float
    velocity: float


def make_song(seed: tuple[int, ...], seconds: float, sample_rate: int) -> Array:
    """`(4, N)`: the stems in the order of `STEMS`, each with a peak between 0.3 and 0.9."""
    rng = np.random.default_rng(seed)
    count = round(seconds * sample_rate)
    score = _Score(
        step=15.0 / rng.uniform(70, 150),
        tonic=int(rng.integers(28, 40)),
        scale=_SCALES[rng.integers(len(_SCALES))],
        degrees=tuple(int(d) for d in rng.permutation(7)[: rng.choice([2, 4])]),
    )
    bars = int(np.ceil(seconds / (score.step * _STEPS_PER_BAR)))
    stems = [
        _drums(rng, score, bars, count, sample_rate),
        _play(rng, _bass_notes(rng, score, bars), _draw_instrument(rng, "bass"), count, sample_rate),
        _play(rng, _chord_notes(rng, score, bars), _draw_instrument(rng, "chords"), count, sample_rate),
        _play(rng, _lead_notes(rng, score, bars), _draw_instrument(rng, "lead"), count, sample_rate),
    ]
    for place, stem in enumerate(stems):
        if rng.random() < 0.5:
            stem = _reverberated(rng, stem, sample_rate)
        peak = float(np.abs(stem).max())
        stems[place] = stem * np.float32(rng.uniform(0.3, 0.9) / max(peak, 1e-6))
    return np.stack(stems)


def unheard_song(number: tuple[int, int], samples: int, sample_rate: int) -> Array:
    """`(4, samples)`: a window of a song that no training uses."""
    seconds = _SONG_START_S + samples / sample_rate
    return make_song((_TEST_SEED, *number), seconds, sample_rate)[:, -samples:]


def synth_groups(info: CodecInfo, count: int) -> Array:
    """`(count, 4, N)`: stems of songs that are in no training pool, one window of each song."""
    samples = info.window_samples(info.chunk_frames)
    return np.stack([unheard_song((0, number), samples, info.sample_rate) for number in range(count)])


# ------------------------------------------------------------------------------------------------ what is played


def _bass_notes(rng: np.random.Generator, score: _Score, bars: int) -> list[_Note]:
    pattern = [step for step in range(_STEPS_PER_BAR) if step == 0 or rng.random() < (0.4 if step % 4 == 0 else 0.15)]
    legato = rng.uniform(0.4, 1.0)
    notes = []
    for bar in range(bars):
        root = score.degrees[bar % len(score.degrees)]
        for step, following in zip(pattern, [*pattern[1:], _STEPS_PER_BAR], strict=True):
            degree = root + int(rng.choice([0, 0, 0, 4, 7]))
            start = (bar * _STEPS_PER_BAR + step) * score.step
            length = (following - step) * score.step * legato
            notes.append(_Note(start, length, score.pitch(degree), rng.uniform(0.5, 1.0)))
    return notes


def _chord_notes(rng: np.random.Generator, score: _Score, bars: int) -> list[_Note]:
    hits = [(0,), (0, 8), (0, 6, 12), (0, 4, 8, 12), (2, 6, 10, 14), tuple(range(0, 16, 2))][rng.integers(6)]
    broken, legato, voices = rng.random() < 0.4, rng.uniform(0.3, 1.0), int(rng.integers(2, 5))
    spread = rng.uniform(0.0, 0.03)
    notes = []
    for bar in range(bars):
        root = score.degrees[bar % len(score.degrees)] + 14
        voicing = [root + 2 * voice + 7 * int(rng.integers(0, 2)) for voice in range(voices)]
        for place, (step, following) in enumerate(zip(hits, [*hits[1:], hits[0] + _STEPS_PER_BAR], strict=True)):
            start = (bar * _STEPS_PER_BAR + step) * score.step
            length = (following - step) * score.step * legato
            velocity = rng.uniform(0.5, 1.0)
            played = [voicing[place % voices]] if broken else voicing
            for order, degree in enumerate(played):
                notes.append(_Note(start + order * spread, length, score.pitch(degree), velocity / len(played) ** 0.5))
    return notes


def _lead_notes(rng: np.random.Generator, score: _Score, bars: int) -> list[_Note]:
    degree, step, notes = 21 + int(rng.integers(0, 7)), 0, []
    rest, legato = rng.uniform(0.05, 0.3), rng.uniform(0.5, 1.05)
    lengths = rng.choice([1, 2, 3, 4, 6, 8], size=4)
    while step < bars * _STEPS_PER_BAR:
        length = int(rng.choice(lengths))
        if rng.random() > rest:
            degree = int(np.clip(degree + rng.integers(-3, 4), 17, 34))
            notes.append(
                _Note(step * score.step, length * score.step * legato, score.pitch(degree), rng.uniform(0.4, 1))
            )
        step += length
    return notes


# ------------------------------------------------------------------------------------------------ pitched sounds


@dataclass(frozen=True)
class _Instrument:
    """A family of tones.

    Attributes:
        partials: amplitudes of harmonics 1, 2, ... of the bright and the dark table, `(2, harmonics)`.
        phases: of the harmonics, in radians.
        attack_s, release_s: of the envelope.
        decay_s: time constant of the level while a note is held, infinite for bowed, blown and sung tones.
        darken_s: time constant with which the bright table gives way to the dark one.
        vibrato_cents, vibrato_hz: of held tones.
        detune_cents: between two copies of the tone; 0 for one copy.
        breath: level of the noise that sounds with a tone.
        drive: into a soft clipping; 0 for none.
    """

    partials: Array
    phases: Array
    attack_s: float
    release_s: float
    decay_s: float
    darken_s: float
    vibrato_cents: float
    vibrato_hz: float
    detune_cents: float
    breath: float
    drive: float


def _draw_instrument(rng: np.random.Generator, role: str) -> _Instrument:
    held = rng.random() < {"bass": 0.3, "chords": 0.4, "lead": 0.7}[role]
    harmonic = np.arange(1, 513, dtype=np.float32)
    body = rng.uniform(0.7, 1.3, harmonic.size)
    if rng.random() < 0.3:
        body *= np.where(harmonic % 2 == 1, 1.0, rng.uniform(0.0, 0.3))  # a closed pipe, a square wave
    if rng.random() < 0.5:
        body *= np.abs(np.sin(np.pi * harmonic * rng.uniform(0.05, 0.5)))  # where a string is plucked or picked up
    if rng.random() < 0.4:
        centres = rng.uniform(1.0, 24.0, 3)[:, None]
        body *= 0.15 + np.exp(-(((harmonic - centres) / (0.25 * centres + 1.0)) ** 2)).sum(axis=0)  # a voice's formants
    bright = rng.uniform(0.6, 1.6)
    tilts = np.array([[bright], [bright + rng.uniform(0.3, 2.0)]])
    return _Instrument(
        partials=(body * harmonic**-tilts).astype(np.float32),
        phases=rng.uniform(0, 2 * np.pi, harmonic.size).astype(np.float32),
        attack_s=float(rng.uniform(0.02, 0.15) if held else rng.uniform(0.001, 0.01)),
        release_s=float(rng.uniform(0.03, 0.3)),
        decay_s=float("inf") if held else float(np.exp(rng.uniform(np.log(0.1), np.log(2.0)))),
        darken_s=float(np.exp(rng.uniform(np.log(0.05), np.log(1.0)))),
        vibrato_cents=float(rng.uniform(5, 40)) if held and role == "lead" else 0.0,
        vibrato_hz=float(rng.uniform(4, 7)),
        detune_cents=float(rng.uniform(3, 15)) if rng.random() < 0.3 else 0.0,
        breath=float(rng.uniform(0.005, 0.08)) if held and rng.random() < 0.5 else 0.0,
        drive=float(rng.uniform(1, 6)) if rng.random() < 0.25 else 0.0,
    )


def _play(rng: np.random.Generator, notes: list[_Note], instrument: _Instrument, count: int, sample_rate: int) -> Array:
    out = np.zeros(count, np.float32)
    for note in notes:
        _add(out, _tone(rng, instrument, note, sample_rate), round(note.start_s * sample_rate))
    if instrument.drive:
        out = np.tanh(instrument.drive * out / max(float(np.abs(out).max()), 1e-6))
    return out


def _tone(rng: np.random.Generator, instrument: _Instrument, note: _Note, sample_rate: int) -> Array:
    frequency = 440.0 * 2.0 ** ((note.pitch - 69.0) / 12.0)
    tables = _tables(instrument, frequency, sample_rate)
    count = round((note.length_s + instrument.release_s) * sample_rate)
    time = np.arange(count, dtype=np.float32) / np.float32(sample_rate)
    brightness = np.exp(time / np.float32(-instrument.darken_s))
    out = np.zeros(count, np.float32)
    for detune in (-0.5, 0.5) if instrument.detune_cents else (0.0,):
        cents = instrument.detune_cents * detune
        phase = frequency * 2.0 ** (cents / 1200.0) * time.astype(np.float64) + rng.random()
        if instrument.vibrato_cents:
            # Frequency f * (1 + d sin(w t)), d small, is a phase of f * d / w * (1 - cos(w t)); it sets in slowly.
            rate = 2.0 * np.pi * instrument.vibrato_hz
            depth = frequency * instrument.vibrato_cents / 1731.0 / rate
            phase += depth * np.minimum(time / 0.4, 1.0) * (1.0 - np.cos(np.float32(rate) * time))
        bright, dark = read_tables(tables, phase)
        out += dark + brightness * (bright - dark)
    if instrument.breath:
        out += instrument.breath * rng.standard_normal(count, np.float32)
    if np.isfinite(instrument.decay_s):
        out *= np.exp(time / np.float32(-instrument.decay_s))
    out *= np.minimum(time / np.float32(instrument.attack_s), 1.0)
    out *= np.clip((np.float32(count / sample_rate) - time) / np.float32(instrument.release_s), 0.0, 1.0)
    return out * np.float32(note.velocity)


def read_tables(tables: Array, phase: npt.NDArray[np.float64]) -> Array:
    """`(tables, N)`: periods `(tables, size + 1)` at phases in cycles, not negative, with linear interpolation."""
    place = (phase % 1.0) * (tables.shape[1] - 1)
    cell = place.astype(np.int32)  # of float64: float32 would round a phase just below 1 up, and out of the table
    low = tables[:, cell]
    return low + (place - cell).astype(np.float32) * (tables[:, cell + 1] - low)


def _tables(instrument: _Instrument, frequency: float, sample_rate: int) -> Array:
    """`(2, table + 1)`: one period, bright and dark, of harmonics below 0.45 of the rate, of equal energy."""
    audible = max(1, min(instrument.partials.shape[1], int(0.45 * sample_rate / frequency)))
    spectrum = np.zeros((2, _TABLE // 2 + 1), np.complex64)
    spectrum[:, 1 : audible + 1] = instrument.partials[:, :audible] * np.exp(1j * instrument.phases[:audible])
    period = np.fft.irfft(spectrum, axis=1)
    period /= np.sqrt((period**2).mean(axis=1, keepdims=True)) + 1e-9
    return np.concatenate([period, period[:, :1]], axis=1).astype(np.float32)


# ------------------------------------------------------------------------------------------------ drums


def _drums(rng: np.random.Generator, score: _Score, bars: int, count: int, sample_rate: int) -> Array:
    kit = [_kick, _snare, _hat, _tom, _metal]
    sounds = [[drum(rng, sample_rate) * np.float32(v) for v in (0.6, 1.0)] for drum in kit]
    on_beat = np.array([[0.9, 0.1, 0.6, 0.05, 0.1], [0.1, 0.9, 0.6, 0.05, 0.05]])
    between = np.array([0.15, 0.08, rng.uniform(0.2, 0.9), 0.05, 0.05])
    levels = rng.uniform(0.3, 1.0, len(kit))
    draws = rng.random((2 * _STEPS_PER_BAR, len(kit)))
    struck = []
    for step, draw in enumerate(draws):
        chance = on_beat[step // 4 % 2] if step % 4 == 0 else between * (1.0 if step % 2 == 0 else 0.5)
        struck.append(draw < chance)
    out = np.zeros(count, np.float32)
    for step in range(bars * _STEPS_PER_BAR):
        for drum in np.flatnonzero(struck[step % len(struck)]):
            if rng.random() < 0.9:
                sound = sounds[drum][int(rng.random() < 0.6)]
                _add(out, sound * np.float32(levels[drum]), round((step * score.step) * sample_rate))
    return out


def _decay(seconds: float, time_constant: float, sample_rate: int) -> tuple[Array, Array]:
    time = np.arange(round(seconds * sample_rate), dtype=np.float32) / np.float32(sample_rate)
    return time, np.exp(time / np.float32(-time_constant))


def _sweep(time: Array, high: float, low: float, fall_s: float) -> Array:
    """A sine that falls from one frequency to another."""
    phase = low * time + (high - low) * np.float32(fall_s) * (1.0 - np.exp(time / np.float32(-fall_s)))
    return np.asarray(np.sin(np.float32(2.0 * np.pi) * phase), np.float32)


def _coloured(rng: np.random.Generator, count: int, low: float, high: float, sample_rate: int) -> Array:
    """Noise between two frequencies, with soft edges."""
    size = 1 << max(count - 1, 1).bit_length()
    frequency = np.fft.rfftfreq(size, 1.0 / sample_rate) + 1e-3
    gain = 1.0 / (1.0 + (low / frequency) ** 4) / (1.0 + (frequency / high) ** 4)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) * gain)[:count]
    return (noise / (np.abs(noise).max() + 1e-9)).astype(np.float32)


def _kick(rng: np.random.Generator, sample_rate: int) -> Array:
    time, decay = _decay(0.5, rng.uniform(0.06, 0.2), sample_rate)
    click = _coloured(rng, time.size, 1000, 6000, sample_rate) * np.exp(time / np.float32(-0.004))
    body = _sweep(time, rng.uniform(120, 400), rng.uniform(38, 65), rng.uniform(0.01, 0.05))
    return body * decay + np.float32(rng.uniform(0.05, 0.4)) * click


def _snare(rng: np.random.Generator, sample_rate: int) -> Array:
    time, decay = _decay(0.4, rng.uniform(0.04, 0.12), sample_rate)
    noise = _coloured(rng, time.size, rng.uniform(600, 2500), rng.uniform(5000, 12000), sample_rate)
    body = _sweep(time, rng.uniform(220, 400), rng.uniform(140, 220), 0.02) * np.exp(time / np.float32(-0.05))
    return noise * decay + np.float32(rng.uniform(0.2, 0.8)) * body


def _hat(rng: np.random.Generator, sample_rate: int) -> Array:
    time, decay = _decay(0.4, rng.uniform(0.01, 0.12), sample_rate)
    return _coloured(rng, time.size, rng.uniform(3000, 8000), 20000, sample_rate) * decay


def _tom(rng: np.random.Generator, sample_rate: int) -> Array:
    time, decay = _decay(0.6, rng.uniform(0.1, 0.25), sample_rate)
    low = rng.uniform(70, 200)
    return _sweep(time, low * rng.uniform(1.2, 1.8), low, 0.06) * decay


def _metal(rng: np.random.Generator, sample_rate: int) -> Array:
    """Bell, cowbell or ride: partials that are no harmonics."""
    time, decay = _decay(0.8, rng.uniform(0.05, 0.4), sample_rate)
    low = rng.uniform(300, 1500)
    partials = [low * ratio for ratio in rng.uniform(1, 6, 5) if low * ratio < 0.45 * sample_rate]
    tones = [np.sin(np.float32(2 * np.pi * f) * time + np.float32(rng.uniform(0, 6))) for f in partials]
    return np.asarray(np.sum(tones, axis=0) * decay / 3.0, np.float32) if tones else np.zeros_like(time)


# ------------------------------------------------------------------------------------------------ helpers


def _add(out: Array, sound: Array, start: int) -> None:
    """Mix a sound into `out` at `start`; what lies beyond its end is dropped."""
    end = min(start + sound.size, out.size)
    if end > start:
        out[start:end] += sound[: end - start]


def _reverberated(rng: np.random.Generator, dry: Array, sample_rate: int) -> Array:
    _, decay = _decay(1.0, rng.uniform(0.05, 0.4), sample_rate)
    response = _coloured(rng, decay.size, 150, rng.uniform(2000, 9000), sample_rate) * decay
    size = 1 << (dry.size + decay.size - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(response, size))[: dry.size]
    level = rng.uniform(0.05, 0.35) * np.sqrt((dry**2).mean() / max(float((wet**2).mean()), 1e-12))
    return (dry + level * wet).astype(np.float32)
