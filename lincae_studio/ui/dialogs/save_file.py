"""Asks for the name of a file to write. Main thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from lincae_studio.ui.notify import confirm_replacing


def file_to_write(
    parent: QWidget, title: str, suggested: Path | str, filters: str, suffix_for: Callable[[Path, str], str]
) -> Path | None:
    """The file that the user chose, with its suffix; None if the user cancelled, or keeps an existing file.

    Args:
        suffix_for: the suffix that a path chosen with a filter still lacks; empty if it has one.
    """
    name, chosen_filter = QFileDialog.getSaveFileName(parent, title, str(suggested), filters)
    if not name:
        return None
    path = Path(name)
    suffix = suffix_for(path, chosen_filter)
    if not suffix:
        return path
    path = path.with_name(path.name + suffix)
    # The file dialog has asked about the name as typed, without the suffix.
    return path if not os.path.exists(path) or confirm_replacing(parent, f"{path} already exists.") else None
