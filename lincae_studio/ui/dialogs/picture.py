"""The dialog that exports a picture of a view. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.errors import StudioError
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.views.pictures import FILTER, SUFFIXES, PictureSource, save_picture

#: Largest size of a PNG relative to the view on the screen.
_LARGEST = 4


class PictureDialog(QDialog):
    """Asks for a view and a size, then for a file."""

    def __init__(
        self, views: Sequence[PictureSource], suggested: Callable[[str], Path], messages: MessageBar, parent: QWidget
    ) -> None:
        """`suggested`: returns the suggested path of a picture, given the view's title."""
        super().__init__(parent)
        self._views = views
        self._suggested = suggested
        self._messages = messages
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export Picture")
        self.view_box = QComboBox(self)
        self.view_box.addItems([view.title for view in views])
        self.scale = NumberField(1, _LARGEST, self)
        self.scale.setValue(2)
        self.scale.setPrefix("× ")
        self.size_text = QLabel(self)
        theme.dim(self.size_text)
        form = QFormLayout()
        form.addRow("&View", self.view_box)
        form.addRow("&Size (PNG)", self.scale)
        form.addRow("", self.size_text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        save = buttons.addButton("Save As…", QDialogButtonBox.ButtonRole.AcceptRole)
        save.setDefault(True)
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)
        self.view_box.currentIndexChanged.connect(self._show_size)
        self.scale.valueChanged.connect(self._show_size)
        self._show_size()

    @property
    def _chosen(self) -> PictureSource:
        return self._views[self.view_box.currentIndex()]

    def _show_size(self) -> None:
        size: QSize = self._chosen.widget.size() * self.scale.whole
        self.size_text.setText(f"{size.width()} × {size.height()} pixels; SVG keeps text and lines scalable")

    def _on_accepted(self) -> None:
        def lacking(path: Path, chosen_filter: str) -> str:
            if path.suffix.lower() in SUFFIXES:
                return ""
            return ".svg" if "svg" in chosen_filter else ".png"

        path = file_to_write(self, "Export Picture", self._suggested(self._chosen.title), FILTER, lacking)
        if path is None:
            return
        try:
            save_picture(self._chosen.widget, path, self.scale.whole)
        except StudioError as error:
            self._messages.error(error)
            return
        self._messages.info(f"Wrote {path}")
        self.accept()
