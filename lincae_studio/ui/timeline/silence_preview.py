"""What *Strip Silence* would take out of clips, shaded on the lanes while its dialog is open. Main thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QObject, QRectF, Signal
from PySide6.QtGui import QColor, QPainter

from lincae_studio.session.model import Clip
from lincae_studio.session.ripple import Span
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis

#: Opacity of the shade over what would go, of 255.
_SHADE = 200


class SilencePreview(QObject):
    """Spans of clips, by id; without any, nothing is painted.

    Signals:
        changed: they are others.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.spans: Mapping[int, Sequence[Span]] = {}

    def set(self, spans: Mapping[int, Sequence[Span]]) -> None:
        if spans != self.spans:
            self.spans = spans
            self.changed.emit()

    def paint(self, painter: QPainter, placed: Iterable[tuple[Clip, QRectF]], axis: TimeAxis, width_px: int) -> None:
        """Paint over clips in their rectangles."""
        shade, line = QColor(theme.colors().lane), QColor(theme.colors().accent)
        shade.setAlpha(_SHADE)
        for clip, rect in placed:
            for start, end in self.spans.get(clip.id, ()):
                left, right = max(axis.x_of(start), 0.0), min(axis.x_of(end), float(width_px))
                if left < right:
                    painter.fillRect(QRectF(left, rect.top(), right - left, rect.height()), shade)
                for at in (start, end):
                    if clip.start < at < clip.end:
                        painter.fillRect(QRectF(axis.pixel_of(at), rect.top(), 1, rect.height()), line)
