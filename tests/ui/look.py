"""Reading the views of the window: their pixels, and the colours of the theme as numbers."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.chunk_picture import ChunkPicture
from lincae_studio.ui.views.heatmap import HeatmapPanel, HeatmapPlot
from tests.ui.conftest import wait_rendered


def heatmap(window: MainWindow) -> HeatmapPlot:
    panel = window.views.get("heatmap")
    assert isinstance(panel, HeatmapPanel)
    return panel.plot


def drawn(plot: ChunkPicture) -> set[int]:
    """The chunks that have an image of their own."""
    return {index for index in range(1000) if plot.shown_image(index) is not None}


def picture(widget: QWidget) -> QImage:
    return widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def pixels(widget: QWidget) -> np.ndarray:
    """What a widget shows, `(height, width, 3)` as red, green, blue."""
    image = picture(widget)
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return flat[:, : image.width(), 2::-1].astype(int)


def rgb(name: str) -> np.ndarray:
    color = QColor(name)
    return np.array([color.red(), color.green(), color.blue()])


def two_chunks(qtbot: QtBot, window: MainWindow) -> None:
    """Cut the song to a little less than two chunks, and wait for them."""
    first = window.document.session.tracks[0].clips[0]
    window.document.apply("Trim", lambda s: edits.trim_clip(s, first.id, 0, 2 * 88_064 - 1000))
    wait_rendered(qtbot, window)
    assert len(window.rendering.update_plan().chunks) == 2
