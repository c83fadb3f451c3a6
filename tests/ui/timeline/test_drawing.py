"""Drawing in pieces equals drawing everything at once; the colours of the themes can be distinguished."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import fields
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QRegion
from PySide6.QtWidgets import QApplication, QFileDialog, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import MASTER, TRACK_COLORS, Point, Session
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline import canvas
from lincae_studio.ui.timeline.envelopes import Kind
from tests.helpers import noise, write_audio
from tests.ui.conftest import LIMIT_MS, set_zoom
from tests.ui.drive import NONE, drag, press, release, wheel
from tests.ui.look import heatmap, pixels, rgb

CTRL = Qt.KeyboardModifier.ControlModifier


def look(window: MainWindow) -> list[QImage]:
    panel = window.timeline
    return [view.grab().toImage() for view in (panel.lanes, panel.ruler, panel.render_bar, panel.master)]


def _pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    return np.array(image.constBits()).reshape(image.height(), -1, 4)


def assert_drawn_whole(window: MainWindow, what: str) -> None:
    """Compare the shown content with a full repaint."""
    panel = window.timeline
    shown = look(window)
    for view in (panel.lanes, panel.ruler, panel.render_bar, panel.master):
        view.invalidate()
    anew = look(window)
    for number, (one, other) in enumerate(zip(shown, anew, strict=True)):
        if one != other:
            y, x = np.nonzero((_pixels(one) != _pixels(other)).any(axis=2))
            place = f"x {x.min()} to {x.max()}, y {y.min()} to {y.max()}, {len(x)} pixels"
            raise AssertionError(f"view {number} differs after {what}: {place}")


def wander(window: MainWindow, seed: int, steps: int = 60) -> None:
    """Scroll, select, edit and drag at random, and compare after each."""
    rng = random.Random(seed)
    axis, panel, document = window.timeline.axis, window.timeline, window.document

    def scroll() -> None:
        axis.scroll_to(axis.start + rng.uniform(-0.4, 0.4) * axis.visible_samples)

    def scroll_tracks() -> None:
        panel.rows.set_offset(max(0, panel.rows.offset_px + rng.randint(-60, 60)))

    def select() -> None:
        clips = [clip.id for clip in document.session.clips()]
        window.selection.set_clips(rng.sample(clips, min(len(clips), 2)))

    def edit_a_clip() -> None:
        clip = rng.choice(list(document.session.clips()))
        document.apply("Gain", lambda session: edits.set_clip_gain(session, {clip.id}, rng.uniform(0.2, 1.5)))
        document.apply("Move", lambda session: edits.move_clips(session, {clip.id}, rng.randint(0, 50_000)))

    def fade() -> None:
        clip = rng.choice(list(document.session.clips()))
        fades = rng.randint(0, clip.length // 2), rng.randint(0, clip.length // 2)
        document.apply("Fade", lambda session: edits.set_clip_fades(session, {clip.id}, *fades))

    def edit_a_track() -> None:
        track = rng.choice(document.session.tracks)
        document.apply("Mute", lambda session: edits.set_track_mute(session, track.id, not track.mute))

    def split() -> None:
        at = rng.randint(1, max(2, document.session.length - 1))
        everything = {clip.id for clip in document.session.clips()}
        document.apply("Split", lambda session: edits.split_clips(session, everything, at))

    def envelope() -> None:
        panel.envelopes.show_next(rng.choice([MASTER, *(track.id for track in document.session.tracks)]))

    def size_a_track() -> None:
        track, height = rng.choice(document.session.tracks), rng.choice([0, 24, 40, 120, 300])
        document.apply("Height", lambda session: edits.set_track_height(session, track.id, height))

    def select_tracks() -> None:
        window.selection.set_tracks(rng.sample([track.id for track in document.session.tracks], 2))

    deeds = (
        scroll,
        scroll,
        scroll,
        scroll_tracks,
        select,
        edit_a_clip,
        fade,
        edit_a_track,
        split,
        envelope,
        size_a_track,
        select_tracks,
        document.undo,
    )
    for _ in range(steps):
        deed = rng.choice(deeds)
        deed()
        look(window)
        assert_drawn_whole(window, deed.__name__)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 100, 154, 159, 195, 258])
def test_drawing_in_pieces_equals_drawing_at_once(song: MainWindow, seed: int) -> None:
    for _ in range(12):
        press(song, Qt.Key.Key_T, CTRL)
    set_zoom(song, (37.0, 120.0, 500.0)[seed % 3])
    wander(song, seed)  # with no engine: a render that arrives between two looks would be seen by the second


def test_scrolling_draws_the_whole_envelope_of_the_master(song: MainWindow) -> None:
    points = [Point(at * 10_000, 0.2 if at % 2 else 1.0) for at in range(18)]
    song.document.apply("Points", lambda session: edits.set_master_points(session, points))
    set_zoom(song, 60.0)
    for kind in (Kind.GAIN, None):  # shown, or as a sign that it is hidden
        song.timeline.envelopes.show(MASTER, kind)
        look(song)
        for px in (7.5, -3.0, 120.0):
            song.timeline.axis.scroll_to(song.timeline.axis.start + px * song.timeline.axis.samples_per_px)
            look(song)
            assert_drawn_whole(song, f"scrolling by {px} pixels")


def test_scrolling_draws_the_dry_mix_as_a_full_repaint_does(qtbot: QtBot, song: MainWindow) -> None:
    """At zooms at which its samples could be read for the exposed strip, but not for the whole view."""
    axis, master = song.timeline.axis, song.timeline.master
    chunks = [chunk.index for chunk in song.rendering.update_plan().audible]
    qtbot.waitUntil(lambda: all(master.dry.known(index) for index in chunks), timeout=LIMIT_MS)
    for zoom in (120.0, 60.0):
        set_zoom(song, zoom)
        look(song)
        for px in (37, -12, 80):
            axis.scroll_to(axis.start + px * axis.samples_per_px)
            look(song)
            assert_drawn_whole(song, f"scrolling by {px} pixels at {zoom}")


def test_wheel_turns_leave_the_same_pixels_as_a_full_repaint(song: MainWindow) -> None:
    lanes, document = song.timeline.lanes, song.document
    tracks = document.session.tracks
    clip = tracks[2].clips[0]
    document.apply("Split", lambda s: edits.split_clips(s, {clip.id}, clip.length // 2))
    document.apply("Overlap", lambda s: edits.move_clips(s, {clip.id}, clip.length // 4))
    for track, height in zip(tracks, (74, 74, 160), strict=True):  # alike, and in stereo
        document.apply("Height", partial(edits.set_track_height, track_id=track.id, height=height))
    shift, ctrl = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
    for number, (notches, modifiers) in enumerate(
        ((2, ctrl), (-1, shift), (-0.5, shift), (-1, NONE), (3, ctrl), (1, shift), (-4, ctrl), (1, NONE), (0.5, shift))
    ):
        wheel(lanes, 200, 60, notches, modifiers)
        assert_drawn_whole(song, f"wheel turn {number}")
        whole = lanes.grab().toImage()
        for position in range(len(tracks)):
            lanes.invalidate(QRect(0, song.timeline.rows.top(position), lanes.width(), 20 + 30 * position))
            assert lanes.grab().toImage() == whole, f"a part of lane {position}, painted alone after turn {number}"


def test_scrolling_repaints_names_over_fades_as_a_full_repaint_does(song: MainWindow) -> None:
    """A curve of which only the part below the name is painted again may cover other pixels there."""
    rng, document, axis = random.Random(1), song.document, song.timeline.axis
    for clip in list(document.session.clips()):
        fade = rng.randint(0, clip.length)
        document.apply("Fade", partial(edits.set_clip_fades, clip_ids={clip.id}, fade_in=fade, fade_out=0))
    axis.zoom(rng.choice([0.5, 0.3, 0.2, 0.1, 0.05]), 0.0)
    look(song)
    for number in range(40):
        px = rng.choice([rng.randint(-60, 60), rng.uniform(-60, 60)])
        axis.scroll_to(axis.start + px * axis.samples_per_px)
        look(song)
        assert_drawn_whole(song, f"scrolling by {px} pixels in step {number}")


class _Paints(QObject):
    """Counts how many times a widget is painted."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


