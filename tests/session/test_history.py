"""Undo, redo, merging, and the modified mark."""

from __future__ import annotations

import tracemalloc

from lincae_studio.session import edits
from lincae_studio.session.history import History
from lincae_studio.session.model import Point, Session
from tests.helpers import made_up_media

EMPTY = Session()
ONE = edits.add_track(EMPTY, "one")
TWO = edits.add_track(ONE, "two")


def faded(position: int) -> Session:
    return edits.set_track_gain(ONE, 1, position / 100)


def test_undo_and_redo_walk_the_same_states() -> None:
    history = History(EMPTY)
    assert history.push("Add one", ONE)
    assert history.push("Add two", TWO)
    assert (history.undo_text, history.redo_text) == ("Add two", None)
    assert history.undo() == "Add two"
    assert history.session is ONE
    assert history.undo() == "Add one"
    assert history.session is EMPTY
    assert (history.undo_text, history.redo_text) == (None, "Add one")
    assert history.redo() == "Add one"
    assert history.redo() == "Add two"
    assert history.session is TWO


def test_nothing_to_undo_or_redo_is_none_and_harmless() -> None:
    history = History(ONE)
    assert history.undo() is None
    assert history.redo() is None
    assert history.session is ONE


def test_a_push_that_changes_nothing_adds_no_entry_and_keeps_redo() -> None:
    history = History(EMPTY)
    history.push("Add one", ONE)
    history.undo()
    assert not history.push("Nothing", Session())
    assert history.redo_text == "Add one"


def test_a_push_after_undo_forgets_the_undone() -> None:
    history = History(EMPTY)
    history.push("Add one", ONE)
    history.undo()
    history.push("Add two", TWO)
    assert history.redo_text is None
    history.undo()
    assert history.session is EMPTY


def test_a_sweep_with_one_key_is_one_entry() -> None:
    history = History(ONE)
    for position in (10, 20, 30):
        assert history.push("Fader", faded(position), merge_key="gain 1")
    assert history.session == faded(30)
    history.undo()
    assert history.session is ONE
    assert history.undo_text is None
    history.redo()
    assert history.session == faded(30)


def test_other_keys_and_no_key_do_not_merge() -> None:
    history = History(ONE)
    history.push("Fader", faded(10), merge_key="gain 1")
    history.push("Fader", faded(20), merge_key="gain 2")
    history.push("Fader", faded(30))
    history.push("Fader", faded(40))
    for expected in (faded(30), faded(20), faded(10), ONE):
        history.undo()
        assert history.session == expected


def test_end_merge_starts_a_new_entry() -> None:
    history = History(ONE)
    history.push("Fader", faded(10), merge_key="gain 1")
    history.end_merge()
    history.push("Fader", faded(20), merge_key="gain 1")
    history.undo()
    assert history.session == faded(10)


def test_end_merge_without_history_is_harmless() -> None:
    history = History(ONE)
    history.end_merge()
    assert history.undo_text is None


def test_a_sweep_after_undo_does_not_merge_into_the_past() -> None:
    history = History(ONE)
    history.push("Fader", faded(10), merge_key="gain 1")
    history.push("Name", edits.rename_track(faded(10), 1, "new"))
    history.undo()
    history.push("Fader", faded(30), merge_key="gain 1")
    history.undo()
    assert history.session == faded(10)


def test_modified_tells_whether_the_document_differs_from_the_saved_one() -> None:
    history = History(EMPTY)
    found = [history.modified]
    history.push("Add one", ONE)
    found.append(history.modified)
    history.undo()
    found.append(history.modified)
    history.redo()
    history.mark_saved()
    found.append(history.modified)
    history.undo()
    found.append(history.modified)
    assert found == [False, True, False, False, True]


def test_saving_ends_a_sweep() -> None:
    history = History(ONE)
    history.push("Fader", faded(10), merge_key="gain 1")
    history.mark_saved()
    history.push("Fader", faded(20), merge_key="gain 1")
    assert history.modified
    history.undo()
    assert not history.modified


def test_the_history_stays_within_its_memory_limit() -> None:
    """Moving every clip of a session leaves a copy of it with each step."""
    room, session = 1_000_000, EMPTY
    for _ in range(5):
        session = edits.add_stems(session, [made_up_media(number, 44_100) for number in range(20)], 0)
    clips = {clip.id for clip in session.clips()}
    history = History(session, max_bytes=room)
    tracemalloc.start()
    try:
        for number in range(200):
            session = edits.move_clips(session, clips, 1000)
            session = edits.set_clip_gain(session, {min(clips)}, number / 200)
            history.push(str(number), session)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert room / 4 < taken < 1.5 * room, "the estimate is roughly right"
    assert history.forgotten > 0
    assert len(history.done_names) == 200 - history.forgotten
    assert history.undo_text == "199"


def test_points_of_the_masters_envelope_count() -> None:
    history = History(EMPTY, max_bytes=1_000_000)
    for number in range(100):
        points = [Point(10 * at + number, 0.5) for at in range(1000)]
        history.push(str(number), edits.set_master_points(EMPTY, points))
    assert 0 < len(history.done_names) < 20


def test_forgetting_leaves_what_remains_intact() -> None:
    history = History(EMPTY, max_bytes=20_000)
    states = [EMPTY]
    for number in range(100):
        states.append(edits.add_track(states[-1], str(number)))
        history.push(str(number), states[-1])
    kept = len(history.done_names)
    assert 0 < kept < 100
    history.go_to(0)
    assert history.session is states[history.forgotten]
    history.go_to(kept)
    assert history.session is states[-1]
    history.go_to(1)
    history.push("other", EMPTY)
    assert history.done_names == [f"{history.forgotten}: {history.forgotten}", "other"]
    assert history.undone_names == []


def test_one_step_can_always_be_undone() -> None:
    history = History(EMPTY, max_bytes=0)
    history.push("Add one", ONE)
    history.push("Add two", TWO)
    assert history.undo() == "Add two"
    assert history.undo() is None
