"""The loudness panel: the whole mix by a button, what plays by itself."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.media.loudness import LoudnessMeter
from lincae_studio.session import edits
from lincae_studio.session.model import DEFAULT_RATE
from lincae_studio.ui.main_window import MainWindow
from tests.ui.conftest import LIMIT_MS, wait_rendered
from tests.ui.drive import engine_frozen, press

OPEN = (Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)


def shown(window: MainWindow) -> dict[str, str]:
    return {name: value.text() for name, value in window.loudness.values.items()}


def wait_measured(qtbot: QtBot, window: MainWindow) -> None:
    button = window.loudness.measure_button
    assert button.text() == "Stop &Measuring"
    qtbot.waitUntil(lambda: button.text() == "&Measure the Mix", timeout=LIMIT_MS)


@pytest.mark.engine
def test_the_whole_mix_is_measured(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    press(song, *OPEN)
    assert song.loudness.isVisible()
    assert shown(song)["integrated"] == "−∞ LUFS"
    QTest.mouseClick(song.loudness.measure_button, Qt.MouseButton.LeftButton)
    wait_measured(qtbot, song)
    meter = LoudnessMeter(DEFAULT_RATE)
    meter.add(song.rendering.reader().read(0, song.document.session.length))
    expected = meter.read()
    assert shown(song)["integrated"] == f"{expected.integrated:.1f} LUFS".replace("-", "−")
    assert shown(song)["true_peak"] == f"{expected.true_peak:.1f} dBTP".replace("-", "−")
    assert song.loudness.message.text() == "The whole mix."
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, s.tracks[0].id, 0.5))
    assert song.loudness.message.text() == "The whole mix before the last edit."


@pytest.mark.engine
def test_chunks_not_rendered_yet_are_reported(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    with engine_frozen():
        song.document.apply("Gain", lambda s: edits.set_track_gain(s, s.tracks[0].id, 0.5))
        song.loudness.measure()
        wait_measured(qtbot, song)
        assert "measured dry" in song.loudness.message.text()


def test_measuring_can_be_stopped(qtbot: QtBot, song: MainWindow) -> None:
    press(song, *OPEN)
    song.loudness.measure()
    song.loudness.measure()
    wait_measured(qtbot, song)
    assert song.loudness.progress.isHidden()


def test_it_follows_what_plays(qtbot: QtBot, song: MainWindow) -> None:
    press(song, *OPEN)
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: shown(song)["momentary"] != "−∞ LUFS", timeout=LIMIT_MS)
    assert song.loudness.message.text() == "Since playback started."
    press(song, Qt.Key.Key_Space)
