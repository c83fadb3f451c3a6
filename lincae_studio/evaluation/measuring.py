"""Quality of reconstruction and linearity of any codec, in the windows that the studio uses.

With E the encoder, D the decoder, x_i the sources of a mixture x = sum x_i, z_i = E(x_i), z = E(x), and z0 the latents
of silence, latents are scaled and summed about z0, as in the studio: `a . z_i = z0 + a (z_i - z0)`. Figures ending in
`_plain` use 0 for z0, as in the paper; for a linear codec both are the same. Every decoding of a seed starts from the
same noise.

First of all, decoded audio is compared with the true signals: stems, mix, scaled stems, and the rest without a stem.
Decoded audio is compared with decoded audio as well, which says where an error comes from, but not whether there is
one: a codec that decodes everything to silence is perfectly additive.

numpy only; the codec may use anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lincae_studio import jobs
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.rendering.algebra import combine
from lincae_studio.evaluation.audio import audible
from lincae_studio.evaluation.coding import CheckedCodec
from lincae_studio.evaluation.figures import FIGURES, Measured, finite
from lincae_studio.evaluation.metrics import mel_distance, mr_stft, mr_stft_auraloss, si_sdr, snr

#: Gains for the homogeneity figures, as in the authors' evaluation.
GAINS = (0.25, 0.5, 0.75, 1.1)


@dataclass(frozen=True)
class Evaluation:
    """Figures of a codec.

    Attributes:
        codec: its id.
        windows: number of windows measured.
        seeds: of the decoder's noise.
        figures: mean of each figure, by name; NaN where nothing could be measured.
        measured: the values of all windows.
        latents: `(frames, D)` of all sources that are not silent.
        silence: `(D, T)` latents of silence.
    """

    codec: str
    windows: int
    seeds: tuple[int, ...]
    figures: dict[str, float]
    measured: Measured
    latents: Array
    silence: Array

    def plain(self) -> dict[str, Any]:
        """For JSON: means of all figures, and statistics of those that are measured in each window."""
        statistics = {name: one.plain() for name, one in self.measured.statistics().items()}
        means = {name: finite(value) for name, value in self.figures.items()}
        return {"windows": self.windows, **means, "statistics": statistics}


def evaluate(
    codec: Codec, groups: Array, report: jobs.ReportProgress | None = None, seeds: Sequence[int] = (0,)
) -> Evaluation:
    """Measure a codec on `(groups, sources, N)` windows, with N the length of the codec's chunks.

    Args:
        seeds: of the decoder's noise; everything is measured with each of them.

    Raises:
        CodecError: when the codec fails, or gives values that are NaN or infinite.
    """
    codec = CheckedCodec(codec)
    info = codec.info
    origin = codec.silence((groups.shape[2] - info.window_extra) // info.hop)
    measured = Measured()
    latents = []
    for turn, seed in enumerate(seeds):
        for number, sources in enumerate(groups):
            z = codec.encode(sources)
            if turn == 0:
                latents.append(z[audible(sources), :, info.context : z.shape[2] - info.context])
            measuring = _Measuring(codec, origin, seed, number, measured)
            measuring.sources(sources, z)
            measuring.mixture(sources, z)
            if report is not None:
                report(jobs.Progress(turn * len(groups) + number + 1, len(seeds) * len(groups)))
    # (frames, D)
    flat = np.concatenate(latents).transpose(0, 2, 1).reshape(-1, info.dim)
    means = {name: one.mean for name, one in measured.statistics().items()}
    means |= latent_figures(flat, origin)
    figures = {name: means[name] for name in FIGURES if name in means}
    return Evaluation(info.id, groups.size // groups.shape[2], tuple(seeds), figures, measured, flat, origin)


def latent_figures(latents: Array, silence: Array) -> dict[str, float]:
    """Figures of latents `(frames, D)` and silence `(D, T)`. Rank: Roy and Vetterli, "The effective rank" (2007).

    NaN where all latents are 0.
    """
    values = np.linalg.svd(latents.astype(np.float64), compute_uv=False)
    norm, deviation = float(np.linalg.norm(latents, axis=1).mean()), float(latents.std())
    share = values[values > 0.0] / values.sum() if norm else np.array([math.nan])
    return {
        "effective_rank": float(np.exp(-(share * np.log(share)).sum())),
        "latent_std": deviation,
        "scale_factor": 1.0 / deviation if deviation else math.nan,
        "silence_norm": float(np.linalg.norm(silence, axis=0).mean()) / norm if norm else math.nan,
        "reference_silence_norm": float(np.linalg.norm(silence, axis=1).mean()),
    }


@dataclass(frozen=True)
class _Measuring:
    """The measurement of one group of windows with one seed."""

    codec: CheckedCodec
    origin: Array
    seed: int
    group: int
    measured: Measured

    def sources(self, sources: Array, z: Array) -> None:
        """Reconstruction and homogeneity of each source that is not silent."""
        numbers = _numbers_of_audible(sources)
        if not numbers:
            return
        sources, z = sources[numbers], z[numbers]
        decoded = self._decode(z)
        for number, ours, theirs in zip(numbers, decoded, sources, strict=True):
            self._add(number, "reference_mr_stft", mr_stft_auraloss(ours, theirs))
            ours, theirs = self._heard(ours), self._heard(theirs)
            self._against_truth(number, "", ours, theirs)
            self._add(number, "mel_db", mel_distance(ours, theirs, self.codec.info.sample_rate))
        for gain in GAINS:
            scaled = self.codec.encode(np.float32(gain) * sources)
            for suffix, centre in (("", self.origin), ("_plain", np.zeros_like(self.origin))):
                expected = centre + np.float32(gain) * (z - centre)
                mixed = self._decode(expected)
                for k, number in enumerate(numbers):
                    error = _relative(expected[k], scaled[k], centre)
                    self._add(number, "encoder_homogeneity" + suffix, error)
                    ours, theirs = self._heard(mixed[k]), np.float32(gain) * self._heard(sources[k])
                    if not suffix:
                        self._against_truth(number, "scaled_", ours, theirs)
                    ratio = snr(ours, gain * self._heard(decoded[k]))
                    self._add(number, f"decoder_homogeneity{suffix}_db", ratio)
                    if suffix:
                        error = _relative(scaled[k], expected[k], centre)
                        self._add(number, "reference_encoder_homogeneity", error)

    def mixture(self, sources: Array, z: Array) -> None:
        """Additivity and separation of a mixture of at least two sources that are not silent."""
        numbers = _numbers_of_audible(sources)
        if len(numbers) < 2:
            return
        mix = sources.sum(axis=0, dtype=np.float32)
        z_mix = self.codec.encode(mix[None])[0]
        decoded = self._heard(self._decode(z)).sum(axis=0, dtype=np.float64)
        nothing = np.zeros_like(self.origin)
        for suffix, centre in (("", self.origin), ("_plain", nothing)):
            summed = combine(list(z), [(1.0,)] * len(z), centre)
            self._add(None, "encoder_additivity" + suffix, _relative(summed[0], z_mix, centre))
            whole = self._decode(summed)[0]
            mixed = self._heard(whole)
            self._add(None, f"decoder_additivity{suffix}_db", snr(mixed, decoded))
            if suffix:
                distance = mr_stft_auraloss(whole, self._decode(z_mix[None])[0])
                self._add(None, "reference_decoder_additivity", distance)
            else:
                self._against_truth(None, "mix_", mixed, self._heard(mix))
        for number in numbers:
            rest = mix - sources[number]
            if not audible(rest[None])[0]:
                continue
            left, plainly = (
                self._decode(combine([z_mix, z[number]], [(1.0,), (-1.0,)], centre))[0]
                for centre in (self.origin, nothing)
            )
            self._add(number, "reference_separability", mr_stft_auraloss(plainly, rest))
            left, true_rest = self._heard(left), self._heard(rest)
            again = self._heard(self._decode(self.codec.encode(rest[None]))[0])
            self._add(number, "separability_db", si_sdr(left, again))
            self._against_truth(number, "rest_", left, true_rest)

    def _against_truth(self, source: int | None, name: str, ours: Array, theirs: Array) -> None:
        """The measures of a decoded signal compared with the true one."""
        self._add(source, f"{name}snr_db", snr(ours, theirs))
        self._add(source, f"{name}si_sdr_db", si_sdr(ours, theirs))
        self._add(source, f"{name}mr_stft", mr_stft(ours, theirs))

    def _add(self, source: int | None, name: str, value: float) -> None:
        self.measured.add(self.seed, self.group, source, name, value)

    def _decode(self, latents: Array) -> Array:
        """`(B, N)`, always from the same noise."""
        return self.codec.decode(latents, first_frames=[0] * len(latents), seed=self.seed)

    def _heard(self, windows: Array) -> Array:
        """Windows without their unreliable ends."""
        margin = self.codec.info.margin
        return windows[..., margin : windows.shape[-1] - margin]


def _numbers_of_audible(sources: Array) -> list[int]:
    return [number for number, heard in enumerate(audible(sources)) if heard]


def _relative(estimate: Array, reference: Array, centre: Array) -> float:
    """Relative error; NaN when the reference is the centre, so that nothing is measured."""
    norm = float(np.linalg.norm(reference - centre))
    return float(np.linalg.norm(estimate - reference)) / norm if norm else math.nan
