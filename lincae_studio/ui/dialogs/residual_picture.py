"""The residual of a check over time: bars per chunk, and below them a heatmap by latent channels. Main thread."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from lincae_studio.engine.analysis.findings import CheckResult, Finding
from lincae_studio.session.times import format_time
from lincae_studio.ui import theme
from lincae_studio.ui.views.chunk_picture import color_table_of

#: Bottom of the bars and of the colours, in dB; the top is 0 dB.
_FLOOR_DB = -80.0

#: Bars from these levels up are coloured as noticeable and as large.
_NOTICEABLE_DB = -40.0
_LARGE_DB = -20.0

_BARS_PX = 40
_GAP_PX = 3


class ResidualPicture(QWidget):
    """Shows a result; a click goes to that place.

    Signals:
        seek: the sample that was clicked.
    """

    seek = Signal(object)

    def __init__(self, rate: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rate = rate
        self._result: CheckResult | None = None
        self._marked: Finding | None = None
        self.setFixedHeight(_BARS_PX + _GAP_PX + 96)
        self.setAccessibleName("Residual of the master less its stems, by time and latent channel")
        self.setMouseTracking(True)

    def show_result(self, result: CheckResult | None) -> None:
        """Show another result, or nothing."""
        self._result, self._marked = result, None
        self.update()

    def mark(self, finding: Finding | None) -> None:
        """Mark where a finding is."""
        self._marked = finding
        self.update()

    def text_at(self, x: float) -> str:
        """The figure at a place."""
        result = self._result
        if result is None or not result.residual_db:
            return ""
        index = min(int(max(x, 0.0) / max(1, self.width()) * len(result.residual_db)), len(result.residual_db) - 1)
        level = result.residual_db[index]
        start = format_time(index * result.chunk_samples / self._rate, 1)
        words = "the master is silent" if level is None else f"residual {level:.1f} dB".replace("-", "−")
        return f"{start}: {words}"

    def _samples(self) -> int:
        assert self._result is not None
        return max(1, len(self._result.residual_db) * self._result.chunk_samples)

    def _bars(self, painter: QPainter, result: CheckResult) -> None:
        colors = theme.colors()
        width = self.width() / len(result.residual_db)
        for index, level in enumerate(result.residual_db):
            if level is None:
                continue
            height = max(1.0, min(1.0 - level / _FLOOR_DB, 1.0) * _BARS_PX)
            color = colors.state_rendered
            if level >= _NOTICEABLE_DB:
                color = colors.state_failed if level >= _LARGE_DB else colors.state_stale
            gap = 1.0 if width >= 4.0 else 0.0
            painter.fillRect(QRectF(index * width, _BARS_PX - height, width - gap, height), QColor(color))

    def _heatmap(self, painter: QPainter, result: CheckResult) -> None:
        table = color_table_of(theme.colors().spectrum)[:, :3].astype(np.uint8)
        places = np.clip(1.0 - result.bands_db.T[::-1] / _FLOOR_DB, 0.0, 1.0)
        pixels = np.ascontiguousarray(table[np.round(places * 255.0).astype(np.intp)])
        rows, columns = pixels.shape[:2]
        image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
        top = _BARS_PX + _GAP_PX
        painter.drawImage(QRectF(0, top, self.width(), self.height() - top), image)

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = theme.colors()
        painter.fillRect(self.rect(), QColor(colors.lane))
        result = self._result
        if result is None or not result.residual_db:
            painter.setPen(QColor(colors.text_dim))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No residual yet")
            painter.end()
            return
        self._bars(painter, result)
        self._heatmap(painter, result)
        if self._marked is not None:
            scale = self.width() / self._samples()
            first, last = self._marked.start * scale, self._marked.end * scale
            painter.setPen(QColor(colors.accent))
            painter.drawRect(QRectF(first, 0.5, max(2.0, last - first) - 1.0, self.height() - 1.5))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._result is not None:
            self.seek.emit(int(max(0.0, event.position().x()) / max(1, self.width()) * self._samples()))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.text_at(event.pos().x()), self)
            return True
        return super().event(event)
