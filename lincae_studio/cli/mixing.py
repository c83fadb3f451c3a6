"""Mixing and rendering without a window: the engine in this very process."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from lincae_studio.cli.inputs import MixInput
from lincae_studio.cli.progress import Report, progress_bars
from lincae_studio.codecs import registry
from lincae_studio.engine.cache import LatentCache, RenderCache
from lincae_studio.engine.mixdown import in_batches, mixdown, refuse_overwriting
from lincae_studio.engine.plan import make_plan
from lincae_studio.engine.renderer import Renderer, StoreReader
from lincae_studio.engine.sums import ChunkSums
from lincae_studio.media.store import MediaStore
from lincae_studio.media.writer import SampleFormat
from lincae_studio.paths import cache_dir
from lincae_studio.session import edits, files
from lincae_studio.session.model import SESSION_RATE, Session

#: Latents kept in memory: those of a few chunks of a hundred tracks.
_MEMORY_BYTES = 128 * 1024 * 1024


def mix_files(inputs: Sequence[MixInput], output: Path, codec: str, sample_format: SampleFormat) -> dict[str, object]:
    """Mix files, one track each. Returns the figures of the mixdown.

    Raises:
        StudioError: for a file, codec or output that cannot be used; an older output stays.
    """
    codec = registry.by_path(codec)
    registry.for_session(codec)
    refuse_overwriting([item.path for item in inputs], output)
    store = MediaStore(cache_dir())
    session = edits.set_codec(Session(), codec)
    with progress_bars() as report:
        for item in inputs:
            media = store.import_file(item.path, report(f"importing {item.path.name}"))
            session = edits.add_track(session, item.path.stem)
            track = session.tracks[-1]
            session = edits.set_track_gain(session, track.id, item.gain)
            session = edits.add_clip(session, track.id, media, item.start)
        return _mixdown(session, store, output, sample_format, report)


def render_project(path: Path, output: Path, codec: str | None, sample_format: SampleFormat) -> dict[str, object]:
    """Render a project file. Returns the figures of the mixdown.

    Raises:
        StudioError: for a project, media, codec or output that cannot be used; an older output stays.
    """
    session = files.load(path)
    if codec is not None:
        session = edits.set_codec(session, registry.by_path(codec))
    registry.for_session(session.codec)
    used = {clip.media for clip in session.clips()}
    media = [item for item in session.media if item.digest in used]
    refuse_overwriting([path, *(Path(item.path) for item in media)], output)
    store = MediaStore(cache_dir())
    with progress_bars() as report:
        for item in media:
            store.ensure(item, report(f"importing {Path(item.path).name}"))
        return _mixdown(session, store, output, sample_format, report)


def _mixdown(
    session: Session, store: MediaStore, output: Path, sample_format: SampleFormat, report: Report
) -> dict[str, object]:
    folder = cache_dir()
    # Each chunk is rendered once: nothing is worth remembering but on disk.
    renderer = Renderer(
        registry.load,
        StoreReader(store),
        LatentCache(folder, memory_bytes=_MEMORY_BYTES),
        RenderCache(folder),
        sums=ChunkSums(memory_bytes=0),
    )
    started = time.perf_counter()
    try:
        plan = make_plan(session, registry.for_session(session.codec))
        result = mixdown(plan, in_batches(plan, renderer), output, sample_format, report("rendering"))
    finally:
        renderer.close()
    seconds = time.perf_counter() - started
    duration_s = result.length / SESSION_RATE
    return {
        "output": str(output),
        "codec": session.codec,
        "sample_rate": SESSION_RATE,
        "channels": result.channels,
        "length_samples": result.length,
        "duration_s": duration_s,
        "peak_dbfs": 20.0 * math.log10(max(result.peak, 1e-10)),
        "clipped_samples": result.clipped_samples,
        "encodes": renderer.counters.encodes,
        "decodes": renderer.counters.decodes,
        "render_s": seconds,
        "x_realtime": duration_s / seconds,
    }
