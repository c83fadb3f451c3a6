"""The level of an export, before it in the dialog and after it in the message."""

from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec
import pytest
import soundfile as sf
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.engine.export.estimate import Levels, Limited
from lincae_studio.errors import StudioError
from lincae_studio.export_settings import AudioFormat, ExportSettings, Level
from lincae_studio.media.loudness import LoudnessMeter
from lincae_studio.session import edits
from lincae_studio.session.model import DEFAULT_RATE, Session
from lincae_studio.ui.dialogs import level_estimate
from lincae_studio.ui.dialogs.export import ExportDialog
from lincae_studio.ui.dialogs.level_estimate import expected
from lincae_studio.ui.main_window import MainWindow
from tests.ui.commands.test_exporting import accept, ask, choose
from tests.ui.conftest import LIMIT_MS, wait_rendered
from tests.ui.drive import engine_frozen

LOUDNESS = Level(normalize="loudness", target_db=-14.0, true_peak_db=-1.0)
PEAK = Level(normalize="peak", target_db=-1.0, true_peak_db=-1.0)
MUSIC = Levels(peak_db=-5.0, loudness=-19.5, true_peak_db=-4.8)


@pytest.mark.parametrize(
    ("level", "levels", "text"),
    [
        (
            LOUDNESS,
            MUSIC,
            "Expected: -15.7 LUFS, 1.7 LU below the target: more than +3.8 dB of gain would take the true",
        ),
        (
            LOUDNESS,
            Levels(-20.0, -19.5, -19.0),
            "Expected: -14.0 LUFS, level changed by +5.5 dB, true peak -13.5 dBTP.",
        ),
        (
            msgspec.structs.replace(LOUDNESS, limiter=True),
            MUSIC,
            "Expected: true peak -1 dBTP; measuring which loudness the limiter reaches…",
        ),
        (
            PEAK,
            MUSIC,
            "Expected: -1.2 dBFS, 0.2 dB below the target: more than +3.8 dB of gain would take the true peak",
        ),
        (Level(limiter=True), MUSIC, "Nothing to limit: true peak -4.8 dBTP."),
        (
            Level(limiter=True, true_peak_db=-6.0),
            MUSIC,
            "Expected: true peak -6 dBTP; the limiter lowers peaks by up to 1.2 dB.",
        ),
        (LOUDNESS, Levels(-80.0, -math.inf, -80.0), "The level cannot be measured: silent, too quiet or too short."),
    ],
)
def test_what_is_expected_is_said(level: Level, levels: Levels, text: str) -> None:
    assert expected(levels, ExportSettings(level=level)).startswith(text)


def test_what_the_limiter_reaches_is_said() -> None:
    settings = ExportSettings(level=msgspec.structs.replace(LOUDNESS, limiter=True))
    assert expected(MUSIC, settings, Limited(gain_db=5.9, loudness=-14.02)) == (
        "Expected: -14.0 LUFS; true peak -1 dBTP, level changed by +5.9 dB; the limiter lowers peaks by up to 2.1 dB."
    )
    assert expected(MUSIC, settings, Limited(gain_db=12.0, loudness=-15.5)) == (
        "Expected: -15.5 LUFS, 1.5 LU below the target, as more gain would hardly make it louder; true peak -1 dBTP, "
        "level changed by +12.0 dB; the limiter lowers peaks by up to 8.2 dB, which will be audible."
    )


def estimated(qtbot: QtBot, dialog: ExportDialog) -> str:
    """The estimate, once it is measured."""
    qtbot.waitUntil(lambda: dialog.estimate.text() != "" and "…" not in dialog.estimate.text(), timeout=LIMIT_MS)
    return dialog.estimate.text()


def measured(window: MainWindow, audio: object) -> LoudnessMeter:
    meter = LoudnessMeter(DEFAULT_RATE)
    session: Session = window.document.session
    meter.add(audio.read(0, session.length))  # type: ignore[attr-defined]
    return meter


