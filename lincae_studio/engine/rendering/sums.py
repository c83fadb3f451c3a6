"""Sums the latents of many tracks: partial sums are cached, and an edit recomputes only those that it affects.

The terms of a chunk fall into sixteen groups by the first digit of their keys. Each group is summed by itself, then the
groups in order: a sum depends on nothing but its terms, so equal chunks are equal bit for bit, independent of earlier
sums.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from lincae_studio import cores
from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.contributions import Coefficient, Term
from lincae_studio.engine.planning.inserts import Insert
from lincae_studio.engine.planning.masks import Mask, factors_of
from lincae_studio.engine.rendering.algebra import weighted

#: About five minutes of 64 stereo tracks with a built-in codec; hours with Lin-CAE.
_MEMORY_BYTES = 512 * 1024 * 1024

#: Numbers to add up from which on threads are started: an edit of one track is faster without.
_WORTH_THREADS = 1 << 21

#: Identifies a group by what its sum depends on.
_Group = tuple[tuple[str, tuple[Coefficient, ...], tuple[Mask, ...], Insert | None], ...]


class ChunkSums:
    """Sums chunks that have the same origin. One thread uses an instance."""

    def __init__(self, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._used_bytes = 0
        self._kept: OrderedDict[_Group, Array] = OrderedDict()

    def total(
        self,
        terms: Sequence[Term],
        latents_of: Callable[[Sequence[Term]], Sequence[Array]],
        origin: Array,
        master: Coefficient = 1.0,
        masks: Sequence[Mask] = (),
    ) -> Array:
        """`(buses, D, T)`: `origin + master * masks * sum_i c[i, b] * M_i * (z_i - origin)`.

        Args:
            terms: sorted by key, at least one.
            latents_of: returns the latents `(D, T)` of terms. It is called at most once, with those that are needed.
            origin: `(D, T)`, the latents of silence.
            master: the factor of the sum: a number, or T numbers. Partial sums do not depend on it.
            masks: of the regions of the mix; likewise.
        """
        groups: dict[str, list[Term]] = {}
        for term in terms:
            groups.setdefault(term.key[0], []).append(term)
        names = {
            digit: tuple((term.key, term.coefficients, term.masks, term.insert) for term in group)
            for digit, group in groups.items()
        }
        kept = {digit: self._kept[name] for digit, name in names.items() if name in self._kept}
        missing = [term for digit, group in groups.items() if digit not in kept for term in group]
        latents = dict(zip(map(id, missing), latents_of(missing), strict=True)) if missing else {}
        edits = factors_of(masks, len(origin)) if masks else None

        def sum_of(digit: str) -> Array:
            group = groups[digit]
            coefficients, edited = [term.coefficients for term in group], [term.masks for term in group]
            return weighted([latents[id(term)] for term in group], coefficients, origin, edited)

        absent = [digit for digit in groups if digit not in kept]
        together = cores.on_all if len(missing) * origin.size >= _WORTH_THREADS else map
        summed = dict(zip(absent, together(sum_of, absent), strict=True))
        total = origin[None].repeat(len(terms[0].coefficients), axis=0)
        for digit, group in groups.items():
            found = summed.get(digit)
            if found is None:
                found = kept[digit]
                self._kept.move_to_end(names[digit])
            elif len(group) > 1:  # for one term, multiplying again is just as fast
                self._keep(names[digit], found)
            if master != 1.0:
                found = np.asarray(master, np.float32) * found
            total += found if edits is None else edits * found
        return total

    def _keep(self, name: _Group, found: Array) -> None:
        self._kept[name] = found
        self._used_bytes += found.nbytes
        while self._used_bytes > self._memory_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._used_bytes -= dropped.nbytes
