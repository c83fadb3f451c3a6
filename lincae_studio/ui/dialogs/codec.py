"""The dialogs for installing a codec: confirming a download, and asking for its scale factor. Main thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from lincae_studio import paths
from lincae_studio.codecs import neural
from lincae_studio.codecs.lincae.public import HUB_REPOSITORY, PUBLIC_MODELS
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.plain_text import in_title, shown

_SCALE_FACTORS = (0.01, 1000.0)


class DownloadDialog(QDialog):
    """Shows what will be downloaded, from where and to where, and asks for confirmation."""

    def __init__(self, model_id: str, parent: QWidget) -> None:
        super().__init__(parent)
        model = PUBLIC_MODELS[model_id]
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Download {in_title(model.title)}")
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        for name, text in (
            ("Codec", f"{model.title}. {model.description}."),
            ("From", f"Hugging Face Hub, {HUB_REPOSITORY}"),
            ("Size", f"About {model.mebibytes} MiB; an interrupted download is resumed"),
            ("Stored in", str(paths.codecs_dir() / model_id)),
            ("Licence", "Set by the publisher; see the repository's page on the Hub"),
        ):
            form.addRow(_dim(name, self), _wrapped(text, self))
        hint = _wrapped("Requires an internet connection. You can continue editing during the download.", self)
        _lay_out(self, [form, hint], "Download", 560)


class AddNeuralDialog(QDialog):
    """Shows what will be installed for neural codecs, from where and to where, and asks for confirmation."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Add Neural Codecs")
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        for name, text in (
            ("Packages", "torch, which computes neural networks, and the client of the Hugging Face Hub"),
            ("Computes on", neural.machine()),
            ("From", "The Python Package Index, pypi.org, and pytorch.org"),
            (
                "Size",
                f"About {neural.download_mb():,} MB to download, {neural.space_mb():,} MB of free space",
            ),
            ("Stored in", str(neural.folder())),
        ):
            form.addRow(_dim(name, self), _wrapped(text, self))
        hint = _wrapped(
            "Requires an internet connection. You can continue editing meanwhile. Session > Codec removes them again.",
            self,
        )
        _lay_out(self, [form, hint], "Add", 560)


class ScaleFactorDialog(QDialog):
    """Asks for what a model folder in the published format does not contain."""

    def __init__(self, folder: Path, scale_factor: float, linear: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import Codec Folder")
        known = ", ".join(f"{model_id}: {model.scale_factor:g}" for model_id, model in PUBLIC_MODELS.items())
        text = _wrapped(
            f"“{folder.name}” does not contain its scale factor, which brings its latents to about unit variance. "
            f"Ask the author of the model for it. Public models: {known}.",
            self,
        )
        self.scale_factor = NumberField(*_SCALE_FACTORS, self, decimals=2, name="Scale factor")
        self.scale_factor.setValue(scale_factor)
        self.linear = QCheckBox("&Trained to be linear", self)
        self.linear.setChecked(linear)
        self.linear.setToolTip("Scaling and adding its latents scales and adds the audio")
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.addRow("&Scale factor", self.scale_factor)
        form.addRow("", self.linear)
        _lay_out(self, [text, form], "Import", 480)


def _lay_out(dialog: QDialog, parts: list[QLabel | QFormLayout], verb: str, width_px: int) -> None:
    """Stack the widgets and the buttons, as high as the wrapped text needs at this width."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, dialog)
    buttons.addButton(verb, QDialogButtonBox.ButtonRole.AcceptRole).setDefault(True)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.setSpacing(12)
    for part in parts:
        if isinstance(part, QLabel):
            layout.addWidget(part)
        else:
            layout.addLayout(part)
    layout.addWidget(buttons)
    dialog.setMinimumWidth(width_px)  # otherwise Qt assumes narrower lines
    dialog.resize(width_px, layout.totalHeightForWidth(width_px))


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