def test_scrolling_shifts_what_is_painted_of_the_headers(song: MainWindow) -> None:
    """What is on the screen is compared, since a widget that is grabbed is painted again."""
    headers = song.timeline.headers

    def on_screen() -> QImage:
        QApplication.processEvents()
        place = QRect(headers.mapTo(song, QPoint(0, 0)), headers.size())
        return song.screen().grabWindow(song.winId()).toImage().copy(place)

    for _ in range(14):
        song.document.apply("Add Track", edits.add_track)
    wheel(song.timeline.lanes, 200, 60, -1)
    paints = _Paints(headers.header(song.document.session.tracks[1].id).gain)
    before, shown = None, on_screen()
    while shown != before:
        before, shown = shown, on_screen()
    paints.count = 0
    for notches in (-0.5, 1, -1, 0.5):
        wheel(song.timeline.lanes, 200, 60, notches)
        before, shown = shown, on_screen()
        assert shown != before
    assert not paints.count, "it stayed in view"
    for notches in (-3, -1, 2, 1):
        wheel(song.timeline.lanes, 200, 60, notches)
        shown = on_screen()
        for widget in (headers, *headers.findChildren(QWidget)):
            widget.update()
        assert on_screen() == shown, f"after {notches} notches"


def test_a_drag_paints_the_lanes_that_it_touches(song: MainWindow) -> None:
    drag(song.timeline.lanes, (150, 10), (190, 100), release=False)
    assert_drawn_whole(song, "dragging to another track")
    release(song.timeline.lanes, 190, 100)
    assert_drawn_whole(song, "letting go")


