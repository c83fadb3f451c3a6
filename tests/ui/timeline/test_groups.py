"""Groups of tracks by mouse and by key: grouping, folding, moving in and out, and what they look like."""

from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from lincae_studio.session import edits, groups
from lincae_studio.session.model import Session
from lincae_studio.session.rules import validated
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.nesting import INDENT_PX
from lincae_studio.ui.timeline.track_header import TrackHeader
from tests.helpers import made_up_media
from tests.ui.drive import LEFT, NONE, choose, click, drag, move, press, release, right_click

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier

#: A place on a header that is none of its controls, on its lower part.
BARE = QPoint(2, 66)


@pytest.fixture
def song(window: MainWindow) -> MainWindow:
    """Tracks a, b, c, d; a and b in the group G: G(a b) c d."""
    for name in "abcd":
        window.document.apply("Add Track", partial(edits.add_track, name=name))
    first, second = (track.id for track in window.document.session.tracks[:2])
    window.document.apply("Group", lambda s: groups.group_tracks(s, {first, second}, "G"))
    assert text_of(window) == "G(a b) c d"
    return window


def text_of(window: MainWindow) -> str:
    return in_brackets(window.document.session)


def in_brackets(session: Session) -> str:
    """The names of the tracks, those in a group in brackets: G(a b) c."""

    def level(parent: int) -> str:
        found = []
        for track in session.tracks:
            if track.parent == parent:
                inner = level(track.id) if track.id in session.group_ids else ""
                found.append(f"{track.name}({inner})" if inner else track.name)
        return " ".join(found)

    return level(0)


def header(window: MainWindow, name: str) -> TrackHeader:
    return window.timeline.headers.header(next(t.id for t in window.document.session.tracks if t.name == name))


def select(window: MainWindow, name: str, modifiers: Qt.KeyboardModifier = NONE) -> None:
    QTest.mouseClick(header(window, name), LEFT, modifiers, BARE)


def selected(window: MainWindow) -> list[str]:
    return [window.document.session.track(track).name for track in window.selection.in_order()]


def test_a_new_track_comes_below_the_selected_one_and_into_its_group(song: MainWindow) -> None:
    for chosen, expected in (
        ("a", "G(a Track 6 b) c d"),
        ("G", "G(Track 6 a b) c d"),
        ("c", "G(a b) c Track 6 d"),
    ):
        select(song, chosen)
        press(song, Qt.Key.Key_T, CTRL)
        assert text_of(song) == expected
        assert selected(song) == ["Track 6"]
        press(song, Qt.Key.Key_Escape)
        press(song, Qt.Key.Key_Z, CTRL)
    select(song, "G")
    press(song, Qt.Key.Key_G, SHIFT)
    QTest.mouseClick(song.timeline.add_track_button, LEFT)
    assert text_of(song) == "G(a b) Track 6 c d", "a folded group would hide it"


def in_view(window: MainWindow) -> list[str]:
    headers = [one for _, one in window.timeline.headers.headers() if one.isVisible() and one.height() > 0]
    return [one.name.text() for one in sorted(headers, key=lambda one: one.y())]


def test_selected_tracks_are_grouped_by_key_and_the_group_is_named(song: MainWindow) -> None:
    select(song, "c")
    select(song, "d", SHIFT)
    press(song, Qt.Key.Key_G, CTRL | ALT)
    assert text_of(song) == "G(a b) Group 2(c d)"
    assert header(song, "Group 2").name.typing
    for key in (Qt.Key.Key_H, Qt.Key.Key_Return):
        press(song, key)
    assert text_of(song).lower() == "g(a b) h(c d)"
    assert selected(song)[0].lower() == "h"
    press(song, Qt.Key.Key_G, CTRL | ALT | SHIFT)
    assert text_of(song) == "G(a b) c d"
    press(song, Qt.Key.Key_Z, CTRL)
    assert text_of(song).lower() == "g(a b) h(c d)"
    press(song, Qt.Key.Key_Z, CTRL)
    press(song, Qt.Key.Key_Z, CTRL)
    assert text_of(song) == "G(a b) c d"


def test_escape_ends_the_naming_and_keeps_the_group(song: MainWindow) -> None:
    select(song, "c")
    press(song, Qt.Key.Key_G, CTRL | ALT)
    press(song, Qt.Key.Key_X)
    press(song, Qt.Key.Key_Escape)
    assert text_of(song) == "G(a b) Group 2(c) d"


