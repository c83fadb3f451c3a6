"""Context menus, made from the table of actions. Main thread.

A right click, the Menu key or Shift+F10 opens the menu of what is under the pointer, or of what has the keyboard focus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QContextMenuEvent
from PySide6.QtWidgets import QMenu, QWidget

from lincae_studio.ui.actions.table import ACTIONS
from lincae_studio.ui.model.context import ContextPlace, Place

#: Selects what is under a point of a widget and describes it. Without a point, for a menu opened by a key, it
#: describes what has the focus.
Locate = Callable[[QPoint | None], Place]


class ContextMenus(QObject):
    """Opens the context menu of each widget that is attached."""

    def __init__(self, actions: Mapping[str, QAction], place: ContextPlace, parent: QWidget) -> None:
        super().__init__(parent)
        self._actions = actions
        self._place = place
        self._locate: dict[QObject, Locate] = {}

    def attach(self, widget: QWidget, locate: Locate) -> None:
        """Open menus on a widget, and on those of its children that have none of their own."""
        self._locate[widget] = locate
        widget.installEventFilter(self)
        widget.destroyed.connect(lambda: self._locate.pop(widget, None))

    def open(self, widget: QWidget, place: Place) -> QMenu:
        """Open the menu of a place."""
        self._place.now = place
        menu = make_menu(self._actions, place, widget)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # The chosen action is triggered after the menu has closed.
        menu.aboutToHide.connect(lambda: QTimer.singleShot(0, self, lambda: self._forget(place)))
        menu.popup(widget.mapToGlobal(place.point))
        return menu

    def _forget(self, place: Place) -> None:
        if self._place.now is place:
            self._place.now = None

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        locate = self._locate.get(watched)
        if locate is None or not isinstance(event, QContextMenuEvent) or not isinstance(watched, QWidget):
            return super().eventFilter(watched, event)
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        self.open(watched, locate(None if by_key else event.pos()))
        event.accept()
        return True


def make_menu(actions: Mapping[str, QAction], place: Place, parent: QWidget) -> QMenu:
    """The rows of a context in the order of the table, without those that need a sample if it has none."""
    menu = QMenu(parent)
    section, last = 0, 0
    submenus: dict[str, QMenu] = {}
    menu_before = ""
    contexts = {place.context, *(("view",) if place.context == "heatmap" else ())}
    for spec in ACTIONS:
        section += spec.opens_section or spec.menu != menu_before
        menu_before = spec.menu
        if contexts.isdisjoint(spec.contexts) or (spec.needs == "place" and place.sample is None):
            continue
        if last and section != last:
            menu.addSeparator()
        last = section
        if not spec.submenu:
            menu.addAction(actions[spec.id])
            continue
        if spec.submenu not in submenus:
            submenus[spec.submenu] = menu.addMenu(spec.submenu)
        submenus[spec.submenu].addAction(actions[spec.id])
    for submenu in submenus.values():
        if len(submenu.actions()) == 1:  # no need to open it
            menu.insertAction(submenu.menuAction(), submenu.actions()[0])
            menu.removeAction(submenu.menuAction())
            submenu.deleteLater()
    return menu
