"""A report of a problem: log, versions and preferences without paths, shown before they are saved. Main thread.

Nothing is sent anywhere. What is saved is the text that is shown, which the user may change.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace
from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget

from lincae_studio import __version__, atomic, paths
from lincae_studio.codecs import neural, registry
from lincae_studio.errors import os_error_reason
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.plain_text import shown

#: The end of the log that is included, in bytes.
_MAX_LOG = 400_000

#: Whose versions are reported; the frozen program contains their metadata for this.
PACKAGES = (
    "PySide6-Essentials",
    "pyqtgraph",
    "numpy",
    "torch",
    "soundfile",
    "sounddevice",
    "soxr",
    "python-stretch",
    "msgspec",
)

_PATH = "(a path)"
_NAME = "(a name)"


class ProblemReport(QDialog):
    """Shows the parts of the report, each as a text that can be changed, and saves them as a zip file."""

    def __init__(self, preferences: PreferenceStore, messages: MessageBar, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Report a Problem")
        self._messages = messages
        note = QLabel(
            "Nothing is sent. The report is saved to a file that you can attach to a message. Read it first: the log "
            "contains names of files, and the preferences those of audio devices and codecs. You can change or delete "
            "anything here.",
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
    """The texts of the report by file name.

    None contains the path of the user's home folder; the preferences contain no paths, and no names that the user gave.
    """
    # The artist and the names of presets are the user's own words.
    presets = enumerate(preferences.value.export_presets.values(), 1)
    anonymous = replace(preferences.value, export_presets={f"preset {number}": one for number, one in presets})
    chosen = _without_personal(msgspec.to_builtins(anonymous))
    return {
        "versions.txt": _versions(),
        "preferences.json": json.dumps(chosen, indent=2, ensure_ascii=False),
        "studio.log": _without_home(_log()),
    }


def _versions() -> str:
    lines = [
        f"LinCAE Studio {__version__}{', frozen' if paths.frozen() else ''}",
        f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} processors",
        f"Qt {qVersion()}, platform {QGuiApplication.platformName()}",
    ]
    for name in PACKAGES:
        # Torch may have been added, where this process does not look for it.
        found = next(iter(importlib.metadata.distributions(name=name, path=[*sys.path, str(neural.folder())])), None)
        lines.append(f"{name} {found.version}" if found else f"{name}: not installed")
    codecs, damaged = registry.info_and_errors()
    lines.append(f"codecs: {', '.join(info.id for info in codecs)}")
    lines += [f"codec {name}: {_without_home(str(error))}" for name, error in damaged.items()]
    lines += [f"package {name}: {_without_home(str(error))}" for name, error in registry.package_errors().items()]
    return "\n".join(lines) + "\n"


def _log() -> str:
    try:
        with open(paths.log_file(), "rb") as file:
            file.seek(max(0, os.path.getsize(paths.log_file()) - _MAX_LOG))
            return file.read(_MAX_LOG).decode("utf-8", "replace")
    except OSError:
        return ""


def _without_home(text: str) -> str:
    homes = {str(paths.home()), os.path.realpath(paths.home())}
    spellings = {spelling for home in homes for spelling in (home, repr(home)[1:-1], Path(home).as_posix())}
    for spelling in sorted(spellings, key=len, reverse=True):
        if len(spelling) > 1:
            text = re.sub(rf"{re.escape(spelling)}(?![\w.-])", "~", text)
    return text


def _without_personal(value: object) -> object:
    """Without paths, and without the names of artists."""
    if isinstance(value, Mapping):
        return {
            name: _NAME if name == "artist" and inner else _without_personal(inner) for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_personal(inner) for inner in value]
    return _PATH if isinstance(value, str) and (Path(value).is_absolute() or "/" in value or "\\" in value) else value