def test_groups_are_made_from_the_menu_of_a_header(song: MainWindow) -> None:
    choose(right_click(header(song, "d"), 2, 60), "Group", "Group Tracks")
    assert text_of(song) == "G(a b) c Group 2(d)"
    press(song, Qt.Key.Key_Escape)
    choose(right_click(header(song, "Group 2"), 2, 60), "Group", "Ungroup Tracks")
    assert text_of(song) == "G(a b) c d"


def test_a_group_is_folded_by_its_button_and_by_key(song: MainWindow) -> None:
    group = header(song, "G")
    assert group.fold.isVisible()
    assert not header(song, "a").fold.isVisible()
    click(group.fold, 5, 5)
    assert in_view(song) == ["G", "c", "d"]
    assert song.timeline.rows.total_px == 3 * ROW_PX
    assert header(song, "c").y() == ROW_PX
    select(song, "G")
    press(song, Qt.Key.Key_G, SHIFT)
    assert in_view(song) == ["G", "a", "b", "c", "d"]
    press(song, Qt.Key.Key_F, CTRL | ALT)
    assert in_view(song) == ["G", "c", "d"]
    press(song, Qt.Key.Key_F, CTRL | ALT)
    assert in_view(song) == ["G", "a", "b", "c", "d"]
    press(song, Qt.Key.Key_Z, CTRL)
    assert in_view(song) == ["G", "c", "d"]


def test_arrow_keys_pass_over_what_is_folded(song: MainWindow) -> None:
    select(song, "b")
    press(song, Qt.Key.Key_Home, CTRL | SHIFT)
    assert selected(song) == ["G"], "the group of the track"
    press(song, Qt.Key.Key_G, SHIFT)
    press(song, Qt.Key.Key_Down)
    assert selected(song) == ["c"]
    press(song, Qt.Key.Key_Up, SHIFT)
    assert selected(song) == ["G", "c"]
    press(song, Qt.Key.Key_A, CTRL | ALT)
    assert selected(song) == ["G", "c", "d"]


def test_a_folded_group_is_selected_in_place_of_its_tracks(song: MainWindow) -> None:
    select(song, "a")
    header(song, "a").gain.setFocus(Qt.FocusReason.TabFocusReason)
    click(header(song, "G").fold, 5, 5)
    assert selected(song) == ["G"]
    assert in_view(song) == ["G", "c", "d"]


def test_tracks_are_dragged_into_the_middle_of_a_group(song: MainWindow) -> None:
    middle = -3 * ROW_PX + ROW_PX / 2  # of the header of G, from that of c
    drag(header(song, "c"), (2, 66), (2, middle), release=False)
    assert song.timeline.headers._into.isVisible()
    assert not song.timeline.headers._gap.isVisible()
    press(song, Qt.Key.Key_Escape)
    release(header(song, "c"), 2, middle)
    assert text_of(song) == "G(a b) c d"
    assert not song.timeline.headers._into.isVisible()
    drag(header(song, "c"), (2, 66), (2, middle))
    assert text_of(song) == "G(a b c) d"
    click(header(song, "G").fold, 5, 5)
    drag(header(song, "d"), (2, 66), (2, -ROW_PX + ROW_PX / 2))
    assert text_of(song) == "G(a b c d)"


def test_at_the_end_of_a_group_a_drag_sideways_chooses_whether_it_is_left(song: MainWindow) -> None:
    end = 2 * ROW_PX - 4.0  # the lower border of b, from the header of a
    drag(header(song, "a"), (80, 66), (80, end))
    assert text_of(song) == "G(b a) c d", "straight down, it stays as deep as it was"
    drag(header(song, "b"), (80, 66), (50, end), release=False)
    marker = song.timeline.headers._gap
    assert marker.x() == 0
    move(header(song, "b"), 80, end)
    assert marker.x() == INDENT_PX
    move(header(song, "b"), 50, end)
    release(header(song, "b"), 50, end)
    assert text_of(song) == "G(a) b c d"
    drag(header(song, "b"), (80, 66), (110, 66))
    assert text_of(song) == "G(a b) c d"


def test_a_group_is_dragged_with_its_tracks_and_nested(song: MainWindow) -> None:
    drag(header(song, "G"), (2, 66), (2, 5 * ROW_PX - 4))
    assert text_of(song) == "c d G(a b)"
    select(song, "c")
    press(song, Qt.Key.Key_G, CTRL | ALT)
    press(song, Qt.Key.Key_Escape)
    drag(header(song, "G"), (2, 66), (2, -3 * ROW_PX + ROW_PX / 2))
    assert text_of(song) == "Group 2(c G(a b)) d"
    validated(song.document.session)


