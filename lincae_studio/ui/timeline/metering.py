"""Levels during playback: of each track, dry and post-fader, and of the mix being monitored. Main thread."""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.media.loudness import LoudnessMeter, Samples
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.header_column import HeaderColumn
from lincae_studio.ui.timeline.meter import Meter

#: Interval at which the meters are updated.
_READ_MS = 33

#: Loudness is reported at every third update.
_LOUDNESS_EVERY = 3

#: No more than this is measured after a jump or a delay.
_LONGEST_S = 0.2


class Metering(QObject):
    """Measures the audio played since the last update and shows its peaks.

    Signals:
        loudness_changed: the `Loudness` since playback started.
    """

    loudness_changed = Signal(object)

    def __init__(self, transport: Transport, rendering: Rendering, headers: HeaderColumn, mix: Meter) -> None:
        super().__init__(transport)
        self._transport = transport
        self._rendering = rendering
        self._headers = headers
        self._mix = mix
        self._before = 0
        self._loudness = LoudnessMeter(rendering.session.rate)
        self._read_count = 0
        self._clock = QTimer(self)
        self._clock.setInterval(_READ_MS)
        self._clock.timeout.connect(self._read)
        transport.playing_changed.connect(self._on_playing_changed)

    def _on_playing_changed(self) -> None:
        self._before = self._transport.position
        if self._transport.playing and not self._clock.isActive():
            self._loudness = LoudnessMeter(self._rendering.session.rate)
            self._read_count = 0
            self._headers.levels.forget()
            for channel in self._mix.channels:
                channel.forget()
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
        longest = round(_LONGEST_S * self._rendering.session.rate)
        if not self._transport.playing:
            count = 0
        elif 0 < position - start <= longest:
            count = position - start
        else:
            start, count = max(0, position - longest // 4), min(position, longest // 4)
        mix = self._rendering.reader(self._transport.monitor, previews=True).read(start, count)
        self._mix.update_levels(np.abs(mix).max(axis=1).tolist() if count else (0.0,), now)
        tracks = self._rendering.track_peaks(start, count)
        if count:
            self._measure_loudness(mix)
        levels = self._headers.levels
        levels.update(tracks, now)
        for _, header in self._headers.headers():
            header.meter.show_levels()
        if not self._transport.playing and self._mix.resting and levels.resting:
            self._clock.stop()
