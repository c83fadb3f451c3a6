"""Panels share a side: whole where there is room, as tabs where there is not."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDockWidget

from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.docking import PanelBody, is_in_front
from tests.ui.drive import press

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def scrolls(panel: QDockWidget) -> bool:
    body = panel.widget()
    assert isinstance(body, PanelBody)
    return body.verticalScrollBar().isVisible()


def test_panels_are_whole_where_there_is_room(window: MainWindow) -> None:
    window.resize(1380, 860)
    for action in ("inspector", "loudness"):
        window.actions_by_id[action].trigger()
    QApplication.processEvents()
    assert is_in_front(window.inspector)
    assert is_in_front(window.loudness)
    assert not scrolls(window.inspector)
    assert not scrolls(window.loudness)
    assert not window.tabifiedDockWidgets(window.loudness)


def test_views_that_share_a_side_are_whole_and_of_use(window: MainWindow) -> None:
    window.resize(1380, 860)
    docks = []
    for name in ("trajectory", "levels"):
        window.actions_by_id[f"view_{name}"].trigger()
        QApplication.processEvents()
        [dock] = window.findChildren(QDockWidget, f"view_{name}")
        assert isinstance(dock, QDockWidget)
        docks.append(dock)
    assert not any(map(scrolls, docks))
    assert min(dock.height() for dock in docks) > 200


def test_on_a_full_side_a_panel_becomes_a_tab_and_its_key_brings_it_to_the_front(window: MainWindow) -> None:
    window.resize(1024, 700)
    for action in ("inspector", "history", "loudness"):
        window.actions_by_id[action].trigger()
    QApplication.processEvents()
    assert window.tabifiedDockWidgets(window.loudness) == [window.inspector]
    assert is_in_front(window.loudness)
    assert not is_in_front(window.inspector)
    assert window.actions_by_id["inspector"].isChecked(), "it is open, behind the other tab"
    window.actions_by_id["inspector"].trigger()
    QApplication.processEvents()
    assert is_in_front(window.inspector)
    assert window.actions_by_id["inspector"].isChecked()
    press(window, Qt.Key.Key_M, CTRL_SHIFT)
    QApplication.processEvents()
    assert is_in_front(window.loudness)
    press(window, Qt.Key.Key_M, CTRL_SHIFT)
    assert window.loudness.isHidden()
    assert not window.actions_by_id["loudness"].isChecked()
    assert (window.width(), window.height()) == (1024, 700)
