"""The demo song without a display: uses the real window, offscreen, for an authentic screenshot and mixdown."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lincae_studio.cli.text import show
from lincae_studio.errors import ExportError, StudioError, os_error_reason
from lincae_studio.preferences import ViewName, cache_dir as preferred_cache_dir
from lincae_studio.session.model import DEFAULT_RATE

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

#: Time limit for the import, the render and the export of the 40-second song, in milliseconds.
_TIMEOUT_MS = 300_000

#: Views in the screenshot besides tracks and mix, and the position of the playhead.
_VIEWS: tuple[ViewName, ...] = ("heatmap", "spectrogram", "trajectory", "levels")
_PLAYHEAD_S = 16

#: The screenshot is taken once the views have computed nothing for this long.
_QUIET_S = 0.6


def write_demo(folder: Path | None) -> int:
    """Open the demo song offscreen, write its mixdown (WAV) and a screenshot (PNG), and print their paths.

    Raises:
        StudioError: when any step fails.
    """
    folder = folder or Path(tempfile.gettempdir()) / "lincae-studio-demo"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise ExportError(f"cannot write the demo to {folder}: {reason}", remedy) from error
    os.environ["QT_QPA_PLATFORM"] = "offscreen"

    from lincae_studio.media.store import MediaStore
    from lincae_studio.ui.app import log_to_file, make_application
    from lincae_studio.ui.main_window import MainWindow
    from lincae_studio.ui.model.preference_store import PreferenceStore

    log_to_file()
    app = make_application()
    cache_dir = preferred_cache_dir()
    window = MainWindow(MediaStore(cache_dir), cache_dir, PreferenceStore(None, environment=os.environ))
    audio, screenshot = folder / "paper_lanterns.wav", folder / "paper_lanterns.png"
    try:
        window.preferences.set(views=_VIEWS)
        window.show()
        window.start_engine_and_views()
        window.project_commands.open_demo()
        _run_until(lambda: not window.importer.busy and window.document.session.length > 0)
        _run_until(lambda: len(set(window.rendering.progress())) == 1)
        window.transport.seek(_PLAYHEAD_S * DEFAULT_RATE)
        _run_until(_Quiet(window))
        app.processEvents()
        if not window.grab().save(str(screenshot)):
            raise ExportError(f"cannot write {screenshot}", "Choose another folder with --out")
        problems: list[StudioError] = []
        results: list[object] = []
        window.exporter.failed.connect(problems.append)
        window.exporter.finished.connect(results.append)
        window.exporter.export(audio)
        _run_until(lambda: bool(problems or results) and not window.exporter.busy)
        if problems:
            raise problems[0]
    finally:
        window.shut_down()
    show(f"mixdown:    {audio}", f"screenshot: {screenshot}")
    return 0


class _Quiet:
    """Whether the views of a window have had nothing to compute for a while."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._since = time.monotonic()

    def __call__(self) -> bool:
        from lincae_studio.ui.rendering.chunk_worker import ChunkWorker

        if any(work.waiting for work in self._window.findChildren(ChunkWorker)):
            self._since = time.monotonic()
        return time.monotonic() - self._since > _QUIET_S


def _run_until(done: Callable[[], bool]) -> None:
    """Run Qt's event loop until `done()` returns True; it is checked every 20 ms."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    poll = QTimer()
    poll.timeout.connect(lambda: loop.quit() if done() else None)
    poll.start(20)
    limit = QTimer()
    limit.setSingleShot(True)
    limit.timeout.connect(lambda: loop.exit(1))
    limit.start(_TIMEOUT_MS)
    if loop.exec():
        raise StudioError("the demo did not finish in time", "Check the log, and try again")
