"""Compose and render the demo song "Paper Lanterns" as one OGG Vorbis file per stem.

Usage:
    python packaging/compose_demo.py [--out resources/demo] [--font FluidR3_GM.sf2]

The song is 18 bars of 4/4 at 108 beats a minute in D major: 40 seconds, 44.1 kHz, six stems
(drums, bass, keys, guitar, strings, lead). Bass and lead are mono, the others stereo. All stems start
at time 0, have the same length, and add up to the finished mix at gain 0 dB without clipping.

Needs:
    Debian packages: fluidsynth, fluid-soundfont-gm
    pip packages: mido, numpy, soundfile (0.13 or newer)

The song itself is data in `demo_song.py`. Each stem is written as MIDI, rendered by the fluidsynth
command line, and encoded. Humanised timing and dynamics come from a fixed seed, so the rendered audio is
the same on every run with the same version of fluidsynth. `make_demo_project.py` then puts the stems into a project.

Licences: the song is released under CC0 1.0. It is rendered with the FluidR3 GM sound font by
Frank Wen et al., which is released under the MIT licence.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import soundfile as sf
from demo_song import (
    DRUM_PITCHES,
    MELODY,
    SCORE,
    STEP_SECONDS,
    STEPS_PER_BAR,
    SWING,
    TEMPO_BPM,
    chord_at,
    hits,
    next_bar,
    pitch_of,
    pitches_of,
)

REPOSITORY = Path(__file__).resolve().parent.parent
SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")

SAMPLE_RATE = 44_100
TICKS_PER_BEAT = 960
GAP_TICKS = 6  # between two notes of the same pitch
NORMAL_EXPRESSION = 100  # MIDI controller 11 outside swells
SEED = 20108
FADE_SECONDS = 1.8
MIX_PEAK_DBFS = -1.7
OGG_COMPRESSION = 0.5  # 0 is the best quality, 1 the smallest file
BLOCK_FRAMES = 65_536  # libsndfile's Vorbis encoder can crash on one very large write

# --------------------------------------------------------------------------------------------- the notes


@dataclass(frozen=True)
class Note:
    """A note as written, in steps from the start of the song; delay is in seconds (strums, feel)."""

    step: float
    steps: float
    pitch: int
    velocity: float
    delay: float = 0.0


def loudness(digit: str) -> float:
    return 10 + 12 * int(digit)


def drum_notes() -> Iterator[Note]:
    for voice, pitch in DRUM_PITCHES.items():
        # The backbeat sits a little behind the kick, which makes the groove relax.
        delay = 0.007 if voice in ("snare", "stick") else 0.0
        for hit in hits(voice):
            yield Note(hit.step, 1, pitch, loudness(hit.symbol), delay)


def bass_notes() -> Iterator[Note]:
    for hit in hits("bass"):
        root = pitch_of(chord_at(hit.step).root)
        approach = pitch_of(chord_at(next_bar(hit.step)).root) - 1
        pitch = {"R": root, "r": root, "5": root + 7, "o": root + 12, "b": approach}[hit.symbol]
        accent = 14 if hit.step % STEPS_PER_BAR == 0 and hit.symbol == "R" else 0
        velocity = {"R": 90, "r": 84}.get(hit.symbol, 82) + accent
        yield Note(hit.step, hit.steps, pitch, velocity)


def key_notes() -> Iterator[Note]:
    for hit in hits("keys"):
        pushed = hit.symbol == ">"
        chord = chord_at(next_bar(hit.step) if pushed else hit.step)
        velocity = loudness("7" if pushed else hit.symbol)
        pitches = pitches_of(chord.keys)
        for index, pitch in enumerate(pitches):
            inner = index < len(pitches) - 1  # the top voice is heard as a line, so the others stay back
            yield Note(hit.step, hit.steps, pitch, velocity - (8 if inner else 2), 0.004 * index)


def guitar_notes() -> Iterator[Note]:
    for hit in hits("guitar"):
        strings = pitches_of(chord_at(hit.step).guitar)
        if hit.symbol in "abcd":
            # Picked notes ring into each other, as they do on a guitar.
            yield Note(hit.step, hit.steps + 2.5, strings["abcd".index(hit.symbol)], 80)
            continue
        full = hit.symbol == "S"
        spread = 0.035 if hit.steps > STEPS_PER_BAR else 0.011
        for index, pitch in enumerate(strings if full else strings[1:]):
            steps = hit.steps + 1.2 if full else 0.7
            yield Note(hit.step, steps, pitch, 84 - 3 * index if full else 70, spread * index)


def string_notes() -> Iterator[Note]:
    for hit in hits("strings"):
        for pitch in pitches_of(chord_at(hit.step).strings):
            yield Note(hit.step, hit.steps + 0.3, pitch, loudness(hit.symbol))


def lead_notes() -> Iterator[Note]:
    for bar, phrase in MELODY.items():
        for event in phrase.split():
            offset, name, steps = event.split(":")
            pitch = pitch_of(name)
            # A phrase is sung louder where it climbs, and a little louder on the beat.
            velocity = 82 + 1.4 * (pitch - pitch_of("D5")) + (6 if int(offset) % 4 == 0 else 0)
            yield Note(bar * STEPS_PER_BAR + int(offset), int(steps), pitch, velocity)


# --------------------------------------------------------------------------------------------- the stems


@dataclass(frozen=True)
class Stem:
    """An instrument: its General MIDI program, its place in the mix and how freely it plays."""

    name: str
    notes: Callable[[], Iterator[Note]]
    program: int
    gain_db: float
    pan: int = 64
    reverb: int = 36
    chorus: int = 0
    mono: bool = False
    timing: float = 0.005  # standard deviation in seconds
    early: float = 0.0  # seconds by which a slow attack starts ahead of the beat
    swell: int = 0  # how far the expression controller rises and falls within a note
    tone_hz: float | None = None  # soften everything above

    @property
    def channel(self) -> int:
        return 9 if self.name == "drums" else 0


STEMS = [
    Stem("drums", drum_notes, program=16, gain_db=7.5, reverb=22, timing=0.003, tone_hz=10_500),
    Stem("bass", bass_notes, program=35, gain_db=7.0, reverb=0, mono=True, timing=0.003),
    Stem("keys", key_notes, program=4, gain_db=-2.5, pan=76, chorus=30),
    Stem("guitar", guitar_notes, program=27, gain_db=-2.5, pan=38, chorus=16),
    Stem("strings", string_notes, program=48, gain_db=-1.0, reverb=60, timing=0.008, swell=22, early=0.04),
    Stem("lead", lead_notes, program=73, gain_db=6.0, mono=True, timing=0.007, swell=16, early=0.03),
]


def humanise(stem: Stem, notes: list[Note]) -> list[Note]:
    """Let the timing and the loudness wander; chord notes struck together stay together."""
    generator = random.Random(f"{SEED}-{stem.name}")
    drift: dict[float, float] = {}
    played = []
    for note in sorted(notes, key=lambda note: (note.step, note.pitch)):
        if note.step not in drift:
            drift[note.step] = max(-2.0, min(2.0, generator.gauss(0, 1))) * stem.timing
        velocity = max(1.0, min(127.0, note.velocity + generator.gauss(0, 3.5)))
        delay = note.delay + drift[note.step] - stem.early
        played.append(replace(note, delay=delay, velocity=velocity))
    return played


def seconds_of(step: float) -> float:
    swing = SWING if step % 2 == 1 else 0.0
    return (step + swing) * STEP_SECONDS


def tick_of(seconds: float) -> int:
    return max(0, round(seconds * TEMPO_BPM / 60 * TICKS_PER_BEAT))


def spans_of(notes: list[Note]) -> list[tuple[int, int, Note]]:
    """Return start and end ticks; a repeated pitch ends before it starts again, or MIDI would cut it."""
    spans: list[tuple[int, int, Note]] = []
    next_start: dict[int, int] = {}
    for note in sorted(notes, key=lambda note: note.step, reverse=True):
        start = tick_of(seconds_of(note.step) + note.delay)
        end = tick_of(seconds_of(note.step + note.steps) + note.delay)
        end = min(end, next_start.get(note.pitch, end + GAP_TICKS) - GAP_TICKS)
        next_start[note.pitch] = start
        spans.append((start, max(end, start + GAP_TICKS), note))
    return spans


def swell_of(stem: Stem, spans: list[tuple[int, int, Note]]) -> Iterator[tuple[int, mido.Message]]:
    """Shape each held note or chord: it opens up to two thirds of its length, then comes down again."""
    longest = dict(sorted((start, end) for start, end, _ in spans))
    for start, following in pairwise([*longest, max(longest.values())]):
        end = min(longest[start], following)
        if end - start < TICKS_PER_BEAT:
            continue
        for tick in range(start, end, TICKS_PER_BEAT // 16):
            position = (tick - start) / (end - start)
            rise = position / 0.67 if position < 0.67 else (1 - position) / 0.33
            yield tick, expression(stem, round(NORMAL_EXPRESSION + stem.swell * (rise - 0.5)))
        yield end, expression(stem, NORMAL_EXPRESSION)


def expression(stem: Stem, value: int) -> mido.Message:
    return mido.Message("control_change", channel=stem.channel, control=11, value=value)


def midi_of(stem: Stem) -> mido.MidiFile:
    """Write the stem's part as a MIDI file with one track."""
    channel = stem.channel
    controls = {7: 100, 10: stem.pan, 11: NORMAL_EXPRESSION, 91: stem.reverb, 93: stem.chorus}
    events = [(0, mido.Message("program_change", channel=channel, program=stem.program))]
    for control, value in controls.items():
        events.append((0, mido.Message("control_change", channel=channel, control=control, value=value)))
    spans = spans_of(humanise(stem, list(stem.notes())))
    if stem.swell:
        events.extend(swell_of(stem, spans))
    for start, end, note in spans:
        velocity = round(note.velocity)
        events.append((start, mido.Message("note_on", channel=channel, note=note.pitch, velocity=velocity)))
        events.append((end, mido.Message("note_off", channel=channel, note=note.pitch)))
    midi = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    track = midi.add_track(stem.name)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPO_BPM)))
    now = 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=tick - now))
        now = tick
    return midi


