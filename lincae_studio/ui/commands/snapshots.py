"""Commands on snapshots of the mixer, and on the morph between two of them. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from lincae_studio.errors import EditError
from lincae_studio.session import snapshots
from lincae_studio.session.model import MASTER
from lincae_studio.session.step_names import RECALL
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.actions.rows.session import RECALLED_BY_KEY
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.panels.snapshots import SnapshotPanel
from lincae_studio.ui.timeline.envelopes import Kind, ShownEnvelopes

_NONE = EditError("there is no such snapshot yet", "Store the mixer as a snapshot first")


class SnapshotCommands(QObject):
    """Stores, recalls and edits snapshots; those without a number act on the current row of the panel."""

    def __init__(self, document: Document, panel: SnapshotPanel, envelopes: ShownEnvelopes) -> None:
        super().__init__(document)
        self._document = document
        self._panel = panel
        self._envelopes = envelopes
        #: Ids of the snapshots that were stored or recalled last, the latest first: A and B.
        self._latest: list[int] = []
        document.replaced.connect(self._forget)
        panel.activated.connect(self.recall)
        panel.renamed.connect(self.rename)
        panel.morph_chosen.connect(self.set_morph)
        panel.morph_turned.connect(self.on_morph)
        panel.line.clicked.connect(self._show_line)
        for name, button in panel.buttons.items():
            button.clicked.connect(self._presser(name))

    @property
    def handlers(self) -> Handlers:
        numbered = {f"recall_snapshot_{number}": self._recaller(number) for number in RECALLED_BY_KEY}
        return {
            "store_snapshot": self.on_store,
            "recall_snapshot": self.on_recall,
            "update_snapshot": self.on_update,
            "rename_snapshot": self.on_rename,
            "delete_snapshot": self.on_delete,
            "compare_snapshots": self.on_compare,
            "morph": self.on_morph,
            "clear_morph": self.on_clear_morph,
            **numbered,
        }

    def _presser(self, name: str) -> Callable[[], object]:
        return lambda: self.handlers[name]()

    def _recaller(self, number: int) -> Callable[[], None]:
        return lambda: self._recall_row(number)

    def on_store(self) -> None:
        """Store the mixer as a new snapshot, and let its name be typed if the panel is shown."""
        added = self._document.session.next_id
        if self._document.apply("Store Snapshot", snapshots.store):
            self._note(added)
            if self._panel.isVisible():
                self._panel.edit_name()

    def on_recall(self) -> None:
        if self._panel.chosen is not None:
            self.recall(self._panel.chosen)

    def recall(self, snapshot_id: int) -> None:
        """Set the mixer as a snapshot has it; chunks that were rendered with it before are heard at once."""
        name = self._document.session.snapshot(snapshot_id).name
        self._document.apply(f"{RECALL}: {name}", lambda session: snapshots.recall(session, snapshot_id))
        self._note(snapshot_id)

    def _recall_row(self, number: int) -> None:
        """Recall the snapshot of a row, from 1 on."""
        found = self._document.session.snapshots[number - 1 : number]
        if found:
            self.recall(found[0].id)
        else:
            self._document.refused.emit(_NONE)

    def on_compare(self) -> None:
        """Recall the snapshot before the latest one, so that repeated presses go back and forth: A, B, A, B."""
        ids = [snapshot.id for snapshot in self._document.session.snapshots]
        recent = [one for one in self._latest if one in ids]
        others = [one for one in (*recent, *ids) if one not in recent[:1]]
        if not recent:
            others = [one for one in ids if one not in snapshots.current(self._document.session)]
        if others:
            self.recall(others[0])
        else:
            self._document.refused.emit(EditError("there is no other snapshot", "Store two to compare them"))

    def on_update(self) -> None:
        chosen = self._panel.chosen
        if chosen is not None:
            self._document.apply("Update Snapshot", lambda session: snapshots.update(session, chosen))

    def on_rename(self) -> None:
        self._panel.show()
        self._panel.raise_()
        self._panel.edit_name()

    def rename(self, snapshot_id: int, name: str) -> None:
        self._document.apply("Rename Snapshot", lambda session: snapshots.rename(session, snapshot_id, name))

    def on_delete(self) -> None:
        chosen = self._panel.chosen
        if chosen is not None:
            self._document.apply("Delete Snapshot", lambda session: snapshots.remove(session, chosen))

    def set_morph(self, first: int, second: int) -> None:
        """Morph between two snapshots, and show the line."""
        if self._document.apply("Morph", lambda session: snapshots.set_morph(session, first, second)):
            self._show_line()

    def on_morph(self, on: bool) -> None:
        """Turn the morph on or off; the first time, between the two snapshots that the panel shows."""
        ends = self._panel.ends
        if self._document.session.morph is None and ends is not None:
            self.set_morph(*ends)
        elif self._document.apply(f"Morph {'On' if on else 'Off'}", lambda session: snapshots.turn_morph(session, on)):
            self._envelopes.show(MASTER, Kind.MORPH if on else self._envelopes.of(MASTER))

    def on_clear_morph(self) -> None:
        self._document.apply("Delete Morph", snapshots.clear_morph)

    def _show_line(self) -> None:
        self._envelopes.show(MASTER, Kind.MORPH)

    def _forget(self) -> None:
        self._latest = []

    def _note(self, snapshot_id: int) -> None:
        """Remember the snapshot stored or recalled last, and make it the current row."""
        self._latest = [snapshot_id, *(one for one in self._latest if one != snapshot_id)]
        self._panel.choose(snapshot_id)
