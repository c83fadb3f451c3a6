"""Every case of the hostile corpus in the window: opened or refused at no great cost, and nothing else is touched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import noise, write_audio
from tests.hostile import projects
from tests.hostile.case import Case
from tests.hostile.commands import listing, peak_mib, reset_peak_mib
from tests.hostile.corpus import CASES, SECRET
from tests.ui.asked import Answer, Asked
from tests.ui.conftest import LIMIT_MS
from tests.ui.drive import drop_files

pytestmark = [pytest.mark.slow, pytest.mark.linux("pipes, /proc, and its measure of memory")]

#: Processor time of the window's process and memory that no case may cost.
LIMIT_S = 5.0
LIMIT_MIB = 1024.0

#: Cases that open.
WELL_FORMED = {
    projects.five_thousand_empty_tracks,
    projects.five_thousand_missing_clips,
    projects.a_thousand_tracks_with_a_missing_clip_each,
    projects.a_path_out_of_its_folder,
    projects.media_that_is_a_pipe,
    projects.media_of_the_kernel,
    projects.names_with_markup,
    projects.names_that_steer_the_terminal,
}

#: What a case stands in for, if it is found on the machine.
SHARED = {"cache": "CACHE", "preferences": "CONFIG", "recovery": "DATA"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of a case."""
    place = tmp_path / "corpus" / "case"
    place.mkdir(parents=True, mode=0o700)
    write_audio(place.parent / SECRET, noise(9, 44_100))
    return place


@pytest.fixture
def cost(place: Path, tmp_path: Path) -> Iterator[None]:
    """Fails if the rest of the test costs too much, or touches anything outside of the user's own folders."""
    own = {tmp_path / "user", place}
    before = listing(tmp_path, own)
    base, started = reset_peak_mib(), time.process_time()
    yield
    assert time.process_time() - started < LIMIT_S
    assert peak_mib() - base < LIMIT_MIB
    assert listing(tmp_path, own) == before


@pytest.fixture
def _accepted(qtbot: QtBot) -> Iterator[None]:
    """Dialogs are accepted as soon as they are shown, also those that wait for an answer."""

    def accept() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog) and not isinstance(dialog, ProgressDialog):
            dialog.accept()

    timer = QTimer()
    timer.timeout.connect(accept)
    timer.start(10)
    yield
    timer.stop()


def settle(qtbot: QtBot, window: MainWindow) -> None:
    jobs = window.project_commands, window.importer, window.project_files, window.codecs, window.interchange_commands
    qtbot.waitUntil(lambda: not any(job.busy for job in jobs), timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: not window.rendering.planning, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: QApplication.activeModalWidget() is None, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: not any(job.busy for job in jobs), timeout=LIMIT_MS)


def open_it(window: MainWindow, case: Case, path: Path) -> None:
    """Open a path as a user would, by the kind of the case."""
    match case.kind:
        case "codec":
            window.codecs.import_folder(path)
        case "audio" | "latents":
            drop_files(window.timeline.lanes, [path], 300, 100)
        case "recovery":
            window.project_commands.offer_recovery()
        case "cache" | "preferences":
            drop_files(window.timeline.lanes, [path.parent / SECRET], 300, 100)
        case _:
            window.open_paths([path])


@pytest.mark.usefixtures("_accepted")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_opened_or_refused(
    request: pytest.FixtureRequest,
    qtbot: QtBot,
    asked: Asked,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: Path,
    case: Case,
) -> None:
    asked.yes, asked.answer = True, Answer.Discard
    path = case.make(place)
    if case.kind in SHARED:
        monkeypatch.setenv(f"LINCAE_STUDIO_{SHARED[case.kind]}", str(place))
    made = set() if case.kind in SHARED else set(place.rglob("*"))
    window: MainWindow = request.getfixturevalue("window")
    request.getfixturevalue("cost")
    open_it(window, case, path)
    settle(qtbot, window)
    assert window.isVisible()
    if case.make in WELL_FORMED:
        assert window.document.path == path, window.messages.text.text()
    if case.kind not in SHARED:
        assert set(place.rglob("*")) == made
    assert "internal error" not in window.messages.text.text()
