"""Keys that belong to the focused list instead of running a command."""

from __future__ import annotations

from PySide6.QtCore import Qt

from lincae_studio.ui.main_window import MainWindow
from tests.ui.drive import press

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def test_page_up_and_down_move_along_a_focused_list(song: MainWindow) -> None:
    height, playhead = song.timeline.rows.common_px, song.player.position
    press(song, Qt.Key.Key_L, CTRL | SHIFT)
    table = song.clip_table.table
    assert table.hasFocus()
    press(song, Qt.Key.Key_PageDown)
    assert table.currentIndex().row() == 2
    press(song, Qt.Key.Key_Up)
    assert table.currentIndex().row() == 1
    press(song, Qt.Key.Key_PageUp)
    assert table.currentIndex().row() == 0
    press(song, Qt.Key.Key_End)
    assert song.timeline.rows.common_px == height
    assert song.player.position == playhead
    song.timeline.lanes.setFocus()
    press(song, Qt.Key.Key_PageUp)
    assert song.timeline.rows.common_px > height
