"""Pictures of views as files: PNG at several sizes, SVG with text and lines as such. Main thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect
from PySide6.QtGui import QColor, QImage, QPainter, QRegion
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from lincae_studio import atomic
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.ui import theme
from lincae_studio.ui.timeline.canvas import TimeCanvas

#: Kinds of pictures, by the end of their names.
SUFFIXES = (".png", ".svg")

FILTER = "Picture (*.png);;Drawing (*.svg)"

#: Waveforms in an SVG are pictures of so many pixels for each point.
_SVG_RATIO = 2.0


@dataclass(frozen=True)
class PictureSource:
    """Something that can be exported as a picture."""

    title: str
    widget: QWidget


def save_picture(widget: QWidget, path: Path, scale: int = 2) -> None:
    """Write what a widget shows; `scale`: pixels of a PNG for each of the screen's points.

    Raises:
        ExportError: when the name does not end in `.png` or `.svg`, or the file cannot be written; an older one stays.
    """
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise ExportError(f"{path.name} is no name for a picture", "Let it end in .png or .svg")
    content = _svg(widget) if kind == ".svg" else _png(widget, scale)
    try:
        atomic.write_bytes(path, content)
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot write {path}: {reason}", remedy) from error


def _png(widget: QWidget, scale: int) -> bytes:
    image = QImage(widget.size() * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.fill(QColor(theme.colors().window))
    painter = QPainter(image)
    _render(widget, painter, scale)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # takes text, whatever the stubs say
    return _content(buffer)


def _svg(widget: QWidget) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(widget.size())
    generator.setViewBox(QRect(QPoint(0, 0), widget.size()))
    generator.setTitle(widget.accessibleName() or "LinCAE Studio")
    painter = QPainter(generator)
    painter.fillRect(widget.rect(), QColor(theme.colors().window))
    _render(widget, painter, _SVG_RATIO)
    painter.end()
    del painter, generator  # before the buffer that they write to
    return _content(buffer)


def _content(buffer: QBuffer) -> bytes:
    buffer.close()
    return bytes(buffer.data().data())


def _render(widget: QWidget, painter: QPainter, ratio: float) -> None:
    """Draw a widget with all that is in it; canvases paint themselves anew, not their pictures of the screen."""
    canvases = [*widget.findChildren(TimeCanvas), *([widget] if isinstance(widget, TimeCanvas) else [])]
    for canvas in canvases:
        canvas.file_ratio = ratio
    try:
        # As a widget: views of scenes have another `render`.
        QWidget.render(widget, painter, QPoint(0, 0), QRegion(widget.rect()), QWidget.RenderFlag.DrawChildren)
    finally:
        for canvas in canvases:
            canvas.file_ratio = None
