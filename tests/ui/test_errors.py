"""Errors are reported in the message bar, and actions can be retried."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QDialog, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.errors import StudioError
from lincae_studio.session import edits
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.notify import install_hooks
from tests.ui.conftest import LIMIT_MS, wait_rendered


@pytest.fixture
def hooks(window: MainWindow) -> Iterator[MainWindow]:
    """The window with the program's exception hooks, as `run_app` installs them."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    install_hooks(window.messages)
    yield window
    sys.excepthook, threading.excepthook, sys.unraisablehook = before


def details_of(window: MainWindow) -> str:
    """Press Details…, read the window, close it."""
    [button] = [b for b in window.messages.findChildren(QPushButton) if b.text() == "Details…"]
    assert button.isVisible()
    button.click()
    [dialog] = [d for d in window.findChildren(QDialog) if d.windowTitle() == "Details" and d.isVisible()]
    field = dialog.findChild(QPlainTextEdit)
    assert field is not None
    text = field.toPlainText()
    dialog.close()
    return text


@pytest.mark.no_qt_log
def test_an_exception_in_a_slot_reaches_the_bar(
    qtbot: QtBot, hooks: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_factor: float) -> None:
        raise ZeroDivisionError("a bug in a slot")

    monkeypatch.setattr(hooks.view_commands, "_zoom", broken)
    hooks.actions_by_id["zoom_in"].trigger()
    qtbot.waitUntil(hooks.messages.isVisible, timeout=LIMIT_MS)
    text = hooks.messages.text.text()
    assert "ZeroDivisionError: a bug in a slot" in text
    assert "save it" in text
    assert "Traceback" in details_of(hooks)


def test_an_exception_in_a_thread_reaches_the_bar(qtbot: QtBot, hooks: MainWindow) -> None:
    def broken() -> None:
        raise ValueError("a bug in a thread")

    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()
    qtbot.waitUntil(hooks.messages.isVisible, timeout=LIMIT_MS)
    assert "ValueError: a bug in a thread" in hooks.messages.text.text()
    assert "in broken" in details_of(hooks)


def test_an_exception_after_the_window_is_gone_is_quiet(window: MainWindow) -> None:
    from lincae_studio.ui.notify import MessageBar

    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    bar = MessageBar()
    install_hooks(bar)
    hook = sys.excepthook
    sys.excepthook, threading.excepthook, sys.unraisablehook = before
    import shiboken6

    shiboken6.delete(bar)
    hook(ValueError, ValueError("late"), None)


def test_a_failed_job_is_reported_and_ends(qtbot: QtBot, window: MainWindow) -> None:
    def bug(*_: object) -> None:
        raise KeyError("oops")

    def mistake(*_: object) -> None:
        raise StudioError("the file is gone", "Look for it")

    for work, text in ((bug, "KeyError: 'oops'"), (mistake, "the file is gone. Look for it.")):
        job = BackgroundJob(work, window)
        failures: list[object] = []
        job.failed.connect(failures.append)
        with qtbot.waitSignal(job.ended, timeout=LIMIT_MS):
            job.start()
        job.wait()
        assert [text in str(failure) for failure in failures] == [True]


@pytest.mark.engine
def test_a_failed_chunk_is_marked_heard_dry_and_rendered_on_retry(
    qtbot: QtBot, song: MainWindow, cache_dir: Path, tmp_path: Path
) -> None:
    song.codecs.actions["mdct-1x"].trigger()
    wait_rendered(qtbot, song)
    session = song.document.session
    lost = session.tracks[0].clips[0]
    [folder] = [path for path in cache_dir.rglob(lost.media) if path.is_dir()]
    shutil.copytree(folder, tmp_path / "backup")
    shutil.rmtree(folder)  # the window has the file open still; a new engine will not find it
    [engine] = multiprocessing.active_children()
    with qtbot.waitSignal(song.rendering.engine_changed, timeout=LIMIT_MS):
        engine.kill()
    song.document.apply("Move", lambda s: edits.move_clips(s, [lost.id], 777))

    def settled() -> bool:
        states = {song.rendering.state(i) for i in range(len(song.rendering.plan.chunks))}
        return states <= {ChunkState.RENDERED, ChunkState.FAILED} and ChunkState.FAILED in states

    qtbot.waitUntil(settled, timeout=LIMIT_MS)
    assert "cannot be rendered" in song.messages.text.text()
    assert "Retry Failed Chunks" in song.messages.text.text()
    length = song.document.session.length
    dry = song.rendering.reader()._dry.read(0, length)
    assert np.abs(dry).max() > 0.1
    np.testing.assert_allclose(song.rendering.reader().read(0, length), dry, atol=1e-4)
    failed = next(i for i, c in enumerate(song.rendering.plan.chunks) if song.rendering.state(i) is ChunkState.FAILED)
    assert "is not in the cache" in song.timeline.render_bar.describe(
        song.timeline.axis.x_of(failed * song.rendering.plan.grid.step_samples) + 3
    )

    song.messages.hide()
    song.actions_by_id["retry"].trigger()
    qtbot.waitUntil(settled, timeout=LIMIT_MS)
    qtbot.waitUntil(song.messages.isVisible, timeout=LIMIT_MS)  # reported again after the retry
    shutil.copytree(tmp_path / "backup", folder)
    song.actions_by_id["retry"].trigger()
    wait_rendered(qtbot, song)
    np.testing.assert_allclose(song.rendering.reader().read(0, length), dry, atol=1e-4)


class BrokenMix:
    """A mix that cannot be read."""

    rate = 44_100
    length = 100_000

    def read(self, start: int, count: int) -> np.ndarray:
        raise OSError("the disk is gone")


@pytest.mark.engine
def test_playback_that_fails_stops_and_says_why(
    qtbot: QtBot, song: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_rendered(qtbot, song)
    with monkeypatch.context() as patch:
        patch.setattr(song.rendering, "reader", lambda _monitor, previews: BrokenMix())
        song.actions_by_id["play"].trigger()
    qtbot.waitUntil(lambda: song.messages.text.text() == "Playback stopped: the disk is gone", timeout=LIMIT_MS)
    assert not song.player.playing
    play = song.actions_by_id["play"]
    assert not play.isChecked()
    play.trigger()
    assert play.isChecked(), "the next try has the mix again"
    song.actions_by_id["play"].trigger()


def test_playing_an_empty_or_a_finished_session_ends_at_once(qtbot: QtBot, window: MainWindow) -> None:
    for _ in range(5):
        window.actions_by_id["play"].trigger()
        qtbot.waitUntil(lambda: not window.actions_by_id["play"].isChecked(), timeout=LIMIT_MS)
        assert not window.player.playing