_SCRIPT = """
import sys
from pathlib import Path
from tests.ui.timeline.test_drawing import in_a_process
in_a_process(Path(sys.argv[1]), float(sys.argv[2]))
"""


def in_a_process(folder: Path, ratio: float) -> None:
    """At a scale that a process can only have from its start on."""
    from lincae_studio.ui.app import make_application

    app = make_application()
    store = MediaStore(folder)
    media = [store.import_file(write_audio(folder / f"{n}.wav", noise(n, 4 * 44_100))) for n in range(3)]
    window = MainWindow(store, folder)
    window.show()
    app.processEvents()
    window.document.replace(edits.add_stems(Session(), media, 0), None)
    app.processEvents()
    assert window.timeline.lanes.devicePixelRatioF() == ratio
    for samples_per_px in (window.timeline.axis.samples_per_px, 37.0):
        set_zoom(window, samples_per_px)
        wander(window, 8, steps=40)
    window.shut_down()
    print("done")


@pytest.mark.parametrize("ratio", [1.25, 1.5, 2.0])
def test_pictures_are_whole_at_every_scale(tmp_path: Path, ratio: float) -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": str(ratio), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path), str(ratio)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "done"


# Themes


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = np.array(rgb(color), float) / 255.0
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


THEMES = theme.THEMES
#: WCAG: AA and, for high contrast, AAA for text.
TEXT = {"dark": 4.5, "light": 4.5, "contrast": 7.0}


@pytest.mark.parametrize("name", THEMES)
def test_text_can_be_read(name: str) -> None:
    c = THEMES[name]
    on = [(c.text, ground) for ground in (c.window, c.panel, c.lane, c.header_selected, c.button, c.button_hover)]
    on += [(c.text_dim, ground) for ground in (c.window, c.panel, c.lane, c.header_selected)]
    on += [(c.text, c.checked), (c.highlight_text, c.highlight), (c.marker_text, c.marker)]
    on += [(c.clip_text, color) for color in (*TRACK_COLORS, c.clip_muted)]
    on += [(c.mark_text, color) for color in (c.mark_mute, c.mark_solo, c.mark_subtract, c.mark_envelope)]
    for text, ground in on:
        assert contrast(text, ground) >= TEXT[name], f"{text} on {ground}: {contrast(text, ground):.2f}"


@pytest.mark.parametrize("name", THEMES)
def test_what_carries_meaning_can_be_seen(name: str) -> None:
    """WCAG AA: 3 : 1 for parts of the picture that one must see."""
    c = THEMES[name]
    seen = [(color, c.lane) for color in (c.playhead, c.envelope, c.outline, c.accent, c.error, c.mix_wave, c.marker)]
    seen += [(c.state_rendered, c.window), (c.state_rendering, c.window), (c.state_failed, c.window)]
    seen += [(c.state_previewed, c.window)]
    seen += [(c.state_stale, c.window), (c.mix_wave_stale, c.lane), (c.handle, c.panel), (c.meter, c.meter_ground)]
    for track in TRACK_COLORS:
        body = c.clip_body(QColor(track)).name()
        seen.append((c.clip_wave(QColor(track)).name(), body))
    for color, ground in seen:
        assert contrast(color, ground) >= 3.0, f"{color} on {ground}: {contrast(color, ground):.2f}"


