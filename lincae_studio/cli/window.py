"""Opening the window from the command line."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lincae_studio.errors import UsageError


def has_display() -> bool:
    """Whether a window can be shown (X11 or Wayland on Linux; always elsewhere, or when Qt's platform is chosen)."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def open_window(files: Sequence[str], safe: bool = False, own: bool = False) -> int:
    """Open a project, audio files, or both, in the window that is open, or in a new one; returns when that is closed.

    `own`: open a new one in any case.

    Raises:
        UsageError: when there is no display, or a file does not exist.
    """
    paths = [Path(name) for name in files]
    for path in paths:
        if not os.path.exists(path):  # Path.exists raises for names that are too long
            raise UsageError(f"{path} is neither a file nor a command", "See lincae-studio --help")
    if not has_display():
        raise UsageError(
            "there is no display to open a window on",
            "Use lincae-studio mix or render, or lincae-studio demo --headless",
        )
    gc.disable()  # until `make_application`: looking for cycles among loaded modules takes a tenth of the start
    from lincae_studio.ui.app import run_app

    return run_app(paths, safe=safe, own=own)
