"""Levels while playing: of each track, dry and after its fader, and of the mix that is heard. Main thread."""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.media.loudness import LoudnessMeter, Samples
from lincae_studio.session.model import SESSION_RATE
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.header_column import HeaderColumn
from lincae_studio.ui.timeline.meter import Meter

#: Meters are read this often.
_READ_MS = 33

#: Loudness is shown at every third reading.
_LOUDNESS_EVERY = 3

#: After a jump, or where the window was late, no more than this is looked at.
_LONGEST = SESSION_RATE // 5


class Metering(QObject):
    """Reads what was heard since the last time from where the player reads it, and shows its peaks.

    Signals:
        loudness_changed: the `Loudness` since playing began.
    """

    loudness_changed = Signal(object)

    def __init__(self, transport: Transport, rendering: Rendering, headers: HeaderColumn, mix: Meter) -> None:
        super().__init__(transport)
        self._transport = transport
        self._rendering = rendering
        self._headers = headers
        self._mix = mix
        self._before = 0
        self._loudness = LoudnessMeter()
        self._read_count = 0
        self._clock = QTimer(self)
        self._clock.setInterval(_READ_MS)
        self._clock.timeout.connect(self._read)
        transport.playing_changed.connect(self._on_playing_changed)

    def _on_playing_changed(self) -> None:
        self._before = self._transport.position
        if self._transport.playing and not self._clock.isActive():
            self._loudness = LoudnessMeter()
            self._read_count = 0
        if self._transport.playing:
            self._clock.start()

    def _measure_loudness(self, mix: Samples) -> None:
        self._loudness.add(mix)
        self._read_count += 1
        if self._read_count % _LOUDNESS_EVERY == 0:
            self.loudness_changed.emit(self._loudness.read())

    def _read(self) -> None:
        position, now = self._transport.position, time.monotonic()
        start, self._before = self._before, position
        if not self._transport.playing:
            count = 0
        elif 0 < position - start <= _LONGEST:
            count = position - start
        else:
            start, count = max(0, position - _LONGEST // 4), min(position, _LONGEST // 4)
        mix = self._rendering.heard(self._transport.monitor).read(start, count)
        self._mix.update_levels(np.abs(mix).max(axis=1).tolist() if count else (0.0,), now)
        tracks = self._rendering.track_peaks(start, count)
        if count:
            self._measure_loudness(mix)
        meters = {track_id: header.meter for track_id, header in self._headers.headers()}
        for track_id, meter in meters.items():
            meter.update_levels(tracks.get(track_id, (0.0,)), now)
        if not self._transport.playing and self._mix.resting and all(meter.resting for meter in meters.values()):
            self._clock.stop()