def test_the_dialog_measures_in_the_background_and_says_what_is_estimated(qtbot: QtBot, song: MainWindow) -> None:
    dialog = ask(song)
    assert dialog.estimate.text() == "", "nothing is changed"
    choose(dialog.level_box, "loudness")
    assert dialog.estimate.text() == "Measuring…", "the dialog does not wait"
    dialog.true_peak.setValue(-8.0)
    text = estimated(qtbot, dialog)
    dry = measured(song, song.rendering.dry).read()
    short = -14.0 - dry.integrated - (-8.0 - dry.true_peak)
    assert short > 1.0
    assert text.startswith(f"Expected: {-14.0 - short:.1f} LUFS, {short:.1f} LU below the target")
    assert re.search(r"\(estimate: \d+ chunks measured dry, not rendered yet\)", text)
    qtbot.waitUntil(lambda: dialog.estimate.height() >= dialog.estimate.heightForWidth(dialog.estimate.width()))
    assert dialog.estimate.height() > 2 * dialog.estimate.fontMetrics().height(), "no line is cut"
    QTest.mouseClick(dialog.limiter, Qt.MouseButton.LeftButton)
    assert "measuring which" in dialog.estimate.text(), "what is measured already is not measured again"
    assert estimated(qtbot, dialog).startswith("Expected: -14.0 LUFS; true peak -8 dBTP, level changed by")
    dialog.target.setValue(0.0)
    assert "below the target, as more gain would hardly" in estimated(qtbot, dialog)
    dialog.contents["dry"].setChecked(True)
    dialog.contents["mix"].setChecked(False)
    assert "estimate" not in estimated(qtbot, dialog), "the dry mix is known"
    dialog.contents["tracks"].setChecked(True)
    dialog.contents["dry"].setChecked(False)
    assert estimated(qtbot, dialog).endswith("(estimate: of the first stem, without the codec)")
    choose(dialog.channels_box, "mono")
    choose(dialog.rate_box, 16_000)
    assert "before sample rate conversion" in estimated(qtbot, dialog)
    dialog.contents["tracks"].setChecked(False)
    assert dialog.estimate.text() == "", "there is nothing to export"
    choose(dialog.level_box, "none")
    dialog.contents["mix"].setChecked(True)
    assert "limit" in estimated(qtbot, dialog), "a level that is not normalised can be limited"
    assert dialog.true_peak.isEnabled()
    assert not dialog.target.isEnabled()
    dialog.reject()


def test_a_dialog_can_be_closed_while_it_measures(qtbot: QtBot, song: MainWindow) -> None:
    dialog = ask(song)
    choose(dialog.level_box, "loudness")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    dialog = ask(song)
    choose(dialog.level_box, "loudness")
    assert estimated(qtbot, dialog).startswith("Expected: ")
    dialog.reject()


def test_the_span_that_is_exported_is_measured(qtbot: QtBot, song: MainWindow) -> None:
    song.place_commands.set_loop(2 * 44_100, 3 * 44_100)
    dialog = ask(song)
    choose(dialog.level_box, "loudness")
    dialog.contents["dry"].setChecked(True)
    dialog.contents["mix"].setChecked(False)
    choose(dialog.span_box, "loop")
    meter = LoudnessMeter(DEFAULT_RATE)
    meter.add(song.rendering.dry.read(2 * 44_100, 44_100))
    gain = f"level changed by {-14.0 - meter.read().integrated:+.1f} dB"
    assert gain in estimated(qtbot, dialog)
    dialog.contents["tracks"].setChecked(True)
    assert estimated(qtbot, dialog).endswith("(estimate: of the first file)")
    assert gain in dialog.estimate.text()
    dialog.reject()


def test_what_is_no_longer_asked_for_is_not_said_when_it_is_measured(qtbot: QtBot, song: MainWindow) -> None:
    dialog = ask(song)
    choose(dialog.level_box, "loudness")
    assert dialog.estimate.text() == "Measuring…"
    choose(dialog.level_box, "none")
    qtbot.waitUntil(lambda: not dialog.estimate.measuring, timeout=LIMIT_MS)
    assert dialog.estimate.text() == "", "nothing is changed"
    choose(dialog.level_box, "loudness")
    assert dialog.estimate.text().startswith("Expected: "), "it is known by now"
    dialog.reject()


