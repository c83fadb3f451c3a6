"""Doing what a user does: dropping files, pressing, dragging, typing keys, with real Qt events."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier


def drop_files(widget: QWidget, paths: Sequence[Path], x: int, y: int) -> bool:
    """Drag files over a widget and let them go at a place; whether the widget took them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place, copy = QPoint(x, y), Qt.DropAction.CopyAction
    enter = QDragEnterEvent(place, copy, data, LEFT, NONE)
    QApplication.sendEvent(widget, enter)
    move = QDragMoveEvent(place, copy, data, LEFT, NONE)
    QApplication.sendEvent(widget, move)
    if not (enter.isAccepted() and move.isAccepted()):
        return False
    drop = QDropEvent(QPointF(place), copy, data, LEFT, NONE)
    QApplication.sendEvent(widget, drop)
    return drop.isAccepted()


def drag(
    widget: QWidget,
    start: tuple[float, float],
    end: tuple[float, float],
    modifiers: Qt.KeyboardModifier = NONE,
    release: bool = True,
) -> None:
    """Press, move in steps, and release (or hold, to check the state during a gesture)."""
    QTest.mousePress(widget, LEFT, modifiers, QPoint(round(start[0]), round(start[1])))
    for step in range(1, 6):
        x = start[0] + (end[0] - start[0]) * step / 5
        y = start[1] + (end[1] - start[1]) * step / 5
        move(widget, x, y, modifiers)
    if release:
        QTest.mouseRelease(widget, LEFT, modifiers, QPoint(round(end[0]), round(end[1])))


def move(widget: QWidget, x: float, y: float, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """Move with the left button held; unlike QTest.mouseMove this carries button and modifiers."""
    place = QPointF(x, y)
    kind = QMouseEvent.Type.MouseMove
    event = QMouseEvent(kind, place, QPointF(widget.mapToGlobal(place)), LEFT, LEFT, modifiers)
    QApplication.sendEvent(widget, event)


def hover(widget: QWidget, x: float, y: float) -> None:
    """Move with no button held."""
    place, none = QPointF(x, y), Qt.MouseButton.NoButton
    event = QMouseEvent(QMouseEvent.Type.MouseMove, place, QPointF(widget.mapToGlobal(place)), none, none, NONE)
    QApplication.sendEvent(widget, event)


#: The clock of the wheel, in ms: each turn begins long after the one before.
_wheel_ms = itertools.count(60_000, 60_000)


def wheel(
    widget: QWidget,
    x: float,
    y: float,
    notches: float,
    modifiers: Qt.KeyboardModifier = NONE,
    at_ms: int | None = None,
) -> None:
    """Turn the wheel; positive is away from the user. `at_ms`: when, if it matters; without it, long after the last."""
    everywhere = QPointF(widget.mapToGlobal(QPointF(x, y)))
    now_ms = next(_wheel_ms) if at_ms is None else at_ms
    found: QWidget | None = widget
    while found is not None:  # as Qt passes on real events that a widget ignores
        event = QWheelEvent(
            QPointF(found.mapFromGlobal(everywhere)),
            everywhere,
            QPoint(),
            QPoint(0, round(notches * 120)),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        event.setTimestamp(now_ms)
        QApplication.sendEvent(found, event)
        found = None if event.isAccepted() or found.isWindow() else found.parentWidget()


def press(window: QWidget, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """Send a key to the focused widget of a window, shortcuts included."""
    window.activateWindow()  # a dialog may have had the focus; without a window manager it is not returned
    handle = window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, key, modifiers)


def right_click(widget: QWidget, x: float, y: float) -> QMenu | None:
    """Press and release the right button; the menu that opened, if any."""
    at = QPoint(round(x), round(y))
    QTest.mousePress(widget, Qt.MouseButton.RightButton, NONE, at)
    QApplication.sendEvent(widget, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, widget.mapToGlobal(at)))
    QTest.mouseRelease(widget, Qt.MouseButton.RightButton, NONE, at)
    menu = QApplication.activePopupWidget()
    assert menu is None or isinstance(menu, QMenu)
    return menu


def choose(menu: QMenu | None, *path: str) -> None:
    """Press Return on the entry of a menu whose text begins like this, or of submenus one after the other."""
    for text in path:
        assert menu is not None, "no menu is open"
        found = [action for action in menu.actions() if action.text().replace("&", "").startswith(text)]
        assert found, f"no {text} among {[action.text() for action in menu.actions()]}"
        menu.setActiveAction(found[0])
        QTest.keyClick(menu, Qt.Key.Key_Return)
        submenu = found[0].menu()
        menu = submenu if isinstance(submenu, QMenu) else None
    assert QApplication.activePopupWidget() is None


def release(widget: QWidget, x: float, y: float, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """Let the left button go."""
    QTest.mouseRelease(widget, LEFT, modifiers, QPoint(round(x), round(y)))


def click(widget: QWidget, x: float, y: float, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """Press and release without moving."""
    QTest.mouseClick(widget, LEFT, modifiers, QPoint(round(x), round(y)))


def drop_urls(window: QWidget, urls: Sequence[QUrl], x: int, y: int) -> bool:
    """Drop on a place of the window, routed by Qt to the widget there; whether it was taken."""
    data = QMimeData()
    data.setUrls(list(urls))
    handle = window.windowHandle()
    assert handle is not None
    place, copy = QPoint(x, y), Qt.DropAction.CopyAction
    enter = QDragEnterEvent(place, copy, data, LEFT, NONE)
    QApplication.sendEvent(handle, enter)
    over = QDragMoveEvent(place, copy, data, LEFT, NONE)
    over.setAccepted(enter.isAccepted())
    QApplication.sendEvent(handle, over)
    if not over.isAccepted():
        return False
    drop = QDropEvent(QPointF(place), copy, data, LEFT, NONE)
    QApplication.sendEvent(handle, drop)
    return drop.isAccepted()


@contextlib.contextmanager
def engine_frozen() -> Iterator[int]:
    """Stop the engine process in its tracks, so that what depends on its renders can be seen half done."""
    [engine] = multiprocessing.active_children()
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        yield engine.pid
    finally:
        os.kill(engine.pid, signal.SIGCONT)
