"""Reading a DAWproject as a session. Any thread."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from msgspec.structs import replace

from lincae_studio.errors import EditError, ProjectError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.dawproject import envelopes, mixer
from lincae_studio.media.dawproject.audio import AudioFiles
from lincae_studio.media.dawproject.document import RESTORE, Node, opened, read_project
from lincae_studio.media.dawproject.mixer import Mixer, Strip
from lincae_studio.media.dawproject.pieces import Corner, FileRef, Flat, Piece, Stated
from lincae_studio.media.dawproject.tempo import TempoMap, tempo_map
from lincae_studio.media.dawproject.timeline import flatten
from lincae_studio.media.store import MediaStore
from lincae_studio.session.edits import sorted_clips
from lincae_studio.session.model import (
    DEFAULT_RATE,
    MAX_GAIN,
    MAX_LENGTH,
    TRACK_COLORS,
    Clip,
    Marker,
    Master,
    Media,
    Point,
    Rate,
    Session,
    Tempo,
    Track,
)
from lincae_studio.session.rules import validated
from lincae_studio.session.times import count_of

#: The tempo of projects without one.
_ASSUMED = TempoMap([(0.0, 120.0, False)])

_NAME_LENGTH = 400

#: Limits of the notes for the user: their number, and the characters of each.
_MAX_NOTES, _NOTE_LENGTH = 500, 1000

_OTHER_AUTOMATION = "automation other than volume, pan and mute of audio tracks, and volume of the master, is left out"

_COLOR = re.compile("(#[0-9a-fA-F]{6})([0-9a-fA-F]{2})?")


def read_dawproject(
    path: Path,
    folder: Path,
    store: MediaStore,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
    rate: Rate = DEFAULT_RATE,
) -> tuple[Session, list[str]]:
    """Read a DAWproject: its tracks, audio clips, volume and pan automation, markers and tempo.

    Audio in the archive is extracted to `folder`, which is created if needed, under sanitised names; no existing file
    is replaced. External audio is used where it is. Times are converted to samples at the session rate, levels to
    amplitude factors. `rate`: the rate of the session, in Hz.

    Returns:
        A valid session, and notes for the user on what was left out, changed or limited.

    Raises:
        ProjectError: when the file is not a DAWproject, is damaged, encrypted, too large or nested too deep, or the
            folder cannot be written.
        MediaError: when the store cannot be written.
        Cancelled: when `cancel` was set. After any of these nothing that was written is left in `folder`.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    with opened(path) as archive:
        project = read_project(archive, path)
        cancel.check()
        notes: dict[str, None] = {}
        beats = tempo_map(project, notes)
        tempo = None if beats is None else _grid(project, beats.bpm, notes)
        ids = {name: node for node in project.below() if (name := node.get("id"))}
        flat = flatten(
            project.child("Arrangement") or Node("Arrangement", {}), ids, beats or _ASSUMED, str(path), cancel
        )
        desk = mixer.mixer_of(project, notes, cancel)
        if tempo is None and flat.beats:
            notes[f"the project has no tempo; {_ASSUMED.bpm:g} BPM is assumed"] = None
        scenes = project.child("Scenes")
        if scenes is not None and scenes.filled:
            notes["clip launcher scenes are left out"] = None
        known = {name for strip in desk.strips for name in strip.own}
        pieces = [piece for piece in flat.pieces if piece.track in known]
        if len(pieces) < len(flat.pieces):
            notes["clips on tracks that are not in the file are left out"] = None
        used = list(dict.fromkeys(piece.file for piece in pieces))
        with AudioFiles(archive, path, folder, store, rate, cancel) as audio:
            audio.check_room(used)
            media: dict[FileRef, Media] = {}
            stated = _stated(flat)
            for number, file in enumerate(used):
                cancel.check()
                progress(Progress(number, len(used), file.path))
                found = audio.media_of(file, stated[file], no_progress)
                if found is not None:
                    media[file] = found
            cancel.check()
            progress(Progress(len(used), max(1, len(used)), "imported"))
            builder = _Builder(desk, pieces, media, flat, notes, rate)
            try:
                session = validated(builder.session(tempo))
            except EditError as error:
                raise ProjectError(f"cannot open {path}: {error.problem}", RESTORE) from error
            if project.unread:
                count, first = len(project.unread), next(iter(project.unread.values()))
                notes[f"{count_of(count, 'number')} not readable and left out, such as “{first[:20]}”"] = None
    return session, _limited(list(flat.notes | notes | audio.notes))


