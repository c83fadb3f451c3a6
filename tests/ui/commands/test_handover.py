"""A second start hands its files to the window that is open, unless that cannot take them."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QLockFile
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from lincae_studio import paths
from lincae_studio.session import files
from lincae_studio.ui.commands import handover
from lincae_studio.ui.commands.handover import Handover
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import REPOSITORY, noise, write_audio
from tests.ui.conftest import LIMIT_MS, wait_imported

START = """
import sys
from pathlib import Path
from lincae_studio.ui.app import make_application
from lincae_studio.ui.commands.handover import hand_over
app = make_application()
print(hand_over([Path(name) for name in sys.argv[1:]]))
"""


@pytest.fixture(autouse=True)
def data_folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A data folder with a path short enough for sockets, which pytest's folders may not have; or the one asked for."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("XDG_DATA_HOME", str(Path(folder, getattr(request, "param", "data"))))
        yield


@pytest.fixture
def listening(window: MainWindow) -> Handover:
    return Handover(window, lambda paths: window.importer.drop(paths, None))


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def run_python(
    started: list[subprocess.Popen[str]], *arguments: str | Path, cwd: Path | None = None
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    return process


def start(started: list[subprocess.Popen[str]], *names: str | Path, cwd: Path | None = None) -> subprocess.Popen[str]:
    """What a second start does with files before it opens a window."""
    return run_python(started, "-c", START, *names, cwd=cwd)


def answer(qtbot: QtBot, process: subprocess.Popen[str]) -> str:
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=LIMIT_MS)
    output, errors = process.communicate()
    assert errors == ""
    return output.strip()


@pytest.mark.usefixtures("listening")
def test_a_second_start_hands_over_audio_and_ends(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    write_audio(tmp_path / "ä stem.wav", noise(1, 20_000))
    window.showMinimized()
    process = run_python(started, "-m", "lincae_studio", "ä stem.wav", cwd=tmp_path)
    assert answer(qtbot, process) == ""
    assert process.returncode == 0
    assert not window.isMinimized()
    wait_imported(qtbot, window)
    assert [track.name for track in window.document.session.tracks] == ["ä stem"]


@pytest.mark.usefixtures("listening")
def test_a_project_replaces_the_session_that_is_open(
    qtbot: QtBot, song: MainWindow, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    song.save_to(tmp_path / "first.lincae")
    files.save(song.document.session, tmp_path / "second.lincae")
    assert answer(qtbot, start(started, "second.lincae", cwd=tmp_path)) == "True"
    qtbot.waitUntil(lambda: song.document.path == tmp_path / "second.lincae", timeout=LIMIT_MS)


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("data_folder", ["long " * 20], indirect=True)
def test_the_path_of_the_data_folder_may_be_long(
    qtbot: QtBot, song: MainWindow, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    song.save_to(tmp_path / "first.lincae")
    files.save(song.document.session, tmp_path / "second.lincae")
    assert answer(qtbot, start(started, "second.lincae", cwd=tmp_path)) == "True"
    qtbot.waitUntil(lambda: song.document.path == tmp_path / "second.lincae", timeout=LIMIT_MS)


@pytest.mark.usefixtures("listening")
def test_a_second_start_with_a_project_and_audio_adds_the_audio_to_the_project(
    qtbot: QtBot, song: MainWindow, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    song.save_to(tmp_path / "first.lincae")
    files.save(song.document.session, tmp_path / "second.lincae")
    write_audio(tmp_path / "extra.wav", noise(1, 20_000))
    process = run_python(started, "-m", "lincae_studio", "open", "extra.wav", "second.lincae", cwd=tmp_path)
    assert answer(qtbot, process) == ""
    assert process.returncode == 0
    qtbot.waitUntil(lambda: len(song.document.session.tracks) == 4, timeout=LIMIT_MS)
    assert song.document.path == tmp_path / "second.lincae"
    assert song.document.session.tracks[-1].name == "extra"


@pytest.mark.usefixtures("listening")
def test_a_window_with_an_open_dialog_takes_no_files(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    dialog = QDialog(window)
    dialog.setModal(True)
    dialog.show()
    stem = write_audio(tmp_path / "stem.wav", noise(1, 20_000))
    assert answer(qtbot, start(started, stem)) == "False"
    dialog.close()
    assert not window.document.session.tracks


def test_without_a_window_there_is_nobody_to_take_files(styled: object, tmp_path: Path) -> None:
    assert not handover.hand_over([tmp_path / "stem.wav"])


@pytest.mark.linux("sockets are files")
def test_a_socket_that_a_killed_window_left_is_replaced(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    left = paths.data_dir() / "window.socket"
    left.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(left))
    assert left.is_socket()
    received: list[Path] = []
    Handover(window, received.extend)
    assert stat.S_IMODE(left.stat().st_mode) & 0o077 == 0, "only the user may connect"
    assert answer(qtbot, start(started, tmp_path / "a.wav")) == "True"
    qtbot.waitUntil(lambda: received == [tmp_path / "a.wav"], timeout=LIMIT_MS)


def test_the_first_of_two_windows_takes_the_files(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    first: list[Path] = []
    second: list[Path] = []
    one, two = Handover(window, first.extend), Handover(window, second.extend)
    assert one.parent() is two.parent() is window
    assert answer(qtbot, start(started, tmp_path / "a.wav")) == "True"
    qtbot.waitUntil(lambda: first == [tmp_path / "a.wav"], timeout=LIMIT_MS)
    assert second == []


LISTEN = """
import sys
from lincae_studio.ui.app import make_application
from lincae_studio.ui.commands.handover import Handover
from PySide6.QtWidgets import QWidget
app = make_application()
window = QWidget()
Handover(window, print)
print("listening", flush=True)
app.exec()
"""


@pytest.mark.linux("a killed process")
def test_one_of_the_other_windows_takes_over_from_one_that_was_killed(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    first = run_python(started, "-c", LISTEN)
    assert first.stdout is not None
    assert first.stdout.readline() == "listening\n"
    received: dict[str, list[Path]] = {"second": [], "third": []}
    others = {name: Handover(window, paths.extend) for name, paths in received.items()}
    first.kill()
    qtbot.waitUntil(lambda: any(other._server.isListening() for other in others.values()), timeout=LIMIT_MS)
    assert answer(qtbot, start(started, tmp_path / "a.wav")) == "True"
    qtbot.waitUntil(lambda: [tmp_path / "a.wav"] in received.values(), timeout=LIMIT_MS)
    taker = next(name for name, paths in received.items() if paths)
    last = next(name for name in received if name != taker)
    others.pop(taker).deleteLater()  # as when its window closes
    qtbot.waitUntil(others[last]._server.isListening, timeout=LIMIT_MS)
    assert answer(qtbot, start(started, tmp_path / "b.wav")) == "True"
    qtbot.waitUntil(lambda: received == {taker: [tmp_path / "a.wav"], last: [tmp_path / "b.wav"]}, timeout=LIMIT_MS)


def test_one_window_at_a_time_looks_for_another_and_listens(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two that take over at the same moment would remove each other's socket."""
    free: list[bool] = []

    class Server(QLocalServer):
        def listen(self, name: str) -> bool:  # type: ignore[override]
            free.append(QLockFile(str(paths.data_dir() / "window.lock")).tryLock(0))
            return super().listen(name)

    monkeypatch.setattr(handover, "QLocalServer", Server)
    listening = Handover(window, list[Path]().extend)
    assert listening._server.isListening()
    assert free == [False]
    assert QLockFile(str(paths.data_dir() / "window.lock")).tryLock(0)


