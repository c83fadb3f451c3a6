"""Checking stems against their master, and matching a reference mix, in the window: by key, mouse, and undo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits, files, processing
from lincae_studio.session.excerpt import only_track
from lincae_studio.ui.dialogs.check import CheckDialog
from lincae_studio.ui.dialogs.match import MatchDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.heatmap import HeatmapPanel
from tests.helpers import noise, read_audio, write_audio
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS, wait_imported
from tests.ui.drive import press

R = 44_100
CTRL_ALT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
STEMS = ("bass", "drums", "vox")


@pytest.fixture
def audio() -> dict[str, np.ndarray]:
    return {name: noise(seed, 8 * R, level=0.1)[:, 0] for seed, name in enumerate(STEMS)}


def import_all(qtbot: QtBot, window: MainWindow, folder: Path, audio: dict[str, np.ndarray]) -> None:
    window.open_paths([write_audio(folder / f"{name}.wav", samples[:, None]) for name, samples in audio.items()])
    wait_imported(qtbot, window)


@pytest.fixture
def damaged(qtbot: QtBot, window: MainWindow, tmp_path: Path, audio: dict[str, np.ndarray]) -> MainWindow:
    """A master of "bass", "drums" and "vox", and of a fourth that is no track; "vox" is 2 dB too loud from 3 to 5 s."""
    master = sum(audio.values(), np.zeros(8 * R, np.float32))
    vox = audio["vox"].copy()
    vox[3 * R : 5 * R] *= 10.0 ** (2.0 / 20.0)
    import_all(qtbot, window, tmp_path / "in", {**audio, "vox": vox, "z master": master})
    return window


def open_check(window: MainWindow) -> CheckDialog:
    press(window, Qt.Key.Key_C, CTRL_ALT)
    [dialog] = [one for one in window.findChildren(CheckDialog) if one.isVisible()]
    return dialog


def checked(qtbot: QtBot, window: MainWindow) -> CheckDialog:
    dialog = open_check(window)
    QTest.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.compare_commands.busy, timeout=LIMIT_MS)
    assert dialog.found is not None, dialog.message.text()
    return dialog


def cell(dialog: CheckDialog | MatchDialog, row: int, column: int) -> str:
    item = dialog.table.item(row, column)
    assert item is not None
    return item.text()


def click_row(dialog: CheckDialog | MatchDialog, row: int) -> None:
    place = dialog.table.visualRect(dialog.table.model().index(row, 0)).center()
    QTest.mouseClick(dialog.table.viewport(), Qt.MouseButton.LeftButton, pos=place)


@pytest.mark.engine
def test_findings_are_listed_and_a_click_goes_there(qtbot: QtBot, damaged: MainWindow) -> None:
    steps = damaged.document.steps
    dialog = checked(qtbot, damaged)
    assert dialog.track.currentText() == "z master", "chosen by its name"
    assert dialog.message.text() == "1 difference between the master and its 3 stems."
    cells = [cell(dialog, 0, column) for column in range(4)]
    assert cells[0] == "vox 2.0 dB too high from 0:03 to 0:05"
    assert cells[3] == "2.0 dB too high"
    assert [index.row() for index in dialog.table.selectionModel().selectedRows()] == [0]
    assert dialog.focusWidget() is dialog.table, "so that Up and Down go to others, and leave the master"
    damaged.transport.seek(0)
    click_row(dialog, 0)
    session = damaged.document.session
    assert damaged.selection.track == next(track.id for track in session.tracks if track.name == "vox")
    assert damaged.transport.position == pytest.approx(3 * R, abs=R // 5)
    QTest.mouseClick(dialog.picture, Qt.MouseButton.LeftButton, pos=QPoint(0, 20))
    assert damaged.transport.position == 0
    assert dialog.picture.text_at(1.0).startswith("0:00.0: residual −")
    assert damaged.document.steps == steps, "looking changes nothing"


def test_tracks_that_are_silent_for_now_are_not_compared(qtbot: QtBot, damaged: MainWindow) -> None:
    [vox] = [track.clips[0].id for track in damaged.document.session.tracks if track.name == "vox"]
    damaged.document.apply("Stretch", lambda session: processing.set_stretch(session, [vox], semitones=1.0))
    dialog = open_check(damaged)
    QTest.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    assert dialog.message.text().startswith("The audio of vox is missing or still being processed.")
    assert not damaged.compare_commands.busy
    assert dialog.run_button.isEnabled()
    dialog.close()
    qtbot.waitUntil(lambda: not damaged.derived_media.busy, timeout=LIMIT_MS)


@pytest.mark.engine
def test_the_residual_becomes_a_track_that_is_undone_and_saved(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path, audio: dict[str, np.ndarray]
) -> None:
    hidden = noise(40, 8 * R, level=0.05)[:, 0]
    master = sum(audio.values(), hidden)
    import_all(qtbot, window, tmp_path / "in", {**audio, "z master": master})
    window.codecs.actions["mdct-1x"].trigger()
    dialog = checked(qtbot, window)
    assert cell(dialog, 0, 0).startswith("the master has what no stem has throughout")
    before = window.document.session
    asked.name = str(tmp_path / "rest.wav")
    QTest.mouseClick(dialog.residual_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.document.session is not before, timeout=LIMIT_MS)
    track = window.document.session.tracks[-1]
    assert (track.name, track.clips[0].start) == ("Residual", 0)
    assert dialog.message.text().endswith("The track Residual has what the stems lack.")
    qtbot.waitUntil(dialog.run_button.isEnabled, timeout=LIMIT_MS)
    found = read_audio(tmp_path / "rest.wav")[0, : 8 * R]
    assert np.abs(found - hidden)[2000:-2000].max() < 1e-3
    assert dialog.found is not None, "the new track is no stem"
    window.document.save(tmp_path / "song.lincae")
    assert files.load(tmp_path / "song.lincae").tracks[-1].name == "Residual"
    window.document.undo()
    assert window.document.session == before, "one step"


@pytest.mark.engine
def test_reports_are_written(qtbot: QtBot, damaged: MainWindow, asked: Asked, tmp_path: Path) -> None:
    dialog = checked(qtbot, damaged)
    for name, beginning in (("report.csv", "stem,kind,"), ("report.html", "<!DOCTYPE html>")):
        asked.name = str(tmp_path / name)
        QTest.mouseClick(dialog.report_button, Qt.MouseButton.LeftButton)
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(beginning)
    asked.name = str(tmp_path / "nowhere" / "report.csv")
    QTest.mouseClick(dialog.report_button, Qt.MouseButton.LeftButton)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.engine
def test_a_result_is_dropped_when_what_was_compared_changes(qtbot: QtBot, damaged: MainWindow) -> None:
    dialog = checked(qtbot, damaged)
    track = damaged.document.session.tracks[0]
    damaged.document.apply("Gain", lambda session: edits.set_track_gain(session, track.id, 0.5))
    assert dialog.found is not None, "faders have no effect"
    damaged.document.apply("Move", lambda session: edits.move_clips(session, [track.clips[0].id], 100))
    assert not dialog.report_button.isEnabled()
    assert dialog.message.text() == "The session has changed: run it again."
    assert not dialog.residual_button.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


@pytest.mark.engine
def test_the_result_of_one_master_is_not_shown_for_another(qtbot: QtBot, damaged: MainWindow) -> None:
    dialog = checked(qtbot, damaged)
    dialog.track.setFocus()
    QTest.keyClick(dialog.track, Qt.Key.Key_Up)
    assert dialog.track.currentText() == "vox"
    assert dialog.found is None
    assert dialog.table.rowCount() == 0
    assert dialog.message.text() == ""
    assert not dialog.report_button.isEnabled()
    dialog.close()


@pytest.mark.engine
def test_return_in_a_list_does_what_the_default_button_says(qtbot: QtBot, damaged: MainWindow) -> None:
    dialog = checked(qtbot, damaged)
    first = dialog.found
    assert dialog.focusWidget() is dialog.table
    assert dialog.run_button.isDefault()
    QTest.keyClick(dialog.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.found is not None and dialog.found is not first, timeout=LIMIT_MS)
    assert cell(dialog, 0, 3) == "2.0 dB too high"
    dialog.close()


@pytest.mark.engine
def test_the_residual_can_be_seen_in_the_heatmap_after_a_check(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, audio: dict[str, np.ndarray]
) -> None:
    hidden = noise(40, 8 * R, level=0.05)[:, 0]
    import_all(qtbot, window, tmp_path / "in", {**audio, "z master": sum(audio.values(), hidden), "hidden": hidden})
    window.codecs.actions["mdct-1x"].trigger()
    window.preferences.set(views=("heatmap",))
    heatmap = window.views.get("heatmap")
    assert isinstance(heatmap, HeatmapPanel)
    box = heatmap.shown_box
    place = box.findText("Residual of a check")
    assert box.itemData(place, Qt.ItemDataRole.ToolTipRole).startswith("There is none yet: choose Session > Check")
    box.setFocus()
    for _ in range(3):
        QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.currentText() == "bass", "what is not available is left out"
    tracks = {track.name: track for track in window.document.session.tracks}
    window.document.apply("Remove", lambda session: edits.remove_tracks(session, [tracks["hidden"].id]))
    dialog = checked(qtbot, window)
    box.setCurrentText("Residual of the check of “z master”")
    source = heatmap.plot.source
    first = window.rendering.plan.grid.count(R)
    qtbot.waitUntil(lambda: source.deferred(first) is not None, timeout=LIMIT_MS)
    residual = source.values(first)
    window.document.undo()
    window.document.apply("Only", lambda session: only_track(session, tracks["hidden"].id))
    heatmap.show_latents(("track", tracks["hidden"].id))
    source = heatmap.plot.source
    qtbot.waitUntil(lambda: source.deferred(first) is not None, timeout=LIMIT_MS)
    assert residual == pytest.approx(source.values(first), abs=1e-3)
    heatmap.show_latents(("residual", 0))
    assert "show no difference or residual" in heatmap._info.text()
    clip = tracks["bass"].clips[0].id
    window.document.apply("Move", lambda session: edits.move_clips(session, [clip], 100))
    assert heatmap.plot.source.audible(0, 10) == []
    assert heatmap._info.text() == "The residual is out of date, since compared clips have changed. Run the check again"
    dialog.close()


def test_a_session_without_stems_says_what_to_do(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, audio: dict[str, np.ndarray]
) -> None:
    import_all(qtbot, window, tmp_path / "in", {"only": audio["vox"]})
    dialog = open_check(window)
    assert not dialog.run_button.isEnabled()
    assert dialog.message.text() == "Import the whole mix and its stems first, each on a track of its own."
    dialog.close()


@pytest.mark.engine
def test_a_reference_is_matched_in_one_step(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, audio: dict[str, np.ndarray]
) -> None:
    rise = np.linspace(0.2, 1.0, 8 * R, dtype=np.float32)
    reference = rise * audio["bass"] + 0.5 * audio["drums"]
    import_all(qtbot, window, tmp_path / "in", {**audio, "reference": reference})
    press(window, Qt.Key.Key_J, CTRL_ALT)
    [dialog] = [one for one in window.findChildren(MatchDialog) if one.isVisible()]
    assert dialog.track.currentText() == "reference"
    assert not dialog.apply_button.isEnabled()
    QTest.keyClick(dialog.run_button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not window.compare_commands.busy, timeout=LIMIT_MS)
    rows = {cell(dialog, row, 0): row for row in range(dialog.table.rowCount())}
    assert set(rows) == set(STEMS)
    assert cell(dialog, rows["drums"], 1) == "−6.0 dB"
    assert cell(dialog, rows["vox"], 1) == "−inf dB"
    before = window.document.session
    assert dialog.focusWidget() is dialog.apply_button
    QTest.keyClick(dialog.apply_button, Qt.Key.Key_Return)
    tracks = {track.name: track for track in window.document.session.tracks}
    assert tracks["drums"].gain == pytest.approx(0.5, rel=0.01)
    assert tracks["vox"].gain == 0.0
    assert 2 <= len(tracks["bass"].gain_points) < 20
    assert tracks["reference"].mute
    window.rendering.update_plan()
    heard = window.rendering.reader("dry").read(0, 8 * R)[0]
    assert 10 * np.log10(np.square(heard - reference).sum() / np.square(reference).sum()) < -25.0
    window.document.undo()
    assert window.document.session == before, "one step"
    dialog.close()
