"""How long the window freezes while a very large project is opened, half of whose audio is missing.

Run as a process of its own by `bench ui`. The project is opened twice, with an empty cache and again, each time until
its files are found and read, the plan is made and everything is painted. It needs 500 MB in the temporary folder.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf
from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from lincae_studio.errors import StudioError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import DEFAULT_RATE, MAX_LENGTH, TRACK_COLORS, Clip, Media, Session, Track
from lincae_studio.ui.app import make_application
from lincae_studio.ui.main_window import MainWindow

#: Interval of the timer; a block is the delay beyond it.
_TICK_MS = 1

#: The project counts as open once nothing has been busy for this long.
_QUIET_S = 1.0
_LOOK_MS = 50
_LIMIT_S = 300.0

_LONGEST_CLIP_S = 10


def measure_opening(folder: Path, tracks: int, clips: int) -> dict[str, float]:
    """Open the project twice in the full window, then edit it.

    Returns:
        `longest_block_ms`: the longest time between two returns to the event loop, beyond the timer's interval;
        `longest_block_cpu_ms`: the most of the main thread's own time, to which no other process adds;
        `longest_edit_block_ms`: as the first, while editing, scrolling and zooming; and how long opening took,
        `first_opening_s` and `second_opening_s`.
    """
    project = folder / "large.lincae"
    files.save(large_session(folder, tracks, clips), project)
    app = make_application()
    window = MainWindow(MediaStore(folder), folder)
    window.show()
    app.processEvents()
    window.start_engine_and_views()
    _run(lambda: False)
    blocks = Blocks(app)
    try:
        first = _opening_s(app, window, project)
        window.document.replace(Session(), None)
        second = _opening_s(app, window, project)
        opening, opening_cpu = blocks.longest_s, blocks.longest_cpu_s
        blocks.longest_s = 0.0
        _edit(window)
    finally:
        window.shut_down()
    return {
        "longest_block_ms": round(opening * 1e3, 1),
        "longest_block_cpu_ms": round(opening_cpu * 1e3, 1),
        "longest_edit_block_ms": round(blocks.longest_s * 1e3, 1),
        "first_opening_s": round(first, 2),
        "second_opening_s": round(second, 2),
    }


class Blocks(QObject):
    """Measures how long the event loop is kept from serving a timer.

    It runs in the main thread: another one would wait for the interpreter lock just when the main thread holds it.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.longest_s = self.longest_cpu_s = 0.0
        self._served, self._used_s = time.perf_counter(), time.thread_time()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_timeout)
        self._timer.start(_TICK_MS)

    def _on_timeout(self) -> None:
        now, used_s = time.perf_counter(), time.thread_time()
        self.longest_s = max(self.longest_s, now - self._served - _TICK_MS / 1e3)
        self.longest_cpu_s = max(self.longest_cpu_s, used_s - self._used_s)
        self._served, self._used_s = now, used_s


def large_session(folder: Path, tracks: int, clips: int) -> Session:
    """Clips side by side, from track to track, over a day if there are many. Every other track's file is missing."""
    length = min(MAX_LENGTH // clips, _LONGEST_CLIP_S * DEFAULT_RATE)
    media = [_stem(folder / f"stem {number + 1}.wav", number, length) for number in range(tracks)]
    per_track: list[list[Clip]] = [[] for _ in range(tracks)]
    for number in range(clips):
        item = media[number % tracks]
        name = Path(item.path).stem
        per_track[number % tracks].append(
            Clip(id=number + 1, media=item.digest, name=name, start=number * length, offset=0, length=length)
        )
    made = [
        Track(id=clips + 1 + row, name=f"Track {row + 1}", color=TRACK_COLORS[row % 8], clips=tuple(own))
        for row, own in enumerate(per_track)
    ]
    return Session(media=tuple(media), tracks=tuple(made), next_id=clips + tracks + 1)


def _stem(path: Path, number: int, length: int) -> Media:
    """A file of noise, which is removed again if the number is odd."""
    noise = np.random.default_rng(number).normal(0.0, 0.1, length)
    sf.write(path, noise, DEFAULT_RATE, subtype="PCM_U8")
    content = path.read_bytes()
    if number % 2:
        path.unlink()
    digest = hashlib.sha256(content).hexdigest()
    return Media(digest=digest, path=str(path), sample_rate=DEFAULT_RATE, channels=1, length=length, size=len(content))


def _opening_s(app: QApplication, window: MainWindow, project: Path) -> float:
    """Open the project, and run the event loop until everything is done. Returns seconds."""

    def busy() -> bool:
        jobs = (window.project_commands, window.importer, window.project_files)
        return any(job.busy for job in jobs) or window.rendering.planning or window.document.path != project

    started = time.monotonic()
    QTimer.singleShot(0, app, lambda: window.open_project(project))
    return _run(busy) - started


def _edit(window: MainWindow) -> None:
    """Edit, undo, scroll and zoom, each followed by what the event loop does then."""
    document, timeline = window.document, window.timeline
    track = document.session.tracks[0]
    clip = track.clips[-1].id
    acts: list[Callable[[], object]] = [
        lambda: document.apply("Mute", lambda s: edits.set_track_mute(s, track.id, True)),
        lambda: document.apply("Move Clips", lambda s: edits.move_clips(s, {clip}, -DEFAULT_RATE)),
        document.undo,
        document.undo,
        *(partial(_set_gain, window, track.id, 0.5 + number / 100) for number in range(10)),
        lambda: timeline.rows.set_offset(timeline.rows.total_px // 2),
        *(partial(timeline.axis.zoom, factor, 0.0) for factor in (0.5, 0.1, 0.1, 10.0, 10.0, 2.0)),
    ]
    for act in acts:
        QTimer.singleShot(0, window, act)
        _run(lambda: window.rendering.planning, quiet_s=0.1)


def _set_gain(window: MainWindow, track_id: int, gain: float) -> None:
    window.document.apply("Gain", lambda session: edits.set_track_gain(session, track_id, gain), "gain")


def _run(busy: Callable[[], bool], quiet_s: float = _QUIET_S) -> float:
    """Run the event loop until nothing has been busy for a while. Returns the time at which that began."""
    started = quiet_since = time.monotonic()
    loop, looking = QEventLoop(), QTimer()

    def look() -> None:
        nonlocal quiet_since
        now = time.monotonic()
        if busy():
            quiet_since = now
        if now - quiet_since > quiet_s or now - started > _LIMIT_S:
            loop.quit()

    looking.timeout.connect(look)
    looking.start(_LOOK_MS)
    loop.exec()
    looking.stop()
    if busy():
        raise StudioError("the project was not opened in time")
    return quiet_since


def figures(folder: Path, tracks: str, clips: str) -> dict[str, float]:
    """Called in a process of its own, by `bench.processes`."""
    return measure_opening(folder, int(tracks), int(clips))
