"""Which media a clip's sources come from: arithmetic on channels is a factor, and needs no audio of its own. Pure.

Inverting and choosing channels are linear and change no sample's place, so a clip that is processed with them at the
end of its chain plays the latents of what precedes them, with other coefficients. They may also stand before what
treats each channel alone and linearly: reversing, and removing the DC offset. A stretch treats them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from lincae_studio.engine.planning.factors import Factor
from lincae_studio.session.derived import derived
from lincae_studio.session.model import Media
from lincae_studio.session.processes import Channels, Invert, Stretch, matrix_of

#: By how much each channel of the source goes into each channel of the media; None where they are the same.
Matrix = tuple[tuple[float, ...], ...] | None


def played(media: Media) -> tuple[Media, Matrix]:
    """The media that sources of these are read from, and how their channels are mixed."""
    return _played(media) if media.derived is not None else (media, None)


@lru_cache(maxsize=1024)
def _played(media: Media) -> tuple[Media, Matrix]:
    chain = media.chain
    if not any(isinstance(process, Invert | Channels) for process in chain):
        return media, None
    rows: list[tuple[float, ...]] = [(1.0,)] if media.channels == 1 else [(1.0, 0.0), (0.0, 1.0)]
    end, kept = len(chain), []
    while end and not isinstance(chain[end - 1], Stretch):
        end -= 1
        process = chain[end]
        matrix = matrix_of(process)
        if isinstance(process, Invert):
            rows = [tuple(-value for value in row) for row in rows]
        elif matrix is not None:
            rows = [_product(row, matrix) for row in rows]
        else:
            kept.append(process)
    source = derived(media.source, (*chain[:end], *reversed(kept)))
    return source, tuple(rows)


def _product(row: Sequence[float], matrix: Sequence[Sequence[float]]) -> tuple[float, ...]:
    columns = range(len(matrix[0]))
    return tuple(sum(value * matrix[channel][column] for channel, value in enumerate(row)) for column in columns)


def mixed(factors: list[tuple[Factor, ...]], matrix: Matrix) -> list[tuple[Factor, ...]]:
    """The factors of each channel of the source on each bus, from those of each channel of the media."""
    if matrix is None:
        return factors
    return [
        tuple(
            sum((row[source] * on_buses[bus] for row, on_buses in zip(matrix, factors, strict=True)), 0.0)
            for bus in range(len(factors[0]))
        )
        for source in range(len(matrix[0]))
    ]
