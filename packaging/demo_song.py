"""The demo song "Paper Lanterns" as data: its chords, the patterns the band plays, its form and its melody.

18 bars of 4/4 at 108 beats a minute in D major. A pattern has one row per instrument and one character per sixteenth;
the functions at the end read the rows. What is read here is played, rendered and written by `compose_demo.py`.
The song is released under CC0 1.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TEMPO_BPM = 108
STEPS_PER_BAR = 16
STEP_SECONDS = 60 / TEMPO_BPM / 4
SWING = 0.12  # how late the off-beat sixteenths are, in steps

# -------------------------------------------------------------------------------------------- the score


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

# ------------------------------------------------------------------------------------------- reading it


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