# --------------------------------------------------------------------------------------------- the sound


def render(stem: Stem, font: Path, folder: Path) -> np.ndarray:
    """Render one stem with fluidsynth and return it as frames x channels at its mix gain."""
    midi_path, wav_path = folder / f"{stem.name}.mid", folder / f"{stem.name}.wav"
    midi_of(stem).save(midi_path)
    command = ["fluidsynth", "-q", "-n", "-i", "-g", "0.4", "-r", str(SAMPLE_RATE), "-O", "float"]
    command += ["-o", "synth.reverb.room-size=0.45", "-o", "synth.reverb.level=0.5"]
    command += ["-T", "wav", "-F", str(wav_path), str(font), str(midi_path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    audio, rate = sf.read(wav_path, dtype="float64", always_2d=True)
    if rate != SAMPLE_RATE:
        raise SystemExit(f"fluidsynth rendered {stem.name} at {rate} Hz instead of {SAMPLE_RATE} Hz.")
    if stem.mono:
        audio = audio.mean(axis=1, keepdims=True)
    if stem.tone_hz is not None:
        audio = soften(audio, stem.tone_hz)
    return fit(audio) * 10 ** (stem.gain_db / 20)


def soften(audio: np.ndarray, corner_hz: float) -> np.ndarray:
    """Roll off the highs by 12 dB an octave; cymbals would otherwise hiss over the mix."""
    frequencies = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    response = 1 / np.sqrt(1 + (frequencies / corner_hz) ** 4)
    return np.fft.irfft(np.fft.rfft(audio, axis=0) * response[:, np.newaxis], len(audio), axis=0)


def fit(audio: np.ndarray) -> np.ndarray:
    """Cut or pad to the length of the song and fade the end to silence."""
    frames = round(len(SCORE) * STEPS_PER_BAR * STEP_SECONDS * SAMPLE_RATE)
    audio = np.pad(audio[:frames], ((0, max(0, frames - len(audio))), (0, 0)))
    fade = round(FADE_SECONDS * SAMPLE_RATE)
    audio[-fade:] *= (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade)))[:, np.newaxis]
    return audio


