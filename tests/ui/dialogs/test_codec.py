"""The dialogs for installing a codec."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QDialog, QLabel, QLineEdit, QPushButton

from lincae_studio.codecs.family import ImportOption, Question
from lincae_studio.codecs.lincae.public import DOWNLOADS
from lincae_studio.ui.dialogs.codec import DownloadDialog, ImportDialog
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.main_window import MainWindow


def test_a_licence_has_to_be_accepted_before_the_download(window: MainWindow) -> None:
    dialog = DownloadDialog(replace(DOWNLOADS[0], licence="Community License", accept=True), window)
    dialog.open()
    [download] = [one for one in dialog.findChildren(QPushButton) if one.text() == "Download"]
    assert any("Community License; see https://" in label.text() for label in dialog.findChildren(QLabel))
    assert dialog.licence.isVisible()
    assert not download.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.isVisible()
    dialog.licence.setFocus()
    QTest.keyClick(dialog.licence, Qt.Key.Key_Space)
    assert download.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.result() == QDialog.DialogCode.Accepted
    plain = DownloadDialog(DOWNLOADS[0], window)
    plain.open()
    assert not plain.licence.isVisible()
    plain.reject()


def test_the_import_dialog_has_a_field_for_each_option(window: MainWindow) -> None:
    options = (
        ImportOption(name="gain", title="Gain", help="In dB", kind="number", suggestion=3.0, lowest=-6.0, highest=6.0),
        ImportOption(name="fast", title="Fast & loose", help="Quickly", kind="flag", suggestion=True),
        ImportOption(name="label", title="Label", help="A name", kind="text", suggestion="none"),
    )
    dialog = ImportDialog(Question("“x” lacks three things.", options), window)
    dialog.open()
    assert any("lacks three things" in label.text() for label in dialog.findChildren(QLabel))
    assert dialog.values == {"gain": 3.0, "fast": True, "label": "none"}
    gain, fast, label = (dialog.fields[option.name] for option in options)
    assert isinstance(gain, NumberField)
    assert isinstance(fast, QCheckBox)
    assert isinstance(label, QLineEdit)
    assert fast.text() == "&Fast && loose"
    assert (gain.minimum(), gain.maximum(), gain.toolTip()) == (-6.0, 6.0, "In dB")
    label.selectAll()
    QTest.keyClicks(label, "mine")
    fast.setFocus()
    QTest.keyClick(fast, Qt.Key.Key_Space)
    assert dialog.values == {"gain": 3.0, "fast": False, "label": "mine"}
    dialog.reject()
