"""Building menus, actions and the toolbar from the table in `actions`."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QToolBar

from lincae_studio.paths import resource
from lincae_studio.ui.actions import ACTIONS, MENUS, SEPARATED, TOOLBAR, ActionSpec


def icon(name: str) -> QIcon:
    """A shipped icon."""
    return QIcon(str(resource(f"icons/{name}.svg")))


def make_actions(window: QMainWindow, handler: Callable[[str], Callable[..., None]]) -> dict[str, QAction]:
    """One action per row of the table, by id; `handler(id)` is what it calls."""
    actions = {}
    for spec in ACTIONS:
        action = QAction(spec.text, window)
        action.setObjectName(spec.id)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setCheckable(spec.checkable)
        action.setStatusTip(spec.tip)
        action.setToolTip(_tip(spec, action))
        if spec.icon:
            action.setIcon(icon(spec.icon))
            action.setIconVisibleInMenu(False)
        action.triggered.connect(handler(spec.id))
        actions[spec.id] = action
    return actions


def make_menus(window: QMainWindow, actions: dict[str, QAction]) -> dict[str, QMenu]:
    """The menu bar, by menu name."""
    menus = {name: window.menuBar().addMenu(f"&{name}") for name in MENUS}
    for spec in ACTIONS:
        if spec.id in SEPARATED:
            menus[spec.menu].addSeparator()
        menus[spec.menu].addAction(actions[spec.id])
    return menus


def make_toolbar(window: QMainWindow, actions: dict[str, QAction]) -> QToolBar:
    """The toolbar; what else belongs on it is added by the window."""
    bar = QToolBar("Main", window)
    bar.setObjectName("main_toolbar")
    bar.setMovable(False)
    bar.setIconSize(QSize(20, 20))
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    for name in TOOLBAR:
        if name is None:
            bar.addSeparator()
        else:
            bar.addAction(actions[name])
            button = bar.widgetForAction(actions[name])
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(actions[name].text().replace("&", "").rstrip("…"))
    return bar


def _tip(spec: ActionSpec, action: QAction) -> str:
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return f"{spec.tip} ({keys})" if keys else spec.tip
