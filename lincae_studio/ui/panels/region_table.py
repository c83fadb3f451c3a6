"""A table of all regions of latents: to select, rename, and edit by number. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QWidget

from lincae_studio.session import regions
from lincae_studio.session.levels import format_db, parse_db
from lincae_studio.session.model import MAX_CHANNEL, MAX_LENGTH, Region, Session
from lincae_studio.session.times import format_time, parse_time
from lincae_studio.ui.model.context import Place
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.panels.rows import Index, Rows, RowsPanel
from lincae_studio.ui.rendering.rendering import Rendering

_COLUMNS = ("In", "Name", "Start", "End", "Channels", "Gain", "Applies to", "Fade", "Fade channels", "State")

#: Columns that cannot be edited.
_FIXED = ("In", "State")

_EMPTY = "No regions. Drag on the latent heatmap to select channels and time, then mute them or turn them down."


class _Regions(Rows[tuple[int, Region]]):
    """The regions of a session, each with the id of its owner."""

    def __init__(self, change: Callable[[int, Region, dict[str, Any]], bool], parent: QWidget) -> None:
        """`change`: changes fields of an owner's region."""
        super().__init__(_COLUMNS, parent)
        self._change = change
        self._session = Session()
        self._space = ""

    def show(self, session: Session, space: str) -> None:
        """Show the regions of another session; `space`: the latents that its codec has."""
        self._session, self._space = session, space
        self.replace(list(regions.all_regions(session)))

    # Qt overrides

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return None
        owner, region = self.rows[index.row()]
        column = _COLUMNS[index.column()]
        if column == "In":
            return regions.name_of(self._session, owner)
        if column == "State":
            return "bypassed" if not region.on else "" if region.space == self._space else f"only with {region.codec}"
        return _text(column, region, regions.origin_of(self._session, owner), self._session.rate)

    def flags(self, index: Index) -> Qt.ItemFlag:
        fixed = _COLUMNS[index.column()] in _FIXED
        return super().flags(index) | (Qt.ItemFlag.NoItemFlags if fixed else Qt.ItemFlag.ItemIsEditable)

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        owner, region = self.rows[index.row()]
        origin = regions.origin_of(self._session, owner)
        try:
            fields = _fields(_COLUMNS[index.column()], str(value), region, origin, self._session.rate)
        except ValueError:
            return False  # the field shows what it was
        return self._change(owner, region, fields)


class RegionTable(RowsPanel):
    """One row per region; shares the selection with the heatmap."""

    def __init__(self, document: Document, selection: Selection, rendering: Rendering, parent: QWidget) -> None:
        super().__init__("Latent Regions", "region_table", _EMPTY, parent)
        self._document = document
        self._selection = selection
        self._rendering = rendering
        #: Whether the program, not the user, is changing the table's selection.
        self._following = False
        self._regions = _Regions(self._change, self.table)
        self.table.setModel(self._regions)
        self.table.selectionModel().selectionChanged.connect(self._on_selected)
        document.changed.connect(self._fill)
        rendering.plan_changed.connect(self._fill)
        selection.regions.changed.connect(self._show_selection)
        self.visibilityChanged.connect(lambda _: self._fill())

    def context_at(self, point: QPoint | None) -> Place:
        """The place of a menu at a point of the table, or at the current row."""
        return self.table.place_at(point, "heatmap")

    def _fill(self, *_: object) -> None:
        if self.isHidden():
            return
        shown = list(regions.all_regions(self._document.session))
        self.show_rows(bool(shown))
        self._following = True
        self._regions.show(self._document.session, self._rendering.plan.codec.latent_space)
        self._following = False
        self._show_selection()

    def _show_selection(self) -> None:
        if self.isHidden():
            return
        keys = [(owner, region.id) for owner, region in self._regions.rows]
        chosen = self._selection.regions.chosen
        self._following = True
        if chosen in keys:
            row = keys.index(chosen)
            if not self.table.selectionModel().isRowSelected(row):  # it would end the editing of a cell
                self.table.setCurrentIndex(self._regions.index(row, 1))
                self.table.selectRow(row)
        else:
            self.table.clearSelection()
        self._following = False

    def _on_selected(self) -> None:
        chosen = self.table.selectionModel().selectedRows()
        if not self._following and chosen:
            owner, region = self._regions.rows[chosen[0].row()]
            self._selection.regions.select(owner, region.id)

    def _change(self, owner: int, region: Region, fields: dict[str, Any]) -> bool:
        return self._document.apply("Edit Region", lambda session: regions.change(session, owner, region.id, **fields))


def _text(column: str, region: Region, origin: int, rate: int) -> str:
    match column:
        case "Name":
            return region.name
        case "Start":
            return _time(region.start + origin, rate)
        case "End":
            return "end" if region.end == MAX_LENGTH else _time(region.end + origin, rate)
        case "Channels":
            return f"{region.low}" if region.low == region.high else f"{region.low}–{region.high}"
        case "Gain":
            return format_db(region.gain)
        case "Applies to":
            return "other channels" if region.keep else "these channels"
        case "Fade":
            return f"{1000 * region.fade / rate:.0f} ms"
        case _:
            return str(region.fade_channels)


def _time(sample: int, rate: int) -> str:
    return ("-" if sample < 0 else "") + format_time(abs(sample) / rate)


def _fields(column: str, text: str, region: Region, origin: int, rate: int) -> dict[str, Any]:
    """The fields that a typed text stands for. Raises `ValueError` when it is not valid."""
    match column:
        case "Name":
            return {"name": text.strip()[:400]}
        case "Start":
            return {"start": max(0, round(parse_time(text) * rate) - origin)}
        case "End":
            whole = text.strip().lower() == "end"
            return {"end": MAX_LENGTH if whole else max(0, round(parse_time(text) * rate) - origin)}
        case "Channels":
            ends = text.replace("–", "-").replace("−", "-").split("-")
            low, high = int(ends[0]), int(ends[-1])
            if len(ends) > 2 or not 0 <= low <= high <= MAX_CHANNEL:
                raise ValueError(f"“{text}” is not a range of channels")
            return {"low": low, "high": high}
        case "Gain":
            return {"gain": parse_db(text)}
        case "Applies to":
            others = {"o": True, "t": False}
            return {"keep": others[text.strip().lower()[:1]]} if text.strip().lower()[:1] in others else {}
        case "Fade":
            number = text.strip().lower()
            fade = parse_time(number if number.endswith("s") else f"{number} ms")
            return {"fade": min(round(fade * rate), MAX_LENGTH)}
        case _:
            return {"fade_channels": min(max(0, int(text)), MAX_CHANNEL)}
