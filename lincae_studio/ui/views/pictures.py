"""Saving views as pictures: PNG at several sizes, or SVG with scalable text and lines. Main thread."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect
from PySide6.QtGui import QColor, QImage, QPainter, QRegion
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from lincae_studio import atomic
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.ui import theme
from lincae_studio.ui.timeline.canvas import TimeCanvas

#: Supported file name extensions.
SUFFIXES = (".png", ".svg")

FILTER = "PNG picture (*.png);;SVG drawing (*.svg)"

#: Pixels per point of the waveform images in an SVG.
_SVG_RATIO = 2.0


class PictureSource(Struct, frozen=True):
    """A view that can be exported as a picture."""

    title: str
    widget: QWidget


def save_picture(widget: QWidget, path: Path, scale: int = 2) -> None:
    """Save what a widget shows; `scale`: pixels per point of a PNG.

    Raises:
        ExportError: if the name does not end in `.png` or `.svg`, or writing fails; an existing file is then kept.
    """
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise ExportError(f"Unsupported picture format: {path.name}", "Use a name ending in .png or .svg")
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
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # accepts str, contrary to the stubs
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
    del painter, generator  # must be destroyed before their buffer
    return _content(buffer)


def _content(buffer: QBuffer) -> bytes:
    buffer.close()
    return bytes(buffer.data().data())


def _render(widget: QWidget, painter: QPainter, ratio: float) -> None:
    """Draw a widget with its children; canvases repaint instead of using their cached pixmaps."""
    canvases = [*widget.findChildren(TimeCanvas), *([widget] if isinstance(widget, TimeCanvas) else [])]
    for canvas in canvases:
        canvas.file_ratio = ratio
    try:
        # QWidget.render: QGraphicsView overloads it.
        QWidget.render(widget, painter, QPoint(0, 0), QRegion(widget.rect()), QWidget.RenderFlag.DrawChildren)
    finally:
        for canvas in canvases:
            canvas.file_ratio = None
