"""Builds the actions, the menus and the toolbar from the table in `actions`. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QByteArray, QObject, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QMainWindow, QMenu, QToolBar

from lincae_studio.paths import resource
from lincae_studio.ui import theme
from lincae_studio.ui.actions.handlers import Handler
from lincae_studio.ui.actions.table import ACTIONS, MENUS, TOOLBAR
from lincae_studio.ui.plain_text import from_menu

#: The line colour in the icon files, and the sizes to draw, up to twice the size on the toolbar.
_DRAWN = "#e6e9ee"
_ICON_PX = (20, 25, 30, 40)


def icon(name: str) -> QIcon:
    """A bundled icon, drawn in the text colour of the theme."""
    drawing = resource(f"icons/{name}.svg").read_bytes().replace(_DRAWN.encode(), theme.colors().text.encode())
    found = QIcon()
    for side in _ICON_PX:
        picture = QPixmap(side, side)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        QSvgRenderer(QByteArray(drawing)).render(painter)
        painter.end()
        found.addPixmap(picture)
    return found


def follow_theme(actions: Mapping[str, QAction]) -> None:
    """Draw the icons of the actions in the colours of the theme."""
    for spec in ACTIONS:
        if spec.icon:
            actions[spec.id].setIcon(icon(spec.icon))


def make_actions(window: QMainWindow, handler: Callable[[str], Handler]) -> dict[str, QAction]:
    """One action per row of the table, by id; triggering it calls `handler(id)`. Preferences give them their keys."""
    actions = {}
    owner = QObject(window)  # the window itself would get an event for each
    for spec in ACTIONS:
        action = QAction(spec.text, owner)
        action.setObjectName(spec.id)
        action.setCheckable(spec.checkable)
        action.setStatusTip(spec.tip)
        if spec.icon:
            action.setIcon(icon(spec.icon))
            action.setIconVisibleInMenu(False)
        action.triggered.connect(handler(spec.id))
        actions[spec.id] = action
    return actions


def follow_tip(button: QAbstractButton, action: QAction) -> None:
    """Let a button, which runs the command of an action, have its tooltip with its key."""
    button.setToolTip(action.toolTip())
    action.changed.connect(lambda: button.setToolTip(action.toolTip()))


def make_menus(window: QMainWindow, actions: dict[str, QAction]) -> dict[str, QMenu]:
    """The menu bar, by menu name."""
    menus = {name: window.menuBar().addMenu(name) for name in MENUS}
    for spec in ACTIONS:
        if spec.context_only:
            continue
        if spec.opens_section:
            menus[spec.menu].addSeparator()
        menu = menus[spec.menu]
        if spec.submenu:
            found = next((sub for sub in menu.findChildren(QMenu) if sub.title() == spec.submenu), None)
            menu = found or menu.addMenu(spec.submenu)
            if spec.exclusive:
                group = menu.findChild(QActionGroup) or QActionGroup(menu)
                group.addAction(actions[spec.id])
        menu.addAction(actions[spec.id])
    return menus


def make_toolbar(window: QMainWindow, actions: dict[str, QAction]) -> QToolBar:
    """The toolbar with its actions; the window adds other widgets."""
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
            button.setAccessibleName(from_menu(actions[name].text()).rstrip("…"))
    return bar
