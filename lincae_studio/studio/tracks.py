"""Tracks and clips of a session as values of the Python interface: read-only, in seconds. Any thread.

They are views of the document's own values (`session/model.py`), which count in samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lincae_studio.media.store import MediaStore
from lincae_studio.session import model
from lincae_studio.session.excerpt import only_group, only_track
from lincae_studio.session.levels import format_db, format_pan, gain_to_db
from lincae_studio.session.times import count_of, format_time
from lincae_studio.studio import display
from lincae_studio.studio.engine import Engine
from lincae_studio.studio.mix import Mix

#: Columns of the waveforms of all clips of a track together.
_COLUMNS = 400

#: A point of an envelope: a time in seconds, and a value.
EnvelopePoint = tuple[float, float]


@dataclass(frozen=True)
class Clip:
    """A part of an audio file on a track.

    Attributes:
        value: the document's own clip, in samples.
        media: the document's own entry of the file.
        rate: of the session, in Hz.
    """

    value: model.Clip
    media: model.Media
    rate: int

    @property
    def id(self) -> int:
        """Unique in the session; edits keep it."""
        return self.value.id

    @property
    def name(self) -> str:
        return self.value.name

    @property
    def file(self) -> Path:
        """The audio file; of audio known only as latents, its bundle."""
        return Path(self.media.path)

    @property
    def start(self) -> float:
        """Where it begins on the timeline, in seconds."""
        return self.value.start / self.rate

    @property
    def end(self) -> float:
        """Where it ends on the timeline, in seconds."""
        return self.value.end / self.rate

    @property
    def offset(self) -> float:
        """Where its audio begins in the file, in seconds."""
        return self.value.offset / self.rate

    @property
    def gain(self) -> float:
        """Its own amplitude factor: 1 is 0 dB."""
        return self.value.gain

    @property
    def gain_db(self) -> float:
        """Its own gain in dB; minus infinity for silence."""
        return gain_to_db(self.value.gain)

    @property
    def fade_in(self) -> float:
        """Length of the fade in seconds; 0 for an automatic one."""
        return self.value.fade_in / self.rate

    @property
    def fade_out(self) -> float:
        """Length of the fade in seconds; 0 for an automatic one."""
        return self.value.fade_out / self.rate

    @property
    def mute(self) -> bool:
        return self.value.mute

    def __repr__(self) -> str:
        return f"<Clip {self.id} “{self.name}” from {format_time(self.start)} to {format_time(self.end)}>"


class Track(Mix):
    """A track of a session. It renders its contribution to the mix, even if it is muted there.

    A group renders the contribution of all tracks in it. Length and channels are those of the session.

    Attributes:
        value: the document's own track, in samples.
    """

    def __init__(self, document: model.Session, track_id: int, engine: Engine) -> None:
        """Raises `EditError` when there is no such track."""
        alone = only_group if track_id in document.group_ids else only_track
        super().__init__(alone(document, track_id), engine)
        self._document_of_all = document
        self.value = document.track(track_id)

    @property
    def id(self) -> int:
        """Unique in the session; edits keep it."""
        return self.value.id

    @property
    def name(self) -> str:
        return self.value.name

    @property
    def gain(self) -> float:
        """The fader as an amplitude factor: 1 is 0 dB."""
        return self.value.gain

    @property
    def gain_db(self) -> float:
        """The fader in dB; minus infinity for silence."""
        return gain_to_db(self.value.gain)

    @property
    def pan(self) -> float:
        """From -1, left, to 1, right."""
        return self.value.pan

    @property
    def mute(self) -> bool:
        return self.value.mute

    @property
    def solo(self) -> bool:
        return self.value.solo

    @property
    def subtract(self) -> bool:
        """Whether it is subtracted from the mix instead of added."""
        return self.value.subtract

    @property
    def audible(self) -> bool:
        """Whether it can be heard in the mix, by mutes and solos."""
        return self._document_of_all.audible(self.value)

    @property
    def gain_envelope(self) -> tuple[EnvelopePoint, ...]:
        """Points (time in seconds, amplitude factor), multiplied by the fader; linear in dB in between."""
        return _seconds(self.value.gain_points, self.rate)

    @property
    def pan_envelope(self) -> tuple[EnvelopePoint, ...]:
        """Points (time in seconds, pan), added to the pan; linear in between."""
        return _seconds(self.value.pan_points, self.rate)

    @property
    def clips(self) -> tuple[Clip, ...]:
        """Its clips, by start."""
        media = {item.digest: item for item in self._heard.media}
        return tuple(Clip(clip, media[clip.media], self.rate) for clip in self.value.clips)

    def __repr__(self) -> str:
        return f"<Track {self.id} “{self.name}”: {_strip(self.value)}, {count_of(len(self.value.clips), 'clip')}>"

    def _repr_html_(self) -> str:
        about = f"{self.name}: {_strip(self.value)}, {count_of(len(self.value.clips), 'clip')}"
        return display.block(lane_of(self, self.engine.store), display.caption(about))


def lane_of(track: Track, store: MediaStore) -> str:
    """The clips of a track as a picture as wide as the session, with the waveforms of files that are conformed."""
    length = max(track.duration * track.rate, 1.0)
    shapes = []
    for clip in track.value.clips:
        color = clip.color or track.value.color
        share = clip.length / length
        columns = max(1, round(share * _COLUMNS))
        media = store.get(clip.media)
        peaks = [] if media is None else [w.columns(clip.offset, clip.length / columns, columns) for w in media.waves]
        shapes.append((clip.start / length, share, color, [clip.gain * pairs for pairs in peaks]))
    return display.lane(shapes)


def row_of(track: Track, store: MediaStore) -> tuple[str, ...]:
    """The cells of a track in the table of a session, as HTML."""
    value = track.value
    depth = len(track._document_of_all.groups_of(track.id))
    flags = " ".join(name for name in ("mute", "solo", "subtract") if getattr(value, name))
    picture = f'<div style="width:360px">{lane_of(track, store)}</div>'
    name = "&emsp;" * depth + display.text(value.name)
    return name, format_db(value.gain), format_pan(value.pan), flags, picture


def _strip(track: model.Track) -> str:
    flags = [name for name in ("mute", "solo", "subtract") if getattr(track, name)]
    pan = [f"pan {format_pan(track.pan)}"] if track.pan else []
    return ", ".join([format_db(track.gain), *pan, *flags])


def _seconds(points: tuple[model.Point, ...], rate: int) -> tuple[EnvelopePoint, ...]:
    return tuple((point.at / rate, point.value) for point in points)
