"""Compose and render the demo song "Paper Lanterns" as one OGG Vorbis file per stem.

Usage:
    python packaging/compose_demo.py [--out resources/demo] [--font FluidR3_GM.sf2]

The song is 18 bars of 4/4 at 108 beats a minute in D major: 40 seconds, 44.1 kHz, six stems
(drums, bass, keys, guitar, strings, lead). Bass and lead are mono, the others stereo. All stems start
at time 0, have the same length, and add up to the finished mix at gain 0 dB without clipping.

Needs:
    Debian packages: fluidsynth, fluid-soundfont-gm
    pip packages: mido, numpy, soundfile (0.13 or newer)

Each stem is written as MIDI, rendered by the fluidsynth command line, and encoded. Humanised timing and
dynamics come from a fixed seed, so the rendered audio is the same on every run with the same fluidsynth.

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

REPOSITORY = Path(__file__).resolve().parent.parent
SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")

SAMPLE_RATE = 44_100
TEMPO_BPM = 108
STEPS_PER_BAR = 16
STEP_SECONDS = 60 / TEMPO_BPM / 4
TICKS_PER_BEAT = 960
GAP_TICKS = 6  # between two notes of the same pitch
NORMAL_EXPRESSION = 100  # MIDI controller 11 outside swells
SWING = 0.12  # how late the off-beat sixteenths are, in steps
SEED = 20108
FADE_SECONDS = 1.8
MIX_PEAK_DBFS = -1.7
OGG_COMPRESSION = 0.5  # 0 is the best quality, 1 the smallest file
BLOCK_FRAMES = 65_536  # libsndfile's Vorbis encoder can crash on one very large write

# ---------------------------------------------------------------------------------------------- the song


@dataclass(frozen=True)
class Chord:
    """A chord: the bass note, and one voicing for each instrument that plays chords."""

    root: str
    keys: str
    guitar: str
    strings: str


# The voicings are written so that successive chords share notes or move by step.
CHORDS = {
    "Dmaj9": Chord("D2", "C#3 F#3 A3 E4", "A3 D4 F#4 C#5", "C#4 F#4 A4"),
    "F#m7": Chord("F#1", "E3 A3 C#4 F#4", "F#3 C#4 E4 A4", "C#4 F#4 E5"),
    "Gmaj9": Chord("G1", "D3 A3 B3 F#4", "G3 D4 F#4 B4", "B3 F#4 D5"),
    "A9sus": Chord("A1", "D3 G3 B3 E4", "G3 D4 E4 B4", "B3 G4 E5"),
    "Bm9": Chord("B1", "D3 A3 C#4 F#4", "A3 D4 F#4 C#5", "C#4 F#4 D5"),
    "Em7": Chord("E2", "D3 G3 B3 E4", "G3 D4 E4 B4", "B3 G4 D5"),
    "Em9": Chord("E1", "D3 G3 B3 F#4", "G3 D4 F#4 B4", "B3 G4 D5"),
    "A13sus": Chord("A1", "D3 G3 B3 F#4", "G3 D4 F#4 B4", "B3 G4 D5"),
    "A13": Chord("A1", "C#3 G3 B3 F#4", "G3 C#4 F#4 B4", "C#4 G4 E5"),
    "E9": Chord("E2", "D3 G#3 B3 F#4", "G#3 D4 F#4 B4", "B3 G#4 D5"),
    "Gm6": Chord("G1", "D3 G3 Bb3 E4", "G3 D4 E4 Bb4", "Bb3 G4 D5"),
    "D69": Chord("D2", "A2 F#3 B3 E4", "A3 E4 F#4 B4", "A3 F#4 E5"),
}

# One row per instrument, one character per sixteenth: "." rests, "-" holds, "1" to "9" play that loud.
# Bass:    R root, r root played softly, 5 fifth, o octave, b half a tone below the next bar's root.
# Guitar:  a to d pick one string of the voicing, S strums all of them, s strikes the upper three.
# Keys:    > plays the next bar's chord early.
INTRO = {
    "kick": "7.........5.....",
    "stick": "............5...",
    "hat": "4.3.5.3.4.3.5.32",
    "bass": "r---------r--...",
    "keys": "7-----..5---..6-",
    "guitar": "a.b.c.d.c.b.c.d.",
    "strings": "4---------------",
}
PICKUP = INTRO | {
    "snare": "..........2.46..",
    "tom_high": "..............6.",
    "tom_low": "...............7",
    "hat": "4.3.5.3.4.......",
    "bass": "r---------r-..b-",
    "guitar": "a.b.c.d.c-......",
}
VERSE = {
    "kick": "9......5..8.....",
    "snare": "....7..2.2..7..2",
    "hat": "6.4.5.4.6.4.5.42",
    "bass": "R----..R..o--.b-",
    "keys": "7---..5-..6---..",
    "guitar": "a..b..c.d..c..b.",
}
VERSE_ANSWER = VERSE | {
    "kick": "9..5......8..5..",
    "snare": "....7....2..7...",
    "hat": "6.4.5.426.4.5...",
    "open_hat": "..............4.",
    "bass": "R-.R--..5.o--R..",
    "keys": "6--..5---...5-..",
    "guitar": "a.b.d...c..d.c..",
}
VERSE_BREATH = VERSE_ANSWER | {
    "snare": "....7....2..7.45",
    "hat": "6.4.5.426.4.5...",
    "bass": "R-.R--..5.o--Rb-",
    "keys": "6--..5--6.5.6-..",
    "guitar": "a.b.c-..d.c.b.a.",
}
FULL = VERSE | {
    "shaker": "2.312.312.312.31",
    "snare": "....8..2.2..8..2",
    "keys": "7---..6-..6--.>-",
    "guitar": "a..s..c.d..s..b.",
    "strings": "5---------------",
}
FULL_ANSWER = VERSE_ANSWER | {
    "shaker": "2.312.312.312.31",
    "snare": "....8....2..8..2",
    "keys": "--..6---..6---..",
    "guitar": "a.bs..c.d..s.cb.",
    "strings": "5---------------",
}
FULL_FILL = FULL_ANSWER | {
    "kick": "9..5....8.......",
    "snare": "....8....35.6..8",
    "tom_high": "............57..",
    "tom_low": "..............7.",
    "hat": "6.4.5.4.6.......",
    "open_hat": "................",
    "bass": "R-.R--.oR-----b-",
    "keys": "--..6---7----.>-",
    "strings": "5-------6-------",
}
LIFT = {
    "kick": "9..6..8...8..6..",
    "snare": "....9..2....9..2",
    "ride": "6.4.6.4.6.4.6.4.",
    "pedal_hat": "....4.......4...",
    "shaker": "3.413.413.413.41",
    "bass": "R-.R--R---5-.R.b",
    "keys": "8--7--6---7--6--",
    "guitar": "S..s..S...S..s.s",
    "strings": "7---------------",
}
LIFT_START = LIFT | {"crash": "5...............", "keys": "---7--6---7--6--"}
LIFT_TURN = LIFT | {
    "kick": "9..6....8..6....",
    "snare": "....9...5.67.7.8",
    "tom_high": "..........6.7...",
    "tom_low": "..............87",
    "ride": "6.4.6.4.6.......",
    "bass": "R-.R--o-R--R--b-",
    "keys": "8--7----8-----..",
    "guitar": "S..s....S-..s...",
    "strings": "7-------8-------",
}
TAG = {
    "kick": "8.....4.7.....4.",
    "stick": "....6.......6...",
    "hat": "5.3.4.3.5.3.4.3.",
    "bass": "R-----r.R-----r-",
    "keys": "6-------6-------",
    "guitar": "a.b.c.d.a.b.c.d.",
    "strings": "5-------5-------",
}
TAG_FILL = TAG | {
    "kick": "8.....4.7.......",
    "stick": "....6...........",
    "snare": "..........3.46..",
    "tom_high": "............5.6.",
    "tom_low": "...............6",
    "hat": "5.3.4.3.5.......",
    "bass": "R-----r.R-----b-",
}
ENDING = {
    "kick": "8...............",
    "crash": "4...............",
    "ride": "....4...3.......",
    "bass": "R---------------",
    "keys": "7---------------",
    "guitar": "S---------------",
    "strings": "6---------------",
}
RING = dict.fromkeys(("bass", "keys", "guitar", "strings"), "------------....")

# The chords of each bar (two chords share the bar equally) and what the band plays.
SCORE: list[tuple[str, dict[str, str]]] = [
    ("Gmaj9", INTRO),
    ("A9sus", PICKUP),
    ("Dmaj9", VERSE),
    ("F#m7", VERSE_ANSWER),
    ("Gmaj9", VERSE),
    ("A9sus", VERSE_BREATH),
    ("Dmaj9", FULL),
    ("Bm9", FULL_ANSWER),
    ("Em7", FULL),
    ("A13sus A13", FULL_FILL),
    ("Bm9", LIFT_START),
    ("E9", LIFT),
    ("Gmaj9", LIFT),
    ("Gm6 A9sus", LIFT_TURN),
    ("Gmaj9 F#m7", TAG),
    ("Em9 A13", TAG_FILL),
    ("D69", ENDING),
    ("D69", RING),
]

# The melody: for each bar, "step:note:length" in sixteenths.
MELODY = {
    1: "12:A4:2 14:B4:2",
    2: "0:F#5:6 6:E5:2 8:C#5:3 11:A4:5",
    3: "4:A4:2 6:C#5:2 8:E5:4 12:F#5:2 14:E5:2",
    4: "0:D5:6 6:B4:2 8:D5:3 11:F#5:5",
    5: "2:E5:6 12:A4:2 14:B4:2",
    6: "0:F#5:6 6:E5:2 8:A5:3 11:F#5:5",
    7: "4:D5:2 6:E5:2 8:F#5:3 11:E5:3 14:D5:2",
    8: "0:G5:4 4:F#5:2 6:E5:2 8:D5:3 11:B4:5",
    9: "2:B4:2 4:D5:4 8:C#5:4 12:E5:2 14:F#5:2",
    10: "0:A5:3 3:B5:3 6:A5:2 8:F#5:6 14:E5:2",
    11: "0:F#5:3 3:G#5:3 6:F#5:2 8:E5:4 12:B4:2 14:D5:2",
    12: "0:F#5:3 3:A5:3 6:B5:2 8:D6:4 12:B5:2 14:A5:2",
    13: "0:Bb5:6 6:A5:2 8:G5:3 11:E5:4",
    14: "0:F#5:4 4:D5:2 6:B4:2 8:E5:4 12:C#5:2 14:A4:2",
    15: "0:D5:4 4:B4:2 6:G4:2 8:B4:2 10:C#5:3 13:E5:3",
    16: "0:D5:3 3:E5:3 6:F#5:18",
}

DRUM_PITCHES = {
    "kick": 35,
    "stick": 37,
    "snare": 38,
    "hat": 42,
    "pedal_hat": 44,
    "open_hat": 46,
    "tom_low": 45,
    "tom_high": 48,
    "crash": 49,
    "ride": 51,
    "shaker": 82,
}

# --------------------------------------------------------------------------------------------- the notes


@dataclass(frozen=True)
class Note:
    """A note as written, in steps from the start of the song; delay is in seconds (strums, feel)."""

    step: float
    steps: float
    pitch: int
    velocity: float
    delay: float = 0.0


@dataclass(frozen=True)
class Hit:
    """One event of a pattern row: what is played, where, and how long it is held."""

    step: int
    steps: int
    symbol: str


def pitch_of(name: str) -> int:
    """Return the MIDI number of a note name such as "F#4"."""
    semitones = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    accidental = {"#": 1, "b": -1}.get(name[1], 0)
    return semitones[name[0]] + accidental + 12 * (int(name[-1]) + 1)


def pitches_of(voicing: str) -> list[int]:
    return [pitch_of(name) for name in voicing.split()]


def chord_at(step: int) -> Chord:
    """Return the chord that sounds at a step of the song."""
    bar, offset = divmod(step, STEPS_PER_BAR)
    names = SCORE[bar][0].split()
    return CHORDS[names[offset * len(names) // STEPS_PER_BAR]]


def next_bar(step: int) -> int:
    return (step // STEPS_PER_BAR + 1) * STEPS_PER_BAR


def hits(row: str) -> Iterator[Hit]:
    """Read one instrument's row through the whole song; a hold may go on across a bar line."""
    line = "".join(bar.get(row, "." * STEPS_PER_BAR) for _, bar in SCORE)
    for step, symbol in enumerate(line):
        if symbol not in ".-":
            held = line[step + 1 :]
            yield Hit(step, 1 + len(held) - len(held.lstrip("-")), symbol)


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
    mix = sum(stems.values(), start=np.zeros(2))  # a mono stem goes to both channels alike
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
