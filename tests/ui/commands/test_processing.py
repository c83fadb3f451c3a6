"""Processing clips in the window: each command is one step, and is heard and shown once the audio is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QDialogButtonBox
from pytestqt.qtbot import QtBot

from lincae_studio import paths
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, places
from lincae_studio.session.model import Clip, Tempo
from lincae_studio.session.processes import Channels, Invert, RemoveDC, Reverse, Stretch
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.dialogs.processing import NormaliseDialog, TrimSilenceDialog
from lincae_studio.ui.dialogs.stretch import StretchDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.clip_labels import label_of
from tests.helpers import write_audio
from tests.ui.conftest import LIMIT_MS, PX, wait_imported, wait_rendered
from tests.ui.drive import click, drag, hover, press, release

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
SECOND = 44_100


def row(position: int) -> int:
    return position * ROW_PX + ROW_PX // 2


def clip(window: MainWindow, position: int = 0) -> Clip:
    return window.document.session.tracks[position].clips[0]


def chain(window: MainWindow, position: int = 0) -> tuple[object, ...]:
    return window.document.session.media_of(clip(window, position).media).chain


def process(window: MainWindow, name: str, position: int | None = None) -> None:
    """Run a command of the submenu; with a position, on the clip there."""
    if position is not None:
        click(window.timeline.lanes, 100, row(position))
    action = window.actions_by_id[f"process_{name}"]
    assert action.isEnabled()
    action.trigger()


def wait_made(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.derived_media.busy and not window.derived_media.making, timeout=LIMIT_MS)


def undo(window: MainWindow) -> None:
    press(window, Qt.Key.Key_Z, CTRL)


def redo(window: MainWindow) -> None:
    press(window, Qt.Key.Key_Y, CTRL)


def heard(window: MainWindow, start: int, count: int) -> np.ndarray:
    """What the dry mix plays."""
    window.rendering.update_plan()
    return window.rendering.dry.read(start, count)


def test_a_clip_is_reversed_and_heard_backwards(qtbot: QtBot, song: MainWindow, store: MediaStore) -> None:
    before = song.document.session
    samples = np.array(store.open(clip(song).media).samples[:, 0])
    others = [track.id for track in before.tracks[1:]]
    song.document.apply("Delete", lambda session: edits.remove_tracks(session, others))
    process(song, "reverse", 0)
    assert chain(song) == (Reverse(),)
    assert song.document.undo_name == "a: reverse"
    wait_made(qtbot, song)
    assert heard(song, 0, SECOND)[0] == pytest.approx(samples[::-1][:SECOND], abs=1e-6)
    item = song.document.session.media_of(clip(song).media)
    assert label_of(clip(song), {item.digest: item}, frozenset(), False) == "a · reversed"
    undo(song)
    assert heard(song, 0, SECOND)[0] == pytest.approx(samples[:SECOND], abs=1e-6)
    redo(song)
    assert heard(song, 0, SECOND)[0] == pytest.approx(samples[::-1][:SECOND], abs=1e-6)


@pytest.mark.engine
def test_undo_and_redo_encode_nothing_again(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    process(song, "reverse", 0)
    wait_made(qtbot, song)
    wait_rendered(qtbot, song)
    song.rendering.plan_slice()
    keys = {term.key for chunk in song.rendering.update_plan().audible for term in chunk.terms}
    undo(song)
    wait_rendered(qtbot, song)
    assert keys != {term.key for chunk in song.rendering.update_plan().audible for term in chunk.terms}
    redo(song)
    assert keys == {term.key for chunk in song.rendering.update_plan().audible for term in chunk.terms}
    assert song.rendering.progress()[0] == song.rendering.progress()[1], "all renders are there at once"


def test_all_selected_clips_are_processed_in_one_step(qtbot: QtBot, song: MainWindow) -> None:
    before = song.document.session
    press(song, Qt.Key.Key_A, CTRL)
    process(song, "invert")
    assert [chain(song, position) for position in range(3)] == [(Invert(),)] * 3
    process(song, "remove_dc")
    process(song, "side")
    assert [chain(song, position) for position in range(3)] == [
        (Invert(), RemoveDC()),
        (Invert(), RemoveDC()),
        (Invert(), RemoveDC(), Channels("side")),
    ]
    wait_made(qtbot, song)
    assert not song.rendering.offline
    for _ in range(3):
        undo(song)
    assert song.document.session == before
    for _ in range(3):
        redo(song)
    process(song, "none")
    assert song.document.session == before


def test_mono_clips_have_no_channels_to_choose(song: MainWindow) -> None:
    before = song.document.session
    click(song.timeline.lanes, 100, row(0))
    process(song, "swap")
    assert "mono" in song.messages.text.text()
    assert song.document.session is before
    process(song, "none")
    assert "already processed in this way" in song.messages.text.text()


def test_derived_audio_is_made_again_when_the_cache_was_emptied(
    qtbot: QtBot, song: MainWindow, store: MediaStore, tmp_path: Path
) -> None:
    process(song, "reverse", 0)
    wait_made(qtbot, song)
    assert song.save_to(tmp_path / "song.lincae")
    store.clear()
    song.open_project(tmp_path / "song.lincae")
    wait_imported(qtbot, song)
    qtbot.waitUntil(lambda: store.get(clip(song).media) is not None, timeout=LIMIT_MS)
    wait_made(qtbot, song)
    qtbot.waitUntil(lambda: not song.rendering.offline and not song.rendering.planning, timeout=LIMIT_MS)
    assert chain(song) == (Reverse(),)


def test_a_clip_whose_processing_failed_says_why(
    qtbot: QtBot, song: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(paths, "stretch_command", lambda: ["/nowhere/python"])
        drag(song.timeline.lanes, (399, row(0)), (499, row(0)), ALT | SHIFT)
        wait_made(qtbot, song)
    why = song.derived_media.failures[clip(song).media]
    assert "could not be started" in why
    assert "could not be started" in song.messages.text.text()
    assert song.timeline.lanes.tip_at(QPoint(100, row(0))) == f"a · processing failed: {why} · 125 %"
    warning = f"a could not be processed and will be silent: {why}."
    assert song.rendering.export_warnings() == [warning], "an export asks, and says so"
    undo(song)
    assert song.rendering.export_warnings() == []
    redo(song)
    assert song.rendering.export_warnings() == [warning]
    song.derived_media.look_again()
    wait_made(qtbot, song)
    assert not song.derived_media.failures
    assert song.rendering.export_warnings() == []


def test_a_file_that_is_found_again_is_processed_again(
    qtbot: QtBot, song: MainWindow, store: MediaStore, tmp_path: Path
) -> None:
    process(song, "reverse", 0)
    wait_made(qtbot, song)
    assert song.save_to(tmp_path / "song.lincae")
    store.clear()
    shutil.move(tmp_path / "song", tmp_path / "elsewhere")
    song.open_project(tmp_path / "song.lincae")
    wait_imported(qtbot, song)
    qtbot.waitUntil(lambda: len(song.project_files.unresolved) == 3, timeout=LIMIT_MS)
    song.project_files.search(tmp_path / "elsewhere")
    qtbot.waitUntil(lambda: "elsewhere" in song.document.session.media_of(clip(song).media).path, timeout=LIMIT_MS)
    wait_made(qtbot, song)
    qtbot.waitUntil(lambda: store.get(clip(song).media) is not None, timeout=LIMIT_MS)
    assert chain(song) == (Reverse(),)


# Normalising and trimming silence


def answer(window: MainWindow, kind: type[QDialog]) -> QDialog:
    [dialog] = [one for one in window.findChildren(kind) if one.isVisible()]
    return dialog


def accept(dialog: QDialog) -> None:
    buttons = dialog.findChild(QDialogButtonBox)
    assert buttons is not None
    QTest.mouseClick(buttons.button(QDialogButtonBox.StandardButton.Ok), Qt.MouseButton.LeftButton)


def test_clips_are_normalised_by_their_gains(qtbot: QtBot, song: MainWindow, store: MediaStore) -> None:
    before = song.document.session
    press(song, Qt.Key.Key_A, CTRL)
    process(song, "normalise")
    dialog = answer(song, NormaliseDialog)
    assert isinstance(dialog, NormaliseDialog)
    dialog.target.setValue(-6.0)
    accept(dialog)
    qtbot.waitUntil(lambda: song.document.session is not before, timeout=LIMIT_MS)
    for position in range(3):
        peak = np.abs(store.open(clip(song, position).media).samples).max() * clip(song, position).gain
        assert 20 * np.log10(peak) == pytest.approx(-6.0, abs=1e-3)
    undo(song)
    assert song.document.session == before


def test_a_clip_is_normalised_to_a_loudness(qtbot: QtBot, song: MainWindow) -> None:
    before = song.document.session
    click(song.timeline.lanes, 100, row(1))
    process(song, "normalise")
    dialog = answer(song, NormaliseDialog)
    assert isinstance(dialog, NormaliseDialog)
    dialog.box.setCurrentIndex(1)
    assert (dialog.target.value(), dialog.target.suffix()) == (-23.0, " LUFS")
    accept(dialog)
    qtbot.waitUntil(lambda: song.document.session is not before, timeout=LIMIT_MS)
    # A sine of 220 Hz on both channels, at an amplitude a, has a loudness of 20 log10(a) LUFS but for the weighting.
    assert 20 * np.log10(0.2 * clip(song, 1).gain) == pytest.approx(-23.0, abs=1.0)


@pytest.fixture
def odd(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """Tracks with silence, 0.2 s of sound, very quiet sound, and a second of sound between two of silence."""
    rise = np.sin(np.arange(SECOND) * 0.1).astype(np.float32)[:, None] * 0.5
    quiet = np.zeros((SECOND, 1), np.float32)
    audio = {
        "1 silent.wav": quiet,
        "2 short.wav": rise[: SECOND // 5],
        "3 quiet.wav": rise * np.float32(1e-4),
        "4 gap.wav": np.concatenate([quiet, rise, quiet]),
    }
    window.open_paths([write_audio(tmp_path / "odd" / name, samples) for name, samples in audio.items()])
    wait_imported(qtbot, window)
    window.timeline.axis.zoom(PX / window.timeline.axis.samples_per_px, 0.0)
    return window


def test_what_cannot_be_normalised_is_named(qtbot: QtBot, odd: MainWindow) -> None:
    press(odd, Qt.Key.Key_A, CTRL)
    process(odd, "normalise")
    dialog = answer(odd, NormaliseDialog)
    assert isinstance(dialog, NormaliseDialog)
    dialog.box.setCurrentIndex(1)
    accept(dialog)
    qtbot.waitUntil(lambda: clip(odd, 3).gain != 1.0, timeout=LIMIT_MS)
    assert [clip(odd, position).gain for position in range(3)] == [1.0, 1.0, 1.0]
    qtbot.waitUntil(lambda: "3 of 4 clips were left" in odd.messages.text.text(), timeout=LIMIT_MS)
    process(odd, "normalise")
    accept(answer(odd, NormaliseDialog))
    qtbot.waitUntil(lambda: clip(odd, 2).gain > 10.0, timeout=LIMIT_MS)
    assert "24 dB at most" in odd.messages.text.text()


def test_silence_is_trimmed(qtbot: QtBot, odd: MainWindow) -> None:
    before = odd.document.session
    press(odd, Qt.Key.Key_A, CTRL)
    process(odd, "trim_silence")
    dialog = answer(odd, TrimSilenceDialog)
    assert isinstance(dialog, TrimSilenceDialog)
    dialog.keep.setValue(100.0)
    accept(dialog)
    qtbot.waitUntil(lambda: odd.document.session is not before, timeout=LIMIT_MS)
    after = clip(odd, 3)
    assert after.start == pytest.approx(SECOND * 0.9, abs=20)
    assert after.end == pytest.approx(SECOND * 2.1, abs=40)
    assert after.offset == after.start
    assert clip(odd, 0) is before.tracks[0].clips[0]
    assert "of 4 clips were left" in odd.messages.text.text()
    undo(odd)
    assert odd.document.session == before


# Stretching


def test_an_edge_is_dragged_to_stretch(qtbot: QtBot, song: MainWindow, store: MediaStore) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    drag(lanes, (399, row(0)), (499, row(0)), ALT | SHIFT)
    assert (clip(song).start, clip(song).length) == (0, 5 * SECOND)
    assert chain(song) == (Stretch(1.25),)
    assert clip(song).media in song.derived_media.making
    wait_made(qtbot, song)
    assert song.rendering.export_warnings() == []
    assert store.open(clip(song).media).length == 5 * SECOND
    assert np.abs(heard(song, 9 * SECOND // 2, 4410)).max() > 0.01
    undo(song)
    assert song.document.session == before
    redo(song)
    assert clip(song).length == 5 * SECOND
    drag(lanes, (499, row(0)), (399, row(0)), ALT | SHIFT)
    assert song.document.session == before, "back at its own length it is the file"


def test_the_first_edge_stretches_towards_the_start(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (100, row(2)), (200, row(2)), SHIFT)
    drag(lanes, (102, row(2)), (52, row(2)), ALT | CTRL | SHIFT)
    assert (clip(song, 2).start, clip(song, 2).end) == (50 * PX, 300 * PX)
    assert clip(song, 2).offset == 0


def test_escape_during_a_stretch_changes_nothing(song: MainWindow) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    drag(lanes, (399, row(0)), (499, row(0)), ALT, release=False)
    assert lanes.mouse.preview is not None
    assert "stretch 125" in lanes.mouse.gesture.hint  # type: ignore[union-attr]
    press(song, Qt.Key.Key_Escape)
    release(lanes, 499, row(0))
    assert song.document.session is before
    assert not song.derived_media.making


def test_the_pointer_shows_that_alt_stretches(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    lanes.setFocus()
    hover(lanes, 399, row(0))
    assert lanes.cursor().shape() is Qt.CursorShape.SizeHorCursor
    QTest.keyPress(lanes, Qt.Key.Key_Alt)
    assert lanes.cursor().shape() is Qt.CursorShape.SplitHCursor
    QTest.keyRelease(lanes, Qt.Key.Key_Alt)
    assert lanes.cursor().shape() is Qt.CursorShape.SizeHorCursor
    hover(lanes, 200, row(0))
    QTest.keyPress(lanes, Qt.Key.Key_Alt)
    assert lanes.cursor().shape() is Qt.CursorShape.ArrowCursor
    QTest.keyRelease(lanes, Qt.Key.Key_Alt)


def test_alt_inside_a_clip_still_slips(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (399, row(0)), (300, row(0)), SHIFT)
    drag(lanes, (100, row(0)), (80, row(0)), ALT)
    assert clip(song).offset == 20 * PX
    assert chain(song) == ()


def test_a_stretch_that_no_clip_needs_any_more_is_given_up(qtbot: QtBot, song: MainWindow, store: MediaStore) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (399, row(0)), (499, row(0)), ALT | SHIFT)
    obsolete = clip(song).media
    drag(lanes, (499, row(0)), (449, row(0)), ALT | SHIFT)
    assert song.derived_media.making == {clip(song).media} != {obsolete}
    wait_made(qtbot, song)
    assert store.get(clip(song).media) is not None


def open_stretch(window: MainWindow) -> StretchDialog:
    process(window, "stretch")
    dialog = answer(window, StretchDialog)
    assert isinstance(dialog, StretchDialog)
    return dialog


def type_into(field: NumberField, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)


def test_a_length_typed_when_the_dialog_opens_replaces_that_shown(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, row(0))
    dialog = open_stretch(song)
    assert dialog.length.lineEdit().selectedText() == dialog.length.text().removesuffix(dialog.length.suffix())
    dialog.reject()


def test_length_per_cent_and_tempo_are_typed(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, row(0))
    dialog = open_stretch(song)
    type_into(dialog.length, "5.0")
    assert dialog.percent.value() == 125.0
    accept(dialog)
    assert (clip(song).length, chain(song)) == (5 * SECOND, (Stretch(1.25),))
    dialog = open_stretch(song)
    assert dialog.percent.value() == 125.0
    type_into(dialog.percent, "80")
    assert dialog.length.value() == pytest.approx(3.2)
    accept(dialog)
    assert (clip(song).length, chain(song)) == (round(3.2 * SECOND), (Stretch(0.8),))
    dialog = open_stretch(song)
    type_into(dialog.before, "100")
    type_into(dialog.after, "50")
    assert dialog.percent.value() == 200.0
    accept(dialog)
    assert chain(song) == (Stretch(2.0),)


def test_pitch_is_typed_in_semitones_and_cents(song: MainWindow) -> None:
    press(song, Qt.Key.Key_A, CTRL)
    before = song.document.session
    dialog = open_stretch(song)
    assert not dialog.length.isEnabled(), "several clips have several lengths"
    type_into(dialog.semitones, "-3")
    type_into(dialog.cents, "50")
    accept(dialog)
    assert [chain(song, position) for position in range(3)] == [(Stretch(1.0, -2.5),)] * 3
    undo(song)
    assert song.document.session == before


def test_cancelling_the_dialog_changes_nothing(song: MainWindow) -> None:
    before = song.document.session
    click(song.timeline.lanes, 100, row(0))
    dialog = open_stretch(song)
    type_into(dialog.percent, "80")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert song.document.session is before
    accept(open_stretch(song))
    assert song.document.session is before, "nor does accepting what is there"


def test_a_clip_follows_the_tempo_of_the_session(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, row(0))
    dialog = open_stretch(song)
    assert not dialog.follows.isEnabled()
    dialog.reject()
    song.document.apply("Tempo", lambda session: places.set_tempo(session, Tempo(bpm=120.0)))
    dialog = open_stretch(song)
    QTest.mouseClick(dialog.follows, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    type_into(dialog.before, "90")
    assert dialog.percent.value() == 75.0
    accept(dialog)
    assert (clip(song).length, clip(song).tempo) == (3 * SECOND, 90.0)
    song.document.apply("Tempo", lambda session: places.set_tempo(session, Tempo(bpm=60.0)))
    assert clip(song).length == 6 * SECOND
    undo(song)
    assert clip(song).length == 3 * SECOND


# The list in the inspector


def test_processes_are_reordered_edited_and_removed_in_the_inspector(qtbot: QtBot, song: MainWindow) -> None:
    press(song, Qt.Key.Key_A, CTRL)
    for name in ("reverse", "remove_dc"):
        process(song, name)
    dialog = open_stretch(song)
    type_into(dialog.percent, "150")
    accept(dialog)
    click(song.timeline.lanes, 100, row(0))
    song.inspector.edit_first_field()
    shown = song.inspector.processing
    assert [shown.list.item(n).text() for n in range(3)] == ["reversed", "DC removed", "150 %"]
    shown.list.setCurrentRow(2)
    QTest.mouseClick(shown.up, Qt.MouseButton.LeftButton)
    assert chain(song) == (Reverse(), Stretch(1.5), RemoveDC())
    assert shown.list.currentRow() == 1
    assert not shown.edit.visibleRegion().isEmpty()
    QTest.mouseClick(shown.edit, Qt.MouseButton.LeftButton)
    answer(song, StretchDialog).reject()
    shown.list.setFocus()
    shown.list.setCurrentRow(0)
    QTest.keyClick(shown.list, Qt.Key.Key_Delete)
    assert chain(song) == (Stretch(1.5), RemoveDC())
    assert chain(song, 1) == (Reverse(), RemoveDC(), Stretch(1.5)), "the others are not selected"
    QTest.mouseClick(shown.remove, Qt.MouseButton.LeftButton)
    assert chain(song) == (RemoveDC(),)
    undo(song)
    assert chain(song) == (Stretch(1.5), RemoveDC())
    wait_made(qtbot, song)
