"""The transport: play, stop, and move the playhead. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from lincae_studio.codecs.base import Array
from lincae_studio.engine.rendering.render_store import Monitor
from lincae_studio.errors import StudioError
from lincae_studio.playback.player import MixSource, Player
from lincae_studio.playback.sinks import DeviceSink, Output, SilentSink
from lincae_studio.playback.tone import TestTone
from lincae_studio.session.levels import db_to_gain
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.rendering.rendering import Rendering

#: The playhead is drawn and finished renders are passed to the player at most this often.
_FRAME_MS = 16

#: Topic of messages about the audio output.
_OUTPUT = "audio output"

_SEEK_S = 1
_SEEK_FAR_S = 5


class UpTo:
    """A source that ends at a sample, and is silent from there on."""

    def __init__(self, source: MixSource, end: int) -> None:
        self._source = source
        self._end = end

    @property
    def rate(self) -> int:
        return self._source.rate

    @property
    def length(self) -> int:
        return min(self._end, self._source.length)

    def read(self, start: int, count: int) -> Array:
        """Samples `(channels, count)` of the source before the end, zeros after it."""
        audio = self._source.read(start, count)
        audio[:, max(0, self._end - start) :] = 0.0
        return audio


class Transport(QObject):
    """Owns the player and keeps it supplied with the latest renders.

    Signals:
        moved: the playhead has moved to this sample.
        playing_changed: playback has started or stopped.
        monitor_changed: another `Monitor` was chosen.
    """

    moved = Signal(object)
    playing_changed = Signal()
    monitor_changed = Signal(str)

    #: From the player's thread.
    _ended = Signal()
    _lost = Signal(str)

    def __init__(
        self,
        document: Document,
        rendering: Rendering,
        axis: TimeAxis,
        messages: MessageBar,
        preferences: PreferenceStore,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._rendering = rendering
        self._axis = axis
        self._messages = messages
        self._preferences = preferences
        self.monitor: Monitor = "auto"
        self.player = Player(self._ended.emit, on_lost=self._lost.emit)
        self._tone: Player | None = None
        #: Why there was no sound when playback was last started; empty if there was.
        self._silent = ""
        self._output: Output | None = None
        self._follow_preferences()
        preferences.changed.connect(self._follow_preferences)
        self._lost.connect(self._on_lost, Qt.ConnectionType.QueuedConnection)
        #: Where playback last started, and the playhead's position at the last `_follow`.
        self._began = 0
        self._followed = 0
        self._rate = document.session.rate
        self._scrubbing = False
        #: Where playback ends before the mix does.
        self._until: int | None = None
        self._clock = QTimer(self)
        self._clock.setInterval(_FRAME_MS)
        self._clock.timeout.connect(self._on_tick)
        self._source_timer = QTimer(self)
        self._source_timer.setSingleShot(True)
        self._source_timer.setInterval(_FRAME_MS)
        self._source_timer.timeout.connect(self._take_source)
        document.replaced.connect(self.rewind)
        document.at_close(self.silence)
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)
        document.changed.connect(self._follow_document)
        rendering.plan_changed.connect(self._take_source)
        rendering.chunk_changed.connect(lambda _: self._source_timer.isActive() or self._source_timer.start())

    @property
    def position(self) -> int:
        """The sample at the playhead."""
        return self.player.position

    @property
    def playing(self) -> bool:
        return self.player.playing

    def seek(self, sample: int) -> None:
        """Move the playhead; during playback not past the end."""
        if self.player.playing:
            sample = min(sample, self._document.session.length)
        self.player.seek(sample)
        self._set_render_position(sample)
        self.moved.emit(self.player.position)

    def place(self, sample: int) -> None:
        """Move the playhead, unless playing: selecting something must not interrupt what is heard."""
        if not self.player.playing:
            self.seek(sample)

    def play_span(self, start: int, end: int) -> None:
        """Play samples `[start, end)` once, without the loop, and return to their start."""
        self.stop()
        self._until = end
        self._play(start)

    def seek_and_show(self, sample: int) -> None:
        """Move the playhead and scroll to it."""
        self.seek(sample)
        self._axis.reveal(sample)

    def stop(self) -> None:
        """Stop at the current position."""
        self.player.stop()
        self._until = None
        self._set_render_position(self.player.position)
        self._clock.stop()
        self.playing_changed.emit()
        self.moved.emit(self.player.position)

    def silence(self) -> None:
        """Stop all sound, which also releases the audio device."""
        self.stop()
        if self._tone is not None:
            self._tone.stop()

    def play_test_tone(self) -> StudioError | None:
        """Play a tone on the left, then on the right. Returns the error if it cannot be played."""
        self.silence()
        self._tone = Player(lambda: None, self.player.sinks)
        self._tone.level = self.player.level
        self._tone.set_source(TestTone())
        return self._tone.play(0)

    def begin_scrub(self, sample: int) -> None:
        """Start dragging the playhead: unless playing, a short snippet is heard at each position."""
        if not self.player.playing:
            self._take_source()
            self._scrubbing = self.player.play(sample, scrub=True) is None
            if not self._scrubbing:
                self.player.stop()
        self.seek(sample)

    def end_scrub(self, sample: int) -> None:
        """Stop dragging the playhead."""
        if self._scrubbing:
            self._scrubbing = False
            self.player.stop()
            self.seek(sample)

    def _follow_document(self) -> None:
        """Follow the loop, and the sample rate: playback stops, and the playhead keeps its time."""
        before, self._rate = self._rate, self._document.session.rate
        if self._rate != before:
            self.silence()
            self._began = round(self._began * self._rate / before)
            self.seek(round(self.position * self._rate / before))
        self.player.set_loop(self._active_loop())

    def rewind(self) -> None:
        """Stop, go to the start and count dropouts from 0, for another document."""
        self.player.forget_dropouts()
        self.stop()
        self._began = 0
        self.player.seek(0)

    @property
    def handlers(self) -> Mapping[str, Callable[..., object]]:
        """The handlers of its actions, by action id."""
        return {
            "play": self.on_play,
            "pause": self.on_pause,
            "play_again": self.on_play_again,
            "go_start": self.on_go_start,
            "go_end": self.on_go_end,
            "seek_back": self.on_seek_back,
            "seek_forward": self.on_seek_forward,
            "seek_back_far": self.on_seek_back_far,
            "seek_forward_far": self.on_seek_forward_far,
            **{f"monitor_{monitor}": self._listening_to(monitor) for monitor in get_args(Monitor)},
        }

    def on_play(self) -> None:
        if self.player.playing:
            self.stop()
            self.seek_and_show(self._began)
        else:
            self._play(self.player.position)

    def on_pause(self) -> None:
        if self.player.playing:
            self.stop()
        else:
            self._play(self.player.position)

    def on_play_again(self) -> None:
        if self.player.playing:
            self.seek(self._began)
        else:
            self._play(self._began)

    def on_go_start(self) -> None:
        self.seek(0)
        self._axis.scroll_to(0)

    def on_go_end(self) -> None:
        self.seek_and_show(self._document.session.length)

    def on_seek_back(self) -> None:
        self._seek_by(-_SEEK_S)

    def on_seek_forward(self) -> None:
        self._seek_by(_SEEK_S)

    def on_seek_back_far(self) -> None:
        self._seek_by(-_SEEK_FAR_S)

    def on_seek_forward_far(self) -> None:
        self._seek_by(_SEEK_FAR_S)

    def _play(self, start: int) -> None:
        loop = self._active_loop()
        self.player.set_loop(loop)
        if start >= max(self._document.session.length, loop[1] if loop else 0):
            start = loop[0] if loop else 0
        self._began = self._followed = start
        if self._preferences.value.follow_playhead:
            self._axis.reveal(start)
        self._rendering.plan_slice()
        self._take_source()
        problem = self.player.play(start)
        self._set_render_position(start)
        self._report_output(problem)
        self._clock.start()
        self.playing_changed.emit()

    def _report_output(self, problem: StudioError | None) -> None:
        """Say why there is no sound, but not again at every start. The status bar shows it all the time."""
        silent = "" if problem is None else f"{problem} The playhead moves without sound."
        if not silent:
            self._messages.resolve(_OUTPUT)
        elif silent != self._silent:
            self._messages.warning(silent, topic=_OUTPUT)
        self._silent = silent

    def _seek_by(self, seconds: float) -> None:
        self.seek_and_show(max(0, round(self.player.position + seconds * self._document.session.rate)))

    def _set_render_position(self, sample: int) -> None:
        """Tell the renderer what will be heard next: while a loop plays, its start follows its end."""
        playing = self.player.playing
        self._rendering.set_playhead(sample, self._active_loop() if playing else None, playing)

    def _active_loop(self) -> tuple[int, int] | None:
        loop = self._document.session.loop if self._until is None else None
        return (loop.start, loop.end) if loop is not None and loop.on else None

    def _take_source(self) -> None:
        source = self._rendering.reader(self.monitor, previews=True)
        self.player.set_source(source if self._until is None else UpTo(source, self._until))

    def _on_tick(self) -> None:
        position = self.player.position
        self.moved.emit(self.player.position)
        if self.player.playing:
            self._set_render_position(position)
            self._follow(position)

    def _follow(self, position: int) -> None:
        """Scroll when the playhead leaves the view during playback, but not if the user has scrolled away from it."""
        before, self._followed = self._followed, position
        if self._preferences.value.follow_playhead and not self._axis.held and self._axis.shows(before):
            self._axis.reveal(position)

    def _listening_to(self, monitor: Monitor) -> Callable[[], None]:
        def listen() -> None:
            self.monitor = monitor
            self._take_source()
            self.monitor_changed.emit(monitor)

        return listen

    def _follow_preferences(self) -> None:
        chosen = self._preferences.value
        output = Output(chosen.audio_host, chosen.audio_device, chosen.audio_buffer)
        if output != self._output:
            self._output, self._silent = output, ""
        self.player.sinks = (partial(DeviceSink, output=output), SilentSink)
        self.player.level = db_to_gain(chosen.output_level_db)

    def _on_lost(self, name: str) -> None:
        self._messages.error(
            f"{name} has stopped. The playhead moves without sound. "
            "Reconnect it or choose another device in Edit > Preferences, then press Play again.",
            topic=_OUTPUT,
        )
        self.playing_changed.emit()

    def _on_ended(self) -> None:
        if not self.player.playing:
            once = self._until is not None
            self.stop()
            if once:
                self.seek_and_show(self._began)
            if self.player.failure is not None:
                self._messages.error(f"Playback stopped: {self.player.failure}")
