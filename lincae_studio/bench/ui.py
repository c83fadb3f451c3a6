"""Frame times of the window with a dense session: scrolling, zooming, the playhead, a fader; opening a large one.

The full window is driven by wheel and mouse events while its engine is working. A frame lasts from the event to the end
of the painting that it causes. Nothing waits for a screen: the offscreen platform paints with the same code as X11, and
frames of more than 16.7 ms would be visible as stutter on a 60 Hz screen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import soundfile as sf
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QStyle, QStyleOptionSlider, QWidget

from lincae_studio.bench.processes import measured, platform_name
from lincae_studio.bench.start import measure_start
from lincae_studio.errors import UsageError
from lincae_studio.media.store import MediaStore
from lincae_studio.preferences import Preferences, ViewName
from lincae_studio.session import edits
from lincae_studio.session.model import DEFAULT_RATE, Clip, Session
from lincae_studio.ui.app import make_application
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.strip import GainFader
from lincae_studio.ui.views.registry import VIEWS

#: Frame time at 60 frames per second.
BUDGET_MS = 1000.0 / 60.0

#: Time limit of the renders that a measurement waits for.
_RENDER_LIMIT_S = 60

#: More clips would be shorter than a second each in a project of a day.
_MOST_CLIPS = 80_000

_FILES = 4
_LONGEST_FILE_S = 120.0

#: Share of its slot that a clip fills.
_FILLED = 0.95

#: One notch of the wheel scrolls the tracks by this.
_NOTCH_PX = 40

#: Frames before the measured ones.
_WARM_UP = 5


@dataclass(frozen=True)
class UiBench:
    """Size of the session and number of frames per movement; `all_views`: show all views, not only the heatmap.

    `opened_tracks` and `opened_clips` are the size of the project that is opened (`bench.opening`).

    Raises:
        UsageError: when a value is not valid.
    """

    tracks: int = 64
    clips: int = 2000
    minutes: float = 60.0
    frames: int = 200
    starts: int = 5
    all_views: bool = False
    opened_tracks: int = 1000
    opened_clips: int = 20_000

    def __post_init__(self) -> None:
        if min(self.tracks, self.clips, self.frames, self.starts) < 1 or not 0.1 <= self.minutes <= 600.0:
            raise UsageError(
                "tracks, clips, frames and starts must be at least 1, minutes from 0.1 to 600", "Choose other values"
            )
        if not 1 <= self.opened_tracks <= self.opened_clips <= _MOST_CLIPS:
            raise UsageError(
                f"the project to open must have 1 to {_MOST_CLIPS:,} clips and no fewer clips than tracks",
                "Choose other values",
            )
        if self.clips < self.tracks:
            raise UsageError("there are fewer clips than tracks", "Choose at least one clip per track")


def measure_ui(bench: UiBench) -> dict[str, object]:
    """Measure in a separate process, so that the memory figure is that of the window alone.

    Returns:
        medians and 95th percentiles of a frame in milliseconds (`scroll_ms`, `scroll_p95_ms`, and so on for
        `scroll_tracks`, `zoom`, `playhead`, the drag of a `fader` and of a `clip`), and of drawing the waveform of the
        `mix` and the `heatmap` alone; `over_budget`: the share of all frames that took longer than
        `budget_ms`; `first_paint_s` of the empty window; `rss_mib` after all of it, of the window's process; what
        `bench.opening.measure_opening` returns of opening a project of a day, half of whose audio is missing.
    """
    figures: dict[str, object] = {"platform": platform_name()}
    figures |= {name: getattr(bench, name) for name in ("tracks", "clips", "minutes", "all_views")}
    figures |= measured("ui", json.dumps(msgspec.to_builtins(bench)))
    figures |= measured("opening", str(bench.opened_tracks), str(bench.opened_clips))
    figures["budget_ms"] = round(BUDGET_MS, 1)
    figures["first_paint_s"] = measure_start(bench.starts)["first_paint_s"]
    return figures


def dense_session(store: MediaStore, folder: Path, bench: UiBench) -> Session:
    """Clips of equal length side by side on all tracks, from a few files, no two with the same audio."""
    per_track = -(-bench.clips // bench.tracks)
    slot = round(bench.minutes * 60.0 * DEFAULT_RATE / per_track)
    length = round(min(slot * _FILLED, (_LONGEST_FILE_S - 10.0) * DEFAULT_RATE))
    media = [store.import_file(_music(folder / f"stem {number + 1}.wav", number)) for number in range(_FILES)]
    session = Session()
    left = bench.clips
    for row in range(bench.tracks):
        item = media[row % _FILES]
        session = edits.add_track(session)
        session = edits.add_clip(session, session.tracks[-1].id, item, 0)
        whole = session.tracks[-1].clips[0]
        spare = max(1, item.length - length)
        count = min(per_track, left - (bench.tracks - row - 1))
        left -= count
        clips = tuple(
            _part(whole, session.next_id + number, number * slot, (7919 * (row * per_track + number)) % spare, length)
            for number in range(count)
        )
        track = msgspec.structs.replace(session.tracks[-1], clips=clips)
        session = msgspec.structs.replace(
            session, tracks=(*session.tracks[:-1], track), next_id=session.next_id + count
        )
    return session


def _part(whole: Clip, clip_id: int, start: int, offset: int, length: int) -> Clip:
    return msgspec.structs.replace(whole, id=clip_id, start=start, offset=offset, length=length)


def _music(path: Path, seed: int) -> Path:
    """A file of two minutes: bursts of noise over a slowly swelling chord."""
    rng = np.random.default_rng(seed)
    count = round(_LONGEST_FILE_S * DEFAULT_RATE)
    time_s = np.arange(count, dtype=np.float32) / DEFAULT_RATE
    chord = sum(np.sin(2.0 * np.pi * 110.0 * (seed + ratio) * time_s) for ratio in (1.0, 1.25, 1.5))
    swell = 0.5 + 0.5 * np.sin(2.0 * np.pi * time_s / (5.0 + seed))
    bursts = rng.normal(0.0, 0.1, count).astype(np.float32) * (1.0 - (2.0 * time_s) % 1.0)
    sf.write(path, 0.1 * chord * swell + bursts, DEFAULT_RATE, subtype="PCM_16")
    return path


class _Frames:
    """Performs movements and measures the time of each, until the end of painting."""

    def __init__(self, app: QApplication) -> None:
        self._app = app
        self.figures: dict[str, object] = {}
        #: The quartiles: single frames differ by far more than medians do.
        self.spread: dict[str, list[float]] = {}
        self._all: list[float] = []

    def measure(self, name: str, count: int, movement: Callable[[int], None]) -> None:
        """Perform a movement `count` times; events from other processes and timers count as part of a frame."""
        times = []
        for number in range(-_WARM_UP, count):
            started = time.perf_counter()
            movement(number)
            self._app.processEvents()
            if number >= 0:
                times.append((time.perf_counter() - started) * 1e3)
        self._all += times
        self.figures[f"{name}_ms"] = round(float(np.median(times)), 2)
        self.spread[f"{name}_ms"] = [round(float(part), 2) for part in np.percentile(times, (25, 75))]
        self.figures[f"{name}_p95_ms"] = round(float(np.percentile(times, 95)), 2)

    def finish(self) -> dict[str, object]:
        over = sum(took > BUDGET_MS for took in self._all) / len(self._all)
        return {**self.figures, "over_budget": round(over, 4), "spread": self.spread}


def _measure(folder: Path, bench: UiBench) -> dict[str, object]:
    """Runs in the process of the window."""
    app = make_application()
    store = MediaStore(folder)
    session = dense_session(store, folder, bench)
    views = tuple(view.id for view in VIEWS) if bench.all_views else Preferences().views
    window = open_window(app, store, folder, session, views)
    frames = _Frames(app)
    _move(window, frames, bench.frames)
    figures = frames.finish() | {"rss_mib": _rss_mib()}
    window.shut_down()
    return figures


def open_window(
    app: QApplication,
    store: MediaStore,
    folder: Path,
    session: Session,
    views: tuple[ViewName, ...] = Preferences().views,
) -> MainWindow:
    """The full window with a session and a running engine, after the first chunk was rendered."""
    window = MainWindow(store, folder)
    window.preferences.set(views=views)
    window.show()
    app.processEvents()
    window.start_engine_and_views()
    window.document.replace(session, None)
    limit = time.monotonic() + _RENDER_LIMIT_S
    while not window.rendering.progress()[0] and time.monotonic() < limit:
        app.processEvents()
    return window


def _move(window: MainWindow, frames: _Frames, count: int) -> None:
    from lincae_studio.ui.views.heatmap import HeatmapPlot  # pyqtgraph is slow to import

    panel, axis, lanes = window.timeline, window.timeline.axis, window.timeline.lanes
    half = count // 2

    def there_and_back(number: int) -> float:
        return 0.5 if number < half else -0.5

    axis.fit()
    frames.measure("zoom", count, lambda n: _turn(lanes, there_and_back(n), Qt.KeyboardModifier.ControlModifier))
    axis.fit()
    frames.measure("playhead", count, lambda n: window.transport.seek(round((n % axis.width_px) * axis.samples_per_px)))
    axis.zoom(0.25, 0.0)
    frames.measure("scroll", count, lambda n: _turn(lanes, -there_and_back(n), Qt.KeyboardModifier.ShiftModifier))
    down = max(1, panel.rows.total_px // _NOTCH_PX)
    frames.measure("scroll_tracks", count, lambda n: _turn(lanes, -1.0 if n % (2 * down) < down else 1.0))
    axis.fit()
    panel.rows.set_offset(0)
    frames.measure("mix", count, lambda _: panel.master.invalidate())
    heatmap = window.views.get("heatmap")
    assert heatmap is not None
    viewport = heatmap.findChildren(HeatmapPlot)[0].viewport()
    frames.measure("heatmap", count, lambda _: viewport.update())
    session = window.document.session
    fader = panel.headers.header(session.tracks[0].id).gain
    _drag(frames, "fader", count, fader, _handle(fader), reach=-40)
    place = QPointF(axis.x_of(session.tracks[0].clips[0].start) + 30.0, panel.rows.top(0) + 8.0)
    _drag(frames, "clip", count, lanes, place, reach=200)


def _turn(widget: QWidget, notches: float, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Turn the wheel over the middle of a widget."""
    place = QPointF(widget.width() / 2, widget.height() / 2)
    delta, none = QPoint(0, round(120 * notches)), Qt.MouseButton.NoButton
    phase, there = Qt.ScrollPhase.NoScrollPhase, QPointF(widget.mapToGlobal(place))
    QApplication.sendEvent(widget, QWheelEvent(place, there, QPoint(), delta, none, modifiers, phase, False))