def connected(qtbot: QtBot, window: MainWindow) -> QLocalSocket:
    start = QLocalSocket(window)
    start.connectToServer(handover._address())
    qtbot.waitUntil(lambda: start.bytesAvailable() > 0, timeout=LIMIT_MS)
    assert start.readAll().data() == b"ready\n"
    return start


def test_a_start_that_did_not_wait_for_the_greeting_has_sent_nothing(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens a window of its own, so the first one must not open its files later."""
    received: list[Path] = []
    Handover(window, received.extend)
    monkeypatch.setattr(handover, "_PATIENCE_MS", 1)
    assert not handover.hand_over([tmp_path / "a.wav"]), "this thread is the busy one"
    QApplication.processEvents()
    QApplication.processEvents()
    assert received == []


@pytest.mark.parametrize("message", [b"[]\n", b"{}\n", b"[1]\n", b"[" * 9000 + b"\n", b"\xff\n", b"[" * (1 << 20)])
def test_nonsense_is_not_accepted(qtbot: QtBot, window: MainWindow, message: bytes) -> None:
    received: list[Path] = []
    Handover(window, received.extend)
    start = connected(qtbot, window)
    start.write(message)
    qtbot.waitUntil(lambda: start.state() is QLocalSocket.LocalSocketState.UnconnectedState, timeout=LIMIT_MS)
    assert received == []


def test_files_are_accepted_once_their_line_is_complete(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    received: list[Path] = []
    Handover(window, received.extend)
    start = connected(qtbot, window)
    line = json.dumps([str(tmp_path / "a.wav")]).encode() + b"\n"
    for byte in (line[:5], line[5:-1], line[-1:]):
        assert received == []
        start.write(byte)
        start.flush()
        QApplication.processEvents()
    qtbot.waitUntil(lambda: received == [tmp_path / "a.wav"], timeout=LIMIT_MS)
    start.abort()
