"""Commands that show panels: clip inspector, history, loudness, clip table. Main thread."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QMainWindow

from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.panels.clip_table import ClipTable
from lincae_studio.ui.panels.history import HistoryPanel
from lincae_studio.ui.panels.inspector import Inspector
from lincae_studio.ui.panels.loudness import LoudnessPanel

#: Initial height of the clip table.
_TABLE_PX = 150


class PanelCommands:
    """Docks the panels, initially hidden, and shows them on request."""

    def __init__(
        self,
        selection: Selection,
        inspector: Inspector,
        history: HistoryPanel,
        loudness: LoudnessPanel,
        clip_table: ClipTable,
        window: QMainWindow,
    ) -> None:
        self._selection = selection
        self._inspector = inspector
        self._clip_table = clip_table
        self._window = window
        self._panels: dict[str, QDockWidget] = {
            "inspector": inspector,
            "history": history,
            "loudness": loudness,
            "clip_table": clip_table,
        }
        self._history = history
        self._loudness = loudness

    @property
    def handlers(self) -> Handlers:
        return {
            "inspector": self.on_inspector,
            "history": self.on_history,
            "loudness": self.on_loudness,
            "clip_table": self.on_clip_table,
        }

    def dock(self, actions: Mapping[str, QAction]) -> None:
        """Dock the panels; their actions are unchecked when a panel is closed with its own button."""
        below, beside = Qt.DockWidgetArea.BottomDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        for action, panel in self._panels.items():
            self._window.addDockWidget(below if panel is self._clip_table else beside, panel)
            panel.hide()
            panel.visibilityChanged.connect(actions[action].setChecked)

    def on_inspector(self, on: bool) -> None:
        if on:
            self._inspector.edit_first_field()
        else:
            self._inspector.hide()

    def inspect(self, clip_id: int) -> None:
        """Select a clip and edit its properties."""
        self._selection.set_clips([clip_id])
        self._inspector.edit_first_field()

    def on_history(self, on: bool) -> None:
        self._history.setVisible(on)

    def on_loudness(self, on: bool) -> None:
        self._loudness.setVisible(on)

    def on_clip_table(self, on: bool) -> None:
        if on:
            self._clip_table.edit()
            self._window.resizeDocks([self._clip_table], [_TABLE_PX], Qt.Orientation.Vertical)
        else:
            self._clip_table.hide()
