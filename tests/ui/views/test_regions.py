"""Regions on the heatmap: selected, changed, moved and resized by mouse and keys, listed, and heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits, regions
from lincae_studio.session.model import MASTER, MAX_LENGTH, Region
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.panels.region_table import RegionTable
from lincae_studio.ui.plain_text import from_menu
from lincae_studio.ui.views.heatmap import HeatmapPanel
from tests.ui.conftest import LIMIT_MS, PX, wait_rendered
from tests.ui.drive import click, drag, hover, press, right_click
from tests.ui.look import heatmap, pixels

ALT = Qt.KeyboardModifier.AltModifier
CTRL_ALT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ESCAPE, DELETE = Qt.Key.Key_Escape, Qt.Key.Key_Delete


@pytest.fixture
def shown(song: MainWindow) -> MainWindow:
    """The song with MDCT 1x and the heatmap of the mix, tall enough that a channel is about a pixel."""
    song.document.apply("Codec", lambda session: edits.set_codec(session, "mdct-1x"))
    song.rendering.update_plan()
    assert heatmap(song).height() > 60
    return song


def panel(window: MainWindow) -> HeatmapPanel:
    found = window.views.get("heatmap")
    assert isinstance(found, HeatmapPanel)
    return found


def place(window: MainWindow, seconds: float, channel: float) -> tuple[float, float]:
    """The pixel of a time and a channel of 256."""
    return seconds * 44_100 / PX, heatmap(window).height() * (1 - channel / 256)


def drag_on(window: MainWindow, start: tuple[float, float], end: tuple[float, float], release: bool = True) -> None:
    """Drag on the heatmap from one time and channel to another."""
    drag(heatmap(window).viewport(), place(window, *start), place(window, *end), release=release)


def only(window: MainWindow, owner: int = MASTER) -> Region:
    (found,) = regions.owner_of(window.document.session, owner).regions
    return found


def test_dragging_selects_channels_and_time_which_a_key_mutes(shown: MainWindow) -> None:
    before = shown.document.session
    drag_on(shown, (0.5, 200), (1.5, 100))
    box = shown.selection.regions.box
    assert box is not None
    assert shown.document.session is before, "nothing is changed yet"
    assert (box.start / 44_100, box.end / 44_100) == pytest.approx((0.5, 1.5), abs=0.02)
    assert (box.low, box.high) == pytest.approx((100, 200), abs=3)
    assert box.start % 256 == box.end % 256 == 128, "at the edges of frames, which are centred on multiples of a hop"
    press(shown, Qt.Key.Key_U, CTRL_ALT)
    region = only(shown)
    assert (region.start, region.end, region.low, region.high) == (box.start, box.end, box.low, box.high)
    assert (region.gain, region.keep, region.space) == (0.0, False, "mdct-1x/1")
    assert shown.selection.regions.chosen == (MASTER, region.id)
    assert shown.document.undo_name == "Master: mute region"
    shown.document.undo()
    assert shown.document.session is before
    assert shown.selection.regions.chosen is None


def test_a_click_seeks_and_lets_go(shown: MainWindow) -> None:
    drag_on(shown, (0.5, 200), (1.5, 100))
    click(heatmap(shown).viewport(), *place(shown, 2.5, 50))
    assert shown.selection.regions.box is None
    assert shown.transport.position == pytest.approx(2.5 * 44_100, abs=PX)


def test_keys_turn_up_and_down_keep_bypass_and_delete(shown: MainWindow) -> None:
    drag_on(shown, (0.5, 200), (1.5, 100))
    for _ in range(2):
        press(shown, Qt.Key.Key_PageDown, CTRL_ALT)
    assert only(shown).gain == pytest.approx(10 ** (-6 / 20))
    press(shown, Qt.Key.Key_PageUp, CTRL_ALT)
    assert only(shown).gain == pytest.approx(10 ** (-3 / 20))
    press(shown, Qt.Key.Key_K, CTRL_ALT)
    assert (only(shown).gain, only(shown).keep) == (0.0, True)
    press(shown, Qt.Key.Key_Y, CTRL_ALT)
    assert not only(shown).on
    press(shown, Qt.Key.Key_X, CTRL_ALT)
    assert shown.document.session.master.regions == ()


def add(window: MainWindow, owner: int = MASTER) -> Region:
    """A region from 0.5 to 1.5 s, of the channels from 100 to 180."""
    drag_on(window, (0.5, 180.5), (1.5, 100.5))
    window.region_commands.on_mute()
    return only(window, owner)


@pytest.mark.parametrize(
    ("start", "end", "moved"),
    [
        ((1.0, 140), (1.5, 170), {"start", "end", "low", "high"}),
        ((0.5, 140), (0.2, 140), {"start"}),
        ((1.5, 140), (2.0, 140), {"end"}),
        ((1.0, 181), (1.0, 230), {"high"}),
        ((1.0, 100), (1.0, 50), {"low"}),
    ],
)
def test_regions_are_moved_and_resized_by_the_mouse(
    shown: MainWindow, start: tuple[float, float], end: tuple[float, float], moved: set[str]
) -> None:
    before = add(shown)
    steps = len(shown.document.steps[0])
    drag_on(shown, start, end)
    after = only(shown)
    changed = {name for name in ("start", "end", "low", "high") if getattr(after, name) != getattr(before, name)}
    assert changed == moved
    assert len(shown.document.steps[0]) == steps + 1
    assert (after.start - before.start) % 256 == (after.end - before.end) % 256 == 0
    if len(moved) == 4:
        assert after.end - after.start == before.end - before.start
        assert after.start - before.start == pytest.approx(0.5 * 44_100, abs=PX + 256)


def test_fades_are_dragged_by_handles_inside_each_side(shown: MainWindow) -> None:
    shown.timeline.splitter.setSizes([100, 60, 600])
    before = add(shown)
    click(heatmap(shown).viewport(), *place(shown, 1.0, 140))
    for side, outwards in (("left", 1), ("right", -1)):
        x, y = place(shown, 0.5 if side == "left" else 1.5, 140.5)
        hover(heatmap(shown).viewport(), x + 10 * outwards, y)
        assert heatmap(shown).viewport().cursor().shape() == Qt.CursorShape.SizeHorCursor
        steps = len(shown.document.steps[0])
        drag(heatmap(shown).viewport(), (x + 10 * outwards, y), (x + 30 * outwards, y))
        assert only(shown).fade == pytest.approx(20 * PX, abs=256)
        assert len(shown.document.steps[0]) == steps + 1
        press(shown, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert only(shown).fade == 0
    x, y = place(shown, 1.0, 181)
    per_channel = heatmap(shown).height() / 256
    drag(heatmap(shown).viewport(), (x, y + 10), (x, y + 10 + 15 * per_channel))
    assert only(shown).fade_channels == pytest.approx(15, abs=1)
    drag(heatmap(shown).viewport(), (x, y + 10 + 15 * per_channel), (x, y + 400))
    region = only(shown)
    assert region.fade_channels == (region.high - region.low) // 2, "no more than half"
    kept = ("start", "end", "low", "high", "gain")
    assert [getattr(region, name) for name in kept] == [getattr(before, name) for name in kept]


def test_escape_cancels_a_drag(shown: MainWindow) -> None:
    before, playhead = add(shown), shown.transport.position
    session = shown.document.session
    drag_on(shown, (1.0, 140), (2.0, 140), release=False)
    press(shown, ESCAPE)
    QTest.mouseRelease(
        heatmap(shown).viewport(), Qt.MouseButton.LeftButton, pos=QPoint(*map(int, place(shown, 2, 140)))
    )
    assert shown.document.session is session
    assert only(shown) == before
    assert shown.transport.position == playhead
    drag_on(shown, (2.5, 30), (3.0, 60), release=False)
    press(shown, ESCAPE)
    assert shown.selection.regions.box is None


def test_arrow_keys_move_and_resize_the_selected_region(shown: MainWindow) -> None:
    before, playhead = add(shown), shown.transport.position
    click(heatmap(shown).viewport(), *place(shown, 1.0, 140))
    steps = len(shown.document.steps[0])
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up):
        press(shown, key)
    moved = only(shown)
    assert (moved.start, moved.end) == (before.start + 512, before.end + 512)
    assert (moved.low, moved.high) == (before.low + 1, before.high + 1)
    assert len(shown.document.steps[0]) == steps + 1, "repeated keys are one step"
    press(shown, Qt.Key.Key_Left, SHIFT)
    press(shown, Qt.Key.Key_Down, SHIFT)
    resized = only(shown)
    assert (resized.start, resized.end, resized.low) == (moved.start, moved.end - 256, moved.low)
    assert resized.high == moved.high - 1
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Down):
        press(shown, key, ALT)
    lengthened = only(shown)
    assert (lengthened.start, lengthened.low) == (resized.start - 512, resized.low - 1)
    assert (lengthened.end, lengthened.high) == (resized.end, resized.high)
    assert shown.transport.position == playhead, "the keys did not seek"
    press(shown, DELETE)
    assert shown.document.session.master.regions == ()
    assert list(shown.document.session.clips()), "no clip was deleted"
    press(shown, Qt.Key.Key_Right)
    assert shown.transport.position != playhead, "without a region, arrows seek again"


def test_a_rectangle_can_be_made_without_a_mouse(shown: MainWindow) -> None:
    shown.transport.seek(44_100)
    heatmap(shown).setFocus()
    press(shown, Qt.Key.Key_Return)
    box = shown.selection.regions.box
    assert box is not None
    assert (box.start / 44_100, box.end / 44_100) == pytest.approx((1.0, 2.0), abs=0.02)
    press(shown, Qt.Key.Key_U, CTRL_ALT)
    assert only(shown).gain == 0.0
    press(shown, ESCAPE)
    assert shown.selection.regions.chosen is None


@pytest.mark.parametrize("kind", ["track", "clip"])
def test_regions_belong_to_what_is_shown(shown: MainWindow, kind: str) -> None:
    track = shown.document.session.tracks[1]
    shown.document.apply("Move", lambda session: edits.move_clips(session, [track.clips[0].id], 22_050))
    owner = track.id if kind == "track" else track.clips[0].id
    if kind == "clip":
        shown.selection.set_clips([owner])
        panel(shown).show_latents(("clip", 0))
    else:
        panel(shown).show_latents(("track", owner))
    region = add(shown, owner)
    origin = 22_050 if kind == "clip" else 0
    assert (region.start + origin) / 44_100 == pytest.approx(0.5, abs=0.02)
    panel(shown).show_latents(("mix", 0))
    drag_on(shown, (1.0, 140), (2.0, 140))
    assert only(shown, owner) == region, "it is not shown with the mix"
    assert shown.selection.regions.box is not None


def test_in_another_order_or_a_difference_there_are_no_regions(shown: MainWindow) -> None:
    add(shown)
    shown.selection.regions.clear()
    view = panel(shown)
    view.order.setCurrentIndex(1)
    drag_on(shown, (2.0, 200), (2.5, 100))
    assert shown.selection.regions.box is None
    view.order.setCurrentIndex(0)
    view.show_latents(("mix", 0), ("track", 0))
    drag_on(shown, (2.0, 200), (2.5, 100))
    assert shown.selection.regions.box is None


def test_another_codec_lets_go_of_the_rectangle(shown: MainWindow) -> None:
    drag_on(shown, (0.5, 200), (1.5, 100))
    shown.document.apply("Codec", lambda session: edits.set_codec(session, "mdct-4x"))
    shown.rendering.update_plan()
    assert shown.selection.regions.box is None


@pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)
def test_the_context_menu_has_the_commands(shown: MainWindow) -> None:
    drag_on(shown, (0.5, 200), (1.5, 100))
    menu = right_click(panel(shown), 260 + place(shown, 1.0, 150)[0], place(shown, 1.0, 150)[1])
    assert menu is not None
    texts = [from_menu(action.text()) for part in menu.findChildren(type(menu)) for action in part.actions()]
    assert {"Mute", "Keep Only", "Solo Channel"} <= set(texts)
    menu.close()


def test_the_list_follows_selects_and_edits(qtbot: QtBot, shown: MainWindow) -> None:
    press(shown, Qt.Key.Key_N, CTRL_ALT)
    table = shown.region_table
    assert table.isVisible()
    assert not table.table.isVisible(), "a text says how regions are made"
    region = add(shown)
    channels = f"{region.low}–{region.high}"
    assert cells(table)[0][4:] == [channels, "−inf dB", "these channels", "0 ms", "0", ""]
    assert table.table.selectionModel().isRowSelected(0)
    edit(qtbot, table, 1, "Whistle")
    edit(qtbot, table, 4, "20-30")
    edit(qtbot, table, 5, "-6")
    edit(qtbot, table, 6, "other")
    edit(qtbot, table, 7, "50")
    edit(qtbot, table, 8, "3")
    edit(qtbot, table, 3, "2.5")
    print(cells(table), [shown.messages.text.text() if shown.messages.cards else None])
    found = only(shown)
    assert (found.name, found.low, found.high, found.keep) == ("Whistle", 20, 30, True)
    assert found.gain == pytest.approx(10 ** (-6 / 20))
    assert (found.fade, found.fade_channels, found.end) == (2205, 3, round(2.5 * 44_100))
    assert found.start == region.start
    edit(qtbot, table, 4, "nonsense")
    edit(qtbot, table, 5, "+99")
    assert only(shown) == found, "what is not valid is refused"
    shown.document.apply("Codec", lambda session: edits.set_codec(session, "mdct-2x"))
    shown.rendering.update_plan()
    assert cells(table)[0][-1] == "only with mdct-1x"
    assert not any(chunk.edited for chunk in shown.rendering.plan.audible)


def cells(table: RegionTable) -> list[list[str]]:
    model = table.table.model()
    return [
        [model.index(row, column).data() for column in range(model.columnCount())] for row in range(model.rowCount())
    ]


def edit(qtbot: QtBot, table: RegionTable, column: int, text: str) -> None:
    """Double-click a cell of the first row, type, and press Return."""
    table.table.scrollTo(table.table.model().index(0, column))
    rect = table.table.visualRect(table.table.model().index(0, column)).center()
    QTest.mouseClick(table.table.viewport(), Qt.MouseButton.LeftButton, pos=rect)
    QTest.mouseDClick(table.table.viewport(), Qt.MouseButton.LeftButton, pos=rect)
    (field,) = [one for one in table.table.viewport().findChildren(QLineEdit) if one.isVisible()]
    field.selectAll()
    QTest.keyClicks(field, text)
    with qtbot.waitSignal(field.destroyed, timeout=LIMIT_MS):
        QTest.keyClick(field, Qt.Key.Key_Return)


def test_regions_are_drawn_over_the_heatmap(shown: MainWindow) -> None:
    before = pixels(heatmap(shown).viewport())
    add(shown)
    changed = np.argwhere((pixels(heatmap(shown).viewport()) != before).any(axis=2))
    left, top = place(shown, 0.5, 181)
    right, bottom = place(shown, 1.5, 100)
    assert changed[:, 1].min() == pytest.approx(left, abs=4)
    assert changed[:, 1].max() == pytest.approx(right, abs=4)
    assert changed[:, 0].max() == pytest.approx(bottom, abs=4)
    assert changed[:, 0].min() == pytest.approx(top, abs=4)


@pytest.mark.engine
def test_what_is_muted_is_not_heard_and_a_soloed_channel_alone_is(qtbot: QtBot, shown: MainWindow) -> None:
    wait_rendered(qtbot, shown)
    region = add(shown)
    wait_rendered(qtbot, shown)
    rendered = shown.rendering.rendered(0)
    assert rendered is not None
    grid = shown.rendering.plan.grid
    centres = grid.frame_centres(0)
    inside = (centres >= region.start) & (centres < region.end)
    assert not rendered.latents[:, region.low : region.high + 1, inside].any()
    assert rendered.latents[:, region.high + 1, inside].any()
    shown.document.undo()
    wait_rendered(qtbot, shown)
    hover(heatmap(shown).viewport(), *place(shown, 1.0, 50.5))
    channel = heatmap(shown).channel_at(50.5 / 256)
    press(shown, Qt.Key.Key_O, CTRL_ALT)
    assert "% of the energy" in shown.messages.text.text()
    solo = only(shown)
    assert (solo.start, solo.end, solo.keep) == (0, MAX_LENGTH, True)
    assert solo.low == solo.high == pytest.approx(channel, abs=2)
    wait_rendered(qtbot, shown)
    alone = shown.rendering.rendered(0)
    assert alone is not None
    assert alone.latents[:, solo.low].any()
    assert not np.delete(alone.latents, solo.low, axis=1).any()
    press(shown, Qt.Key.Key_O, CTRL_ALT)
    assert shown.document.session.master.regions == ()


def test_regions_are_part_of_the_project_file(shown: MainWindow, tmp_path: Path) -> None:
    region = add(shown)
    shown.save_to(tmp_path / "song.lincae")
    shown.document.undo()
    shown.document.save(tmp_path / "other.lincae")
    shown.open_project(tmp_path / "song.lincae")
    assert only(shown) == region
