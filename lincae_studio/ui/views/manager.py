"""Shows the views chosen by the user and closes the others, so that a hidden view costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from lincae_studio.preferences import ViewName
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.timeline.panel import TimelinePanel
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.pictures import PictureSource
from lincae_studio.ui.views.registry import VIEWS, View, ViewSpec, make_view


class ViewManager(QObject):
    """Places views over time below the tracks and other views in panels at the side."""

    def __init__(
        self,
        context: ViewContext,
        timeline: TimelinePanel,
        window: QMainWindow,
        preferences: PreferenceStore,
        playhead: Callable[[], int],
    ) -> None:
        super().__init__(window)
        self._context = context
        self._timeline = timeline
        self._window = window
        self._preferences = preferences
        self._playhead = playhead
        self._started = False
        self._closing = False
        self._views: dict[ViewName, QWidget] = {}
        self._docks: dict[ViewName, QDockWidget] = {}

    def start(self) -> None:
        """Allow views to be created, once the window is visible: importing them takes a while."""
        self._started = True
        self.follow_preferences()

    def toggler(self, name: str) -> Callable[[bool], None]:
        """The slot of the action that shows or closes a view."""
        found = next(spec.id for spec in VIEWS if spec.id == name)

        def toggle(on: bool) -> None:  # one argument, since PySide calls a partial without any
            self.toggle(found, on)

        return toggle

    def toggle(self, name: ViewName, on: bool) -> None:
        """Show or close a view and save the choice."""
        others = tuple(other for other in self._preferences.value.views if other != name)
        self._preferences.set(views=(*others, name) if on else others)

    def follow_preferences(self) -> None:
        """Show the chosen views and close all others."""
        if not self._started or self._closing:
            return
        chosen = self._preferences.value.views
        for spec in VIEWS:
            if spec.id in self._views and spec.id not in chosen:
                self._close(spec.id)
            elif spec.id in chosen and spec.id not in self._views:
                self._show(spec)

    def get(self, name: ViewName) -> QWidget | None:
        """A visible view, or None."""
        return self._views.get(name)

    def picture_sources(self) -> list[PictureSource]:
        """The visible views, for exporting pictures."""
        return [PictureSource(spec.title, self._views[spec.id]) for spec in VIEWS if spec.id in self._views]

    def set_playhead(self, sample: int) -> None:
        for view in self._views.values():
            cast(View, view).set_playhead(sample)

    def follow_theme(self) -> None:
        for view in self._views.values():
            cast(View, view).follow_theme()

    def close(self) -> None:
        """Close all views: the window is closing."""
        self._closing = True
        for view in self._views.values():
            cast(View, view).shutdown()

    def _show(self, spec: ViewSpec) -> None:
        view = make_view(spec, self._context, self._timeline)
        self._views[spec.id] = view
        cast(View, view).set_playhead(self._playhead())
        if spec.place == "time":
            places = [one.id for one in VIEWS if one.place == "time" and one.id in self._views]
            self._timeline.add_view(view, places.index(spec.id))
        else:
            dock = QDockWidget(spec.title, self._window)
            dock.setObjectName(f"view_{spec.id}")
            dock.setWidget(view)
            self._window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
            self._docks[spec.id] = dock
            dock.visibilityChanged.connect(lambda _: self._on_dock_hidden(spec.id))
        view.show()

    def _close(self, name: ViewName) -> None:
        view = self._views.pop(name)
        cast(View, view).shutdown()
        view.hide()
        view.setParent(None)
        view.deleteLater()
        dock = self._docks.pop(name, None)
        if dock is not None:
            self._window.removeDockWidget(dock)
            dock.deleteLater()

    def _on_dock_hidden(self, name: ViewName) -> None:
        """Close a view whose panel was closed by its own button, but not if the window was minimised."""
        dock = self._docks.get(name)
        if dock is not None and dock.isHidden() and not self._closing:
            self.toggle(name, on=False)
