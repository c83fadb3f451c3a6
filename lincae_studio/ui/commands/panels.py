"""Commands that show panels: inspector, history, loudness, snapshots, and tables. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QMainWindow

from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.docking import is_in_front, open_panel
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.panels.clip_table import ClipTable
from lincae_studio.ui.panels.history import HistoryPanel
from lincae_studio.ui.panels.inspector import Inspector
from lincae_studio.ui.panels.loudness import LoudnessPanel
from lincae_studio.ui.panels.marker_table import MarkerTable
from lincae_studio.ui.panels.region_table import RegionTable
from lincae_studio.ui.panels.snapshots import SnapshotPanel

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
        snapshots: SnapshotPanel,
        region_table: RegionTable,
        marker_table: MarkerTable,
        window: QMainWindow,
    ) -> None:
        self._selection = selection
        self._inspector = inspector
        self._clip_table = clip_table
        self._region_table = region_table
        self._marker_table = marker_table
        self._window = window
        self._panels: dict[str, QDockWidget] = {
            "inspector": inspector,
            "history": history,
            "loudness": loudness,
            "clip_table": clip_table,
            "snapshots": snapshots,
            "region_table": region_table,
            "marker_table": marker_table,
        }
        self._history = history
        self._loudness = loudness
        self._snapshots = snapshots

    @property
    def handlers(self) -> Handlers:
        return {
            "inspector": self.on_inspector,
            "history": self.on_history,
            "loudness": self.on_loudness,
            "clip_table": self.on_clip_table,
            "snapshots": self.on_snapshots,
            "region_table": self.on_region_table,
            "marker_table": self.on_marker_table,
            "history_step": self._history.go_to_current_row,
        }

    def dock(self, actions: Mapping[str, QAction]) -> None:
        """Dock the panels; their actions always show which are open."""
        below, beside = Qt.DockWidgetArea.BottomDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        tables = (self._clip_table, self._region_table, self._marker_table)
        for action, panel in self._panels.items():
            self._window.addDockWidget(below if panel in tables else beside, panel)
            panel.hide()
            panel.visibilityChanged.connect(self._follower(panel, actions[action]))

    def on_inspector(self, on: bool) -> None:
        if self._toggle(self._inspector, on):
            self._inspector.edit_first_field()

    def inspect(self, clip_id: int) -> None:
        """Select a clip and edit its properties."""
        self._selection.set_clips([clip_id])
        self.on_inspector(True)

    def on_history(self, on: bool) -> None:
        self._toggle(self._history, on)

    def on_loudness(self, on: bool) -> None:
        self._toggle(self._loudness, on)

    def on_snapshots(self, on: bool) -> None:
        if self._toggle(self._snapshots, on):
            self._snapshots.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def on_clip_table(self, on: bool) -> None:
        self._toggle_table(self._clip_table, on)

    def on_region_table(self, on: bool) -> None:
        self._toggle_table(self._region_table, on)

    def on_marker_table(self, on: bool) -> None:
        self._toggle_table(self._marker_table, on)

    def _toggle_table(self, table: ClipTable | RegionTable | MarkerTable, on: bool) -> None:
        remembered = table.height() > _TABLE_PX // 2  # since it was last open, or from an earlier start
        if self._toggle(table, on):
            table.edit()
            if not remembered:
                self._window.resizeDocks([table], [_TABLE_PX], Qt.Orientation.Vertical)

    def _toggle(self, panel: QDockWidget, on: bool) -> bool:
        """Open or close a panel; one behind another tab comes to the front. Returns whether it is open."""
        behind = not panel.isHidden() and not panel.isFloating() and not is_in_front(panel)
        if on or behind:
            open_panel(self._window, panel)
            panel.visibilityChanged.emit(True)  # the click has unchecked the action
        else:
            panel.hide()
        return not panel.isHidden()

    def _follower(self, panel: QDockWidget, action: QAction) -> Callable[[bool], None]:
        def follow(_visible: bool) -> None:  # not so behind another tab
            action.setChecked(not panel.isHidden())

        return follow