def _limited(notes: list[str]) -> list[str]:
    """Notes that a person can read and a dialog can show: not too many, none too long."""
    shown = [f"{note[:_NOTE_LENGTH]}…" if len(note) > _NOTE_LENGTH else note for note in notes[:_MAX_NOTES]]
    return [*shown, f"and {count_of(len(notes) - _MAX_NOTES, 'more note')}"] if len(notes) > _MAX_NOTES else shown


def _stated(flat: Flat) -> dict[FileRef, Stated]:
    """The project's statements about its files; of a file without a length, that which its clips use."""
    used: dict[FileRef, float] = {}
    for piece in flat.pieces:
        used[piece.file] = max(used.get(piece.file, 0.0), piece.position + piece.end - piece.start)
    return {
        file: stated if stated.seconds > 0.0 else stated._replace(seconds=used[file])
        for file, stated in flat.files.items()
        if file in used
    }


def _grid(project: Node, bpm: float, notes: dict[str, None]) -> Tempo:
    """The grid of bars and beats, for a tempo in quarter notes per minute."""
    transport = project.child("Transport") or Node("Transport", {})
    arrangement = project.child("Arrangement") or Node("Arrangement", {})
    signature = transport.child("TimeSignature")
    numbers = (signature.number("numerator"), signature.number("denominator")) if signature is not None else (4.0, 4.0)
    numerator, denominator = (value if value is not None and 1.0 <= value <= 64.0 else 4.0 for value in numbers)
    changes = arrangement.child("TimeSignatureAutomation") or Node("TimeSignatureAutomation", {})
    points = [point for point in changes.children if point.get("numerator")]
    if any((point.number("numerator"), point.number("denominator")) != numbers for point in points):
        notes["time signature changes are left out"] = None
    # Eighths for x/8, and where a bar is no whole number of quarters; else quarters.
    unit: Literal[4, 8] = 8 if denominator == 8.0 or (numerator * 4.0 / denominator) % 1.0 else 4
    beats, speed = numerator * unit / denominator, bpm
    if beats != round(beats):
        unit, beats, speed = 4, numerator, bpm * denominator / 4.0
    limited = Tempo(bpm=min(max(speed, 20.0), 400.0), beats=min(max(round(beats), 1), 32), unit=unit)
    if (limited.bpm, limited.beats) != (speed, beats):
        notes["the tempo or the beats per bar are limited to what the ruler can show"] = None
    return limited


