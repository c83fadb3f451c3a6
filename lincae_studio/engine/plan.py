"""The plan: what each chunk of the mix is made of, derived from a session by a pure function.

Equal chunk keys mean equal audio, so the difference between two plans is what must be rendered. Everything slower than
a frame (gains, pan, mute, solo) is a coefficient here and never part of a source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

import msgspec
from msgspec import Struct

from lincae_studio.codecs.base import CodecFacts
from lincae_studio.engine.grid import Grid
from lincae_studio.engine.sources import Placement, Source, effective_fades, key_of, source_of
from lincae_studio.session.levels import mono_pan, stereo_balance
from lincae_studio.session.model import Clip, Session, Track

#: Sources are remembered in runs of this many chunks, so that an entry of the memory has a size.
_RUN = 64

#: Runs remembered: some four hours of eight stereo tracks in chunks of two seconds, 100 MB when full.
_RUNS = 4096


# gc=False, here and in sources: a long session has tens of thousands of these, and they cannot be part of a cycle.
class Term(Struct, frozen=True, array_like=True, gc=False):
    """A source with its key and its coefficient on each bus."""

    key: str
    source: Source
    coefficients: tuple[float, ...]


class Chunk(Struct, frozen=True, array_like=True):
    """One decode: everything the renderer needs, by value.

    Attributes:
        key: address of the result.
        index: position on the grid.
        codec: id of the codec.
        grid: geometry.
        seed: chooses the noise of stochastic codecs.
        buses: 1, or 2 where left and right differ; a stereo mix may have chunks of one bus.
        terms: sorted by key, so that a sum does not depend on the order of tracks.
    """

    key: str
    index: int
    codec: str
    grid: Grid
    seed: int
    buses: int
    terms: tuple[Term, ...]

    @property
    def first_frame(self) -> int:
        return self.index * self.grid.step


class Plan(Struct, frozen=True):
    """The mix of a session. `chunks[k]` is None where nothing is audible: digital silence, never decoded."""

    codec: CodecFacts
    grid: Grid
    channels: int
    length: int
    chunks: tuple[Chunk | None, ...]

    @property
    def audible(self) -> list[Chunk]:
        """The chunks that must be decoded."""
        return [chunk for chunk in self.chunks if chunk is not None]


def make_plan(session: Session, codec: CodecFacts, grid: Grid | None = None) -> Plan:
    """The plan of a session for a codec, on the codec's own grid unless another is given."""
    grid = grid or Grid.of(codec)
    length, channels = session.length, session.channels
    terms: list[list[Term]] = [[] for _ in range(grid.count(length))]
    media = {item.digest: item for item in session.media}
    for track in session.tracks:
        if not session.audible(track) or track.gain == 0.0:
            continue
        fades = effective_fades(track, media)
        for clip in track.clips:
            factors = bus_factors(track, clip, media[clip.media].channels, channels)
            for channel, coefficients in enumerate(factors):
                if any(coefficients):
                    for index, source, key in _sources(clip, channel, fades[clip.id], grid, codec.identity):
                        if index < len(terms):
                            terms[index].append(Term(key, source, coefficients))
    chunks = tuple(_chunk(index, found, channels, session.seed, codec, grid) for index, found in enumerate(terms))
    return Plan(codec, grid, channels, length, chunks)


def bus_factors(track: Track, clip: Clip, media_channels: int, buses: int) -> list[tuple[float, ...]]:
    """For each channel of a clip's media, its gain on each bus: clip gain, fader, and pan or balance."""
    gain = clip.gain * track.gain
    if buses == 1:
        return [(gain,)]
    if media_channels == 1:
        left, right = mono_pan(track.pan)
        return [(gain * left, gain * right)]
    left, right = stereo_balance(track.pan)
    return [(gain * left, 0.0), (0.0, gain * right)]


def _sources(
    clip: Clip, channel: int, fades: tuple[int, int], grid: Grid, codec_identity: str
) -> Iterator[tuple[int, Source, str]]:
    """What each chunk sees of a clip's channel: chunk index, source, and its key."""
    placement, touched = Placement.of(clip), grid.touching(clip.start, clip.end)
    for run in range(touched.start // _RUN, -(-touched.stop // _RUN)):
        yield from _sources_of_run(placement, channel, fades, grid, codec_identity, run)


# Nothing here depends on gain, pan, mute or name: at a tick of a fader no source is worked out or hashed again.
@lru_cache(maxsize=_RUNS)
def _sources_of_run(
    clip: Placement, channel: int, fades: tuple[int, int], grid: Grid, codec_identity: str, run: int
) -> tuple[tuple[int, Source, str], ...]:
    touched = grid.touching(clip.start, clip.end)
    found = []
    for index in range(max(touched.start, run * _RUN), min(touched.stop, (run + 1) * _RUN)):
        source = source_of(clip, channel, fades, grid.window_start(index), grid.window_samples)
        assert source is not None, "grid.touching and source_of disagree"
        found.append((index, source, key_of(source, grid.window_samples, codec_identity)))
    return tuple(found)


def _chunk(index: int, terms: list[Term], channels: int, seed: int, codec: CodecFacts, grid: Grid) -> Chunk | None:
    if not terms:
        return None
    terms.sort(key=lambda term: (term.key, term.coefficients))
    buses = channels
    if channels == 2 and all(term.coefficients[0] == term.coefficients[1] for term in terms):
        terms = [Term(term.key, term.source, term.coefficients[:1]) for term in terms]
        buses = 1
    noise = (index * grid.step, seed) if codec.stochastic else ()
    content = msgspec.msgpack.encode(
        (codec.identity, grid, noise, buses, [(term.key, term.coefficients) for term in terms])
    )
    key = hashlib.blake2b(content, digest_size=20).hexdigest()
    return Chunk(key, index, codec.id, grid, seed, buses, tuple(terms))
