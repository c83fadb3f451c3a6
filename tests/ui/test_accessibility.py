"""What screen readers read through Qt's accessibility interface: names and roles of all controls, and the lanes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSlider, QDialog, QGraphicsView, QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.views.registry import VIEWS, view_action
from tests.ui.drive import press

#: Roles that say nothing.
_VAGUE = (QAccessible.Role.NoRole, QAccessible.Role.Client)

_DIALOGS = (
    *("media_files", "export_mix", "export_picture", "preferences", "palette", "manual", "report_problem"),
    *("render_settings", "tempo", "minus_one"),
)


@pytest.fixture
def active() -> Iterator[None]:
    """As if a screen reader were running."""
    QAccessible.setActive(True)
    yield
    QAccessible.setActive(False)


def nameless(root: QWidget) -> list[str]:
    """The visible controls below a widget that can have the focus, but have no name or no role."""
    found = []
    for widget in (root, *root.findChildren(QWidget)):
        if not widget.isVisible() or widget.focusPolicy() == Qt.FocusPolicy.NoFocus or widget.focusProxy() is not None:
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        name, role = interface.text(QAccessible.Text.Name), interface.role()
        # Canvases and plots are client areas, which is all that Qt knows of them; they are described in words.
        if not name or (role in _VAGUE and not isinstance(widget, (TimeCanvas, QGraphicsView))):
            found.append(f"{type(widget).__name__} “{name}” in {type(widget.parent()).__name__}, {role}")
    return found


@pytest.mark.usefixtures("active")
def test_every_control_of_the_window_has_a_name_and_a_role(song: MainWindow) -> None:
    for action in (
        "inspector",
        "history",
        "clip_table",
        "marker_table",
        "loudness",
        *(view_action(view.id) for view in VIEWS),
    ):
        if not song.actions_by_id[action].isChecked():
            song.actions_by_id[action].trigger()
    assert nameless(song) == []
    for slider in song.findChildren(QAbstractSlider):
        if slider.isVisible() and slider.focusPolicy() != Qt.FocusPolicy.NoFocus:
            value = QAccessible.queryAccessibleInterface(slider).valueInterface()
            assert value is not None, slider.accessibleName()


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize("action", _DIALOGS)
def test_every_control_of_a_dialog_has_a_name_and_a_role(qtbot: QtBot, song: MainWindow, action: str) -> None:
    song.selection.set_track(song.document.session.tracks[0].id)
    song.actions_by_id[action].trigger()
    dialog = next(dialog for dialog in song.findChildren(QDialog) if dialog.isVisible())
    assert nameless(dialog) == []
    dialog.close()


@pytest.mark.usefixtures("active")
def test_the_lanes_speak_as_the_selection_moves(song: MainWindow) -> None:
    lanes = song.timeline.lanes

    def said() -> str:
        return QAccessible.queryAccessibleInterface(lanes).text(QAccessible.Text.Description)

    lanes.setFocus()
    press(song, Qt.Key.Key_BracketRight)
    assert said() == "a, track a, at 0:00.000, length 0:04.000"
    press(song, Qt.Key.Key_BracketRight)
    assert said() == "b, track b, at 0:00.000, length 0:03.000"
    QTest.keyClick(song, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    assert said() == "b, track b, at 0:00.000, length 0:03.000, muted"
    QTest.keyClick(song, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    step = song.rendering.update_plan().grid.step_samples / 44_100
    assert said() == f"b, track b, at 0:0{step:.3f}, length 0:03.000, muted"
    QTest.keyClick(song, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert said().startswith("3 clips, at 0:00.000, length 0:0")
    song.selection.set_clips(())
    assert said() == "track b, 1 clip"
