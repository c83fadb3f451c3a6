"""An edit costs what it touches: silence is free, however long the timeline is. Counted, not timed."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lincae_studio.media.peaks import BLOCK, block_peaks
from lincae_studio.session import edits
from lincae_studio.session.model import DEFAULT_RATE, MAX_LENGTH, Session
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.registry import VIEWS
from tests.helpers import made_up_media
from tests.ui.conftest import wait_rendered
from tests.ui.drive import click, drag

MINUTES_4 = 240 * DEFAULT_RATE


def work_of(done: Callable[[], object]) -> tuple[int, int]:
    """Calls of functions in this thread, and bytes in use at most."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    tracemalloc.start()
    sys.setprofile(count)
    done()
    QApplication.processEvents()
    sys.setprofile(None)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return calls, most


def test_a_long_timeline_is_no_more_work_than_a_short_one(window: MainWindow, song: MainWindow) -> None:
    window.preferences.set(views=tuple(view.id for view in VIEWS))
    document, tracks = song.document, song.document.session.tracks
    clip = tracks[0].clips[0]

    def work(end: int) -> list[tuple[int, int]]:
        move: Callable[[Session], Session] = lambda s: edits.move_clips(s, {clip.id}, end - clip.end)  # noqa: E731
        found = [
            work_of(lambda: document.apply("Move", move)),
            work_of(lambda: document.apply("Gain", lambda s: edits.set_track_gain(s, tracks[1].id, 0.5))),
            work_of(song.timeline.axis.fit),
            work_of(lambda: document.apply("Gain", lambda s: edits.set_track_gain(s, tracks[1].id, 0.6))),
            work_of(document.undo),
        ]
        for _ in range(2):
            document.undo()
        song.timeline.axis.fit()
        QApplication.processEvents()
        return found

    work(MINUTES_4)  # the first time also loads code
    short, long = work(MINUTES_4), work(MAX_LENGTH)
    for (few, small), (many, large) in zip(short, long, strict=True):
        assert many < 1.5 * few + 1_000
        assert large < small + 2**23, "a page or two of each view, not an array as long as the timeline"


@pytest.mark.engine
def test_the_waveform_of_the_mix_follows_a_clip_there_and_back(qtbot: QtBot, song: MainWindow) -> None:
    """Only what changed is computed again, and nothing is left behind."""
    song.codecs.actions["mdct-1x"].trigger()
    wait_rendered(qtbot, song)
    document, peaks = song.document, song.timeline.master.peaks

    def agree() -> None:
        wait_rendered(qtbot, song)
        plan = song.rendering.plan
        for start in range(0, plan.length, 300_000 * BLOCK):
            count = min(10 * DEFAULT_RATE, plan.length - start)
            expected = block_peaks(song.rendering.reader().read(start, count).T)
            found = peaks.pyramid.level_0(start // BLOCK, start // BLOCK + len(expected))
            np.testing.assert_allclose(found[:-1], expected[:-1], atol=1e-5)
        last = plan.length // BLOCK
        tail = block_peaks(song.rendering.reader().read((last - 1_000) * BLOCK, 1_000 * BLOCK).T)
        np.testing.assert_allclose(peaks.pyramid.level_0(last - 1000, last), tail, atol=1e-5)

    agree()
    clip = document.session.tracks[1].clips[0]
    document.apply("Move", lambda s: edits.move_clips(s, {clip.id}, 3_600 * DEFAULT_RATE))
    agree()
    before, chunks = peaks.updates, len(song.rendering.plan.audible)
    document.apply("Gain", lambda s: edits.set_clip_gain(s, {clip.id}, 0.5))
    agree()
    assert peaks.updates - before < chunks, "those at the start have not changed"
    document.undo()
    document.undo()
    agree()
    assert peaks.pyramid.pages == 1


def test_the_playhead_and_the_loop_can_be_anywhere_on_the_longest_timeline(window: MainWindow) -> None:
    media = made_up_media(1, DEFAULT_RATE)
    session = edits.add_clip(edits.add_track(Session()), 1, media, MAX_LENGTH - media.length)
    window.document.replace(session, None)
    timeline = window.timeline
    timeline.axis.fit()
    for part in (timeline.ruler, timeline.lanes, timeline.master):
        window.transport.seek(0)
        x = round(0.9 * part.width())
        click(part, x, part.height() - 3)
        assert window.transport.position == timeline.axis.sample_at(x) > 2**31
    ruler = timeline.ruler
    y, left, right = ruler.height() - 3, 0.7 * ruler.width(), 0.9 * ruler.width()
    drag(ruler, (left, y), (right, y), Qt.KeyboardModifier.ShiftModifier)
    assert window.document.session.loop is not None
    assert window.document.session.loop.start > 2**31
