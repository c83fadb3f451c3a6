"""Demonstrations of a codec with an excerpt of a song: encode and decode it, mix, scale and remove in latent space."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.rendering.algebra import combine
from lincae_studio.evaluation.audio import Excerpt
from lincae_studio.evaluation.coding import CheckedCodec, Chunks, SignalCoder

Name = Literal["autoencoded", "mixed", "scaled", "removed"]

#: In the order of the report.
NAMES: tuple[Name, ...] = ("autoencoded", "mixed", "scaled", "removed")

#: The factor of `scaled`, -12 dB.
GAIN = 0.25


@dataclass(frozen=True)
class Demonstration:
    """An excerpt in one codec. All signals are `(N,)` at the codec's rate.

    Attributes:
        truth: what each demonstration should give.
        decoded: what it gives: latents are combined about those of silence, as in the studio.
        direct: the true mix and the true rest, only encoded and decoded, to hear what is the codec's loss alone.
        latents: `(D, frames)` of the true mix.
        difference: `(D, frames)`: the sum of the latents of all signals, minus `latents`.
    """

    truth: dict[Name, Array]
    decoded: dict[Name, Array]
    direct: dict[Name, Array]
    latents: Array
    difference: Array


def true_signals(signals: Array, stem: int) -> dict[Name, Array]:
    """The ideal results of the demonstrations for signals `(S, N)`; `stem` is scaled, and removed from the mix."""
    mix = signals.sum(axis=0, dtype=np.float32)
    return {
        "autoencoded": signals[stem],
        "mixed": mix,
        "scaled": np.float32(GAIN) * signals[stem],
        "removed": mix - signals[stem],
    }


def chosen_stem(excerpt: Excerpt) -> int:
    """The loudest signal of an excerpt."""
    return int(np.argmax(np.square(excerpt.signals).sum(axis=1)))


def demonstrate(codec: Codec, excerpt: Excerpt, seed: int = 0) -> Demonstration:
    """Encode, combine and decode an excerpt, which is resampled to the codec's rate.

    Raises:
        CodecError: when the codec fails.
    """
    signals = excerpt.at(codec.info.sample_rate)
    stem = chosen_stem(excerpt)
    truth = true_signals(signals, stem)
    coder = SignalCoder(CheckedCodec(codec), signals.shape[1], seed)
    stems = [coder.encode(signal) for signal in signals]
    mix = coder.encode(truth["mixed"])

    def combined(terms: Iterable[tuple[Chunks, float]]) -> Chunks:
        latents, factors = zip(*terms, strict=True)
        coefficients = [(factor,) for factor in factors]
        return [combine(chunk, coefficients, coder.origin)[0] for chunk in zip(*latents, strict=True)]

    total = combined((one, 1.0) for one in stems)
    chunks: dict[Name, Chunks] = {
        "autoencoded": stems[stem],
        "mixed": total,
        "scaled": combined([(stems[stem], GAIN)]),
        "removed": combined([(mix, 1.0), (stems[stem], -1.0)]),
    }
    whole = coder.frames(mix)
    return Demonstration(
        truth,
        {name: coder.decode(chunk) for name, chunk in chunks.items()},
        {"mixed": coder.decode(mix), "removed": coder.decode(coder.encode(truth["removed"]))},
        whole,
        coder.frames(total) - whole,
    )
