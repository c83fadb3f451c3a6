"""The window opens on the screen, where and as it was; nothing that is in the file can stop it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from PySide6.QtCore import QMargins, QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.window_state import WindowState, fitted
from lincae_studio.ui.timeline.pane_splitter import allotted
from tests.helpers import REPOSITORY
from tests.ui.conftest import LIMIT_MS
from tests.ui.drive import drag

Place = tuple[int, int, int, int]
Show = Callable[..., MainWindow]

FRAME = QMargins(8, 36, 8, 8)
DESKTOP = [QRect(0, 27, 1920, 1053), QRect(1920, 0, 1280, 1024)]


def of(numbers: Place) -> QRect:
    return QRect(*numbers)


def panel(window: MainWindow, name: str) -> QDockWidget:
    found = window.findChild(QDockWidget, name)
    assert found is not None
    return found


places = st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000), st.integers(1, 6000), st.integers(1, 6000))


@given(places, st.lists(places, min_size=1, max_size=3))
def test_a_window_is_always_on_one_screen_whole(place: Place, areas: list[Place]) -> None:
    screens = [QRect(x, y, 400 + w, 300 + h) for x, y, w, h in areas]
    found = fitted(of(place), screens, FRAME)
    assert any(screen.contains(found.marginsAdded(FRAME)) for screen in screens)
    assert found.width() <= place[2]
    assert found.height() <= place[3]
    assert fitted(found, screens, FRAME) == found


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((100, 100, 1200, 700), (100, 100, 1200, 700)),
        ((2000, 50, 1000, 700), (2000, 50, 1000, 700)),
        ((0, 0, 4000, 3000), (8, 63, 1904, 1009)),
        ((1500, 100, 1000, 700), (1928, 100, 1000, 700)),  # mostly on the second screen
        ((-900, 100, 1000, 700), (460, 190, 1000, 700)),  # its screen is gone: the middle of the first
        ((500, -2000, 1000, 700), (460, 190, 1000, 700)),
    ],
    ids=["as it was", "second screen", "larger than the screen", "across two", "off to the left", "above"],
)
def test_a_window_is_moved_only_as_far_as_it_must(place: Place, expected: Place) -> None:
    found = fitted(of(place), DESKTOP, FRAME)
    if expected[0] == 460:
        assert found.size() == of(place).size()
        assert (found.center() - DESKTOP[0].marginsRemoved(FRAME).center()).manhattanLength() <= 2
    else:
        assert found == of(expected)


def test_panes_are_lowered_in_proportion_and_not_below_their_least() -> None:
    assert allotted([80, 190, 190], [40, 60, 60], 1000) == [80, 190, 190]
    assert allotted([80, 190, 190], [40, 60, 60], 310) == [60, 125, 125]
    assert allotted([80, 190, 190], [40, 60, 60], 100) == [40, 60, 60]
    assert allotted([10], [40], 100) == [40]


@pytest.fixture
def shown(qtbot: QtBot, styled: object, store: MediaStore, cache_dir: Path) -> Iterator[Show]:
    """Opens windows as the program does, and closes them."""
    opened: list[MainWindow] = []

    def show(path: Path | None, preferences: Path | None = None) -> MainWindow:
        window = MainWindow(store, cache_dir, PreferenceStore(preferences))
        state = WindowState(path, window, window.timeline.splitter)
        window.closing.connect(state.save)
        with qtbot.waitSignal(window.first_painted, timeout=LIMIT_MS):
            state.show()
        window.views.start()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=LIMIT_MS)
        opened.append(window)
        return window

    yield show
    for window in opened:
        window.document.replace(window.document.session, None)
        assert window.close()
        window.deleteLater()


def test_a_new_window_fits_the_screen(shown: Show) -> None:
    window = shown(None)
    available = QGuiApplication.primaryScreen().availableGeometry()
    assert available.width() < 1440, "otherwise this shows nothing"
    assert available.contains(window.frameGeometry())
    window.preferences.set(views=("heatmap", "spectrogram", "linearity", "trajectory", "levels"))
    for panel in ("inspector", "history", "loudness", "clip_table"):
        window.actions_by_id[panel].trigger()
    assert available.contains(window.frameGeometry()), "views and panels do not make it larger"


def test_place_panels_and_heights_are_remembered(shown: Show, tmp_path: Path) -> None:
    path, preferences = tmp_path / "window.json", tmp_path / "preferences.json"
    first = shown(path, preferences)
    first.setGeometry(40, 60, 700, 560)
    first.preferences.set(views=("heatmap", "levels"))
    first.actions_by_id["loudness"].trigger()
    handle = first.timeline.splitter.handle(2)
    drag(handle, (50, 1), (50, 41))
    height = first.timeline.splitter.sizes()[2]
    dock = panel(first, "loudness")
    first.resizeDocks([dock], [333], Qt.Orientation.Horizontal)
    QGuiApplication.processEvents()
    width = dock.width()
    assert first.close()
    second = shown(path, preferences)
    assert second.geometry() == QRect(40, 60, 700, 560)
    assert second.timeline.splitter.sizes()[2] == height
    assert panel(second, "loudness").isVisible()
    assert second.actions_by_id["loudness"].isChecked()
    assert not panel(second, "history_panel").isVisible()
    assert panel(second, "view_levels").isVisible()
    assert abs(panel(second, "loudness").width() - width) <= 2


def test_a_maximised_window_opens_maximised_and_keeps_its_normal_place(shown: Show, tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    first = shown(path)
    first.setGeometry(30, 50, 600, 500)
    first.showMaximized()
    assert first.close()
    second = shown(path)
    assert second.isMaximized()
    assert second.normalGeometry() == QRect(30, 50, 600, 500)


def test_a_closed_view_keeps_its_height_until_it_is_opened_again(window: MainWindow) -> None:
    window.resize(1000, 920)
    splitter = window.timeline.splitter
    drag(splitter.handle(2), (50, 1), (50, 61))
    height = splitter.sizes()[2]
    assert height != 190
    window.actions_by_id["view_heatmap"].trigger()
    window.actions_by_id["view_spectrogram"].trigger()
    window.actions_by_id["view_heatmap"].trigger()
    assert splitter.sizes()[2] == height
    assert splitter.sizes()[3] == 190


def test_a_view_gets_its_height_back_when_others_are_closed(window: MainWindow) -> None:
    window.resize(1024, 700)
    height = window.timeline.splitter.sizes()[2]
    window.preferences.set(views=("heatmap", "spectrogram", "linearity"))
    assert window.timeline.splitter.sizes()[2] < height - 50
    window.preferences.set(views=("heatmap",))
    assert window.timeline.splitter.sizes()[2] == height


@pytest.mark.parametrize("size", [(1380, 860), (1024, 700), (900, 540)])
def test_views_leave_the_tracks_two_fifths(window: MainWindow, size: tuple[int, int]) -> None:
    window.resize(*size)
    window.preferences.set(views=("heatmap", "spectrogram", "linearity", "trajectory", "levels"))
    splitter = window.timeline.splitter
    assert window.width() == size[0]
    assert window.height() == size[1]
    assert splitter.sizes()[0] >= 0.4 * window.timeline.height()
    window.resize(1380, 860)
    window.resize(*size)
    assert splitter.sizes()[0] >= 0.4 * window.timeline.height()
    drag(splitter.handle(1), (50, 1), (50, -79))  # but the user may drag the border up
    low = splitter.sizes()[0]
    assert low < 0.4 * splitter.height() - 30
    window.resize(size[0], size[1] + 1)
    assert abs(splitter.sizes()[0] - low) < 6


def damaged(good: str) -> list[str]:
    state = json.loads(good)
    panels = state["panels"]
    changed = [
        {"place": "here"},
        {"place": [0, 0, 0, 0]},
        {"place": [10**12, 0, 5, 5]},
        {"heights": {"mix": -5}},
        {"heights": [1, 2]},
        {"panels": panels[: len(panels) // 2]},
        {"panels": "not base64 ß"},
        {"panels": panels[::-1]},
        {"tracks_share": 7},
        {"maximized": "yes"},
    ]
    return ["", "{", "null", "[]", "\0" * 90, good[:200]] + [json.dumps(state | change) for change in changed]


def test_damaged_and_foreign_state_is_ignored(shown: Show, tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    first = shown(path)
    first.actions_by_id["loudness"].trigger()
    first.close()
    good = path.read_text()
    window = shown(None)
    size = window.size()
    for text in damaged(good):
        path.write_text(text)
        WindowState(path, window, window.timeline.splitter).show()
        assert window.size() == size, text[:80]
        window.actions_by_id["loudness"].setChecked(False)
    path.unlink()
    path.mkdir()
    WindowState(path, window, window.timeline.splitter).show()
    assert window.size() == size
    window.closing.connect(WindowState(path, window, window.timeline.splitter).save)  # fails quietly


@pytest.mark.slow
def test_the_program_remembers_its_window_between_starts_but_not_in_safe_mode(isolated: Path) -> None:
    script = """
import sys
from lincae_studio.ui import app, main_window
start = main_window.MainWindow.start_engine_and_views
def then(self):
    print(self.geometry().getRect())
    self.setGeometry(33, 44, 620, 510)
    self.document.replace(self.document.session, None)
    self.close()
main_window.MainWindow.start_engine_and_views = then
app.run_app([])
app.run_app([], safe=True)
app.run_app([])
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    first, safe, second = run.stdout.splitlines()
    assert first == safe
    assert second == "(33, 44, 620, 510)"
