"""Large sessions are planned between events, and cost no more per clip than small ones. Counted, not timed."""

from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lincae_studio.codecs import registry
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.rendering import planning, spare_time
from tests.helpers import calls, missing_clips
from tests.ui.conftest import LIMIT_MS
from tests.ui.drive import drag, move, release

EMPTY = Session()


@pytest.fixture
def in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is planned step by step, however small it is."""
    monkeypatch.setattr(planning, "_AT_ONCE_S", 0.0)
    monkeypatch.setattr(spare_time, "_SLICE_S", 0.0)
    monkeypatch.setattr(planning, "_INTERVAL_S", 0.0)


def planned(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.rendering.planning, timeout=LIMIT_MS)


def test_a_plan_in_slices_is_the_same_and_events_come_between(qtbot: QtBot, song: MainWindow, in_steps: None) -> None:
    session, whole = song.document.session, song.rendering.plan
    song.document.replace(EMPTY, None)
    planned(qtbot, song)
    song.document.replace(session, None)
    assert song.rendering.planning
    assert not song.rendering.plan.audible, "nothing of the document before"
    assert song.rendering.plan.length == session.length
    assert song.status.render.text() == "planning the mix…"
    planned(qtbot, song)
    assert song.rendering.plan == whole
    assert song.status.render.text().endswith("/3 chunks rendered")
    assert song.rendering.progress()[1] == len(whole.audible)
    assert song.timeline.master.peaks.pyramid.pages <= 1


def test_an_edit_while_planning_is_in_the_plan(qtbot: QtBot, song: MainWindow, in_steps: None) -> None:
    session = song.document.session
    song.document.replace(EMPTY, None)
    song.document.replace(session, None)
    for number in range(6):
        QApplication.processEvents()
        gain = 0.5 + number / 100
        song.document.apply("Gain", partial(edits.set_track_gain, track_id=session.tracks[0].id, gain=gain))
        song.document.apply("Mute", partial(edits.set_track_mute, track_id=session.tracks[1].id, mute=number % 2 == 0))
    planned(qtbot, song)
    codec = registry.info(session.codec)
    assert song.rendering.plan == make_plan(song.document.session, codec)
    song.document.undo()
    assert song.rendering.update_plan() == make_plan(song.document.session, codec), "who needs it now gets it"
    assert not song.rendering.planning
    read = DryMix(song.document.session, song.rendering.audio).read(0, 9999)
    assert (song.rendering.dry.read(0, 9999) == read).all()


def test_a_fader_moves_while_its_plans_are_made_in_order(qtbot: QtBot, song: MainWindow, in_steps: None) -> None:
    """Each movement does one step of a plan; each plan is made to its end, of the latest session when it began."""
    document, codec = song.document, registry.info(song.document.session.codec)
    fader = song.timeline.headers.header(document.session.tracks[0].id).gain
    sessions, plans = [document.session], []
    document.changed.connect(lambda _: sessions.append(document.session))
    song.rendering.plan_changed.connect(lambda: plans.append(song.rendering.plan))
    drag(fader, (fader.width() // 2, 8), (fader.width() // 2 - 1, 8), release=False)
    for number in range(2, 60):
        move(fader, fader.width() // 2 - number, 8)  # never back to a gain of before
        QApplication.processEvents()
    assert song.rendering.planning
    assert len(plans) > 1, "although each movement was an edit"
    found = [next(n for n, session in enumerate(sessions) if plan == make_plan(session, codec)) for plan in plans]
    assert found == sorted(set(found)), "in the order of the edits, and none twice"
    release(fader, fader.width() // 2, 8)
    planned(qtbot, song)
    assert song.rendering.plan == make_plan(document.session, codec)
    document.undo()
    assert song.rendering.update_plan() == make_plan(sessions[0], codec)


def test_a_movement_of_a_fader_plans_no_more_than_a_slice(song: MainWindow, in_steps: None) -> None:
    document = song.document
    length = document.session.length
    for number in range(1, 60):
        document.apply("Repeat", partial(_repeated, at=number * length))
    song.rendering.update_plan()
    fader = song.timeline.headers.header(document.session.tracks[0].id).gain
    drag(fader, (fader.width() // 2, 8), (fader.width() // 2 + 5, 8), release=False)
    song.rendering.update_plan()
    most = calls(lambda: move(fader, fader.width() // 2 + 9, 8))
    whole = calls(song.rendering.update_plan)
    release(fader, fader.width() // 2, 8)
    assert 5 * most < whole, "the rest is done between events, or when it is needed at once"


def _repeated(session: Session, at: int) -> Session:
    track = session.tracks[0]
    return edits.add_clip(session, track.id, session.media_of(track.clips[0].media), at)


@pytest.mark.parametrize("tracks", [1, 0], ids=["on one track", "one on each track"])
def test_the_cost_of_missing_clips_grows_linearly(qtbot: QtBot, window: MainWindow, tracks: int) -> None:
    def opening(count: int) -> int:
        def opened() -> None:
            window.document.replace(missing_clips(tracks or count, count), None)
            window.rendering.update_plan()
            QApplication.processEvents()

        return calls(opened)

    opening(10)
    few, many = opening(100), opening(300)
    assert many < 4 * few, "not nine times as much"
    assert len(window.rendering.offline) == 300


def test_an_edit_plans_the_track_it_touches_although_clips_are_missing(window: MainWindow) -> None:
    window.document.replace(missing_clips(20, 100), None)
    window.rendering.update_plan()
    before = window.rendering.session
    window.document.apply("Gain", partial(edits.set_track_gain, track_id=3, gain=0.5))
    after = window.rendering.session
    assert [one is other for one, other in zip(before.tracks, after.tracks, strict=True)].count(False) == 1
    assert all(clip.gain == 0.0 for clip in after.clips())


def test_missing_clips_are_marked_once_that_is_known(qtbot: QtBot, window: MainWindow, in_steps: None) -> None:
    with qtbot.waitSignal(window.rendering.offline_changed, timeout=LIMIT_MS):
        window.document.replace(missing_clips(2, 4), None)
        assert not window.rendering.offline
    assert len(window.rendering.offline) == 4
    assert not window.rendering.planning
