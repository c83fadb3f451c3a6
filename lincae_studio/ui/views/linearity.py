"""Linearity over time: residuals in dB, and the contribution of each track to the mix. Main thread.

The residual against the dry mix is computed for every rendered chunk; the other figures are measured on demand, since
they require decoding every clip on its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from lincae_studio.engine.analysis.linearity import TrackFigures, median_db
from lincae_studio.session.model import Track
from lincae_studio.session.times import format_time
from lincae_studio.ui import plain_text, theme
from lincae_studio.ui.rendering.linearity_meter import LinearityMeter
from lincae_studio.ui.rendering.residuals import Residuals
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.views.column import ViewColumn
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.scale import Scale

#: What is drawn: residuals, or the shares of the tracks in the mix.
Shown = Literal["residuals", "shares"]

#: Range of the vertical axis for residuals, in dB, and for shares.
TOP_DB, BOTTOM_DB = 0.0, -120.0
TOP_SHARE, BOTTOM_SHARE = 1.5, -0.5

_LINE_PX = 2.0

#: The measures with their names: first what compares with the true mix. The first one is drawn on top.
MEASURES = (("residual", "latent − dry"), ("sum", "D(Σ) − Σ D"), ("floor", "noise floor"))

#: What the measures compare.
_COMPARISONS = {
    "residual": "Against the true mix: the latent mix compared with the dry mix, the plain sum of the clips.",
    "sum": "Decodes against decodes: the decoded sum compared with the sum of decoded clips. "
    "A codec that decodes everything to near silence would score perfectly: read latent − dry first.",
    "floor": "Decodes against decodes: the change caused by another seed of the decoder's noise.",
}

#: Longer track names are shortened to fit the header.
_NAME = 10

#: Changes in quick succession update the medians once.
_GATHER_MS = 100

_GRID_DB = (-20, -40, -60, -80, -100)
_GRID_SHARE = (0.0, 0.5, 1.0)


def measure_color(name: str) -> QColor:
    """The colour of a measure."""
    colors = theme.colors()
    return QColor({"residual": colors.accent, "sum": colors.marker, "floor": colors.text_dim}[name])


class LinearityPlot(TimeCanvas):
    """Plots the figures of each chunk as lines, or the shares of the tracks stacked.

    Signals:
        hovered: the text for the chunk under the pointer; empty if there is none.
        seek: the sample that was clicked.
    """

    hovered = Signal(str)
    seek = Signal(object)

    def __init__(self, context: ViewContext, parent: QWidget) -> None:
        super().__init__(context.axis, parent)
        self._rendering = context.rendering
        self._document = context.document
        self._residuals: Residuals = context.residuals
        self._linearity_meter: LinearityMeter = context.linearity_meter
        self.shown: Shown = "residuals"
        self.setMouseTracking(True)
        self.setMinimumHeight(60)
        self.setAccessibleName("Linearity, chunk by chunk")
        context.rendering.plan_changed.connect(self.invalidate)
        context.residuals.changed.connect(self._invalidate_chunk)
        context.linearity_meter.found.connect(self._on_found)

    def set_shown(self, shown: Shown) -> None:
        """Draw residuals or shares."""
        self.shown = shown
        self.invalidate()

    def figures(self, index: int) -> dict[str, float | None]:
        """The figures of a chunk in dB, by the names of `MEASURES`; None while one is not available."""
        measured = self._linearity_meter.of(index)
        return {
            "residual": self._residuals.of(index),
            "sum": measured.sum_db if measured is not None else None,
            "floor": measured.floor_db if measured is not None else None,
        }

    def shares(self, index: int) -> list[tuple[Track, TrackFigures]]:
        """The tracks of a measured chunk, in order, with their figures."""
        figures = self._linearity_meter.of(index)
        tracks = self._document.session.tracks
        return [(track, figures.tracks[track.id]) for track in tracks if figures and track.id in figures.tracks]

    def in_view(self) -> list[int]:
        """The audible chunks in view."""
        return self._chunks(*self.axis.start_and_end(0, self.width()))

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        grid, top, bottom = (
            (_GRID_DB, TOP_DB, BOTTOM_DB) if self.shown == "residuals" else (_GRID_SHARE, TOP_SHARE, BOTTOM_SHARE)
        )
        for value in grid:
            y = round(self._y(value, top, bottom))
            painter.fillRect(QRect(area.left(), y, area.width(), 1), QColor(theme.colors().grid))
        step = self._rendering.plan.grid.step_samples
        # One chunk per pixel is enough if they are narrower: the first audible one, which must not depend on the area.
        every = max(1, math.ceil(self.axis.samples_per_px / step))
        begin, end = self.axis.start_and_end(area.left(), area.right() + 1)
        chunks = self._chunks(begin // (every * step) * every * step, end)
        drawn = list({index // every: index for index in reversed(chunks)}.values())
        if self.shown == "residuals":
            self._draw_residuals(painter, drawn, every)
        else:
            for index in drawn:
                self._draw_shares(painter, index, every)

    def _draw_residuals(self, painter: QPainter, chunks: Sequence[int], count: int) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        found = [(*self._sides(index, count), self.figures(index)) for index in chunks]
        for name, _ in reversed(MEASURES):
            lines = []
            for left, right, figures in found:
                value = figures[name]
                if value is not None:
                    y = self._y(min(max(value, BOTTOM_DB), TOP_DB), TOP_DB, BOTTOM_DB)
                    top = min(max(y - _LINE_PX / 2, 0.0), self.height() - _LINE_PX)
                    lines.append(QRectF(left, top, right - left, _LINE_PX))
            painter.setBrush(measure_color(name))
            painter.drawRects(lines)

    def _draw_shares(self, painter: QPainter, index: int, count: int) -> None:
        """Stack positive shares upwards from 0 and negative ones downwards."""
        left, right = self._sides(index, count)
        ends = {True: 0.0, False: 0.0}
        for track, figures in self.shares(index):
            share = figures.share or 0.0
            begin = ends[share > 0.0]
            ends[share > 0.0] = begin + share
            y = sorted(self._y(value, TOP_SHARE, BOTTOM_SHARE) for value in (begin, begin + share))
            painter.fillRect(QRectF(left, y[0], max(1.0, right - left - 1.0), y[1] - y[0]), QColor(track.color))

    def _chunks(self, start: int, end: int) -> list[int]:
        """The audible chunks in samples `[start, end)`."""
        plan = self._rendering.plan
        return [
            chunk.index for chunk in plan.chunks.between(plan.grid.owner(start), plan.grid.owner(max(start, end - 1)))
        ]

    def _sides(self, index: int, count: int = 1) -> tuple[float, float]:
        """The left and right border of `count` chunks."""
        plan = self._rendering.plan
        ends = index * plan.grid.step_samples, min((index + count) * plan.grid.step_samples, plan.length)
        left, right = (round(self.axis.x_of(sample), 3) for sample in ends)
        return left, right

    def _y(self, value: float, top: float, bottom: float) -> float:
        return (top - value) / (top - bottom) * (self.height() - 1)

    def _on_found(self, key: str) -> None:
        for index in self._rendering.indices(key):
            self._invalidate_chunk(index)

    def _invalidate_chunk(self, index: int) -> None:
        left, right = self._sides(index)
        if right > 0 and left < self.width():
            self.invalidate(QRect(math.floor(left) - 1, 0, math.ceil(right - left) + 3, self.height()) & self.rect())

    def text_at(self, sample: int) -> str:
        """The text at a sample."""
        plan = self._rendering.plan
        index = plan.grid.owner(sample)
        if sample >= plan.length or index >= len(plan.chunks):
            return ""
        lines = [f"{format_time(sample / self._rendering.session.rate)}, chunk {index}"]
        if self.shown == "residuals":
            figures = self.figures(index)
            for name, text in MEASURES:
                value = figures[name]
                if value is not None:
                    lines.append(f"{text}: {value:.1f} dB")
        else:
            tracks = sorted(self.shares(index), key=lambda item: -abs(item[1].share or 0.0))
            for track, share in tracks[:3]:
                name = plain_text.shown(track.name if len(track.name) <= _NAME else f"{track.name[: _NAME - 1]}…")
                level = "" if share.level_db is None else f", {share.level_db:.1f}"
                loss = "" if share.loss_db is None else f", loss {share.loss_db:.0f}"
                lines.append(f"{name} {100.0 * (share.share or 0.0):.0f} %{level}{loss} dB")
        return "\n".join(lines).replace("-", "−") if len(lines) > 1 else ""

    # Qt overrides

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.hovered.emit(self.text_at(self.axis.sample_at(event.position().x())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.seek.emit(self.axis.sample_at(event.position().x()))


class LinearityPanel(QWidget):
    """The plot with its controls: what is drawn, medians of the visible chunks, measuring, and the report."""

    def __init__(self, context: ViewContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.plot = LinearityPlot(context, self)
        self.shown_box = QComboBox(self)
        self.shown_box.setAccessibleName("What the linearity view shows")
        for key, text in (("residuals", "Residuals"), ("shares", "Shares")):
            self.shown_box.addItem(text, key)
        self.medians = {name: QLabel(self) for name, _ in MEASURES}
        self._keys = {name: QLabel("■", self) for name, _ in MEASURES}
        self.measure_button = QPushButton(self)
        self.measure_button.setToolTip(
            "Decode every clip on its own and compare, in the loop if it is on, else everywhere"
        )
        self.report_button = QPushButton("Report…", self)
        self.report_button.setToolTip("Save the figures as a CSV file, or this view as a picture")
        self._hover = QLabel(self)
        self._scale = Scale((), self)
        self._lay_out()
        context.residuals.set_active(self, active=True)
        self.shown_box.currentIndexChanged.connect(self._on_shown_changed)
        self.measure_button.clicked.connect(self._on_measure)
        self.report_button.clicked.connect(lambda: context.export_linearity())
        self.plot.hovered.connect(self._hover.setText)
        self.plot.seek.connect(context.seek)
        context.linearity_meter.state_changed.connect(self._show_state)
        context.document.changed.connect(self._show_state)
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.timeout.connect(lambda: context.rendering.spare_time.add(self._show_medians))
        for signal in (context.residuals.changed, context.linearity_meter.found, context.axis.changed):
            signal.connect(self._show_medians_soon)
        context.rendering.plan_changed.connect(self._show_medians_soon)
        self._show_colors()
        self._on_shown_changed()
        self._show_state()

    def set_playhead(self, sample: int) -> None:
        self.plot.set_playhead(sample)

    def follow_theme(self) -> None:
        self.plot.invalidate()
        self._show_colors()

    def shutdown(self) -> None:
        """Stop using the residuals; measuring continues."""
        self._context.residuals.set_active(self, active=False)

    def _lay_out(self) -> None:
        title = QLabel("Linearity", self)
        theme.heading(title)
        inside = QGridLayout()
        inside.setContentsMargins(12, 6, 0, 6)
        inside.setVerticalSpacing(3)
        inside.addWidget(title, 0, 0)
        inside.addWidget(self.shown_box, 0, 1)
        for row, (name, _) in enumerate(MEASURES, 1):
            legend = QHBoxLayout()
            self.medians[name].setWordWrap(True)
            legend.addWidget(self._keys[name])
            legend.addWidget(self.medians[name], 1)
            inside.addLayout(legend, row, 0, 1, 2)
        inside.addWidget(self.measure_button, 4, 0)
        inside.addWidget(self.report_button, 4, 1)
        inside.addWidget(self._hover, 5, 0, 1, 2)
        inside.setColumnStretch(1, 1)
        inside.setRowStretch(6, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(ViewColumn(inside, self._context.header_width, self, self._scale))
        layout.addWidget(self.plot, 1)

    def _on_shown_changed(self) -> None:
        shown: Shown = self.shown_box.currentData()
        self.plot.set_shown(shown)
        grid, top, bottom = (
            (_GRID_DB, TOP_DB, BOTTOM_DB) if shown == "residuals" else (_GRID_SHARE, TOP_SHARE, BOTTOM_SHARE)
        )
        text = "{:.0f}" if shown == "residuals" else "{:.1f}"
        self._scale.set_ticks(
            [((value - bottom) / (top - bottom), text.format(value).replace("-", "−")) for value in grid]
        )
        self._show_medians()

    def _show_colors(self) -> None:
        for name, key in self._keys.items():
            key.setStyleSheet(f"color: {measure_color(name).name()};")

    def _show_medians_soon(self) -> None:
        if not self._gathering.isActive():
            self._gathering.start(_GATHER_MS)

    def _show_medians(self) -> bool:
        """Show the medians of the chunks in view. As a step of spare time: there is no more to do."""
        found = [self.plot.figures(index) for index in self.plot.in_view()]
        for name, text in MEASURES:
            value = median_db([figures[name] for figures in found])
            stochastic = self._context.rendering.plan.codec.stochastic
            if value is not None:
                value_text = f"{value:.1f} dB".replace("-", "−")
            elif name == "floor" and not stochastic:
                value_text = "none (no noise)"
            else:
                value_text = "…" if name == "residual" else "not measured"
            label = self.medians[name]
            compared = "true mix" if name == "residual" else "decodes"
            label.setText(f"{text} ({compared}): {value_text}")
            label.setToolTip(f"{_COMPARISONS[name]} Median of the chunks in view.")
        return False

    def _show_state(self) -> None:
        linearity_meter, session = self._context.linearity_meter, self._context.document.session
        progress = linearity_meter.progress
        looped = session.loop is not None and session.loop.on
        idle = "Measure Loop" if looped else "Measure"
        self.measure_button.setText(f"Stop ({progress.done}/{progress.total})" if linearity_meter.busy else idle)
        self.measure_button.setEnabled(session.length > 0)
        self.report_button.setEnabled(session.length > 0)

    def _on_measure(self) -> None:
        linearity_meter, session = self._context.linearity_meter, self._context.document.session
        if linearity_meter.busy:
            linearity_meter.stop()
        elif session.loop is not None and session.loop.on:
            linearity_meter.measure(session.loop.start, session.loop.end)
        else:
            linearity_meter.measure(0, session.length)
