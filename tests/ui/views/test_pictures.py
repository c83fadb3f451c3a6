"""Exporting views as pictures: they equal the screen, in two formats; and errors."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from lincae_studio.errors import ExportError
from lincae_studio.ui.dialogs.picture import PictureDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.pictures import save_picture
from lincae_studio.ui.views.registry import VIEWS
from tests.ui.conftest import set_zoom, wait_rendered
from tests.ui.drive import press
from tests.ui.look import heatmap, pixels

pytestmark = pytest.mark.engine


def pixels_of(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return flat[:, : image.width(), 2::-1].astype(int)


@pytest.fixture
def mixed(qtbot: QtBot, song: MainWindow) -> MainWindow:
    wait_rendered(qtbot, song)
    song.transport.seek(44_100)
    set_zoom(song, 300.0)
    return song


def test_a_png_at_screen_size_equals_the_screen(mixed: MainWindow, tmp_path: Path) -> None:
    for widget in (mixed.timeline.master, mixed.timeline.lanes, heatmap(mixed)):
        save_picture(widget, tmp_path / "a.png", scale=1)
        shown, saved = pixels(widget), pixels_of(QImage(str(tmp_path / "a.png")))
        assert saved.shape == shown.shape
        assert (np.abs(saved - shown).max(axis=2) <= 8).mean() > 0.999, widget


def test_a_larger_png_is_redrawn_not_enlarged(mixed: MainWindow, tmp_path: Path) -> None:
    master = mixed.timeline.master
    save_picture(master, tmp_path / "a.png", scale=2)
    saved = pixels_of(QImage(str(tmp_path / "a.png")))
    assert saved.shape[:2] == (2 * master.height(), 2 * master.width())
    assert (saved[::2] != saved[1::2]).any(axis=2).mean() > 0.001, "rows differ within a pixel of the screen"


def test_an_svg_has_text_as_text_and_looks_the_same(mixed: MainWindow, tmp_path: Path) -> None:
    save_picture(mixed.timeline, tmp_path / "a.svg")
    content = (tmp_path / "a.svg").read_bytes()
    texts = {element.text for element in ET.fromstring(content).iter("{http://www.w3.org/2000/svg}text")}
    assert {"a", "b", "c"} <= texts, "names of the clips"
    renderer = QSvgRenderer(QByteArray(content))
    image = QImage(mixed.timeline.size(), QImage.Format.Format_RGB32)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    shown = pixels(mixed.timeline)
    assert (np.abs(pixels_of(image) - shown).max(axis=2) <= 30).mean() > 0.9


@pytest.mark.slow
def test_every_view_can_be_exported_from_the_menu(
    qtbot: QtBot, mixed: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed.preferences.set(views=tuple(view.id for view in VIEWS))
    press(mixed, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    [dialog] = mixed.findChildren(PictureDialog)
    titles = [dialog.view_box.itemText(number) for number in range(dialog.view_box.count())]
    assert titles == ["Tracks and mix", "Mix", *(view.title for view in VIEWS), "Whole window"]
    dialog.close()
    for number, title in enumerate(titles):
        mixed.actions_by_id["export_picture"].trigger()
        dialog = mixed.findChildren(PictureDialog)[-1]
        dialog.view_box.setCurrentIndex(number)
        dialog.scale.setValue(1)
        path = tmp_path / f"{number}.png"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, p=path: (str(p), ""))
        size = dialog.size_text.text().split(" pixels")[0]
        dialog._on_accepted()
        image = QImage(str(path))
        assert f"{image.width()} × {image.height()}" == size, title
        assert len(np.unique(pixels_of(image).reshape(-1, 3), axis=0)) > 3, title
        assert str(path) in mixed.messages.text.text()


def test_a_name_without_an_ending_gets_that_of_the_filter(
    mixed: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chosen, ending in (("SVG drawing (*.svg)", ".svg"), ("PNG picture (*.png)", ".png")):
        mixed.actions_by_id["export_picture"].trigger()
        path = str(tmp_path / "view")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, c=chosen, p=path: (p, c))
        mixed.findChildren(PictureDialog)[-1]._on_accepted()
        assert (tmp_path / f"view{ending}").exists()


def test_a_write_error_is_reported_and_keeps_the_older_picture(mixed: MainWindow, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.png or \.svg"):
        save_picture(mixed.timeline.master, tmp_path / "a.jpg")
    with pytest.raises(ExportError, match="cannot write"):
        save_picture(mixed.timeline.master, tmp_path / "nowhere" / "a.png")
    assert mixed.timeline.master.file_ratio is None, "the screen is drawn as before"