def _drag(frames: _Frames, name: str, count: int, widget: QWidget, start: QPointF, reach: int) -> None:
    """Hold the left button and move pixel by pixel to `reach` pixels from the start, repeatedly."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton

    def mouse(kind: QEvent.Type, place: QPointF, pressed: Qt.MouseButton = left) -> None:
        there = QPointF(widget.mapToGlobal(place))
        event = QMouseEvent(kind, place, there, left, pressed, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(widget, event)

    def place_of(number: int) -> QPointF:
        return start + QPointF((number % abs(reach)) * (1.0 if reach > 0 else -1.0), 0.0)

    mouse(QEvent.Type.MouseButtonPress, start)
    frames.measure(name, count, lambda number: mouse(QEvent.Type.MouseMove, place_of(number)))
    mouse(QEvent.Type.MouseButtonRelease, place_of(count), none)
    QApplication.processEvents()


def _handle(fader: GainFader) -> QPointF:
    """The middle of a fader's handle."""
    option = QStyleOptionSlider()
    fader.initStyleOption(option)
    part = QStyle.SubControl.SC_SliderHandle
    return QPointF(fader.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, fader).center())


def _rss_mib() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        kib = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return round(int(kib) / 2**10, 1)
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1)


def figures(folder: Path, bench: str) -> dict[str, object]:
    """Called in a process of its own, by `bench.processes`."""
    return _measure(folder, UiBench(**json.loads(bench)))
