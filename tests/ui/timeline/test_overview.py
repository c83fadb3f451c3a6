"""The overview of the session: shown by key, and the visible part dragged in it; Escape gives back the view."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from lincae_studio.ui.main_window import MainWindow
from tests.ui.drive import click, drag, hover, press, release

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def shown(song: MainWindow) -> MainWindow:
    """The song with its overview, zoomed in to the second half of the second second."""
    press(song, Qt.Key.Key_O, CTRL | SHIFT)
    assert song.timeline.overview.isVisible()
    assert song.preferences.value.overview
    song.timeline.axis.show(66_150, 88_200)
    return song


def test_it_is_hidden_until_asked_for(song: MainWindow) -> None:
    assert not song.timeline.overview.isVisible()


def test_its_frame_scrolls_and_escape_gives_back_the_view(shown: MainWindow) -> None:
    axis, strip = shown.timeline.axis, shown.timeline.overview
    before = axis.start, axis.samples_per_px
    x = strip.frame.center().x()
    drag(strip, (x, 17), (x + 100, 17), release=False)
    by = 100 * axis.length / strip.width()
    assert axis.start == pytest.approx(before[0] + by, abs=2 * before[1])
    assert strip.frame.center().x() == pytest.approx(x + 100, abs=1)
    press(shown, Qt.Key.Key_Escape)
    assert (axis.start, axis.samples_per_px) == pytest.approx(before, abs=before[1])
    release(strip, x + 100, 17)
    click(strip, 20, 17)
    assert axis.start == 0
    assert axis.samples_per_px == pytest.approx(before[1])


def test_its_sides_zoom(shown: MainWindow) -> None:
    axis, strip = shown.timeline.axis, shown.timeline.overview
    start, visible = axis.start, axis.visible_samples
    side = strip.frame.right()
    hover(strip, side, 17)
    assert strip.cursor().shape() is Qt.CursorShape.SizeHorCursor
    drag(strip, (side, 17), (side + 100, 17), release=False)
    assert axis.start == pytest.approx(start, abs=axis.samples_per_px)
    assert axis.visible_samples == pytest.approx(visible + 100 * axis.length / strip.width(), rel=0.01)
    press(shown, Qt.Key.Key_Escape)
    assert axis.visible_samples == pytest.approx(visible)
    release(strip, side + 100, 17)


def test_it_shows_the_clips_of_all_tracks(shown: MainWindow) -> None:
    strip = shown.timeline.overview
    before = strip.grab().toImage()
    press(shown, Qt.Key.Key_A, CTRL)
    press(shown, Qt.Key.Key_Delete)
    assert strip.grab().toImage() != before
