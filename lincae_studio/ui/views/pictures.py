"""Pictures of views as files: PNG at several sizes, SVG with text and lines as such. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QRegion
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from lincae_studio import atomic
from lincae_studio.errors import ExportError, StudioError, os_error_reason
from lincae_studio.ui import theme
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.timeline.canvas import TimeCanvas

#: Kinds of pictures, by the end of their names.
SUFFIXES = (".png", ".svg")

FILTER = "Picture (*.png);;Drawing (*.svg)"

#: PNGs are at most so many times as large as the view on the screen.
_LARGEST = 4

#: Waveforms in an SVG are pictures of so many pixels for each point.
_SVG_RATIO = 2.0


@dataclass(frozen=True)
class Pictured:
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


class PictureDialog(QDialog):
    """Asks which view, and how large; then for a file."""

    def __init__(
        self, views: Sequence[Pictured], suggested: Callable[[str], Path], messages: MessageBar, parent: QWidget
    ) -> None:
        """`suggested`: where a picture of a view with this title would go."""
        super().__init__(parent)
        self._views = views
        self._suggested = suggested
        self._messages = messages
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export Picture")
        self.what = QComboBox(self)
        self.what.addItems([view.title for view in views])
        self.scale = QSpinBox(self)
        self.scale.setRange(1, _LARGEST)
        self.scale.setValue(2)
        self.scale.setPrefix("× ")
        self.size_text = QLabel(self)
        theme.dim(self.size_text)
        form = QFormLayout()
        form.addRow("&View", self.what)
        form.addRow("&Size of a PNG", self.scale)
        form.addRow("", self.size_text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        save = buttons.addButton("Save As…", QDialogButtonBox.ButtonRole.AcceptRole)
        save.setDefault(True)
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)
        self.what.currentIndexChanged.connect(self._show_size)
        self.scale.valueChanged.connect(self._show_size)
        self._show_size()

    @property
    def _chosen(self) -> Pictured:
        return self._views[self.what.currentIndex()]

    def _show_size(self) -> None:
        size: QSize = self._chosen.widget.size() * self.scale.value()
        self.size_text.setText(f"{size.width()} × {size.height()} pixels; an SVG keeps text and lines as such")

    def _on_accepted(self) -> None:
        suggested = str(self._suggested(self._chosen.title))
        name, chosen_filter = QFileDialog.getSaveFileName(self, "Export Picture", suggested, FILTER)
        if not name:
            return
        path = Path(name)
        if path.suffix.lower() not in SUFFIXES:
            path = path.with_name(path.name + (".svg" if "svg" in chosen_filter else ".png"))
        try:
            save_picture(self._chosen.widget, path, self.scale.value())
        except StudioError as error:
            self._messages.error(error)
            return
        self._messages.info(f"Wrote {path}")
        self.accept()
