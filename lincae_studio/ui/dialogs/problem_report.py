"""A report of a problem: log, versions and preferences without paths, shown before they are saved. Main thread.

Nothing is sent anywhere. What is saved is the text that is shown, which the user may change.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget

from lincae_studio import __version__, atomic, paths
from lincae_studio.codecs import registry
from lincae_studio.errors import os_error_reason
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.plain_text import shown

#: The end of the log that is included, in bytes.
_MAX_LOG = 400_000

_PACKAGES = ("PySide6-Essentials", "pyqtgraph", "numpy", "torch", "soundfile", "sounddevice", "soxr", "msgspec")

_PATH = "(a path)"


class ProblemReport(QDialog):
    """Shows the parts of the report, each as a text that can be changed, and saves them as a zip file."""

    def __init__(self, preferences: PreferenceStore, messages: MessageBar, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Report a Problem")
        self._messages = messages
        note = QLabel(
            "Nothing is sent. The report is saved to a file that you can attach to a message. Read it first: the log "
            "contains names of files. You can change or delete anything here.",
            self,
        )
        note.setWordWrap(True)
        theme.dim(note)
        self.tabs = QTabWidget(self)
        self.texts: dict[str, QPlainTextEdit] = {}
        for name, text in report(preferences).items():
            field = QPlainTextEdit("\n".join(shown(line) for line in text.splitlines()), self)
            field.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            field.setTabChangesFocus(True)
            field.setAccessibleName(name)
            self.texts[name] = field
            self.tabs.addTab(field, name)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        save = buttons.addButton("&Save As…", QDialogButtonBox.ButtonRole.AcceptRole)
        save.setDefault(True)
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(note)
        layout.addWidget(self.tabs)
        layout.addWidget(buttons)
        resize_on_screen(self, 820, 600)

    def _on_accepted(self) -> None:
        suggested = paths.home() / "lincae-studio-report.zip"
        path = file_to_write(
            self, "Save Report", suggested, "Zip archives (*.zip)", lambda path, _: "" if path.suffix else ".zip"
        )
        if path is None:
            return
        try:
            with atomic.replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, field in self.texts.items():
                    archive.writestr(name, field.toPlainText())
        except OSError as error:
            reason, remedy = os_error_reason(error, path)
            self._messages.error(f"The report was not saved: {reason}. {remedy}.")
            return
        self._messages.info(f"Saved the report as {path}")
        self.accept()


def report(preferences: PreferenceStore) -> dict[str, str]:
    """The texts of the report by file name, without the user's home folder and without paths in the preferences."""
    chosen = msgspec.json.format(msgspec.json.encode(_without_paths(msgspec.to_builtins(preferences.value))), indent=2)
    return {
        "versions.txt": _versions(),
        "preferences.json": chosen.decode(),
        "studio.log": _without_home(_log()),
    }


def _versions() -> str:
    lines = [
        f"LinCAE Studio {__version__}{', frozen' if getattr(sys, 'frozen', False) else ''}",
        f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} processors",
        f"Qt {qVersion()}, platform {os.environ.get('QT_QPA_PLATFORM', 'default')}",
    ]
    for name in _PACKAGES:
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name}: not installed")
    found, damaged = registry.info_and_errors()
    lines.append(f"codecs: {', '.join(info.id for info in found)}")
    lines += [f"codec {name}: {_without_home(str(error))}" for name, error in damaged.items()]
    return "\n".join(lines) + "\n"


def _log() -> str:
    try:
        with open(paths.log_file(), "rb") as file:
            file.seek(max(0, os.path.getsize(paths.log_file()) - _MAX_LOG))
            return file.read(_MAX_LOG).decode("utf-8", "replace")
    except OSError:
        return ""


def _without_home(text: str) -> str:
    home = str(paths.home())
    return text.replace(home, "~") if len(home) > 1 else text


def _without_paths(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _without_paths(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_paths(inner) for inner in value]
    return _PATH if isinstance(value, str) and (Path(value).is_absolute() or "/" in value or "\\" in value) else value
