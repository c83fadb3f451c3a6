"""The sources of a clip, chunk by chunk: computed and hashed once, in runs of chunks. Any thread."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.sources import Fades, Placement, Source, key_of, source_of
from lincae_studio.session.model import Clip

#: Sources are cached in runs of this many chunks, so that each cache entry has a bounded size.
RUN = 64

#: Runs in the cache: some four hours of eight stereo tracks in chunks of two seconds, 100 MB when full.
_RUNS = 4096


def sources_of(
    clip: Clip, channel: int, fades: Fades, grid: Grid, codec_identity: str
) -> Iterator[tuple[tuple[int, Source, str], ...]]:
    """The source of a clip's channel in each chunk it overlaps, in runs: chunk index, source, and its key."""
    placement, touched = Placement.of(clip), grid.touching(clip.start, clip.end)
    for run in range(touched.start // RUN, -(-touched.stop // RUN)):
        yield sources_of_run(placement, channel, fades, grid, codec_identity, run)


# Nothing here depends on gain, pan, mute or name: while a fader moves, no source is computed or hashed again.
@lru_cache(maxsize=_RUNS)
def sources_of_run(
    clip: Placement, channel: int, fades: Fades, grid: Grid, codec_identity: str, run: int
) -> tuple[tuple[int, Source, str], ...]:
    touched = grid.touching(clip.start, clip.end)
    found = []
    for index in range(max(touched.start, run * RUN), min(touched.stop, (run + 1) * RUN)):
        source = source_of(clip, channel, fades, grid.window_start(index), grid.window_samples)
        assert source is not None, "grid.touching and source_of disagree"
        found.append((index, source, key_of(source, grid.window_samples, codec_identity)))
    return tuple(found)
