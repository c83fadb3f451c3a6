"""The real window, in a cache of its own; nothing may be left running after it.

Its engine process, which costs as much as most tests, runs for tests that are marked `engine`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.ui.jobs import reading
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.theme import apply_theme
from tests.helpers import noise, tone, write_audio
from tests.ui.asked import Asked, refuse_questions

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

#: Longest wait for anything, in milliseconds; only reached when something is broken.
LIMIT_MS = 30_000


@pytest.fixture(autouse=True)
def _no_surprises(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_questions(monkeypatch)
    monkeypatch.setattr(reading, "PATIENCE_S", LIMIT_MS / 1000)  # however loaded the machine is


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, _no_surprises: None) -> Asked:
    """Answers what the program asks."""
    return Asked(monkeypatch)


@pytest.fixture(scope="session")
def styled(qapp: QApplication) -> QApplication:
    """The application in the program's style."""
    apply_theme(qapp)
    return qapp


@pytest.fixture
def window(
    request: pytest.FixtureRequest, qtbot: QtBot, styled: QApplication, store: MediaStore, cache_dir: Path
) -> Iterator[MainWindow]:
    """The main window as the program opens it, empty; for tests marked `engine` with its engine started."""
    window = MainWindow(store, cache_dir)
    with qtbot.waitSignal(window.first_painted, timeout=LIMIT_MS):
        window.show()
    if request.node.get_closest_marker("engine"):
        window.start_engine_and_views()
    else:
        window.views.start()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=LIMIT_MS)
    yield window
    _release_buttons(window)
    cache_dir.mkdir(parents=True, exist_ok=True)  # the engine makes it, but may not be up yet
    window.document.save(cache_dir / "so_that_nothing_asks.lincae")
    assert window.close()
    window.deleteLater()
    QApplication.clipboard().clear()  # what a test put there itself
    styled.processEvents()
    gc.collect()
    gc.freeze()  # modules and what else is alive need not be scanned again
    assert not multiprocessing.active_children(), "the engine process outlived its window"
    ours = ("engine-client", "audio-feeder", "silent-sink", "job")
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith(ours)]
    assert not left, f"threads outlived the window: {left}"


def _release_buttons(window: MainWindow) -> None:
    """Release what a test still holds: Qt remembers the buttons of the mouse for all windows."""
    handle = window.windowHandle()
    for button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton):
        if handle is not None and QApplication.mouseButtons() & button:
            QTest.mouseRelease(handle, button)


@pytest.fixture
def stems(tmp_path: Path) -> list[Path]:
    """Four files of different lengths, rates and channels: noise and tones, 3 to 5 seconds."""
    audio = {
        "bass 2.wav": tone(110.0, 44_100 * 4, level=0.3),
        "drums 1.wav": noise(1, 44_100 * 5, channels=2, level=0.1),
        "keys 3.flac": noise(2, 44_100 * 3, channels=2, level=0.05),
        "lead 10.wav": tone(880.0, 44_100 * 4, level=0.2),
    }
    return [
        write_audio(tmp_path / "stems" / name, samples, subtype="PCM_16" if name.endswith("flac") else "FLOAT")
        for name, samples in audio.items()
    ]


def wait_rendered(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until imports have ended, every audible chunk of the plan is rendered, and the views are up to date."""

    def done() -> bool:
        rendered, total = window.rendering.progress()
        shown = window.timeline.master.peaks._shown
        told = all(shown.get(chunk.index, ("",))[0] == chunk.key for chunk in window.rendering.update_plan().audible)
        return not window.importer.busy and rendered == total and told

    running = any(thread.name.startswith("engine-client") for thread in threading.enumerate())
    assert running, "no engine renders anything: mark this test `engine`"
    qtbot.waitUntil(done, timeout=LIMIT_MS)


def in_stereo(samples: np.ndarray) -> np.ndarray:
    """`(N, 1 or 2)` to `(2, N)`, mono to both sides."""
    return np.repeat(samples.T, 2, axis=0) if samples.shape[1] == 1 else samples.T


#: Samples per pixel in `song`: a pixel is 10 ms, so a drag of n pixels is 441 * n samples.
PX = 441


@pytest.fixture
def song(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """The window with three tracks: "a" (4 s), "b" (3 s), "c" (2 s, stereo), all from 0 on; 441 samples a pixel."""
    audio = {
        "a.wav": noise(11, 4 * 44_100, level=0.1),
        "b.wav": tone(220.0, 3 * 44_100, level=0.2),
        "c.wav": noise(12, 2 * 44_100, channels=2, level=0.1),
    }
    window.open_paths([write_audio(tmp_path / "song" / name, samples) for name, samples in audio.items()])
    wait_imported(qtbot, window)
    window.selection.set_clips(())
    set_zoom(window, PX)
    return window


def wait_imported(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until imports have ended."""
    qtbot.waitUntil(lambda: not window.importer.busy, timeout=LIMIT_MS)


def set_zoom(window: MainWindow, samples_per_px: float) -> None:
    """Show this many samples per pixel, from the start on."""
    axis = window.timeline.axis
    axis.start = 0.0
    axis.zoom(samples_per_px / axis.samples_per_px, 0.0)
    assert axis.samples_per_px == pytest.approx(samples_per_px)
