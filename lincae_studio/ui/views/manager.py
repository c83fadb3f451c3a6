"""Shows the views chosen by the user and closes the others, so that a hidden view costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from lincae_studio.preferences import ViewName
from lincae_studio.ui.model.docking import PanelBody, open_panel
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.last_check import LastCheck
from lincae_studio.ui.rendering.linearity_meter import LinearityMeter
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.panel import TimelinePanel
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.pictures import PictureSource
from lincae_studio.ui.views.registry import VIEWS, View, ViewSpec, make_view, view_action


class ViewManager(QObject):
    """Places views over time below the tracks and other views in panels at the side.

    Signals:
        view_shown: a view was created and shown.
        linearity_export_requested: the user asks for the linearity report from within a view.
    """

    view_shown = Signal(QWidget)
    linearity_export_requested = Signal()

    def __init__(
        self,
        document: Document,
        selection: Selection,
        rendering: Rendering,
        linearity_meter: LinearityMeter,
        last_check: LastCheck,
        timeline: TimelinePanel,
        transport: Transport,
        preferences: PreferenceStore,
        window: QMainWindow,
    ) -> None:
        super().__init__(window)
        self._context = ViewContext(
            timeline.axis,
            document,
            preferences,
            selection,
            timeline.header_width,
            rendering,
            timeline.residuals,
            timeline.spread,
            linearity_meter,
            last_check,
            transport.seek,
            self.linearity_export_requested.emit,
        )
        self._timeline = timeline
        self._window = window
        self._preferences = preferences
        self._transport = transport
        preferences.changed.connect(self.follow_preferences)
        transport.moved.connect(self.set_playhead)
        document.at_close(self.close)
        self._started = False
        self._closing = False
        self._views: dict[ViewName, QWidget] = {}
        self._docks: dict[ViewName, QDockWidget] = {}

    def start(self) -> None:
        """Allow views to be created, once the window is visible: importing them takes a while."""
        self._started = True
        self.follow_preferences()

    @property
    def handlers(self) -> Mapping[str, Callable[[bool], None]]:
        """The slots of the actions that show and close views, by action id."""
        return {view_action(spec.id): self._toggler(spec.id) for spec in VIEWS}

    def _toggler(self, name: ViewName) -> Callable[[bool], None]:
        def toggle(on: bool) -> None:  # one argument, since PySide calls a partial without any
            self.toggle(name, on)

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

    def shown(self) -> list[QWidget]:
        """The visible views, from top to bottom."""
        return [self._views[spec.id] for spec in VIEWS if spec.id in self._views]

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
        cast(View, view).set_playhead(self._transport.position)
        if spec.place == "time":
            places = [one.id for one in VIEWS if one.place == "time" and one.id in self._views]
            self._timeline.add_view(spec.id, view, places.index(spec.id))
        else:
            dock = QDockWidget(spec.title, self._window)
            dock.setObjectName(f"view_{spec.id}")
            dock.setWidget(PanelBody(view, dock))
            self._window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
            if not self._window.restoreDockWidget(dock):
                dock.hide()
            open_panel(self._window, dock)
            self._docks[spec.id] = dock
            dock.visibilityChanged.connect(lambda _: self._on_dock_hidden(spec.id))
        view.show()
        self.view_shown.emit(view)

    def _close(self, name: ViewName) -> None:
        view = self._views.pop(name)
        cast(View, view).shutdown()
        view.hide()
        view.setParent(None)
        view.deleteLater()
        self._timeline.splitter.share_out()
        dock = self._docks.pop(name, None)
        if dock is not None:
            self._window.removeDockWidget(dock)
            dock.deleteLater()

    def _on_dock_hidden(self, name: ViewName) -> None:
        """Close a view whose panel was closed by its own button, but not if the window was minimised."""
        dock = self._docks.get(name)
        if dock is not None and dock.isHidden() and not self._closing:
            self.toggle(name, on=False)
