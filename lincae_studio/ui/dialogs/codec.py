"""The dialogs for installing a codec: confirming a download, and asking for what a folder lacks. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lincae_studio import paths
from lincae_studio.codecs import neural
from lincae_studio.codecs.family import Download, ImportOption, OptionValue, Question
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.plain_text import in_menu, in_title, shown


class DownloadDialog(QDialog):
    """Shows what will be downloaded, from where and to where, and asks for confirmation."""

    def __init__(self, download: Download, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Download {in_title(download.title)}")
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        for name, text in (
            ("Codec", f"{download.title}. {download.description}."),
            ("From", f"Hugging Face Hub, {download.repository}"),
            ("Size", f"About {download.mebibytes} MiB; an interrupted download is resumed"),
            ("Stored in", str(paths.codecs_dir() / download.id)),
            ("Licence", download.terms),
        ):
            form.addRow(_dim(name, self), _wrapped(text, self))
        hint = _wrapped("Requires an internet connection. You can continue editing during the download.", self)
        self.licence = QCheckBox("I have read and accept the &licence", self)
        self.licence.setVisible(download.accept)
        confirm = _lay_out(self, [form, hint, self.licence], "Download", 560)
        if download.accept:
            confirm.setEnabled(False)
            self.licence.toggled.connect(confirm.setEnabled)


class AddNeuralDialog(QDialog):
    """Shows what will be installed for neural codecs, from where and to where, and asks for confirmation."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Add Neural Codecs")
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        for name, text in (
            (
                "Packages",
                f"{neural.NAMES}: to compute networks, to define them, to download them",
            ),
            ("Computes on", neural.machine()),
            ("From", "The Python Package Index, pypi.org, and pytorch.org"),
            (
                "Size",
                f"About {neural.download_mb():,} MB to download, and {neural.space_mb():,} MB of free space; "
                "an interrupted download is resumed",
            ),
            ("Stored in", str(neural.folder())),
        ):
            form.addRow(_dim(name, self), _wrapped(text, self))
        hint = _wrapped(
            "Requires an internet connection. You can continue editing meanwhile. Session > Codec removes them again.",
            self,
        )
        _lay_out(self, [form, hint], "Add", 560)


class ImportDialog(QDialog):
    """Asks for what a model folder does not contain."""

    def __init__(self, question: Question, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import Codec Folder")
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        #: The field of each option, by name, and what reads its value.
        self.fields: dict[str, QWidget] = {}
        self._read: dict[str, Callable[[], OptionValue]] = {}
        for option in question.options:
            field, self._read[option.name] = _field(option, self)
            field.setToolTip(shown(option.help))
            self.fields[option.name] = field
            form.addRow("" if option.kind == "flag" else f"&{in_menu(option.title)}", field)
        _lay_out(self, [_wrapped(question.text, self), form], "Import", 480)

    @property
    def values(self) -> dict[str, OptionValue]:
        """The entered values, by the name of the option."""
        return {name: read() for name, read in self._read.items()}


def _field(option: ImportOption, parent: QWidget) -> tuple[QWidget, Callable[[], OptionValue]]:
    """The field for an option, and the function that returns its value."""
    if option.kind == "number":
        number = NumberField(option.lowest, option.highest, parent, decimals=option.decimals, name=option.title)
        number.setValue(float(option.suggestion))
        return number, number.value
    if option.kind == "flag":
        flag = QCheckBox(f"&{in_menu(option.title)}", parent)
        flag.setChecked(bool(option.suggestion))
        return flag, flag.isChecked
    text = QLineEdit(str(option.suggestion), parent)
    return text, text.text


def _lay_out(dialog: QDialog, parts: list[QWidget | QFormLayout], verb: str, width_px: int) -> QPushButton:
    """Stack the widgets and the buttons, as high as the wrapped text needs at this width; returns the default one."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, dialog)
    default = buttons.addButton(verb, QDialogButtonBox.ButtonRole.AcceptRole)
    default.setDefault(True)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.setSpacing(12)
    for part in parts:
        if isinstance(part, QWidget):
            layout.addWidget(part)
        else:
            layout.addLayout(part)
    layout.addWidget(buttons)
    dialog.setMinimumWidth(width_px)  # otherwise Qt assumes narrower lines
    dialog.resize(width_px, layout.totalHeightForWidth(width_px))
    return default


def _dim(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    theme.dim(label)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    return label


def _wrapped(text: str, parent: QWidget) -> QLabel:
    """A word-wrapped label."""
    label = QLabel(shown(text), parent)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
