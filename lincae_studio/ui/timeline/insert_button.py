"""The button of a strip that shows its insert, and opens a menu of the operators. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from lincae_studio.session.model import Session, Track
from lincae_studio.session.operators import insert_of
from lincae_studio.ui.plain_text import in_menu, shown


class InsertButton(QToolButton):
    """Pressed in while an insert is applied, dashed while it belongs to other latents; hidden without operators.

    Signals:
        chosen: an operator was chosen; its id, or 0 for none.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("insert")
        self.setText("fx")
        self.setCheckable(True)
        self.setFixedSize(24, 22)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._session = Session()
        self._insert = 0
        self._applied = False
        self.clicked.connect(self._open)

    def show_insert(self, session: Session, track: Track, space: str) -> None:
        """Show the insert of a track. `space`: of the codec that is used (`CodecInfo.latent_space`)."""
        self._session, self._insert = session, track.insert
        operator = insert_of(session, track)
        self.setVisible(bool(session.operators))
        applied = operator is None or operator.space == space
        self._applied = operator is not None and applied
        self.setChecked(self._applied)
        if self.property("idle") != (not applied):
            self.setProperty("idle", not applied)
            self.style().polish(self)
        learned_with = (operator.codec or "another codec") if operator is not None else ""
        state = "" if applied else f" (not applied: it was learned with {learned_with})"
        name = operator.name if operator is not None else "none"
        self.setToolTip(shown(f"Insert: {name}{state}"))
        self.setAccessibleName(f"{track.name}, insert {name}")

    def menu_of_operators(self) -> QMenu:
        """A menu of the operators, with a mark at the present one."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        group = QActionGroup(menu)
        for text, operator_id in (("None", 0), *((one.name, one.id) for one in self._session.operators)):
            action = menu.addAction(in_menu(text))
            action.setCheckable(True)
            action.setActionGroup(group)
            action.setChecked(operator_id == self._insert)
            action.triggered.connect(lambda _, chosen=operator_id: self.chosen.emit(chosen))
        return menu

    def _open(self) -> None:
        self.setChecked(self._applied)  # until another one is chosen
        self.menu_of_operators().popup(self.mapToGlobal(self.rect().bottomLeft()))
