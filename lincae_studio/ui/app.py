"""Start-up of the window program. Wiring only.

Order:
    1. logging to the log file, Qt application, theme
    2. media store, main window, exception hooks
    3. show where the window last was; first paint
    4. engine process, heatmap (pyqtgraph), files named on the command line, or the welcome panel at the first start
    5. offer to recover sessions after a crash
    6. event loop
    7. on close: end playback, jobs and the engine process
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

from PySide6.QtCore import QMessageLogContext, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from lincae_studio import cores, paths, preferences, private
from lincae_studio.errors import PreferencesError
from lincae_studio.media.store import MediaStore
from lincae_studio.ui.actions import menus
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.window_state import WindowState
from lincae_studio.ui.notify import install_hooks
from lincae_studio.ui.theme import apply_theme

_log = logging.getLogger(__name__)

#: How long a thread that feeds the engine or the audio device may block the window; Python's default is 5 ms.
_SWITCH_S = 0.001

#: Reference cycles are rare here and a session has many objects: collecting at Python's default rate costs frames.
_GC = (50_000, 20, 20)

#: With so few cores Qt paints in this thread alone: its helpers would wait for a core, and frames for them. (Measured
#: on two: zooming takes a tenth less.)
_FEW_CORES = 4

#: Longer entries of the log are cut, in characters.
_MAX_ENTRY = 20_000

#: How often Python checks for Ctrl+C while Qt's event loop runs.
_SIGNAL_POLL_MS = 200


def make_application() -> QApplication:
    """The application object with its style, one per process."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(*_GC)
    gc.freeze()  # what is loaded stays: no later collection goes through it
    gc.enable()
    if cores.count() <= _FEW_CORES:
        os.environ.setdefault("QT_NO_GUI_THREADPOOL", "1")
    qInstallMessageHandler(_log_qt)
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("lincae-studio")
    app.setApplicationDisplayName("LinCAE Studio")
    app.setWindowIcon(menus.icon("lincae-studio"))
    apply_theme(app)
    return app


def run_app(files: Sequence[Path], demo: bool = False, safe: bool = False, own: bool = False) -> int:
    """Open the window and run until it is closed; or hand files over to one that is open. Returns the exit code.

    Args:
        safe: with the default preferences, and the window as at the first start.
        own: open a window of its own in any case.

    Raises:
        UsageError: when the environment names a precision that does not exist.
    """
    log_to_file()
    app = make_application()
    if files and not (safe or own):
        from lincae_studio.ui.commands.handover import hand_over

        if hand_over(files):
            return 0
    cache_dir = paths.cache_dir() if safe else preferences.cache_dir()
    chosen = PreferenceStore(None if safe else paths.preferences_file(), environment=os.environ)
    window = MainWindow(MediaStore(cache_dir), cache_dir, chosen)
    install_hooks(window.messages)
    window.document.replace(window.project_commands.new_session(), None)
    try:
        preferences.make_cache_dir(cache_dir)
    except PreferencesError as error:  # the window opens, so that another folder can be chosen
        window.messages.error(error)

    def after_first_paint() -> None:
        window.start_engine_and_views()
        if demo:
            window.project_commands.open_demo()
        else:
            window.open_paths(files)
        if not (demo or files or safe):
            window.welcome.show_once()
        window.project_commands.offer_recovery()
        from lincae_studio.ui.commands.handover import Handover  # loads QtNetwork

        Handover(window, lambda received: window.importer.drop(received, None))

    window.first_painted.connect(after_first_paint)
    place = WindowState(None if safe else paths.window_file(), window, window.timeline.splitter)
    window.closing.connect(place.save)
    place.show()
    signal.signal(signal.SIGINT, lambda *_: window.close())
    poll = QTimer(window)
    poll.start(_SIGNAL_POLL_MS)
    poll.timeout.connect(lambda: None)
    return app.exec()


def _log_qt(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    """Write Qt's own messages to the log instead of the console; after a fatal one, exit with code 2."""
    serious = (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
    _log.log(logging.WARNING if kind in serious else logging.INFO, "Qt: %s", text)
    if kind == QtMsgType.QtFatalMsg:
        # Qt would abort on return without a message: its first line is the reason, a list of plugins follows.
        reason = (text.strip().splitlines() or ["Qt failed to start"])[0].rstrip(". ")
        remedy = "Check DISPLAY, install libxcb-cursor0, or use lincae-studio demo --headless"
        print(f"error: {reason}. {remedy}.", file=sys.stderr, flush=True)
        os._exit(2)


class _ShortFormatter(logging.Formatter):
    """Cuts long entries: one that quotes a damaged file must not fill the log, which rotates only between entries."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if len(text) <= _MAX_ENTRY else f"{text[:_MAX_ENTRY]} … ({len(text):,} characters)"


def log_to_file() -> None:
    """Send the log to a file that rotates at 1 MB, since a desktop program has no console."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    file = paths.log_file()
    try:
        private.make(file.parent)
        handler: logging.Handler = RotatingFileHandler(file, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(_ShortFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
