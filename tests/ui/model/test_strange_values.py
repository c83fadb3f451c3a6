"""Values that are out of range: refused when they enter, and harmless when they come from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from lincae_studio import paths
from lincae_studio.session import edits, files, places, recovery
from lincae_studio.session.model import Media, Session, Tempo
from lincae_studio.ui.dialogs.recovery import RecoveryDialog
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import made_up_media
from tests.ui.conftest import LIMIT_MS
from tests.ui.drive import press
from tests.ui.model.test_autosave import button, cell, dialog_of, names


def high_rate() -> Media:
    return replace(made_up_media(1, 100_000), sample_rate=2**40)


def test_an_edit_that_could_not_be_saved_is_refused(window: MainWindow, tmp_path: Path) -> None:
    press(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    before = window.document.session
    for edit in (
        lambda session: edits.add_stems(session, [high_rate()], 0),
        lambda session: places.set_tempo(session, Tempo(bpm=float("nan"))),
        lambda session: edits.rename_track(session, 1, "drums \udcff"),
    ):
        assert not window.document.apply("Edit", edit)
        assert window.document.session is before
        assert "not valid" in window.messages.text.text()
        window.messages.hide()
    assert window.save_to(tmp_path / "song.lincae")
    assert files.load(tmp_path / "song.lincae") == before


def test_a_project_with_a_rate_of_older_versions_opens(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    project = tmp_path / "song.lincae"
    files.save(edits.add_stems(Session(), [made_up_media(1, 100_000)], 0), project)
    manifest = json.loads(project.read_text())
    manifest["session"]["media"][0]["sample_rate_hz"] = 100_000_001
    project.write_text(json.dumps(manifest))
    window.open_paths([project])
    qtbot.waitUntil(lambda: not window.importer.busy, timeout=LIMIT_MS)
    assert window.document.path == project
    assert len(list(window.document.session.clips())) == 1
    assert window.save_to(project)
    assert files.load(project) == window.document.session


@pytest.mark.linux("named pipes and links")
def test_strange_recovery_folders_do_not_keep_a_session_from_being_recovered(qtbot: QtBot, window: MainWindow) -> None:
    root = paths.recovery_dirs()[0]
    for name, changed in (("good", "5"), ("late", "1e308"), ("early", "-1e308"), ("text", '"x"')):
        folder = root / name
        folder.mkdir(parents=True)
        files.save(edits.add_track(Session(), name), folder / "1.lincae")
        (folder / "²³.lincae").symlink_to("/dev/zero")
        head = '{"format": "lincae-studio-journal", "version": 2, "project": ""'
        (folder / "info.json").write_text(f'{head}, "title": "{name}", "changed": {changed}}}')
    assert window.project_commands.offer_recovery()
    dialog = dialog_of(qtbot, window, RecoveryDialog)
    titles = [cell(dialog, row, 0) for row in range(dialog.table.rowCount())]
    assert sorted(titles) == ["Untitled", "early", "good", "late"]
    dialog.table.selectRow(titles.index("late"))
    qtbot.mouseClick(button(dialog, "Recover"), Qt.MouseButton.LeftButton)
    assert names(window) == ["late"]
    assert {left.folder.name for left in recovery.leftovers(*paths.recovery_dirs())} == {"good", "early", "text"}
