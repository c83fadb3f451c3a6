"""Operators and inserts: adding, choosing, renaming and removing them, and values that are refused."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import delta, edits, operators
from lincae_studio.session.model import MAX_OPERATORS, Operator, Session
from lincae_studio.session.rules import check_change, validated
from lincae_studio.session.step_names import step_name
from tests.helpers import made_up_media, session_of

MEDIA = made_up_media(1, 40_000)
EQ = Operator(
    id=1, name=" EQ ", space="mdct-1x/1", channels=2, past=1, weights=array("f", [1.0, 0.5] * 2).tobytes(), r2=0.9
)


def song() -> Session:
    """Tracks 1 and 3 with clips 2 and 4; operator 5 is the insert of the first."""
    session = operators.add(session_of(MEDIA, made_up_media(2, 40_000)), EQ)
    return validated(operators.set_insert(session, [1], 5))


def test_an_operator_is_an_insert_of_tracks_until_it_is_removed() -> None:
    session = song()
    assert [track.insert for track in session.tracks] == [5, 0]
    assert operators.insert_of(session, session.track(1)) == replace(EQ, id=5, name="EQ")
    assert operators.insert_of(session, session.track(3)) is None
    both = validated(operators.set_insert(session, [1, 3], 5))
    assert both.track(1) is session.track(1)
    assert operators.set_insert(both, [3], 5) is both
    gone = validated(operators.remove(both, 5))
    assert [track.insert for track in gone.tracks] == [0, 0]
    assert not gone.operators
    assert operators.add(gone, EQ).operators[0].id == 6, "ids are not used again"
    for edit in (lambda: operators.remove(gone, 5), lambda: operators.set_insert(gone, [1], 5)):
        with pytest.raises(EditError, match="no operator 5"):
            edit()


def test_names() -> None:
    session = operators.rename(song(), 5, " Room ")
    assert session.operator(5).name == "Room"
    assert step_name("Rename Operator", song(), session) == "EQ: rename to Room"
    assert step_name("New Operator", session_of(MEDIA), operators.add(session_of(MEDIA), EQ)) == "New Operator: EQ"
    changed = operators.set_insert(session, [1], 0)
    assert step_name("Change Insert", session, changed).endswith(": change insert")
    with pytest.raises(EditError, match="needs a name"):
        operators.rename(song(), 5, " ")
    assert operators.add(session_of(MEDIA), replace(EQ, name="")).operators[0].name == "Operator"


def test_no_more_than_can_be_saved() -> None:
    session = session_of(MEDIA)
    for _ in range(MAX_OPERATORS):
        session = operators.add(session, EQ)
    with pytest.raises(EditError, match="64 operators already"):
        operators.add(session, EQ)


@pytest.mark.parametrize(
    "fields",
    [
        {"weights": EQ.weights[:-4]},
        {"past": 2},
        {"channels": 3},
        {"reach": 2},
        {"weights": array("f", [1.0, float("nan")] * 2).tobytes()},
        {"weights": array("f", [float("inf"), -float("inf")] * 2).tobytes()},
        {"past": 65, "weights": bytes(4 * 2 * 66)},
        {"space": ""},
        {"r2": 1.5},
        {"channels": 65_537},
        {"weights": bytes(4 * 2**18 + 4), "channels": 2**18 + 1, "past": 0},
    ],
)
def test_values_that_are_not_valid_are_refused(fields: dict[str, Any]) -> None:
    before = session_of(MEDIA)
    with pytest.raises(EditError):
        validated(operators.add(before, replace(EQ, **fields)))
    with pytest.raises(EditError):
        check_change(before, operators.add(before, replace(EQ, **fields)))


def test_an_insert_that_does_not_exist_is_refused() -> None:
    session = song()
    for broken in (
        replace(session, operators=()),
        replace(session, tracks=tuple(replace(track, insert=4) for track in session.tracks)),
        replace(session, operators=(*session.operators, session.operators[0])),
    ):
        with pytest.raises(EditError):
            validated(broken)
        with pytest.raises(EditError):
            check_change(session, broken)


def test_the_journal_records_operators_and_inserts() -> None:
    before = session_of(MEDIA, made_up_media(2, 40_000))
    for after in (song(), operators.remove(song(), 5), edits.remove_tracks(song(), {1})):
        assert delta.apply(before, delta.delta(before, after)) == after
        before = after


def test_warnings_name_what_an_export_lacks() -> None:
    session = song()
    assert operators.warnings(session, "mdct-1x/1") == []
    assert operators.warnings(session, "mdct-1x/1", dry=True) == [
        "The dry mix does not include inserts; a difference includes what they change."
    ]
    assert operators.warnings(session, "mdct-2x/1", dry=True) == [
        "1 insert learned from latents of another codec cannot be applied with this codec."
    ]
    assert operators.warnings(edits.remove_clips(session, {2}), "mdct-2x/1") == []
