"""Files of a second start go to the window that is open already, as when a file is double-clicked. Main thread.

The first window listens on a socket in the user's private data folder. A start with files connects to it, sends their
paths as one line of JSON, and ends when the window has accepted them. A window that does not answer, or is busy with a
dialog, is left alone: the second start then opens a window of its own.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QWidget

from lincae_studio import paths, private

_log = logging.getLogger(__name__)

_ACCEPTED = b"accepted\n"
_BUSY = b"busy\n"

#: How long a start waits for a window that is open, in milliseconds; it may be painting, or opening a project.
_PATIENCE_MS = 3000

#: Longer messages are not read.
_MAX_BYTES = 1 << 20


def hand_over(files: Sequence[Path]) -> bool:
    """Send files to the window that is open; False if there is none, or it does not accept them."""
    socket = QLocalSocket()
    socket.connectToServer(_address())
    if not socket.waitForConnected(_PATIENCE_MS):
        return False
    socket.write(json.dumps([os.path.abspath(file) for file in files]).encode() + b"\n")
    if not socket.waitForBytesWritten(_PATIENCE_MS) or not socket.waitForReadyRead(_PATIENCE_MS):
        return False
    return socket.readAll().data() == _ACCEPTED


class Handover(QObject):
    """Accepts files for a window, until that is destroyed."""

    def __init__(self, window: QWidget, accept: Callable[[Sequence[Path]], None]) -> None:
        """`accept` is called with the paths of each second start. Another window that listens already goes on."""
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
        except OSError as error:
            _log.info("files of other starts are not accepted: %s", error)
            return
        other = QLocalSocket()
        other.connectToServer(_address())
        if other.waitForConnected(_PATIENCE_MS):
            other.abort()
            return
        QLocalServer.removeServer(_address())  # left behind by a window that was killed
        if not self._server.listen(_address()):
            _log.info("files of other starts are not accepted: %s", self._server.errorString())

    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.setReadBufferSize(_MAX_BYTES)
            socket.readyRead.connect(lambda socket=socket: self._on_bytes(socket))
            socket.disconnected.connect(socket.deleteLater)

    def _on_bytes(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() >= _MAX_BYTES:
                socket.abort()
            return
        files = _decoded(bytes(socket.readLine().data()))
        if files is None or QApplication.activeModalWidget() is not None:
            socket.write(_BUSY)
            return
        socket.write(_ACCEPTED)
        socket.flush()
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._window.activateWindow()
        QTimer.singleShot(0, self, lambda: self._accept(files))  # it may ask the user something


def _address() -> str:
    return str(paths.data_dir() / "window.socket")


def _decoded(line: bytes) -> list[Path] | None:
    try:
        names = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    return [Path(name) for name in names]
