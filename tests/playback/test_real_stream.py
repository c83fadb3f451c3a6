"""Real PortAudio streams into a file: what came out is read back and compared, sample by sample."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs.base import Array
from lincae_studio.playback.player import BLOCK
from tests.helpers import REPOSITORY, noise

needs_alsa = pytest.mark.skipif(
    not Path("/usr/share/alsa/alsa.conf").is_file(), reason="plays through ALSA's file plugin"
)
pytestmark = needs_alsa

LENGTH = 60_000

PROGRAM = """
import threading
from lincae_studio.playback.player import Player
from tests.helpers import eventually, noise
from tests.playback.paced import Pace
from tests.playback.test_player import Samples

LENGTH = 60_000
ONE = Samples(noise(1, LENGTH, channels=2, level=0.1).T.copy())
OTHER = Samples(noise(2, LENGTH, channels=2, level=0.1).T.copy())
ended = threading.Event()

lost = []
pace = Pace()
player = pace.player = Player(ended.set, (pace.open_sink,), lost.append)
player.set_source(ONE)

def heard(count):
    pace.allow(count)
    eventually(lambda: pace.holding)

{scenario}
pace.allow()
assert ended.wait(60)
player.stop()
print(player.position, player.dropouts)
"""


def play(folder: Path, scenario: str) -> Array:
    """Run a scenario in a process whose default device is a file; the frames `(n, 2)` that came out."""
    out = folder / "heard.raw"
    alsa = folder / "alsa.conf"
    alsa.write_text(
        "pcm.nothing { type null }\n"
        f'pcm.!default {{ type file slave.pcm nothing file "{out}" format raw }}\n'
        "ctl.!default { type hw card 0 }\n"
    )
    environment = {**os.environ, "ALSA_CONFIG_PATH": str(alsa), "HOME": str(folder)}
    environment["PYTHONPATH"] = str(REPOSITORY)
    program = PROGRAM.format(scenario=textwrap.dedent(scenario))
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    frames = np.fromfile(out, np.float32).reshape(-1, 2)
    return frames[int(np.flatnonzero(frames.any(axis=1))[0]) :]  # PortAudio fills its first buffers with silence


ONE = noise(1, LENGTH, channels=2, level=0.1)
OTHER = noise(2, LENGTH, channels=2, level=0.1)


def places(frames: Array, source: Array) -> np.ndarray:
    """The sample of the source that each frame is; -1 where it is none of them."""
    known, wanted = (np.ascontiguousarray(samples).view(np.uint64)[:, 0] for samples in (source, frames))
    order = np.argsort(known)
    index = order[np.searchsorted(known[order], wanted).clip(0, len(known) - 1)]
    return np.where(known[index] == wanted, index, -1)


def jumps(sequence: np.ndarray) -> list[tuple[int, int]]:
    """Where playback jumps: (last sample, next sample)."""
    at = np.flatnonzero(np.diff(sequence) != 1)
    return [(int(sequence[place]), int(sequence[place + 1])) for place in at]


def test_a_mix_is_played_unchanged(tmp_path: Path) -> None:
    heard = play(tmp_path, "player.play(1000)")
    np.testing.assert_array_equal(heard[: LENGTH - 1000], ONE[1000:])
    assert not heard[LENGTH - 1000 :].any()


def test_a_loop_is_played_without_a_gap(tmp_path: Path) -> None:
    heard = play(
        tmp_path,
        """
        player.set_loop((4000, 20_000))
        player.play(1000)
        heard(90_000)
        player.set_loop(None)
        """,
    )
    end = LENGTH - 1
    sequence = places(heard, ONE)
    last = int(np.flatnonzero(sequence == end)[-1])
    rounds = jumps(sequence[: last + 1])
    assert sequence[0] == 1000
    assert len(rounds) >= 5
    assert set(rounds) == {(19_999, 4000)}
    assert not heard[last + 1 :].any()


def test_seeks_play_from_their_targets(tmp_path: Path) -> None:
    heard = play(
        tmp_path,
        """
        player.play(0)
        heard(5000)
        player.seek(40_000)
        heard(15_000)
        player.seek(10_000)
        heard(40_000)
        player.seek(50_000)
        """,
    )
    sequence = places(heard, ONE)
    last = int(np.flatnonzero(sequence == LENGTH - 1)[-1])
    assert (sequence[: last + 1] >= 0).all(), "nothing but the mix comes out"
    assert [to for _, to in jumps(sequence[: last + 1])] == [40_000, 10_000, 50_000]


def test_an_edit_fades_in_at_the_same_position(tmp_path: Path) -> None:
    heard = play(
        tmp_path,
        """
        player.play(0)
        heard(9000)
        player.set_source(OTHER)
        """,
    )[:LENGTH]
    before, after = places(heard, ONE), places(heard, OTHER)
    begin = int(np.flatnonzero(before < 0)[0])
    end = int(np.flatnonzero(after >= 0)[0])
    assert (before[:begin] == np.arange(begin)).all()
    assert (after[end:] == np.arange(end, LENGTH)).all()
    assert begin // BLOCK * BLOCK + BLOCK >= end - 1
    block = slice(begin // BLOCK * BLOCK, begin // BLOCK * BLOCK + BLOCK)
    rise = np.linspace(0.0, 1.0, BLOCK, dtype=np.float32)[:, None]
    np.testing.assert_allclose(heard[block], ONE[block] + (OTHER[block] - ONE[block]) * rise, atol=1e-7)


def test_an_aborted_stream_is_detected_and_playback_continues(tmp_path: Path) -> None:
    heard = play(
        tmp_path,
        """
        from lincae_studio.playback.sinks import SilentSink
        player.sinks = (pace.open_sink, SilentSink)
        player.play(0)
        heard(5000)
        pace.abort()
        eventually(lambda: lost)
        assert player.output_name == "no audio device"
        """,
    )
    sequence = places(heard, ONE)
    assert (sequence[:4000] == np.arange(4000)).all()
    assert sequence.max() < LENGTH - 1, "the rest was not heard"
