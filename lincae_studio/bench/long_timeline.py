"""What a long timeline costs: a clip is moved to its end, and a fader after it, in the window.

Run as a process of its own by `bench engine`. Silence between clips must cost nothing, so both edits should take as
long as in a session of four minutes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf
from PySide6.QtWidgets import QApplication

from lincae_studio.bench.ui import open_window
from lincae_studio.errors import StudioError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import DEFAULT_RATE, MAX_LENGTH, Session
from lincae_studio.ui.app import make_application
from lincae_studio.ui.main_window import MainWindow

_SONG_S = 240
_CLIP_S = 10
_TRACKS = 4
_LIMIT_S = 120


def measure_long_timeline(folder: Path, repeats: int) -> dict[str, float]:
    """Compare both edits on a timeline of 24 hours with those on one of four minutes.

    All chunks are rendered when an edit begins. It lasts until the end of the painting that it causes.

    Returns:
        medians of the main thread's time in milliseconds (`short_move_ms`, `short_fader_ms`, `long_move_ms`,
        `long_fader_ms`), and `ratio`, the larger of the two ratios.
    """
    app = make_application()
    store = MediaStore(folder)
    window = open_window(app, store, folder, _session(store, folder))
    ends = {"short": _SONG_S * DEFAULT_RATE, "long": MAX_LENGTH}
    times: dict[str, list[float]] = {f"{span}_{edit}_ms": [] for span in ends for edit in ("move", "fader")}
    try:
        for number in range(repeats + 1):
            for span, end in ends.items():
                # New levels, so that no chunk has been rendered before.
                level = 0.5 + 0.002 * number + (0.001 if span == "long" else 0.0)
                move, fader = _measure(app, window, end, level)
                if number:  # the first time also loads code
                    times[f"{span}_move_ms"].append(move)
                    times[f"{span}_fader_ms"].append(fader)
    finally:
        window.shut_down()
    figures = {name: statistics.median(values) for name, values in times.items()}
    ratios = [figures[f"long_{edit}_ms"] / figures[f"short_{edit}_ms"] for edit in ("move", "fader")]
    return {**figures, "ratio": max(ratios)}


def _session(store: MediaStore, folder: Path) -> Session:
    """Tracks of four minutes, and one with a short clip at the start."""
    rng = np.random.default_rng(0)
    path = folder / "song.wav"
    sf.write(path, rng.normal(0.0, 0.03, _SONG_S * DEFAULT_RATE), DEFAULT_RATE, subtype="PCM_16")
    media = store.import_file(path)
    session = Session()
    for _ in range(_TRACKS):
        session = edits.add_track(session)
        session = edits.add_clip(session, session.tracks[-1].id, media, 0)
    clip = session.tracks[-1].clips[0]
    return edits.trim_clip(session, clip.id, 0, _CLIP_S * DEFAULT_RATE)


def _measure(app: QApplication, window: MainWindow, end: int, level: float) -> tuple[float, float]:
    """Milliseconds that moving the clip to `end`, and the fader after it, keep the main thread busy."""
    document = window.document
    first, second = (track.id for track in document.session.tracks[:2])
    clip = document.session.tracks[-1].clips[0]

    def timed(edit: Callable[[Session], Session]) -> float:
        _settle(app, window)
        started = time.thread_time()
        document.apply("Edit", edit)
        app.processEvents()
        return (time.thread_time() - started) * 1e3

    document.apply("Edit", lambda session: edits.set_track_gain(session, first, level))
    move = timed(lambda session: edits.move_clips(session, {clip.id}, end - clip.end))
    fader = timed(lambda session: edits.set_track_gain(session, second, level))
    _settle(app, window)
    for _ in range(3):
        document.undo()
    _settle(app, window)
    return move, fader


def _settle(app: QApplication, window: MainWindow) -> None:
    """Wait until all is rendered and drawn."""
    limit = time.monotonic() + _LIMIT_S
    while True:
        app.processEvents()
        rendered, total = window.rendering.progress()
        if rendered == total:
            break
        if time.monotonic() > limit:
            raise StudioError("the session was not rendered in time")
        time.sleep(0.002)
    app.processEvents()


def figures(folder: Path, repeats: str) -> dict[str, float]:
    """Called in a process of its own, by `bench.processes`."""
    return measure_long_timeline(folder, int(repeats))
