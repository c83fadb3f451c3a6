"""The status bar labels: selected time, rendered chunks, sample rate and codec, engine, audio output. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QLabel, QStatusBar, QToolButton

from lincae_studio.engine.rendering.render_store import Monitor
from lincae_studio.session.rates import in_khz
from lincae_studio.session.times import count_of
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.time_drag import described

_MONITORS: dict[Monitor, str] = {"auto": "", "latent": "latent only", "dry": "dry only", "difference": "difference"}

#: Around the description of a command, beside the corner for resizing.
_TIP_MARGINS_PX = 60


class StatusLabels(QObject):
    """Follows the selected time, rendering and transport."""

    def __init__(
        self, bar: QStatusBar, selection: Selection, rendering: Rendering, transport: Transport, messages: MessageBar
    ) -> None:
        super().__init__(bar)
        self._selection = selection
        self._rendering = rendering
        self._transport = transport
        self.time = QLabel(bar)
        self.render = QLabel(bar)
        self.codec = QLabel(bar)
        self.engine = QLabel(bar)
        self.output = QLabel(bar)
        self.messages = QToolButton(bar)
        self.messages.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.messages.clicked.connect(messages.show_list)
        self.messages.hide()
        self.time.setMinimumWidth(1)  # cut off in a narrow window, which it must not make wider
        bar.addWidget(self.time, 1)
        bar.addPermanentWidget(self.messages)
        for label in (self.render, self.codec, self.engine, self.output):
            bar.addPermanentWidget(label)
        self._bar = bar
        bar.messageChanged.connect(self._make_room)
        self._messages = messages
        messages.changed.connect(self._show_messages)
        selection.time.changed.connect(self._show_time)
        rendering.plan_changed.connect(self._show_time)  # the sample rate
        rendering.plan_changed.connect(self._show_plan)
        rendering.chunk_changed.connect(self._show_progress)
        rendering.loading_changed.connect(self._show_progress)
        rendering.engine_changed.connect(self._show_engine)
        transport.playing_changed.connect(self._show_output)
        transport.monitor_changed.connect(self._show_output)
        self._show_plan()
        self._show_engine()
        self._show_output()

    def _make_room(self, tip: str) -> None:
        """Hide labels while the description of a command would not fit beside them."""
        needed = self._bar.fontMetrics().horizontalAdvance(tip) + _TIP_MARGINS_PX if tip else 0
        labels = (self.output, self.messages, self.render, self.codec, self.engine)
        room = self._bar.width() - sum(label.sizeHint().width() for label in labels if label.text())
        for label in reversed(labels):
            hidden = bool(tip) and room < needed
            room += label.sizeHint().width() if hidden and label.text() else 0
            label.setVisible(not hidden and (label is not self.messages or bool(label.text())))

    def _show_time(self) -> None:
        time = self._selection.time.value
        self.time.setText(f"selected {described(self._rendering.session, time)}" if time is not None else "")

    def _show_messages(self) -> None:
        self.messages.setText(count_of(len(self._messages.said), "message"))
        self.messages.show()

    def _show_plan(self) -> None:
        rate = in_khz(self._rendering.session.rate)
        self.codec.setText(shown(f"{rate} · codec {self._rendering.plan.codec.title}"))
        self._show_progress()

    def _show_progress(self) -> None:
        done, total = self._rendering.progress()
        text = f"{done}/{total} chunks rendered" if total else "nothing to render"
        if previews := self._rendering.states.previewed:
            text += f", {count_of(previews, 'preview')}"
        if self._rendering.planning:
            text = "planning the mix…"
        self.render.setText("loading audio…" if self._rendering.loading else text)

    def _show_engine(self) -> None:
        status = self._rendering.engine_status
        self.engine.setText(shown(status.text))
        self.engine.setToolTip(status.tip)

    def _show_output(self) -> None:
        player = self._transport.player
        dropouts = count_of(player.heard_dropouts, "dropout") if player.heard_dropouts else ""
        parts = (_MONITORS[self._transport.monitor], player.output_name or "", dropouts)
        self.output.setText(shown(" · ".join(part for part in parts if part)))