def write_ogg(path: Path, audio: np.ndarray) -> None:
    kind = {"format": "OGG", "subtype": "VORBIS", "compression_level": OGG_COMPRESSION}
    with sf.SoundFile(path, "w", SAMPLE_RATE, audio.shape[1], **kind) as file:
        for start in range(0, len(audio), BLOCK_FRAMES):
            file.write(audio[start : start + BLOCK_FRAMES])


def compose(out: Path, font: Path) -> None:
    """Render all stems, scale them together to the mix peak, and write them."""
    with tempfile.TemporaryDirectory() as folder:
        stems = {stem.name: render(stem, font, Path(folder)) for stem in STEMS}
    mix = sum(stems.values(), start=np.zeros(2))  # a mono stem goes to both channels equally
    factor = 10 ** (MIX_PEAK_DBFS / 20) / np.abs(mix).max()
    out.mkdir(parents=True, exist_ok=True)
    for name, audio in stems.items():
        write_ogg(out / f"{name}.ogg", audio * factor)
        print(f"{out / name}.ogg: {len(audio)} frames, {audio.shape[1]} channel(s)")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compose and render the demo song.")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "resources" / "demo")
    parser.add_argument("--font", type=Path, default=SOUND_FONT, help="the FluidR3 GM sound font")
    options = parser.parse_args()
    if shutil.which("fluidsynth") is None:
        sys.exit("fluidsynth was not found; install the Debian package fluidsynth.")
    if not options.font.is_file():
        sys.exit(f"{options.font} was not found; install the Debian package fluid-soundfont-gm.")
    compose(options.out, options.font)


if __name__ == "__main__":
    main()
