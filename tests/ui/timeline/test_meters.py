"""Meters: their ballistics by the clock they are given, and their levels by an independent computation."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.media.loudness import SILENT, Loudness
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.meter import FALL_DB_PER_S, FLOOR_DB, HOLD_S, Ballistics, Meter, deflection
from tests.helpers import noise, tone
from tests.ui.conftest import LIMIT_MS, in_stereo
from tests.ui.drive import click, press


def test_a_level_rises_at_once_and_falls_steadily() -> None:
    channel = Ballistics()
    channel.update(0.5, 10.0)
    assert channel.level_db == pytest.approx(-6.02, abs=0.01)
    channel.update(0.0, 10.5)
    assert channel.level_db == pytest.approx(-6.02 - FALL_DB_PER_S / 2, abs=0.01)
    channel.update(0.0, 60.0)
    assert channel.level_db == FLOOR_DB
    assert channel.resting


def test_a_peak_is_held_and_then_falls() -> None:
    channel = Ballistics()
    channel.update(0.5, 0.0)
    channel.update(0.1, HOLD_S - 0.1)
    assert channel.held_db == pytest.approx(-6.02, abs=0.01)
    channel.update(0.1, HOLD_S + 0.1)
    assert channel.held_db == pytest.approx(-6.02 - 0.2 * FALL_DB_PER_S, abs=0.01)
    assert channel.held_db > channel.level_db - 0.01
    channel.update(0.9, HOLD_S + 0.2)
    assert channel.held_db == pytest.approx(-0.92, abs=0.01)


def test_a_clip_is_kept_until_it_is_reset() -> None:
    channel = Ballistics()
    channel.update(0.9999, 0.0)
    found = [channel.clipped]
    channel.update(1.0, 0.1)
    channel.update(0.0, 9.0)
    found.append(channel.clipped)
    channel.reset()
    found.append(channel.clipped)
    assert found == [False, True, False]


def test_the_scale_is_that_of_the_norm() -> None:
    for db, part in ((-80, 0), (-60, 0.025), (-50, 0.075), (-40, 0.15), (-30, 0.3), (-20, 0.5), (-10, 0.75), (0, 1)):
        assert deflection(db) == pytest.approx(part)
    assert deflection(6.0) == 1.0


def test_the_picture_is_as_high_as_the_level(qtbot: QtBot, styled: object) -> None:
    meter = Meter("test")
    qtbot.addWidget(meter)
    meter.resize(meter.width(), 115)
    meter.update_levels((10 ** (-20 / 20), 1.0), 0.0)
    image = meter.grab().toImage()
    lit = [image.pixelColor(2, y) == QColor(theme.colors().meter) for y in range(115)]
    assert sum(lit) == pytest.approx(50, abs=2), "-20 dB is half"
    assert image.pixelColor(2, 2) == QColor(theme.colors().meter_clip)
    assert meter.figure == "0.0"
    assert "0.0 dBFS, clipped" in meter.accessibleDescription()
    click(meter, 3, 50)
    assert meter.grab().toImage().pixelColor(2, 2) == QColor(theme.colors().meter_ground)
    assert meter.figure == ""


def test_the_figure_is_the_highest_level_until_it_is_reset(qtbot: QtBot, styled: object) -> None:
    meter = Meter("test")
    qtbot.addWidget(meter)
    meter.update_levels((0.25, 0.5), 0.0)
    meter.update_levels((0.0, 0.0), 100.0)
    assert (meter.figure, meter.resting) == ("−6.0", True)
    meter.update_levels((1.2, 0.5), 101.0)
    assert meter.figure == "+1.6"
    for height in (24, 40, 76, 300):
        meter.resize(meter.width(), height)
        image = meter.grab().toImage()
        bar = [image.pixelColor(10, y) != QColor(theme.colors().meter_ground) for y in range(height)]
        assert image.pixelColor(2, 2) == QColor(theme.colors().meter_clip), "clipping shows at every height"
        assert any(bar[height // 2 :])
        scale = {image.pixelColor(x, y).name() for x in range(17, meter.width()) for y in range(20, height)}
        assert len(scale) > 1, "there is a scale"
    click(meter, 3, 50)
    assert meter.figure == ""


def test_the_scale_is_sharp_in_pictures_of_any_size(qtbot: QtBot, styled: object) -> None:
    meter = Meter("test")
    qtbot.addWidget(meter)
    meter.resize(meter.width(), 100)
    meter.grab()
    pixmap = QPixmap(4 * meter.width(), 400)
    painter = QPainter(pixmap)
    painter.scale(4.0, 4.0)
    QWidget.render(meter, painter, QPoint(0, 0))
    painter.end()
    image = pixmap.toImage()
    # A tick is a rectangle of one colour, 2 by 1 points large.
    tick = [image.pixelColor(4 * 17 + x, 4 * 15 + y).name() for x in range(8) for y in range(4)]
    assert set(tick) == {QColor(theme.colors().text_dim).name()}
    digit = [image.pixelColor(x, y).name() for y in range(4 * 16, 4 * 26) for x in range(4 * 21, 4 * meter.width())]
    steps = [a == b for row in range(0, len(digit), 4) for a, b in [(digit[row], digit[min(row + 3, len(digit) - 1)])]]
    assert not all(steps), "drawn in pixels of the file, not of the screen"


def test_a_meter_is_as_tall_as_its_track(song: MainWindow) -> None:
    first = song.document.session.tracks[0].id
    strip = song.timeline.headers.header(first)
    for height in (24, 76, 300):
        song.document.apply("Height", partial(edits.set_track_height, track_id=first, height=height))
        QApplication.sendEvent(strip, QEvent(QEvent.Type.LayoutRequest))
        assert strip.meter.height() >= height - 2
    strip.meter.update_levels((0.5, 0.5), 0.0)
    assert strip.meter.figure == "−6.0"
    press(song, Qt.Key.Key_Space)
    assert strip.meter.figure != "−6.0", "playing starts a new figure"
    press(song, Qt.Key.Key_Space)


def test_levels_are_those_of_the_tracks_and_of_the_mix(song: MainWindow) -> None:
    ids = [track.id for track in song.document.session.tracks]
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, ids[0], 0.5))
    song.document.apply("Pan", lambda s: edits.set_track_pan(s, ids[2], 1.0))
    song.document.apply("Mute", lambda s: edits.set_track_mute(s, ids[1], True))
    tracks = song.rendering.track_peaks(10_000, 1470)
    part = slice(10_000, 11_470)
    a, c = (
        0.5 * in_stereo(noise(11, 4 * 44_100, level=0.1))[:, part],
        noise(12, 88_200, channels=2, level=0.1).T[:, part],
    )
    c = c * np.array([[0.0], [1.0]], np.float32)
    assert tracks[ids[0]] == pytest.approx(np.abs(a).max(axis=1), rel=1e-4)
    assert tracks[ids[2]] == pytest.approx(np.abs(c).max(axis=1), rel=1e-4)
    assert ids[1] not in tracks, "a muted track has no level"
    assert song.rendering.track_peaks(3 * 44_100 + 5000, 100).keys() == {ids[0]}
    assert song.rendering.track_peaks(0, 0) == {}


@pytest.mark.engine
def test_meters_move_during_playback_and_then_rest(qtbot: QtBot, song: MainWindow) -> None:
    headers = dict(song.timeline.headers.headers())
    ids = [track.id for track in song.document.session.tracks]
    tone_db = 20 * np.log10(np.abs(tone(220.0, 1000, level=0.2)).max())
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: headers[ids[1]].meter.channels[0].held_db > FLOOR_DB, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: song.timeline.mix_meter.channels[0].held_db > FLOOR_DB, timeout=LIMIT_MS)
    assert headers[ids[1]].meter.channels[0].held_db == pytest.approx(tone_db, abs=0.5)
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: headers[ids[1]].meter.resting and not song.metering._clock.isActive(), timeout=LIMIT_MS)
    assert song.timeline.mix_meter.resting


@pytest.mark.engine
def test_starting_again_forgets_what_was_measured_before(qtbot: QtBot, song: MainWindow) -> None:
    headers, loudness = dict(song.timeline.headers.headers()), list[Loudness]()
    song.metering.loudness_changed.connect(loudness.append)
    meters = [song.timeline.mix_meter, *(header.meter for header in headers.values())]
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: all(meter.figure for meter in meters) and bool(loudness), timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: loudness[-1].integrated > SILENT, timeout=LIMIT_MS)
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not song.metering._clock.isActive(), timeout=LIMIT_MS)
    assert all(meter.figure for meter in meters), "the highest levels stay until playback starts again"
    for track in headers:
        song.document.apply("Mute", partial(edits.set_track_mute, track_id=track, mute=True))
    loudness.clear()
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bool(loudness), timeout=LIMIT_MS)
    assert [meter.figure for meter in meters] == [""] * len(meters)
    assert loudness[0].integrated == SILENT
    assert loudness[0].true_peak == SILENT
    press(song, Qt.Key.Key_Space)