def test_a_measurement_that_fails_is_said_and_made_again(
    qtbot: QtBot, song: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Levels:
        raise StudioError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(level_estimate, "measured", failing)
        dialog = ask(song)
        choose(dialog.level_box, "loudness")
        assert estimated(qtbot, dialog) == "The level could not be measured."
    assert "Out of memory" in song.messages.text.text()
    dialog.target.setValue(-20.0)
    assert estimated(qtbot, dialog).startswith("Expected: ")
    dialog.reject()


@pytest.mark.engine
def test_what_was_estimated_is_measured_when_it_is_rendered(qtbot: QtBot, song: MainWindow) -> None:
    with engine_frozen():
        song.document.apply("Gain", lambda session: edits.set_track_gain(session, session.tracks[0].id, 0.9))
        dialog = ask(song)
        choose(dialog.level_box, "loudness")
        assert "measured dry" in estimated(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.estimate.text().endswith("."), timeout=LIMIT_MS)
    rendered = measured(song, song.rendering.reader()).read()
    assert f"Expected: -14.0 LUFS, level changed by {-14.0 - rendered.integrated:+.1f} dB" in dialog.estimate.text()
    dialog.reject()


@pytest.mark.engine
def test_a_target_just_missed_is_said_in_passing(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    """Peaks between samples are a little above the highest sample."""
    dialog = ask(song)
    choose(dialog.level_box, "peak")
    dialog.contents["dry"].setChecked(True)
    dialog.path_field.setText(str(tmp_path / "peak.wav"))
    text = accept(qtbot, song, dialog)
    assert re.search(r"\(0:04\.000, peak -1\.\d dBFS, peak\.wav -\d+\.\d LUFS, true peak -1\.0 dBTP, level", text)
    assert re.search(r"\.wav is 0\.\d dB below the target of -1 dBFS: with more gain", text)
    assert text.endswith("Choose a lower target or allow a higher true peak")
    assert song.messages.cards[-1].message.kind == "info"


@pytest.mark.engine
def test_what_was_estimated_is_what_is_written_and_said(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    wait_rendered(qtbot, song)
    dialog = ask(song)
    choose(dialog.level_box, "loudness")
    dialog.true_peak.setValue(-8.0)
    dialog.path_field.setText(str(tmp_path / "gain.wav"))
    estimate = estimated(qtbot, dialog)
    assert "estimate" not in estimate, "everything is rendered"
    text = accept(qtbot, song, dialog)
    [loudness] = re.findall(r"Expected: (\S+ LUFS)", estimate)
    [short] = re.findall(r"(\S+ LU below the target)", estimate)
    assert f", {loudness}, true peak -8.0 dBTP, level changed by" in text
    assert f"gain.wav is {short} of -14 LUFS: with more gain, its true peak would exceed -8 dBTP" in text
    assert "Turn on the limiter, choose a lower target or allow a higher true peak" in text
    assert song.messages.cards[-1].message.kind == "warning", "it stays until it is read"
    dialog = ask(song)
    assert not dialog.limiter.isChecked()
    QTest.mouseClick(dialog.limiter, Qt.MouseButton.LeftButton)
    dialog.path_field.setText(str(tmp_path / "limited.wav"))
    estimate = estimated(qtbot, dialog)
    text = accept(qtbot, song, dialog)
    [gain, reduction] = re.findall(r"(\S+ dB)[;.,]", estimate)
    assert estimate.startswith("Expected: -14.0 LUFS; true peak -8 dBTP, level changed by")
    assert f", -14.0 LUFS, true peak -8.0 dBTP, level changed by {gain}, peaks limited by up to {reduction})" in text
    assert "below the target" not in text
    samples, _ = sf.read(tmp_path / "limited.wav", dtype="float32", always_2d=True)
    meter = LoudnessMeter(DEFAULT_RATE)
    meter.add(samples.T)
    assert meter.read().integrated == pytest.approx(-14.0, abs=0.1)
    assert meter.read().true_peak == pytest.approx(-8.0, abs=0.1)
    dialog = ask(song)
    assert dialog.limiter.isChecked(), "it is remembered"
    assert dialog.settings.format == AudioFormat()
    dialog.reject()