@pytest.mark.parametrize("name", THEMES)
def test_arrows_of_file_dialogs_can_be_seen(qtbot: QtBot, styled: QApplication, tmp_path: Path, name: str) -> None:
    """Qt's own dialog, which most desktops replace by theirs, has black icons in every theme."""
    theme.apply_theme(styled, name)  # type: ignore[arg-type]
    try:
        dialog = QFileDialog(directory=str(tmp_path))
        qtbot.addWidget(dialog)
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.show()
        up = dialog.findChild(QToolButton, "toParentButton")
        assert up is not None
        assert up.isEnabled()
        seen = np.unique(pixels(up)[4:-4, 4:-4].reshape(-1, 3), axis=0)
        lights = [contrast(QColor(*map(int, color)).name(), "#000000") for color in seen]
        assert max(lights) / min(lights) > 7
    finally:
        theme.apply_theme(styled)


def test_every_colour_is_a_colour() -> None:
    for c in THEMES.values():
        for field in fields(c):
            value = getattr(c, field.name)
            for color in [value] if isinstance(value, str) else [stop for _, stop in value]:
                assert QColor(color).isValid(), field.name


def test_another_theme_is_shown_at_once(qtbot: QtBot, song: MainWindow, styled: QApplication) -> None:
    lanes = song.timeline.lanes

    def shown(color: QColor) -> bool:
        return lanes.grab().toImage().pixelColor(lanes.width() - 3, lanes.height() - 3) == color

    try:
        for choice, c in reversed(THEMES.items()):
            theme.apply_theme(styled, choice)  # type: ignore[arg-type]
            qtbot.waitUntil(partial(shown, QColor(c.lane)), timeout=LIMIT_MS)
            heat = heatmap(song).viewport()
            corner = heat.grab().toImage().pixelColor(heat.width() - 2, 2)
            assert corner == QColor(c.lane)
    finally:
        theme.apply_theme(styled)


def test_clips_of_a_project_that_is_still_opening_are_not_shown_as_missing(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    elsewhere = MediaStore(tmp_path / "cache of another computer")
    paths = [write_audio(tmp_path / name, noise(n, 44_100)) for n, name in enumerate(("here.wav", "gone.wav"))]
    media = [elsewhere.import_file(path) for path in paths]
    files.save(edits.add_stems(Session(), media, 0), tmp_path / "song.lincae")
    paths[1].unlink()
    error = rgb(theme.colors().error)

    def hatched() -> list[bool]:
        shown = pixels(window.timeline.lanes)
        return [bool((shown[row * ROW_PX : (row + 1) * ROW_PX] == error).all(axis=2).any()) for row in range(2)]

    window.open_project(tmp_path / "song.lincae")
    assert window.importer.busy, "its audio is being read"
    assert len(window.rendering.offline) == 2, "and cannot be played yet"
    assert hatched() == [False, False]
    qtbot.waitUntil(lambda: not window.importer.busy, timeout=LIMIT_MS)
    assert hatched() == [False, True], "only what is really missing"


def test_what_scrolling_exposes_is_painted_as_one_column() -> None:
    """Beside it, names are repainted in each of six lanes, which cut it into a dozen bands."""
    names = [QRect(0, 76 * lane, 300, 20) for lane in range(6)]
    exposed = QRect(900, 0, 100, 456)
    region = QRegion(exposed)
    for rect in names:
        region += rect
    columns = canvas._in_columns(region)
    assert len(columns) == 1 + len(names)
    assert all(rect in columns for rect in (exposed, *names))


@pytest.mark.parametrize("seed", range(20))
def test_columns_cover_a_region_without_overlaps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    region = QRegion()
    for left, top, width, height in rng.integers(1, 40, (6, 4)).tolist():
        region += QRect(left, top, width, height)
    columns, covered = canvas._in_columns(region), QRegion()
    for rect in columns:
        assert not covered.intersects(rect)
        covered += rect
    assert covered == region
    assert len(columns) <= region.rectCount()
