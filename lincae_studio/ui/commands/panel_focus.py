"""Commands that move the keyboard focus from one panel of the window to the next. Main thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QToolBar, QWidget

from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.timeline.panel import TimelinePanel
from lincae_studio.ui.views.manager import ViewManager


class PanelFocus:
    """Goes round: the toolbar, the tracks, the mix, the views, the panels at the sides, the status bar.

    In each, the focus returns to the control that had it last; else it goes to the first list, field or picture, which
    a click would give it to, or control.
    """

    def __init__(self, window: QMainWindow, timeline: TimelinePanel, views: ViewManager) -> None:
        self._window = window
        self._timeline = timeline
        self._views = views

    @property
    def handlers(self) -> Handlers:
        return {"next_panel": self.on_next_panel, "previous_panel": self.on_previous_panel}

    def on_next_panel(self) -> None:
        self._go(1)

    def on_previous_panel(self) -> None:
        self._go(-1)

    def _go(self, step: int) -> None:
        stops = [(panel, stop) for panel in self._panels() if (stop := self._stop_in(panel)) is not None]
        panels = [panel for panel, _ in stops]
        here = self._panel_of(self._window.focusWidget(), panels)
        place = panels.index(here) if here is not None else (-1 if step > 0 else 0)
        _, stop = stops[(place + step) % len(stops)]
        stop.window().activateWindow()  # of a panel that floats
        stop.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _panels(self) -> list[QWidget]:
        docks = [dock for dock in self._window.findChildren(QDockWidget) if not dock.visibleRegion().isEmpty()]
        docks.sort(key=lambda dock: (dock.isFloating(), dock.x(), dock.y()))
        views = [view for view in self._views.shown() if self._timeline.isAncestorOf(view)]
        bars = self._window.findChildren(QToolBar)
        return [*bars, self._timeline, self._timeline.master_strip, *views, *docks, self._window.statusBar()]

    def _stop_in(self, panel: QWidget) -> QWidget | None:
        """The control that gets the focus when a panel does; None if nothing in it can have it."""
        last = panel.focusWidget()
        if last is not None and _can_focus(last) and self._panel_of(last, self._panels()) is panel:
            return last
        if panel is self._timeline:
            return self._timeline.lanes
        # Qt's focus chain has the order of Tab, but PySide makes the next widget in it a child of the one before, with
        # which it is lost to Python.
        stops = [widget for widget in panel.findChildren(QWidget) if _can_focus(widget)]
        clicked = (stop for stop in stops if stop.focusPolicy() & Qt.FocusPolicy.ClickFocus)
        return next(clicked, next(iter(stops), None))

    @staticmethod
    def _panel_of(widget: QWidget | None, panels: Sequence[QWidget]) -> QWidget | None:
        """The innermost panel around a widget."""
        while widget is not None and widget not in panels:
            widget = widget.parentWidget()
        return widget


def _can_focus(widget: QWidget) -> bool:
    return widget.isVisible() and widget.isEnabled() and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
