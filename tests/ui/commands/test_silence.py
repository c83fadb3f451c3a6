"""Stripping silence in the window: what would go is shown while the dialog is open, and goes in one step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.ui.dialogs.processing import StripSilenceDialog
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import write_audio
from tests.ui.commands.test_processing import CTRL, SECOND, SHIFT, redo, row, type_into, undo
from tests.ui.conftest import LIMIT_MS, PX, set_zoom, wait_imported
from tests.ui.drive import choose, click, drag, press, right_click

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)


@pytest.fixture
def drums(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """Two tracks: hits of 0.2 s at 0.5 s and 2 s in 3 s, and one of silence."""
    hits = np.zeros((3 * SECOND, 1), np.float32)
    for start in (SECOND // 2, 2 * SECOND):
        hits[start : start + SECOND // 5] = 0.5
    audio = {"1 hits.wav": hits, "2 silent.wav": np.zeros((SECOND, 1), np.float32)}
    window.open_paths([write_audio(tmp_path / "drums" / name, samples) for name, samples in audio.items()])
    wait_imported(qtbot, window)
    window.selection.set_clips(())
    set_zoom(window, PX)
    return window


def opened(qtbot: QtBot, window: MainWindow) -> StripSilenceDialog:
    window.actions_by_id["process_strip_silence"].trigger()
    settle(qtbot, window)
    [dialog] = [one for one in window.findChildren(StripSilenceDialog) if one.isVisible()]
    return dialog


def settle(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.silence_commands.busy, timeout=LIMIT_MS)


def accept(qtbot: QtBot, window: MainWindow, dialog: StripSilenceDialog) -> None:
    buttons = dialog.findChild(QDialogButtonBox)
    assert buttons is not None
    QTest.mouseClick(buttons.button(QDialogButtonBox.StandardButton.Ok), Qt.MouseButton.LeftButton)
    settle(qtbot, window)


def shown(window: MainWindow) -> dict[int, list[tuple[float, float]]]:
    """What is shaded, in seconds."""
    spans = window.timeline.lanes.silence.spans
    return {clip: [(start / SECOND, end / SECOND) for start, end in found] for clip, found in spans.items()}


def edges(window: MainWindow, position: int = 0) -> list[tuple[float, float]]:
    clips = window.document.session.tracks[position].clips
    return [(clip.start / SECOND, clip.end / SECOND) for clip in clips]


def color(window: MainWindow, x: int) -> QColor:
    return window.timeline.lanes.grab().toImage().pixelColor(x, row(0))


def test_silence_is_shaded_and_taken_out_in_one_step(qtbot: QtBot, drums: MainWindow) -> None:
    before, (first,) = drums.document.session, drums.document.session.tracks[0].clips
    click(drums.timeline.lanes, 100, row(0))
    plain = color(drums, 120)
    dialog = opened(qtbot, drums)
    type_into(dialog.before, "100")
    type_into(dialog.after, "300")
    settle(qtbot, drums)
    assert shown(drums) == {first.id: [(0.0, 0.4), (1.0, 1.9), (2.5, 3.0)]}
    assert color(drums, 120) != plain
    assert color(drums, 60) == drums.timeline.lanes.grab().toImage().pixelColor(61, row(0)), "what stays is not shaded"
    assert "60 % of 1 clip" in dialog.summary.text()
    assert drums.document.session is before, "nothing is edited yet"
    accept(qtbot, drums, dialog)
    assert edges(drums) == [(0.4, 1.0), (1.9, 2.5)]
    assert drums.selection.clips == {clip.id for clip in drums.document.session.tracks[0].clips}
    assert drums.document.undo_text == "Strip Silence of Clips"
    assert shown(drums) == {}
    undo(drums)
    assert drums.document.session == before
    redo(drums)
    assert edges(drums) == [(0.4, 1.0), (1.9, 2.5)]


def test_shorter_silence_stays_and_shorter_sounds_go(qtbot: QtBot, drums: MainWindow) -> None:
    click(drums.timeline.lanes, 100, row(0))
    dialog = opened(qtbot, drums)
    type_into(dialog.before, "0")
    type_into(dialog.after, "0")
    type_into(dialog.silence, "1400")
    settle(qtbot, drums)
    [spans] = shown(drums).values()
    assert spans == [(0.0, 0.5), (2.2, 3.0)]
    type_into(dialog.silence, "100")
    type_into(dialog.sound, "250")
    settle(qtbot, drums)
    assert [*shown(drums).values()] == [[(0.0, 3.0)]]
    type_into(dialog.sound, "50")
    type_into(dialog.threshold, "-3")
    settle(qtbot, drums)
    assert "100 %" in dialog.summary.text()
    accept(qtbot, drums, dialog)
    assert "nothing louder than the threshold" in drums.messages.text.text()
    assert edges(drums) == [(0.0, 3.0)]


def test_escape_closes_the_dialog_and_what_it_shows(qtbot: QtBot, drums: MainWindow) -> None:
    before = drums.document.session
    click(drums.timeline.lanes, 100, row(0))
    dialog = opened(qtbot, drums)
    assert shown(drums)
    type_into(dialog.threshold, "-20")
    QTest.keyClick(dialog.threshold, Qt.Key.Key_Escape)
    settle(qtbot, drums)
    assert not shown(drums)
    assert drums.document.session is before
    assert opened(qtbot, drums).threshold.value() == -48.0, "what was cancelled is not remembered"


def test_the_window_stays_free_and_other_clips_are_looked_at(qtbot: QtBot, drums: MainWindow) -> None:
    first, second = (track.clips[0].id for track in drums.document.session.tracks)
    click(drums.timeline.lanes, 100, row(0))
    dialog = opened(qtbot, drums)
    click(drums.timeline.lanes, 50, row(1))
    settle(qtbot, drums)
    assert shown(drums) == {second: [(0.0, 1.0)]}
    press(drums, Qt.Key.Key_A, CTRL)
    settle(qtbot, drums)
    assert set(shown(drums)) == {first, second}
    assert opened(qtbot, drums) is dialog, "there is one"
    press(drums, Qt.Key.Key_A, CTRL | SHIFT)
    settle(qtbot, drums)
    assert not shown(drums)
    assert dialog.summary.text() == "No clip with audio is selected."
    accept(qtbot, drums, dialog)
    assert "No clip is selected" in drums.messages.text.text()


def test_only_selected_time_is_stripped(qtbot: QtBot, drums: MainWindow) -> None:
    lanes = drums.timeline.lanes
    drag(lanes, (350, row(0)), (150, row(0)), SHIFT)
    choose(right_click(lanes, 250, row(0)), "Strip Silence")
    settle(qtbot, drums)
    [dialog] = [one for one in drums.findChildren(StripSilenceDialog) if one.isVisible()]
    assert edges(drums) == [(0.0, 3.0)]
    accept(qtbot, drums, dialog)
    assert edges(drums) == [(0.0, 1.5), (1.99, 2.3)]
    assert drums.selection.time.value is not None


def test_clips_whose_audio_is_missing_are_named_and_left(qtbot: QtBot, drums: MainWindow, store: MediaStore) -> None:
    press(drums, Qt.Key.Key_A, CTRL)
    store.clear()
    dialog = opened(qtbot, drums)
    assert not shown(drums)
    accept(qtbot, drums, dialog)
    assert "2 of 2 clips were left as they are" in drums.messages.text.text()


def test_another_document_ends_it(qtbot: QtBot, drums: MainWindow) -> None:
    click(drums.timeline.lanes, 100, row(0))
    dialog = opened(qtbot, drums)
    drums.document.replace(drums.document.session, None)
    assert not dialog.isVisible()
    assert not shown(drums)
    assert drums.document.session.tracks[0].clips
