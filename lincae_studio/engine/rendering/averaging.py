"""Several decodes of the same latents: their mean, and what it gains over one. For codecs that decode from noise.

Any thread; one uses an instance. With d_k the decodes of K seeds, s the dry mix, and m the mean of the d_k:

    one     10 log10(mean_k ||d_k - s||^2 / ||s||^2)
    mean    10 log10(||m - s||^2 / ||s||^2)
    spread  10 log10(sum_k ||d_k - m||^2 / (K - 1) / ||m||^2)

over the samples that chunks own. By Jensen's inequality `mean` is never above `one`; how far it is below, is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec import Struct

from lincae_studio.codecs.base import Array as Samples
from lincae_studio.engine.analysis.residual import own_samples
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.planning.probes import with_seed
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.stitch import window_slice
from lincae_studio.engine.rendering.streams import ProvideChunk

#: Renders chunks of any kind, which may differ in their seeds.
RenderChunks = Callable[[Sequence[Chunk]], list[Rendered]]


def other_seeds(chunk: Chunk, decodes: int) -> list[Chunk]:
    """The same chunk with the seeds that follow its own: one less than there are decodes."""
    return [with_seed(chunk, chunk.seed + number) for number in range(1, decodes)]


class Gain(Struct, frozen=True):
    """The gain of a mean, in dB.

    Attributes:
        one_db, mean_db: distance of one decode, and of the mean, from the dry mix, relative to that.
        spread_db: of the decodes about their mean, relative to that.
    """

    decodes: int
    one_db: float
    mean_db: float
    spread_db: float

    @property
    def gain_db(self) -> float:
        """By how much the mean is nearer to the dry mix than one decode."""
        return self.one_db - self.mean_db

    @property
    def text(self) -> str:
        """In words, with all figures."""
        nearer = (
            f"{self.gain_db:.1f} dB nearer to the dry mix than one ({self.mean_db:.1f} instead of {self.one_db:.1f} dB)"
        )
        return f"mean of {self.decodes} decodes: {nearer}, their spread {self.spread_db:.1f} dB"


@dataclass
class Averaged:
    """Provides the means of decodes, and measures them.

    Attributes:
        decodes: how many are averaged, at least 2.
        render: renders the chunks with other seeds.
    """

    decodes: int
    render: RenderChunks
    #: Energies of the dry mix, of the decodes' and the mean's distance from it, of the mean, and of the spread.
    _sums: dict[str, float] = field(default_factory=dict)

    def provider(self, plan: Plan, provide: ProvideChunk, dry: DryMix | None = None) -> ProvideChunk:
        """The chunks of a plan with averaged audio; with a dry mix, they are measured against that."""
        if not plan.codec.stochastic:
            return provide

        def averaged(chunk: Chunk) -> Rendered:
            first = provide(chunk)
            audio = [first.audio, *(rendered.audio for rendered in self.render(other_seeds(chunk, self.decodes)))]
            mean = np.stack(audio).mean(axis=0, dtype=np.float64).astype(np.float32)
            if dry is not None and not chunk.edited:  # the dry mix does not have edits of latents
                self._measure(plan, dry, chunk, audio, mean)
            return Rendered(first.key, first.latents, mean)

        return averaged

    @property
    def gain(self) -> Gain | None:
        """The figures of what was provided so far; None while nothing was measured, or the dry mix is silent."""
        sums = self._sums
        if not sums.get("dry") or not sums.get("mean"):
            return None
        one, mean = (_db(sums[name] / sums["dry"]) for name in ("one from dry", "mean from dry"))
        return Gain(self.decodes, one, mean, _db(sums["spread"] / sums["mean"]))

    def _measure(self, plan: Plan, dry: DryMix, chunk: Chunk, audio: Sequence[Samples], mean: Samples) -> None:
        start, end = own_samples(plan, chunk.index)
        reference = dry.read(start, end - start)

        def own(samples: Samples) -> Samples:
            return window_slice(plan, samples, chunk.index, start, end)

        middle, count = own(mean), len(audio)
        decodes = [own(one) for one in audio]
        for name, energy in (
            ("dry", _energy(reference)),
            ("mean", _energy(np.broadcast_to(middle, reference.shape))),
            ("one from dry", sum(_energy(one - reference) for one in decodes) / count),
            ("mean from dry", _energy(middle - reference)),
            ("spread", sum(_energy(np.broadcast_to(one - middle, reference.shape)) for one in decodes) / (count - 1)),
        ):
            self._sums[name] = self._sums.get(name, 0.0) + energy


def _energy(samples: Samples) -> float:
    return float(np.square(samples, dtype=np.float64).sum())


def _db(ratio: float) -> float:
    return 10.0 * math.log10(max(ratio, 1e-20))