@dataclass
class _Builder:
    """Builds the session from its parts; adds to `notes`."""

    mixer: Mixer
    pieces: list[Piece]
    media: dict[FileRef, Media]
    flat: Flat
    notes: dict[str, None]
    rate: Rate

    def session(self, tempo: Tempo | None) -> Session:
        ids = itertools.count(1)
        by_track: dict[str, list[Piece]] = {}
        for piece in self.pieces:
            by_track.setdefault(piece.track, []).append(piece)
        heard = {piece.track for piece in self.pieces}
        folders = {strip.node: strip.folder for strip in self.mixer.strips}
        needed: set[int] = set()
        for strip in self.mixer.strips:
            here: int | None = strip.node if strip.audio or not heard.isdisjoint(strip.own) else None
            while here is not None and here not in needed:
                needed.add(here)
                here = folders[here]
        taken = [strip for strip in self.mixer.strips if strip.node in needed]
        count = sum(not strip.group and strip.node not in needed for strip in self.mixer.strips)
        if count:
            self.notes[f"{count_of(count, 'track')} without audio left out"] = None
        numbers: dict[int | None, int] = {None: 0}
        tracks: list[Track] = []
        for number, strip in enumerate(taken):
            pieces = [piece for name in strip.own for piece in by_track.get(name, [])]
            tracks.append(replace(self._track(strip, number, ids, pieces), parent=numbers[strip.folder]))
            numbers[strip.node] = tracks[-1].id
        gain, gain_points = self._fader(self.mixer.gain, self.mixer.volume)
        nodes = [
            self.mixer.volume,
            *(node for one in taken for node in (one.volume, one.pan_parameter, one.mute_parameter)),
        ]
        parameters = {node.get("id") for node in nodes if node is not None}
        if self.flat.automation.keys() - parameters:
            self.notes[_OTHER_AUTOMATION] = None
        markers = []
        for number, (at, name) in enumerate(sorted(self.flat.markers, key=lambda marker: marker[0])):
            text = f"Marker {number + 1}" if name is None else self._short(name)
            markers.append(Marker(id=next(ids), at=self._on_timeline(at), name=text))
        used = {clip.media for track in tracks for clip in track.clips}
        media = {item.digest: item for item in self.media.values() if item.digest in used}
        return Session(
            rate=self.rate,
            media=tuple(media.values()),
            tracks=tuple(tracks),
            master=Master(gain=self._gain(gain), gain_points=gain_points),
            markers=tuple(markers),
            tempo=tempo,
            next_id=next(ids),
        )

    def _track(self, strip: Strip, number: int, ids: Iterator[int], pieces: list[Piece]) -> Track:
        track_id = next(ids)
        self.notes.update(dict.fromkeys(strip.notes))
        pan, mute = strip.pan, strip.mute
        pan_points: tuple[Point, ...] = ()
        gain, gain_points = self._fader(strip.gain, strip.volume)
        _, places = self._automation(strip.pan_parameter, mixer.pan_of)
        if places:
            pan, pan_points = envelopes.pan_envelope(pan, places)
        _, mutes = self._automation(strip.mute_parameter, mixer.mute_of)
        if mutes:
            mute = all(corner.value for corner in mutes)
            if not mute and any(corner.value for corner in mutes):
                gain_points = envelopes.muted(gain_points, mutes)
                self.notes["automated mutes are silence in volume envelopes"] = None
        clips = [self._clip(piece, ids) for piece in pieces]
        return Track(
            id=track_id,
            name=f"Track {number + 1}" if strip.name is None else self._short(strip.name),
            color=_color(strip.color) or TRACK_COLORS[number % len(TRACK_COLORS)],
            gain=self._gain(gain * strip.through),
            pan=pan,
            mute=mute or strip.silent,
            solo=strip.solo,
            gain_points=gain_points,
            pan_points=pan_points,
            clips=sorted_clips(tuple(clip for clip in clips if clip is not None)),
        )

    def _fader(self, gain: float, volume: Node | None) -> tuple[float, tuple[Point, ...]]:
        """A fader, and the envelope that is multiplied by it."""
        unit, levels = self._automation(volume, mixer.gain_of)
        if volume is None or not levels:
            return gain, ()
        return envelopes.gain_envelope(gain, levels, mixer.in_decibels(unit, volume), self.notes)

    def _automation(
        self, parameter: Node | None, convert: Callable[[float, str | None, Node], float]
    ) -> tuple[str | None, list[Corner]]:
        """The unit of a parameter's automation, and its points in the session's unit, at samples."""
        if parameter is None or not parameter.get("id"):
            return None, []
        unit, found = self.flat.automation.get(parameter.get("id") or "", (None, []))
        unit = unit or parameter.get("unit")
        return unit, [Corner(one.at * self.rate, convert(one.value, unit, parameter), one.line) for one in found]

    def _clip(self, piece: Piece, ids: Iterator[int]) -> Clip | None:
        """The part of a piece for which its file has audio; None when there is none, or no file."""
        media = self.media.get(piece.file)
        if media is None:
            return None
        start, end = round(piece.start * self.rate), round(piece.end * self.rate)
        offset = round(piece.position * self.rate)
        if start < 0 or end > MAX_LENGTH:
            self.notes["clips are cut at the ends of the timeline, and left out beyond them"] = None
        head = max(0, -start)
        start, offset = start + head, offset + head
        length = min(end, MAX_LENGTH, start + media.length - offset) - start
        if length < 1:
            self.notes["clips without audio are left out"] = None
            return None
        fades = [round(fade * self.rate) for fade in (piece.fade_in, piece.fade_out)]
        if max(fades) > length:
            self.notes["fades longer than their clips are shortened"] = None
        stem = PurePosixPath(piece.file.path.replace("\\", "/")).stem
        return Clip(
            id=next(ids),
            media=media.digest,
            name=self._short(stem if piece.name is None else piece.name),
            start=start,
            offset=offset,
            length=length,
            gain=self._gain(piece.gain),
            fade_in=min(fades[0], length),
            fade_out=min(fades[1], length),
            mute=piece.mute,
            color=_color(piece.color),
        )

    def _gain(self, gain: float) -> float:
        if gain > MAX_GAIN:
            self.notes["levels above +24 dB are limited"] = None
        return min(gain, MAX_GAIN)

    def _short(self, name: str) -> str:
        if len(name) > _NAME_LENGTH:
            self.notes[f"names are cut off after {_NAME_LENGTH} characters"] = None
        return name[:_NAME_LENGTH]

    def _on_timeline(self, at: float) -> int:
        place = round(at * self.rate)
        if not 0 <= place <= MAX_LENGTH:
            self.notes["markers beyond the timeline are moved to its ends"] = None
        return min(max(place, 0), MAX_LENGTH)


def _color(text: str | None) -> str | None:
    """A colour `#rrggbb`, without the opacity that may follow; None for anything else."""
    found = _COLOR.fullmatch(text or "")
    return found[1] if found else None
