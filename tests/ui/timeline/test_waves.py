"""What clips show: two waves, clipping, zoom, scales, outlines, crossfades, names that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, places
from lincae_studio.session.model import Clip, Session
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.clip_labels import _laid_out, name_font
from lincae_studio.ui.timeline.clip_painter import MARGIN_PX, wave_span
from lincae_studio.ui.timeline.scales import SCALE_PX, wave_marks
from lincae_studio.ui.timeline.waveform import WaveLook, wave_image
from tests.helpers import tone, write_audio
from tests.ui.conftest import LIMIT_MS, PX, set_zoom, wait_imported
from tests.ui.drive import press, wheel
from tests.ui.look import pixels, rgb

ALT, CTRL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier
SECOND = 44_100
TOP, SPAN = wave_span(0, ROW_PX)


@pytest.fixture
def loud(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """One track with a stereo file: the left channel at half of full scale, the right one at 1.5, then silent."""
    right = tone(300.0, SECOND, level=1.5)
    right[SECOND // 2 :] = 0.0
    left = tone(300.0, SECOND, level=0.5)
    window.open_paths([write_audio(tmp_path / "loud.wav", np.concatenate([left, right], axis=1))])
    wait_imported(qtbot, window)
    window.selection.set_clips(())
    set_zoom(window, PX)
    return window


def clip_of(window: MainWindow, track: int = 0) -> Clip:
    return window.document.session.tracks[track].clips[0]


def column(window: MainWindow, x: int, color: str) -> np.ndarray:
    """Which rows of the waveforms of the first track have a colour at x."""
    return np.asarray((pixels(window.timeline.lanes)[TOP : TOP + SPAN, x] == rgb(color)).all(axis=1))


def wave_of(window: MainWindow) -> str:
    return theme.colors().clip_wave(QColor(window.document.session.tracks[0].color)).name()


def test_stereo_clips_are_drawn_as_two_waves(loud: MainWindow) -> None:
    wave = column(loud, 80, wave_of(loud))
    half = SPAN // 2
    assert 8 < wave[:half].sum() < 16, "half of full scale in the upper half"
    assert 1 <= wave[half:].sum() <= 2, "silence in the lower one"
    assert not wave[half - 1 : half + 1].any(), "with a gap between them"


def test_levels_above_full_scale_are_marked(loud: MainWindow, qtbot: QtBot) -> None:
    clipped = theme.colors().meter_clip
    assert column(loud, 20, clipped)[SPAN // 2 + 2 :].all(), "the right channel clips there"
    assert not column(loud, 20, clipped)[: SPAN // 2 - 2].any()
    assert not column(loud, 80, clipped).any()
    mix = loud.timeline.master
    qtbot.waitUntil(lambda: mix.dry.known(0), timeout=LIMIT_MS)
    assert (pixels(mix)[:, 20] == rgb(clipped)).all(axis=1).any(), "so does the mix"
    clip = clip_of(loud)
    loud.document.apply("Gain", lambda session: edits.set_clip_gain(session, {clip.id}, 0.5))
    assert not column(loud, 20, clipped).any(), "no longer at half the gain"


def test_waveforms_are_zoomed_by_keys_and_by_the_wheel(loud: MainWindow) -> None:
    def tall() -> int:
        return int(column(loud, 80, wave_of(loud)).sum())

    before = tall()
    press(loud, Qt.Key.Key_Up, ALT)
    press(loud, Qt.Key.Key_Up, ALT)
    assert tall() > 1.7 * before
    press(loud, Qt.Key.Key_Down, ALT)
    press(loud, Qt.Key.Key_Down, ALT)
    assert tall() == before
    wheel(loud.timeline.lanes, 80, 40, 2, ALT | CTRL)
    assert tall() > 1.7 * before
    assert loud.timeline.rows.height(0) == ROW_PX, "the row is as tall as it was"
    assert clip_of(loud).gain == 1.0
    loud.actions_by_id["wave_zoom_reset"].trigger()
    assert tall() == before


def test_marks_of_the_scale_are_where_the_levels_are() -> None:
    marks = {text: y for y, text in reversed(wave_marks(0.0, 200.0, 1.0, stereo=False))}
    assert marks["0"] == pytest.approx(0.0)
    assert marks["−6"] == pytest.approx(100.0 * (1.0 - 10 ** (-6 / 20)))
    zoomed = {text: y for y, text in reversed(wave_marks(0.0, 200.0, 4.0, stereo=False))}
    assert "0" not in zoomed, "it is outside now"
    assert zoomed["−24"] == pytest.approx(100.0 * (1.0 - 4.0 * 10 ** (-24 / 20)))
    places = sorted(y for y, _ in wave_marks(10.0, 50.0, 1.0, stereo=True))
    assert places[0] < 35 < places[-1], "both waves have a scale"


def test_the_scale_can_be_hidden(loud: MainWindow) -> None:
    lanes = loud.timeline.lanes

    def corner() -> np.ndarray:
        return pixels(lanes)[TOP : TOP + SPAN, lanes.width() - SCALE_PX :]

    shown = corner()
    loud.actions_by_id["wave_scale"].trigger()
    assert (corner() != shown).any()
    assert not loud.preferences.value.wave_scale


def test_a_split_is_visible(loud: MainWindow) -> None:
    strip = MARGIN_PX + 5

    def row() -> np.ndarray:
        return pixels(loud.timeline.lanes)[strip, 45:55]

    own = rgb(loud.document.session.tracks[0].color)
    assert (row() == own).all()
    loud.document.apply("Split", lambda session: edits.split_clips(session, {clip_of(loud).id}, 50 * PX))
    assert (row() != own).any(axis=1).sum() == 2, "an edge on each side"


@pytest.mark.parametrize("height", range(40, 60))
def test_waves_of_mono_clips_are_the_same_beside_stereo_ones(height: int) -> None:
    levels = np.arange(1, 2 * height) / (2 * height - 1)  # some at half a pixel
    peaks, look = np.stack([-levels, levels], axis=1).astype(np.float32), WaveLook(1.3, QColor("red"))
    alone = wave_image(peaks, height, QColor("white"), look)
    assert wave_image(peaks, height, QColor("white"), look, (peaks, np.zeros(len(peaks), bool))) == alone


def test_crossfades_are_drawn(song: MainWindow) -> None:
    clip = clip_of(song)
    song.document.apply("Split", lambda session: edits.split_clips(session, {clip.id}, 100 * PX))
    first, second = song.document.session.tracks[0].clips
    outline = rgb(theme.colors().outline)

    def curves(x: int) -> int:
        return int((pixels(song.timeline.lanes)[TOP : TOP + SPAN, x] == outline).all(axis=1).sum())

    song.transport.seek(390 * PX)
    assert not any(curves(x) for x in range(60, 140))
    song.document.apply("Trim", lambda session: edits.trim_clip(session, first.id, 0, 180 * PX))
    assert curves(120) >= 2, "one falls, the other rises"
    assert curves(160) >= 2
    song.document.apply("Mute", lambda session: edits.set_clip_mute(session, {second.id}, True))
    assert not curves(120), "a muted clip is not crossfaded"


LATIN = "a name that is much too long for a short clip"
ARABIC = "شريط صوتي طويل جدا لا يتسع في المكان"
CHINESE = "合成器长名字测试合成器长名字测试合成器"


@pytest.mark.qt_log_ignore("This plugin does not support raise", extend=True)  # as any tooltip offscreen
@pytest.mark.parametrize("name", [LATIN, ARABIC, CHINESE])
def test_names_that_do_not_fit_have_an_ellipsis_and_a_tooltip(song: MainWindow, name: str) -> None:
    clip, lanes = clip_of(song, 2), song.timeline.lanes
    song.document.apply("Trim", lambda session: edits.trim_clip(session, clip.id, 0, 60 * PX))
    song.document.apply("Rename", lambda session: edits.rename_clip(session, clip.id, name))

    place = QPoint(30, 2 * ROW_PX + 40)
    QApplication.sendEvent(lanes, QHelpEvent(QHelpEvent.Type.ToolTip, place, lanes.mapToGlobal(place)))
    assert QToolTip.text() == name
    assert lanes.tip_at(place) == name
    assert lanes.tip_at(QPoint(300, place.y())) == "", "there is no clip"
    font = name_font(lanes.font()).toString()
    assert "…" in _laid_out(name, 52, font).text()
    assert _laid_out(name, 52, font).size().width() < 53, "up to rounding: fonts measure fractions of pixels"
    song.document.apply("Rename", lambda session: edits.rename_clip(session, clip.id, "ok"))
    assert lanes.tip_at(place) == "", "it fits"
    QToolTip.hideText()


@pytest.mark.qt_log_ignore("This plugin does not support raise", extend=True)  # as any tooltip offscreen
def test_the_name_of_a_marker_that_does_not_fit_is_in_its_tooltip(song: MainWindow) -> None:
    song.document.apply("Marker", lambda session: places.add_marker(session, 100 * PX, LATIN))
    song.document.apply("Marker", lambda session: places.add_marker(session, 300 * PX, "ok"))
    ruler, place = song.timeline.ruler, QPoint(105, 5)
    QApplication.sendEvent(ruler, QHelpEvent(QHelpEvent.Type.ToolTip, place, ruler.mapToGlobal(place)))
    assert QToolTip.text() == LATIN
    assert ruler.tip_at(QPoint(305, 5)) == ""
    QToolTip.hideText()


def test_older_entries_of_the_cache_are_drawn_as_two_waves_soon(
    qtbot: QtBot, window: MainWindow, cache_dir: Path, tmp_path: Path
) -> None:
    audio = np.concatenate([tone(300.0, SECOND, level=0.5), np.zeros((SECOND, 1), np.float32)], axis=1)
    media = MediaStore(cache_dir).import_file(write_audio(tmp_path / "old.wav", audio))
    [peaks] = cache_dir.glob("media-v1/*/*/channel_peaks.npy")
    peaks.unlink()
    files.save(edits.add_stems(Session(), [media], 0), tmp_path / "old.lincae")
    window.open_project(tmp_path / "old.lincae")
    qtbot.waitUntil(lambda: not window.importer.busy, timeout=LIMIT_MS)
    set_zoom(window, PX)
    qtbot.waitUntil(lambda: column(window, 80, wave_of(window))[SPAN // 2 :].sum() <= 2, timeout=LIMIT_MS)


def best_contrast(window: MainWindow, rows: range, ground: QColor) -> float:
    """How far the most different pixel of these rows of the first clip is from its ground."""
    seen = np.unique(pixels(window.timeline.lanes)[rows.start : rows.stop, 4:60].reshape(-1, 3), axis=0)
    return max(theme.contrast(QColor(*map(int, color)), ground) for color in seen)


@pytest.mark.parametrize("choice", ["dark", "light", "contrast"])
@pytest.mark.parametrize("color", ["#000000", "#003380", "#555500", "#ff0000", "#ffffff"])
def test_names_and_waves_can_be_read_on_any_colour(
    loud: MainWindow, monkeypatch: pytest.MonkeyPatch, choice: str, color: str
) -> None:
    monkeypatch.setattr(theme, "colors", lambda: theme.THEMES[choice])
    track, own = loud.document.session.tracks[0], QColor(color)
    loud.document.apply("Colour", lambda session: edits.set_track_color(session, track.id, color))
    assert best_contrast(loud, range(MARGIN_PX + 2, MARGIN_PX + 13), own) > 4, "the name"
    assert best_contrast(loud, range(TOP + 4, TOP + SPAN // 2 - 2), theme.colors().clip_body(own)) > 4, "the wave"
