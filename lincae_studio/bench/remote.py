"""An engine on another machine against one on this computer: from an edit to the sound, and what a caller waits for.

Without a machine, this computer stands for it: a link with a delay is measured, and nothing else of a network.
"""

from __future__ import annotations

import math
import os
import shlex
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lincae_studio import paths
from lincae_studio.bench.edit_times import EditBench
from lincae_studio.bench.engine import make_media, make_session
from lincae_studio.bench.spread import spread
from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.process.channel import Launcher
from lincae_studio.engine.process.local import LocalLauncher
from lincae_studio.engine.process.machine import Machine
from lincae_studio.engine.process.packing import pack, unpack
from lincae_studio.engine.process.ssh import SshLauncher
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Renderer, StoreReader
from lincae_studio.media.store import MediaStore

_PACK_REPEATS = 10


def measure_remote(
    machine: Machine | None, delays_ms: Sequence[float], codec: str, tracks: int, minutes: float, repeats: int
) -> dict[str, object]:
    """Measure the same edits with each engine, in temporary folders.

    Args:
        machine: the one to measure; None for this computer behind links with `delays_ms` of round trip.

    Returns:
        By engine (`here`, and the host or the delay): `edit_to_audio_ms`, medians from a gain change to the chunk at
        the playhead, `ratio` of it to `here`, and `longest_request_ms`, the longest that an edit's request took the
        calling thread, which must not depend on the link. `packed`: size of packed audio, of its float32, and
        `pack_mb_s`, `unpack_mb_s`: how fast that is, per MB of float32.
    """
    computation = Computation()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = MediaStore(folder)
        info = registry.for_session(codec, registry.resolved(codec, computation))
        session = make_session(make_media(store, folder, minutes * 60.0 + 1.0), codec, tracks, minutes)
        launchers: dict[str, Launcher] = {"here": LocalLauncher(folder)}
        if machine is not None:
            launchers[machine.host] = SshLauncher(machine, store)
        else:
            for delay_ms in delays_ms:
                launchers[f"{delay_ms:g} ms"] = SshLauncher(_stand_in(folder, delay_ms), store)
        times: dict[str, list[float]] = {}
        longest: dict[str, float] = {}
        for engine, launcher in launchers.items():
            bench = EditBench(launcher, computation, session, info, slow=False)
            times[engine] = bench.edit(repeats)
            longest[engine] = max(bench.requests_ms)
        medians = {engine: statistics.median(found) for engine, found in times.items()}
        renderer = Renderer(lambda one, rate: registry.load(one, computation, rate), StoreReader(store), LatentCache())
        rendered = renderer.render(make_plan(session, info).audible[0])
        packed, pack_s, unpack_s = b"", math.inf, math.inf
        for _ in range(_PACK_REPEATS):
            started = time.perf_counter()
            packed = pack(rendered.audio)
            middle = time.perf_counter()
            unpack(packed, rendered.audio.shape)
            pack_s, unpack_s = min(pack_s, middle - started), min(unpack_s, time.perf_counter() - middle)
    size = rendered.audio.nbytes
    return {
        "codec": codec,
        "edit_to_audio_ms": medians,
        "ratio": {engine: median / medians["here"] for engine, median in medians.items()},
        "longest_request_ms": longest,
        "packed": len(packed) / size,
        "pack_mb_s": size / 1e6 / pack_s,
        "unpack_mb_s": size / 1e6 / unpack_s,
        "spread": {"edit_to_audio_ms": {engine: spread(found) for engine, found in times.items()}},
    }


def _stand_in(folder: Path, delay_ms: float) -> Machine:
    """This computer, behind a link of its own; the engine there has an empty cache."""
    there = folder / f"there {delay_ms:g}"
    there.mkdir()
    program = " ".join(shlex.quote(part) for part in paths.own_command())
    link = [*paths.own_command(), paths.MEASURE_FLAG, "link", os.fspath(there), str(delay_ms / 2)]
    return Machine(
        "this-computer",
        f"env LINCAE_STUDIO_CACHE={shlex.quote(os.fspath(there))} {program}",
        " ".join(shlex.quote(part) for part in link),
    )
