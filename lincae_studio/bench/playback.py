"""Dropouts during playback while the engine uses all cores: the full window, played and edited in real time."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from pathlib import Path

from lincae_studio.bench.engine import resolve_codec
from lincae_studio.bench.ui import UiBench, dense_session, open_window
from lincae_studio.errors import UsageError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.ui.app import make_application

#: A fader is moved this often, so that the engine is never idle.
_EDIT_S = 0.5

#: Interval of the event loop.
_TURN_MS = 20


def measure_playback(seconds: float, tracks: int, codec: str) -> dict[str, object]:
    """Play for `seconds` while moving a fader twice a second; `codec` as in `bench engine`.

    Returns:
        `dropouts`: number of gaps, and `dropout_frames`; `output`: the device, or the silent clock; `edits` and
        `chunks_rendered` during playback; `cpu_share`: load of all cores, by all processes.

    Raises:
        UsageError: when an argument is out of range.
    """
    if not 1.0 <= seconds <= 3600.0 or not 1 <= tracks <= 64:
        raise UsageError("the length or the number of tracks is out of range", "Choose 1 to 3600 s and 1 to 64 tracks")
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = make_application()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = MediaStore(folder)
        session = dense_session(store, folder, UiBench(tracks, tracks * 4, max(1.0, seconds / 60.0 + 0.5)))
        session = edits.set_codec(session, resolve_codec(codec, folder))
        window = open_window(app, store, folder, session)
        rendered: list[int] = []
        window.rendering.chunk_changed.connect(rendered.append)
        window.transport.on_play()
        output = window.player.output_name
        started, count, used = time.monotonic(), 0, _busy_s()
        while time.monotonic() - started < seconds:
            app.processEvents()
            time.sleep(_TURN_MS / 1e3)
            if time.monotonic() - started > count * _EDIT_S:
                count += 1
                gain = 0.5 + 0.4 * (count % 2)
                track = session.tracks[count % tracks].id
                window.document.apply("Gain", partial(edits.set_track_gain, track_id=track, gain=gain))
        took = time.monotonic() - started
        busy = _busy_s()
        figures: dict[str, object] = {
            "seconds": round(took, 1),
            "output": output,
            "dropouts": window.player.dropouts,
            "dropout_frames": window.player.dropped_frames,
            "edits": count,
            "chunks_rendered": len(rendered),
        }
        if used is not None and busy is not None:
            figures["cpu_share"] = round((busy - used) / took / (os.cpu_count() or 1), 2)
        window.shut_down()
    return figures


def _busy_s() -> float | None:
    """Total busy time of all cores since the machine was started, in seconds; None where it is not available."""
    try:
        user, nice, system = (int(part) for part in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:4])
    except OSError:
        return None
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")
