"""Taking a stem out of a mix in the window: found, told, one edit; heard, seen and exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.ui.dialogs.minus_one import MinusOneDialog, _remaining
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import noise, read_audio, si_sdr_db, write_audio
from tests.playback.test_player import SteppedSink
from tests.ui.conftest import LIMIT_MS, wait_imported, wait_rendered
from tests.ui.drive import engine_frozen, press
from tests.ui.look import heatmap

pytestmark = pytest.mark.engine

LENGTH = 3 * 44_100
LAG = 441
GAIN = 0.5


@pytest.fixture
def rest() -> np.ndarray:
    return noise(7, LENGTH, level=0.1)[:, 0]


@pytest.fixture
def pair(qtbot: QtBot, window: MainWindow, tmp_path: Path, rest: np.ndarray) -> MainWindow:
    """A mix, and the stem that is 441 samples later and 6 dB quieter in it."""
    stem = noise(8, LENGTH, level=0.2)[:, 0]
    late = np.concatenate([np.zeros(LAG, np.float32), stem[:-LAG]])
    audio: dict[str, np.ndarray] = {"1 mix.wav": rest + GAIN * late, "2 stem.wav": stem}
    window.open_paths([write_audio(tmp_path / "in" / name, samples[:, None]) for name, samples in audio.items()])
    wait_imported(qtbot, window)
    window.codecs.actions["mdct-1x"].trigger()
    window.selection.set_track(window.document.session.tracks[1].id)
    return window


def wait_found(qtbot: QtBot, dialog: MinusOneDialog) -> None:
    """Wait until the search has ended."""
    qtbot.waitUntil(lambda: dialog.again.text() == "&Search Again", timeout=LIMIT_MS)


def open_dialog(qtbot: QtBot, window: MainWindow, wait: bool = True) -> MinusOneDialog:
    press(window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    [dialog] = [one for one in window.findChildren(MinusOneDialog) if one.isVisible()]
    if wait:
        wait_found(qtbot, dialog)
    return dialog


def test_a_stem_is_found_and_removed_in_one_step(
    qtbot: QtBot, pair: MainWindow, rest: np.ndarray, tmp_path: Path
) -> None:
    dialog = open_dialog(qtbot, pair)
    assert dialog.found["lag"].text() == "441 samples (10.0 ms) later"
    assert dialog.found["gain"].text().startswith("−6.0 dB")
    assert dialog.found["certainty"].text() in ("certain", "likely")
    assert dialog.found["left"].text().endswith("quieter than the mix")
    assert not dialog.message.isVisible()
    assert dialog.align.isChecked()
    assert dialog.level.isChecked()
    assert not dialog.pan.isVisible()
    before = pair.document.session
    QTest.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    track = pair.document.session.tracks[1]
    assert (track.subtract, track.clips[0].start) == (True, LAG)
    assert track.gain == pytest.approx(GAIN, abs=0.01)
    wait_rendered(qtbot, pair)
    heard = pair.rendering.reader("latent").read(0, LENGTH)[0]
    assert si_sdr_db(heard, rest) > 30.0, "heard"
    rendered, grid = pair.rendering.rendered(0), pair.rendering.update_plan().grid
    assert rendered is not None
    own = rendered.latents.mean(axis=0)[:, grid.lead_frames : grid.lead_frames + grid.step]
    np.testing.assert_array_equal(heatmap(pair).shown_values(0), own, err_msg="seen")
    pair.exporter.export(tmp_path / "out.wav")
    qtbot.waitUntil(lambda: (tmp_path / "out.wav").exists(), timeout=LIMIT_MS)
    assert si_sdr_db(read_audio(tmp_path / "out.wav").reshape(-1)[:LENGTH], rest) > 30.0, "exported"
    pair.document.undo()
    assert pair.document.session == before, "one step"


def test_the_preview_is_heard_and_seen_and_leaves_no_trace(qtbot: QtBot, pair: MainWindow, rest: np.ndarray) -> None:
    pair.player.sinks = (SteppedSink,)
    dialog = open_dialog(qtbot, pair)
    before, steps = pair.document.session, pair.document.steps
    dialog.preview.setFocus()
    QTest.keyClick(dialog.preview, Qt.Key.Key_Space)
    assert dialog.preview.isChecked()
    assert pair.document.session.tracks[1].subtract
    pair.rendering.update_plan()
    heard = pair.rendering.reader("dry").read(0, LENGTH)[0]
    assert si_sdr_db(heard, rest) > 30.0
    QTest.mouseClick(dialog.play, Qt.MouseButton.LeftButton)
    assert pair.player.playing
    assert dialog.play.text() == "&Pause"
    dialog.level.click()
    assert pair.document.session.tracks[1].gain == 1.0, "the preview follows"
    dialog.level.click()
    QTest.keyClick(dialog.preview, Qt.Key.Key_Space)
    assert pair.document.session == before
    QTest.keyClick(dialog.preview, Qt.Key.Key_Space)
    assert dialog.match is not None, "the preview is not a change that outdates the match"
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert pair.document.session == before
    assert pair.document.steps == steps
    assert not pair.player.playing


def test_what_was_previewed_is_applied_in_one_step(qtbot: QtBot, pair: MainWindow) -> None:
    dialog = open_dialog(qtbot, pair)
    before, (done, _) = pair.document.session, pair.document.steps
    dialog.preview.click()
    previewed = pair.document.session
    QTest.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    assert pair.document.session == previewed
    assert len(pair.document.steps[0]) == len(done) + 1
    press(pair, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert pair.document.session == before


@pytest.mark.parametrize(
    ("change_db", "text"),
    [
        (-200.0, "nothing: the stem is the whole mix"),
        (-1.13, "1.1 dB quieter than the mix"),
        (-0.04, "as loud as the mix, in which the track is quiet"),
        (0.5, "0.5 dB louder than the mix"),
    ],
)
def test_what_remains_is_said_in_words(change_db: float, text: str) -> None:
    assert _remaining(change_db) == text


def test_unticked_changes_are_not_made(qtbot: QtBot, pair: MainWindow) -> None:
    dialog = open_dialog(qtbot, pair)
    dialog.align.click()
    dialog.level.click()
    QTest.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    track = pair.document.session.tracks[1]
    assert (track.subtract, track.clips[0].start, track.gain) == (True, 0, 1.0)


def test_a_stem_missing_from_the_mix_is_reported(qtbot: QtBot, pair: MainWindow, tmp_path: Path) -> None:
    stranger = write_audio(tmp_path / "stranger.wav", noise(99, LENGTH))
    pair.open_paths([stranger])
    wait_imported(qtbot, pair)
    pair.selection.set_track(pair.document.session.tracks[2].id)
    dialog = open_dialog(qtbot, pair)
    assert "No certain match" in dialog.message.text()
    assert not dialog.align.isChecked()
    dialog.resize(dialog.width(), 1)
    QApplication.processEvents()
    for label in dialog.findChildren(QLabel):
        lines_px = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
        assert label.isHidden() or lines_px <= label.height() < lines_px + 20, label.text()
    dialog.close()


def test_a_search_can_be_stopped_and_repeated_further_away(qtbot: QtBot, pair: MainWindow) -> None:
    with engine_frozen():
        dialog = open_dialog(qtbot, pair, wait=False)
        assert dialog.again.text() == "&Stop"
        assert not dialog.apply_button.isEnabled()
        QTest.mouseClick(dialog.again, Qt.MouseButton.LeftButton)
        wait_found(qtbot, dialog)
    assert "Search cancelled" in dialog.message.text()
    dialog.reach.setValue(0.001)
    QTest.mouseClick(dialog.again, Qt.MouseButton.LeftButton)
    wait_found(qtbot, dialog)
    assert "further away" in dialog.message.text(), "44 samples are too few"
    dialog.reach.setValue(0.5)
    QTest.mouseClick(dialog.again, Qt.MouseButton.LeftButton)
    wait_found(qtbot, dialog)
    assert dialog.found["lag"].text().startswith("441 samples")
    dialog.close()


def test_an_edit_invalidates_the_match(qtbot: QtBot, pair: MainWindow) -> None:
    dialog = open_dialog(qtbot, pair)
    pair.document.apply("Gain", lambda s: edits.set_track_gain(s, s.tracks[0].id, 0.5))
    assert "search again" in dialog.message.text()
    assert not dialog.apply_button.isEnabled()
    dialog.close()


def test_a_single_track_has_no_mix_to_remove_it_from(qtbot: QtBot, pair: MainWindow) -> None:
    pair.document.apply("Remove", lambda s: edits.remove_tracks(s, [s.tracks[0].id]))
    dialog = open_dialog(qtbot, pair)
    assert "the mix without it is silent" in dialog.message.text()
    assert not dialog.apply_button.isEnabled()
    dialog.close()


def test_a_panned_stem_gets_its_pan(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    stem = noise(8, LENGTH, level=0.2)[:, 0]
    mix = 0.5 * noise(9, LENGTH, channels=2, level=0.1) + np.stack([0.9 * stem, 0.3 * stem], axis=1)
    window.open_paths([write_audio(tmp_path / "1 mix.wav", mix), write_audio(tmp_path / "2 stem.wav", stem[:, None])])
    wait_imported(qtbot, window)
    window.codecs.actions["mdct-1x"].trigger()
    window.selection.set_track(window.document.session.tracks[1].id)
    dialog = open_dialog(qtbot, window)
    assert dialog.pan.isVisible()
    assert dialog.pan.isChecked()
    QTest.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    wait_rendered(qtbot, window)
    left = window.rendering.reader("latent").read(0, LENGTH)
    for side in (0, 1):
        assert si_sdr_db(left[side], 0.5 * noise(9, LENGTH, channels=2, level=0.1)[:, side]) > 25.0


def test_the_dialog_can_be_closed_during_a_search(qtbot: QtBot, pair: MainWindow) -> None:
    with engine_frozen():
        dialog = open_dialog(qtbot, pair, wait=False)
        assert dialog._job is not None
        job = dialog._job
        dialog.close()
        assert not job._thread.is_alive(), "a search ends with its dialog"
