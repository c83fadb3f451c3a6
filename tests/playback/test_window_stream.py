"""The whole window playing through a real PortAudio stream into a file, while it is edited and renders arrive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

from lincae_studio.playback.player import BLOCK
from tests.helpers import REPOSITORY, noise, write_audio
from tests.playback.test_real_stream import needs_alsa

pytestmark = needs_alsa

LENGTH = 8 * 44_100

PROGRAM = """
import multiprocessing, os, signal, sys
from pathlib import Path
import numpy as np
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.ui.app import make_application
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import eventually
from tests.playback.paced import Pace

folder = Path(sys.argv[1])
app = make_application()
window = MainWindow(MediaStore(folder / "cache"), folder / "cache")
window.show()
window.start_engine_and_views()

def until(condition):
    def look():
        app.processEvents()
        return condition()
    eventually(look)

pace = Pace()
player = pace.player = window.player
player.sinks = (pace.open_sink,)
window.open_paths([folder / "stem.wav"])
until(lambda: not window.importer.busy and window.document.session.length)
window.codecs.actions["mdct-4x"].trigger()

def rendered():
    done, total = window.rendering.progress()
    return total and done == total

until(rendered)
[engine] = multiprocessing.active_children()
os.kill(engine.pid, signal.SIGSTOP)
gain = lambda value: window.document.apply("Gain", lambda s: edits.set_track_gain(s, s.tracks[0].id, value))
gain(0.5)
until(lambda: window.rendering.progress()[0] == 0)
window.actions_by_id["play"].trigger()
pace.allow(2 * 44_100)
until(lambda: pace.holding)
gain(0.25)
pace.allow(4 * 44_100)
until(lambda: pace.holding)
os.kill(engine.pid, signal.SIGCONT)
until(rendered)
pace.allow()
until(lambda: not player.playing)
latent = window.rendering.reader("latent")
np.save(folder / "latent.npy", latent.read(0, window.rendering.update_plan().length).T)
print("gaps", player.dropouts, "output", player.failure)
window.document.save(folder / "saved.lincae")
window.close()
app.processEvents()
"""


def test_edits_and_renders_are_played_where_and_when_they_are_made(tmp_path: Path) -> None:
    stem = noise(1, LENGTH, channels=2, level=0.1)
    write_audio(tmp_path / "stem.wav", stem)
    out = tmp_path / "heard.raw"
    (tmp_path / "alsa.conf").write_text(
        "pcm.nothing { type null }\n"
        f'pcm.!default {{ type file slave.pcm nothing file "{out}" format raw }}\n'
        "ctl.!default { type hw card 0 }\n"
    )
    environment = {
        **os.environ,
        "ALSA_CONFIG_PATH": str(tmp_path / "alsa.conf"),
        "HOME": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY),
        "QT_QPA_PLATFORM": "offscreen",
    }
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "gaps 0 output None" in done.stdout
    heard = np.fromfile(out, np.float32).reshape(-1, 2)
    heard = heard[int(np.flatnonzero(heard.any(axis=1))[0]) :][:LENGTH]
    dry = sf.read(tmp_path / "stem.wav", dtype="float32", always_2d=True)[0]
    latent = np.load(tmp_path / "latent.npy")
    assert np.abs(latent - 0.25 * dry).max() > 0.05, "the codec is heard"
    sources = {"first": 0.5 * dry, "edited": 0.25 * dry, "rendered": latent}
    is_one = {name: (heard == source).all(axis=1) for name, source in sources.items()}
    at = {name: np.flatnonzero(same) for name, same in is_one.items()}
    assert at["first"][0] == 0
    assert at["first"][-1] < at["edited"][0] < at["edited"][-1] < at["rendered"][0]
    assert at["rendered"][-1] == LENGTH - 1
    between = ~np.any(list(is_one.values()), axis=0)
    assert 0 < between.sum() <= 8 * BLOCK, "a block fades from one to the other, and nothing else is heard"
    for begin, end in (("first", "edited"), ("edited", "rendered")):
        fade = slice(int(at[begin][-1]), int(at[end][0]) + 1)
        low, high = (np.minimum, np.maximum)
        lo, hi = low(sources[begin][fade], sources[end][fade]), high(sources[begin][fade], sources[end][fade])
        assert ((heard[fade] >= lo - 1e-6) & (heard[fade] <= hi + 1e-6)).mean() > 0.99
