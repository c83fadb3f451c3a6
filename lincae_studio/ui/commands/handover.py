"""Files of a second start go to the window that is open already, as when a file is double-clicked. Main thread.

The first window listens on a socket in the user's private data folder, or where its path is too long for a socket, in
a private folder for temporary files. It greets a start that connects; only then does
that send the paths of its files, as one line of JSON, and end. If no greeting comes in time, or the window is busy with
a dialog, nothing has been sent: the second start opens a window of its own, and the files are opened only there.

Each further window stays connected to the one that listens. When that closes or is killed, one of them takes over.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, Qt, QTimer
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QWidget

from lincae_studio import paths, private

_log = logging.getLogger(__name__)

_READY = b"ready\n"
_BUSY = b"busy\n"

#: How long a start waits for a window that is open, in milliseconds; it may be painting, or opening a project.
_PATIENCE_MS = 3000

#: Longest path of our socket, in bytes. The limit is 103 on macOS and 107 on Linux, of which Qt uses a few itself.
_LONGEST = 90

#: Longer messages are not read.
_MAX_BYTES = 1 << 20


def hand_over(files: Sequence[Path]) -> bool:
    """Send files to the window that is open; False if there is none, or it does not accept them."""
    try:
        private.check(Path(_address()).parent)
    except OSError:
        return False
    line = json.dumps([os.path.abspath(file) for file in files]).encode() + b"\n"
    socket = QLocalSocket()
    socket.connectToServer(_address())
    greeted = socket.waitForConnected(_PATIENCE_MS) and socket.waitForReadyRead(_PATIENCE_MS)
    if len(line) > _MAX_BYTES or not greeted or socket.readAll().data() != _READY:
        return False
    socket.write(line)
    return socket.waitForBytesWritten(_PATIENCE_MS)


class Handover(QObject):
    """Accepts files for a window, until that is destroyed."""

    def __init__(self, window: QWidget, accept: Callable[[Sequence[Path]], None]) -> None:
        """`accept` is called with the paths of each second start, once no other window listens."""
        super().__init__(window)
        self._window = window
        self._accept = accept
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        self._listen()

    def _listen(self) -> None:
        try:
            private.make(paths.data_dir())
            private.make(Path(_address()).parent)
        except OSError as error:
            _log.info("files of other starts are not accepted: %s", error)
            return
        lock = QLockFile(str(paths.data_dir() / "window.lock"))  # of several, one replaces a window that has closed
        lock.tryLock(_PATIENCE_MS)
        other = QLocalSocket(self)
        other.connectToServer(_address())
        if other.waitForConnected(_PATIENCE_MS):
            other.disconnected.connect(other.deleteLater)
            other.disconnected.connect(self._listen)
            return
        other.deleteLater()
        QLocalServer.removeServer(_address())  # left behind by a window that was killed
        if not self._server.listen(_address()):
            _log.info("files of other starts are not accepted: %s", self._server.errorString())

    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.setReadBufferSize(_MAX_BYTES)
            socket.readyRead.connect(lambda socket=socket: self._on_bytes(socket))
            socket.disconnected.connect(socket.deleteLater)
            socket.write(_BUSY if QApplication.activeModalWidget() is not None else _READY)
            socket.flush()

    def _on_bytes(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() >= _MAX_BYTES:
                socket.abort()
            return
        files = _decoded(bytes(socket.readLine().data()))
        if files is None:
            socket.abort()
            return
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._window.activateWindow()
        QTimer.singleShot(0, self, lambda: self._accept(files))  # it may ask the user something


def _address() -> str:
    path = str(paths.data_dir() / "window.socket")
    short = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    if sys.platform == "win32":  # the names of pipes have no backslashes
        return f"lincae-studio-{short}"
    return path if len(os.fsencode(path)) <= _LONGEST else str(paths.fallback_folder() / f"{short}.socket")


def _decoded(line: bytes) -> list[Path] | None:
    try:
        names = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    return [Path(name) for name in names]
