"""Operators in the window: learned from two tracks or clips, chosen as inserts, heard, listed, saved and undone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMenu
from pytestqt.qtbot import QtBot

from lincae_studio.engine.bundles.operator_files import load_operator
from lincae_studio.session import edits, files, operators, processing
from lincae_studio.session.model import Operator, Session
from lincae_studio.ui.dialogs.learn_operator import LearnDialog
from lincae_studio.ui.dialogs.operators import OperatorsDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.plain_text import from_menu
from lincae_studio.ui.timeline.track_header import TrackHeader
from tests.engine.analysis.test_learning import EQ, dry, filtered, snr_db
from tests.helpers import write_audio
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS, wait_imported
from tests.ui.drive import press, right_click

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)

CTRL_ALT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier

#: Of no codec: it is listed, and not applied.
OTHER = Operator(id=1, name="Room & Hall", space="x", codec="x", channels=1, weights=bytes(4), r2=0.875)


@pytest.fixture
def pair(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """Tracks "a dry", "b comb" and "c other", the first two of which are an example."""
    audio = {"a dry": dry(1, 8.0), "b comb": filtered(dry(1, 8.0), EQ), "c other": dry(2, 4.0)}
    window.open_paths([write_audio(tmp_path / f"{name}.wav", one[:, None]) for name, one in audio.items()])
    wait_imported(qtbot, window)
    return window


def open_learn(window: MainWindow) -> LearnDialog:
    press(window, Qt.Key.Key_W, CTRL_ALT)
    [dialog] = [one for one in window.findChildren(LearnDialog) if one.isVisible()]
    return dialog


def learned(qtbot: QtBot, window: MainWindow, dialog: LearnDialog) -> LearnDialog:
    QTest.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.operator_commands.busy, timeout=LIMIT_MS)
    return dialog


def header_of(window: MainWindow, name: str) -> TrackHeader:
    track = next(track for track in window.document.session.tracks if track.name == name)
    [found] = [one for one in window.findChildren(TrackHeader) if one.track_id == track.id and one.isVisible()]
    return found


def choose(window: MainWindow, name: str, number: int) -> None:
    """Choose from the menu of the fx button, by mouse and keys."""
    button = header_of(window, name).insert
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    [menu] = [one for one in button.findChildren(QMenu) if one.isVisible()]
    menu.setActiveAction(menu.actions()[number])
    QTest.keyClick(menu, Qt.Key.Key_Return)


@pytest.mark.engine
def test_an_operator_is_learned_added_chosen_heard_and_undone(qtbot: QtBot, pair: MainWindow, tmp_path: Path) -> None:
    assert not header_of(pair, "a dry").insert.isVisible(), "there is nothing to choose yet"
    pair.selection.set_track(pair.document.session.tracks[0].id)
    dialog = open_learn(pair)
    assert (dialog.before.currentText(), dialog.after.currentText()) == ("a dry", "b comb")
    assert not dialog.use_button.isEnabled()
    steps = pair.document.steps
    learned(qtbot, pair, dialog)
    assert dialog.message.text().startswith("Held-out R² is 0.99")
    assert dialog.table.rowCount() == 8
    assert pair.document.steps == steps, "learning changes nothing"
    assert dialog.focusWidget() is dialog.name
    QTest.keyClicks(dialog.name, "Comb")
    QTest.keyClick(dialog.name, Qt.Key.Key_Return)  # the button that Return presses
    assert [one.name for one in pair.document.session.operators] == ["Comb"]
    dialog.close()
    header = header_of(pair, "c other")
    assert header.insert.isVisible()
    assert header.insert.toolTip() == "Insert: none"
    choose(pair, "c other", 1)
    session = pair.document.session
    assert [track.insert for track in session.tracks] == [0, 0, session.operators[0].id]
    assert header.insert.isChecked()
    assert header.insert.accessibleName() == "c other, insert Comb"
    only = session.tracks[2].id
    pair.document.apply("Solo", lambda session: edits.set_track_solo(session, only, True))
    plan = pair.rendering.update_plan()
    assert all(chunk.edited for chunk in plan.audible)
    qtbot.waitUntil(lambda: all(pair.rendering.rendered(one.index) for one in plan.audible), timeout=LIMIT_MS)
    heard = pair.rendering.reader().read(0, 4 * 44_100)[0]
    assert snr_db(np.asarray(heard), filtered(dry(2, 4.0), EQ)) > 15.0
    pair.document.save(tmp_path / "song.lincae")
    assert files.load(tmp_path / "song.lincae").operators == session.operators
    for _ in range(3):
        press(pair, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not pair.document.session.operators
    assert not header_of(pair, "c other").insert.isVisible()


@pytest.mark.engine
def test_what_is_no_filter_is_refused_in_the_window(qtbot: QtBot, pair: MainWindow) -> None:
    dialog = open_learn(pair)
    dialog.after.setFocus()
    QTest.keyClicks(dialog.after, "c")
    assert dialog.after.currentText() == "c other"
    learned(qtbot, pair, dialog)
    assert dialog.message.text().startswith("Refused: held-out R² is")
    assert not dialog.use_button.isEnabled()
    dialog.after.setCurrentIndex(0)
    assert dialog.message.text() == "The same clip cannot be before and after a process."
    assert not dialog.run_button.isEnabled()
    assert dialog.table.rowCount() == 0, "the figures were of another example"


def test_nothing_is_learned_from_clips_that_are_silent_for_now(qtbot: QtBot, pair: MainWindow) -> None:
    after = pair.document.session.tracks[1].clips[0].id
    pair.document.apply("Stretch", lambda session: processing.set_stretch(session, [after], semitones=1.0))
    dialog = open_learn(pair)
    QTest.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    assert dialog.message.text().startswith("The audio of a clip is missing or still being processed.")
    assert dialog.run_button.isEnabled()
    dialog.close()
    qtbot.waitUntil(lambda: not pair.derived_media.busy, timeout=LIMIT_MS)


@pytest.mark.engine
def test_two_selected_clips_are_the_example(qtbot: QtBot, pair: MainWindow) -> None:
    first, second = (track.clips[0].id for track in pair.document.session.tracks[:2])
    pair.selection.set_clips({first, second})
    dialog = open_learn(pair)
    assert dialog.before.currentText().startswith("Clip a dry at")
    assert dialog.after.currentText().startswith("Clip b comb at")
    learned(qtbot, pair, dialog)
    assert dialog.found is not None
    dialog.past.setValue(0)
    assert not dialog.use_button.isEnabled(), "these are not the frames that it was learned with"
    dialog.close()


def test_without_an_example_the_window_says_what_is_needed(qtbot: QtBot, window: MainWindow) -> None:
    window.operator_commands.on_learn()
    [dialog] = window.findChildren(LearnDialog)
    assert dialog.message.text().startswith("Put the audio before the process on one track")
    assert not dialog.run_button.isEnabled()
    dialog.close()


def with_operators(window: MainWindow, count: int = 2) -> None:
    window.document.apply("Add Track", lambda session: edits.add_track(session, "Voice"))

    def added(session: Session) -> Session:
        for number in range(count):
            session = operators.add(session, replace(OTHER, name=f"{OTHER.name} {number + 1}"))
        return session

    window.document.apply("New Operator", added)


def test_the_menu_lists_the_operators_and_sets_the_selected_tracks(window: MainWindow) -> None:
    with_operators(window, 11)
    window.document.apply("Add Track", lambda session: edits.add_track(session, "Bass"))
    tracks = window.document.session.tracks
    window.selection.set_tracks([track.id for track in tracks])
    actions = window.actions_by_id
    assert [actions[f"insert_{number}"].isVisible() for number in range(10)] == [True] * 10
    assert actions["insert_2"].text() == "2: Room && Hall 2"
    assert actions["insert_0"].isChecked()
    actions["insert_2"].trigger()
    assert {track.insert for track in window.document.session.tracks} == {window.document.session.operators[1].id}
    assert actions["insert_2"].isChecked()
    assert not actions["insert_0"].isChecked()
    actions["insert_2"].trigger()
    assert actions["insert_2"].isChecked(), "again changes nothing"
    tip = header_of(window, "Voice").insert.toolTip()
    assert tip == "Insert: Room & Hall 2 (not applied: it was learned with x)"
    assert not header_of(window, "Voice").insert.isChecked()
    actions["insert_0"].trigger()
    assert {track.insert for track in window.document.session.tracks} == {0}
    window.document.undo()
    assert {track.insert for track in window.document.session.tracks} != {0}


def test_the_button_shows_what_the_engine_applies(window: MainWindow) -> None:
    window.document.apply("Add Track", lambda session: edits.add_track(session, "Voice"))
    space = window.rendering.update_plan().codec.latent_space
    known = replace(OTHER, space=space, codec="the same weights elsewhere")
    window.document.apply("New Operator", lambda session: operators.add(session, known))
    choose(window, "Voice", 1)
    button = header_of(window, "Voice").insert
    assert button.isChecked()
    assert button.toolTip() == "Insert: Room & Hall"
    window.document.apply("Codec", lambda session: edits.set_codec(session, "mdct-1x"))
    assert window.rendering.update_plan().codec.latent_space != space
    assert not button.isChecked()
    assert "not applied" in button.toolTip()
    window.document.undo()
    window.rendering.update_plan()
    assert button.isChecked()


def test_operators_are_renamed_exported_imported_and_deleted(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    with_operators(window)
    window.actions_by_id["operators"].trigger()
    [dialog] = window.findChildren(OperatorsDialog)
    texts = [item.text() for column in range(6) if (item := dialog.table.item(0, column)) is not None]
    assert texts == [
        "Room & Hall 1",
        "x (not the session’s)",
        "0.875",
        "0 back, 0 ahead",
        "all channels",
        "no track",
    ]
    QTest.mouseClick(dialog.rename_button, Qt.MouseButton.LeftButton)
    [editor] = dialog.table.findChildren(QLineEdit)
    QTest.keyClicks(editor, "Plate")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.document.session.operators[0].name == "Plate", timeout=LIMIT_MS)
    asked.name = str(tmp_path / "plate")
    QTest.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    assert load_operator(tmp_path / "plate.safetensors").name == "Plate"
    asked.name = str(tmp_path / "plate.safetensors")
    QTest.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    assert [one.name for one in window.document.session.operators] == ["Plate", "Room & Hall 2", "Plate"]
    (tmp_path / "plate.safetensors").write_bytes(b"nothing")
    QTest.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    assert len(window.document.session.operators) == 3
    QTest.mouseClick(dialog.delete_button, Qt.MouseButton.LeftButton)
    assert [one.name for one in window.document.session.operators] == ["Room & Hall 2", "Plate"]
    for _ in range(2):
        QTest.mouseClick(dialog.delete_button, Qt.MouseButton.LeftButton)
    assert dialog.table.rowCount() == 0
    assert dialog.message.text() == "There are no operators yet. Learn one, or import a file."
    assert not dialog.delete_button.isEnabled()
    QTest.mouseClick(dialog.new_button, Qt.MouseButton.LeftButton)
    assert [one.isVisible() for one in window.findChildren(LearnDialog)] == [True]


def test_tab_reaches_the_button_where_there_is_one(window: MainWindow) -> None:
    with_operators(window)
    header = header_of(window, "Voice")
    assert header.insert in header.focus_chain
    header.pan.setFocus()
    QTest.keyClick(header.pan, Qt.Key.Key_Tab)
    assert window.focusWidget() is header.insert
    QTest.keyClick(header.insert, Qt.Key.Key_Space)
    [menu] = [one for one in header.insert.findChildren(QMenu) if one.isVisible()]
    assert [action.text() for action in menu.actions()] == ["None", "Room && Hall 1", "Room && Hall 2"]
    menu.close()


def test_the_context_menu_of_a_track_has_its_inserts(window: MainWindow) -> None:
    with_operators(window)
    header = header_of(window, "Voice")
    place = header.mapTo(window.timeline.headers, header.rect().center())
    menu = right_click(window.timeline.headers, place.x(), place.y())
    assert menu is not None
    [inserts] = [one for one in menu.findChildren(QMenu) if one.title() == "Insert"]
    shown = [from_menu(action.text()) for action in inserts.actions() if action.isVisible()]
    assert shown == ["None", "1: Room & Hall 1", "2: Room & Hall 2", "New Operator from Examples…", "Operators…"]
    menu.close()