def test_tracks_move_in_and_out_by_key(song: MainWindow) -> None:
    select(song, "c")
    press(song, Qt.Key.Key_Right, CTRL | SHIFT)
    assert text_of(song) == "G(a b c) d"
    press(song, Qt.Key.Key_Up, CTRL | SHIFT)
    assert text_of(song) == "G(a c b) d"
    press(song, Qt.Key.Key_Left, CTRL | SHIFT)
    assert text_of(song) == "G(a b) c d"
    select(song, "G")
    press(song, Qt.Key.Key_Down, CTRL | SHIFT)
    assert text_of(song) == "c G(a b) d"


def test_the_fader_of_a_group_moves_with_others_and_escape_returns_it(song: MainWindow) -> None:
    before = song.document.session
    select(song, "G")
    select(song, "c", CTRL)
    fader = header(song, "G").gain
    drag(fader, (fader.width() * 0.782, 8), (30, 8), release=False)
    gains = [song.document.session.track(track).gain for track in song.selection.in_order()]
    assert gains[0] == gains[1] < 0.5
    press(song, Qt.Key.Key_Escape)
    assert song.document.session == before


def test_headers_say_that_they_are_groups_and_where_they_are(song: MainWindow) -> None:
    assert header(song, "G").accessibleDescription() == "group of 2 tracks"
    assert header(song, "a").accessibleDescription() == "in G"
    assert header(song, "G").fold.accessibleName() == "G, fold"
    assert header(song, "c").accessibleDescription() == ""


def test_a_folded_group_shows_the_clips_in_it(song: MainWindow) -> None:
    track = next(track for track in song.document.session.tracks if track.name == "a")
    song.document.apply("Add Clip", lambda s: edits.add_clip(s, track.id, made_up_media(1, 400_000), 0))
    select(song, "c")
    lanes = song.timeline.lanes
    empty = lanes.grab().toImage().pixelColor(50, ROW_PX // 2)
    click(header(song, "G").fold, 5, 5)
    select(song, "c")
    heard = lanes.grab().toImage().pixelColor(50, 12)
    assert heard != empty
    song.document.apply("Mute", lambda s: edits.set_track_mute(s, s.tracks[0].id, True))
    assert lanes.grab().toImage().pixelColor(50, 12) not in (heard, empty)


def test_a_marquee_leaves_folded_clips_alone(song: MainWindow) -> None:
    inside, outside = song.document.session.tracks[1], song.document.session.tracks[3]
    for number, track in enumerate((inside, outside)):
        song.document.apply("Add Clip", partial(add_clip, track_id=track.id, start=44_100 + number))
    lanes, rows = song.timeline.lanes, song.timeline.rows
    for folded, expected in ((False, 2), (True, 1)):
        song.document.apply("Fold", partial(fold_all, folded=folded))
        drag(lanes, (2, 2), (300, rows.top(4) - 4), Qt.KeyboardModifier.AltModifier)
        assert len(song.selection.clips) == expected


def add_clip(session: Session, track_id: int, start: int) -> Session:
    return edits.add_clip(session, track_id, made_up_media(1, 400_000), start)


def fold_all(session: Session, folded: bool) -> Session:
    return groups.fold_groups(session, session.group_ids, folded)


def test_clips_move_by_key_past_a_folded_group(song: MainWindow) -> None:
    track = song.document.session.tracks[3]
    song.document.apply("Add Clip", lambda s: edits.add_clip(s, track.id, made_up_media(1, 400_000), 0))
    clip = next(song.document.session.clips()).id
    song.document.apply("Fold", lambda s: groups.fold_groups(s, s.group_ids, True))
    song.selection.set_clips({clip})
    press(song, Qt.Key.Key_Up, CTRL)
    assert song.document.session.track_of(clip).name == "G"
    press(song, Qt.Key.Key_Down, CTRL)
    assert song.document.session.track_of(clip).name == "c"


def test_hundreds_of_folded_tracks_have_no_headers(window: MainWindow) -> None:
    session = Session()
    for _ in range(300):
        session = edits.add_track(session)
    for first in range(0, 300, 30):
        session = groups.group_tracks(session, set(range(first + 1, first + 31)))
    session = groups.fold_groups(session, session.group_ids, True)
    window.document.apply("Fill", lambda _: session)
    assert len(window.timeline.headers.headers()) <= 10
    assert window.timeline.rows.total_px == 10 * ROW_PX
    assert in_view(window)[:2] == ["Group 1", "Group 2"]
