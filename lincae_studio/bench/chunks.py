"""Render times for several chunk lengths, in one process on the demo song: the basis of a codec's default length."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from lincae_studio import malloc
from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import AUTO, Computation
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, make_plan
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Renderer, StoreReader
from lincae_studio.media.store import MediaStore
from lincae_studio.paths import resource
from lincae_studio.session import edits, files

#: The chunk steps to compare, in seconds.
STEPS_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

_REPEATS = 5


def measure_chunks(codec_id: str, computation: Computation = AUTO) -> list[dict[str, object]]:
    """For each length: the first render of the song, and after a gain change all chunks and the first one alone.

    Times are the best of a few runs, in milliseconds. `overhead` is decoded samples per sample of the mix.
    """
    malloc.keep_freed()  # as the engine does
    info = registry.for_session(codec_id, registry.resolved(codec_id, computation))
    session = edits.set_codec(files.load(resource("demo/paper_lanterns.lincae")), codec_id)
    louder = edits.set_track_gain(session, session.tracks[0].id, 0.5)
    with tempfile.TemporaryDirectory() as folder:
        store = MediaStore(Path(folder))
        for media in session.media:
            store.ensure(media)
        rows: list[dict[str, object]] = []
        for step_s in STEPS_S:
            step = max(info.overlap_frames, round(step_s * info.sample_rate / info.hop))
            grid = Grid.of(info, step + info.overlap_frames)
            plan, edited = make_plan(session, info, grid), make_plan(louder, info, grid)
            cold, gain, first = [], [], []
            for _ in range(_REPEATS):
                renderer = Renderer(
                    lambda codec, rate: registry.load(codec, computation, rate), StoreReader(store), LatentCache()
                )
                cold.append(_seconds_to_render(renderer, plan.audible))
                gain.append(_seconds_to_render(renderer, edited.audible))
                first.append(_seconds_to_render(renderer, edited.audible[:1]))
            rows.append(
                {
                    "step_s": step_s,
                    "chunks": len(plan.chunks),
                    "overhead": len(plan.chunks) * grid.window_samples / plan.length,
                    "first_render_ms": min(cold) * 1e3,
                    "gain_change_all_ms": min(gain) * 1e3,
                    "gain_change_one_ms": min(first) * 1e3,
                }
            )
    return rows


def _seconds_to_render(renderer: Renderer, chunks: list[Chunk]) -> float:
    started = time.perf_counter()
    for chunk in chunks:
        renderer.render(chunk)
    return time.perf_counter() - started
