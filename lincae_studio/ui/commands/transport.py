"""The transport: playing, stopping, and moving the playhead. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from lincae_studio.playback.player import Player
from lincae_studio.session.model import SESSION_RATE
from lincae_studio.ui.document import Document
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.rendering import Rendering
from lincae_studio.ui.timeline.axis import TimeAxis

#: The playhead is drawn, and renders that have come are taken, at most this often.
_FRAME_MS = 16

_SEEK_S = 1
_SEEK_FAR_S = 5


class Transport(QObject):
    """Owns the player; what it plays follows the document and the renders.

    Signals:
        moved: the playhead is elsewhere.
        playing_changed: it plays, or has stopped.
    """

    moved = Signal()
    playing_changed = Signal()

    #: From the player's thread.
    _ended = Signal()

    def __init__(
        self,
        document: Document,
        rendering: Rendering,
        axis: TimeAxis,
        messages: MessageBar,
        follows: Callable[[], bool],
    ) -> None:
        """`follows`: whether the view scrolls along with the playhead."""
        super().__init__(document)
        self._document = document
        self._rendering = rendering
        self._axis = axis
        self._messages = messages
        self._follows = follows
        self.player = Player(self._ended.emit)
        #: Where playing last began, and where the playhead was when following it was last considered.
        self._began = 0
        self._followed = 0
        self._clock = QTimer(self)
        self._clock.setInterval(_FRAME_MS)
        self._clock.timeout.connect(self._on_tick)
        self._news = QTimer(self)
        self._news.setSingleShot(True)
        self._news.setInterval(_FRAME_MS)
        self._news.timeout.connect(self._take_source)
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)
        document.changed.connect(lambda: self.player.set_loop(self._active_loop()))
        rendering.plan_changed.connect(self._take_source)
        rendering.chunk_changed.connect(lambda _: self._news.isActive() or self._news.start())

    @property
    def position(self) -> int:
        """The sample the playhead is at."""
        return self.player.position

    @property
    def playing(self) -> bool:
        return self.player.playing

    def seek(self, sample: int) -> None:
        """Move the playhead; while playing not past the end."""
        if self.player.playing:
            sample = min(sample, self._document.session.length)
        self.player.seek(sample)
        self._tell(sample)
        self.moved.emit()

    def seek_and_show(self, sample: int) -> None:
        """Move the playhead, and scroll to it."""
        self.seek(sample)
        self._axis.reveal(sample)

    def stop(self) -> None:
        """Stop where the sound is."""
        self.player.stop()
        self._clock.stop()
        self.playing_changed.emit()
        self.moved.emit()

    def rewind(self) -> None:
        """Stop, and go to the start, for another document."""
        self.stop()
        self._began = 0
        self.player.seek(0)

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
        if start >= max(self._document.session.length, loop[1] if loop else 0):
            start = loop[0] if loop else 0
        self._began = self._followed = start
        if self._follows():
            self._axis.reveal(start)
        self._rendering.settle()
        self._take_source()
        problem = self.player.play(start)
        if problem is not None:
            self._messages.error(f"{problem} The playhead moves without sound.")
        self._clock.start()
        self.playing_changed.emit()

    def _seek_by(self, seconds: float) -> None:
        self.seek_and_show(max(0, round(self.player.position + seconds * SESSION_RATE)))

    def _tell(self, sample: int) -> None:
        """What is heard next is rendered next: while a loop plays, its start after its end."""
        self._rendering.set_playhead(sample, self._active_loop() if self.player.playing else None)

    def _active_loop(self) -> tuple[int, int] | None:
        loop = self._document.session.loop
        return (loop.start, loop.end) if loop is not None and loop.on else None

    def _take_source(self) -> None:
        self.player.set_source(self._rendering.reader())

    def _on_tick(self) -> None:
        position = self.player.position
        self.moved.emit()
        if self.player.playing:
            self._tell(position)
            self._follow(position)

    def _follow(self, position: int) -> None:
        """Scroll along when the playhead leaves the view by itself: who has scrolled away looks at something else."""
        before, self._followed = self._followed, position
        if self._follows() and self._axis.shows(before):
            self._axis.reveal(position)

    def _on_ended(self) -> None:
        if not self.player.playing:
            self.stop()
            if self.player.failure is not None:
                self._messages.error(f"Playing stopped: {self.player.failure}")
