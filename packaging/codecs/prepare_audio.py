"""Prepares the audio that the codecs in the box are trained on, and the songs that are kept from training.

    apt-get install --no-install-recommends fluidsynth fluid-soundfont-gm musescore-general-soundfont espeak-ng \\
        openttd-openmsx freedink-data wesnoth-1.16-music warzone2100-music supertuxkart-data
    pip install mido
    python packaging/codecs/prepare_audio.py DIR

All are free packages of Debian 12; DIR/sources.json lists each file with its package. Songs in MIDI are rendered with
two free sound fonts, a stem for each channel. Everything is mono at 44.1 kHz.

    train/mixes, train/stems, train/recorded, train/speech    for `lincae-studio train --data`
    kept/sampled/SONG, kept/recorded                          every sixth song, for `lincae-studio evaluate`
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Array = npt.NDArray[np.float32]

RATE = 44_100

#: Songs in MIDI, and recorded music.
MIDI = {
    "openttd-openmsx": "/usr/share/games/openttd/baseset/openmsx/*.mid",
    "freedink-data": "/usr/share/games/dink/dink/Sound/*.mid",
}
RECORDED = {
    "wesnoth-1.16-music": "/usr/share/games/wesnoth/1.16/data/core/music/*.ogg",
    "warzone2100-music": "/usr/share/games/warzone2100/music/albums/*/*.opus",
    "supertuxkart-data": "/usr/share/games/supertuxkart/data/music/*.ogg",
}
FONTS = {
    "fluid": Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "musescore": Path("/usr/share/sounds/sf3/MuseScore_General.sf3"),
}

#: A song is kept from training if its number, in the order of a digest of its name, is a multiple of this.
_KEPT_EVERY = 6

_VOICES = ("en-gb", "en-us", "en-gb-scotland", "en-029", "de", "fr", "it", "es", "pt", "nl", "sv", "pl")
_VARIANTS = ("m1", "m3", "m7", "f1", "f2", "f5")

#: Quieter stems are left out: a channel without notes.
_SILENT_PEAK = 1e-4


def main() -> None:
    out = Path(sys.argv[1])
    sources: dict[str, list[str]] = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = []
        for package, pattern in MIDI.items():
            for path, kept in _songs(pattern):
                jobs += [pool.submit(_render, path, package, font, out, kept) for font in FONTS]
        for package, pattern in RECORDED.items():
            for path, kept in _songs(pattern):
                jobs.append(pool.submit(_convert, path, package, out, kept))
        jobs += [pool.submit(_speak, number, out) for number in range(48)]
        for job in jobs:
            package, files = job.result()
            sources.setdefault(package, []).extend(str(file.relative_to(out)) for file in files)
    (out / "sources.json").write_text(json.dumps({name: sorted(files) for name, files in sources.items()}, indent=1))


def _songs(pattern: str) -> Iterator[tuple[Path, bool]]:
    """Files, and whether each is kept from training."""
    paths = sorted(Path("/").glob(pattern[1:]), key=lambda path: hashlib.sha256(path.stem.encode()).digest())
    for number, path in enumerate(paths):
        yield path, number % _KEPT_EVERY == 0


def _render(path: Path, package: str, font: str, out: Path, kept: bool) -> tuple[str, list[Path]]:
    """The stems of a song, a file for each channel that plays, and their sum unless the song is kept."""
    name = f"{_plain(path.stem)}-{font}"
    song = mido.MidiFile(path, clip=True)
    channels = sorted(
        {event.channel for track in song.tracks for event in track if event.type == "note_on" and event.velocity}
    )
    stems = [stem for stem in (_played(song, channel, FONTS[font]) for channel in channels) if stem.any()]
    if kept and len(stems) < 2:  # nothing to mix
        return package, []
    length = max(map(len, stems))
    whole = np.stack([np.pad(stem, (0, length - len(stem))) for stem in stems])
    mix = whole.sum(axis=0)
    gain = np.float32(0.9 / max(float(np.abs(mix).max()), float(np.abs(whole).max())))
    files = []
    for number, stem in enumerate(whole * gain):
        if np.abs(stem).max() > _SILENT_PEAK:
            folder = out / "kept" / "sampled" / name if kept else out / "train" / "stems"
            files.append(_written(folder / f"{name}-{number:02}.flac", stem))
    if not kept:
        files.append(_written(out / "train" / "mixes" / f"{name}.flac", mix * gain))
    return package, files


def _played(song: mido.MidiFile, channel: int, font: Path) -> Array:
    """One channel of a song, with the tempo and all else that is for no channel."""
    part = mido.MidiFile(type=song.type, ticks_per_beat=song.ticks_per_beat)
    for track in song.tracks:
        kept, waiting = mido.MidiTrack(), 0
        for event in track:
            waiting += event.time
            if event.is_meta or (event.type == "sysex") or getattr(event, "channel", channel) == channel:
                kept.append(event.copy(time=waiting))
                waiting = 0
        part.tracks.append(kept)
    mid, wav = _temporary(".mid"), _temporary(".wav")
    try:
        part.save(mid)
        loaded = "synth.dynamic-sample-loading=yes"  # only the sounds that are played, many times as fast
        options = ["-ni", "-q", "-g", "0.4", "-r", str(RATE), "-O", "float", "-T", "wav", "-o", loaded]
        subprocess.run(["fluidsynth", *options, "-F", str(wav), str(font), str(mid)], check=True, capture_output=True)
        audio, _ = soundfile.read(wav, dtype="float32", always_2d=True)
    finally:
        mid.unlink(missing_ok=True)
        wav.unlink(missing_ok=True)
    mono: Array = audio.mean(axis=1, dtype=np.float32)
    return mono


def _convert(path: Path, package: str, out: Path, kept: bool) -> tuple[str, list[Path]]:
    """A recording in mono, at `RATE`."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(audio.mean(axis=1), rate, RATE)
    folder = out / ("kept" if kept else "train") / "recorded"
    return package, [_written(folder / f"{_plain(path.parent.name)}-{_plain(path.stem)}.flac", mono)]


def _speak(number: int, out: Path) -> tuple[str, list[Path]]:
    """The licences of the packages, read aloud: some paragraphs in a voice of its own."""
    texts = sorted(Path("/usr/share/common-licenses").glob("*-*"))
    words = texts[number % len(texts)].read_text().split()
    start = number * 131 % max(len(words) - 220, 1)
    voice = f"{_VOICES[number % len(_VOICES)]}+{_VARIANTS[number // 2 % len(_VARIANTS)]}"
    wav = _temporary(".wav")
    try:
        speed = str(130 + number * 7 % 60)
        text = " ".join(words[start : start + 220])
        subprocess.run(["espeak-ng", "-v", voice, "-s", speed, "-w", str(wav), text], check=True)
        audio, rate = soundfile.read(wav, dtype="float32")
        name = f"{number:02}-{_plain(voice)}.flac"
        return "espeak-ng", [_written(out / "train" / "speech" / name, soxr.resample(audio, rate, RATE))]
    finally:
        wav.unlink(missing_ok=True)


def _written(path: Path, audio: Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio / max(1.0, float(np.abs(audio).max())), RATE, subtype="PCM_16")
    return path


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")


def _temporary(suffix: str) -> Path:
    return Path(tempfile.gettempdir(), f"prepare-{os.getpid()}-{os.urandom(6).hex()}{suffix}")


if __name__ == "__main__":
    main()
