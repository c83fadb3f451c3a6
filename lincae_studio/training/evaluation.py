"""Quality of reconstruction and linearity of any codec, in the windows that the studio uses.

With E the encoder, D the decoder, x_i the sources of a mixture x = sum x_i, z_i = E(x_i), z = E(x), and z0 the latents
of silence, latents are scaled and summed about z0, as in the studio: `a . z_i = z0 + a (z_i - z0)`. Figures ending in
`_plain` use 0 for z0, as in the paper; for a linear codec both are the same. Every decoding starts from the same noise.

numpy only; the codec may use anything.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lincae_studio import jobs
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.engine.rendering.algebra import combine
from lincae_studio.errors import MediaError, UsageError
from lincae_studio.training.metrics import mel_distance, mr_stft, si_sdr, snr
from lincae_studio.training.synth import make_song

#: Gains for the homogeneity figures, as in the authors' evaluation.
GAINS = (0.25, 0.5, 0.75, 1.1)

#: Windows below this RMS (-60 dB) count as silence; figures relative to them would be meaningless.
SILENCE_RMS = 1e-3


#: Seed of the evaluation songs; the seeds of pools have two numbers.
_TEST_SEED = (2**32 - 1, 0)

#: Start of each song that is skipped, since the first bars are alike.
_SONG_START_S = 4.0


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        title: for tables.
        meaning: its definition.
        better: `higher`, `lower`, or empty where neither is.
    """

    title: str
    meaning: str
    better: str = ""


FIGURES = {
    "snr_db": Figure("SNR, dB", "D(z_i) against x_i", "higher"),
    "si_sdr_db": Figure("SI-SDR, dB", "D(z_i) against x_i", "higher"),
    "mr_stft": Figure("MR-STFT", "D(z_i) against x_i", "lower"),
    "mel_db": Figure("mel distance, dB", "D(z_i) against x_i", "lower"),
    "encoder_homogeneity": Figure("encoder homogeneity", "|E(a x_i) - a . z_i| / |E(a x_i) - z0|", "lower"),
    "encoder_homogeneity_plain": Figure("- without z0", "the same with 0 for z0", "lower"),
    "encoder_additivity": Figure("encoder additivity", "|z - sum . z_i| / |z - z0|", "lower"),
    "encoder_additivity_plain": Figure("- without z0", "the same with 0 for z0", "lower"),
    "decoder_homogeneity_db": Figure("decoder homogeneity, dB", "SNR of D(a . z_i) against a D(z_i)", "higher"),
    "decoder_homogeneity_plain_db": Figure("- without z0", "the same with 0 for z0", "higher"),
    "decoder_additivity_db": Figure("decoder additivity, dB", "SNR of D(sum . z_i) against sum D(z_i)", "higher"),
    "decoder_additivity_plain_db": Figure("- without z0", "the same with 0 for z0", "higher"),
    "separability_db": Figure("separability, dB", "SI-SDR of D(z - z_i) against D(E(x - x_i))", "higher"),
    "mix_snr_db": Figure("mixed: SNR, dB", "D(sum . z_i) against the true mix", "higher"),
    "mix_si_sdr_db": Figure("mixed: SI-SDR, dB", "D(sum . z_i) against the true mix", "higher"),
    "mix_mr_stft": Figure("mixed: MR-STFT", "D(sum . z_i) against the true mix", "lower"),
    "rest_snr_db": Figure("removed: SNR, dB", "D(z - z_i) against the true rest", "higher"),
    "rest_si_sdr_db": Figure("removed: SI-SDR, dB", "D(z - z_i) against the true rest", "higher"),
    "rest_mr_stft": Figure("removed: MR-STFT", "D(z - z_i) against the true rest", "lower"),
    "effective_rank": Figure("effective rank", "exp of the entropy of the latents' normalised singular values"),
    "latent_std": Figure("latent deviation", "standard deviation of all latent values"),
    "scale_factor": Figure("suggested scale", "1 / deviation: times the factor in use, it gives unit variance"),
    "silence_norm": Figure("norm of silence", "mean |z0| of a frame over mean |z_i| of a frame", "lower"),
}


@dataclass(frozen=True)
class Evaluation:
    """Figures by name, in the order of `FIGURES`, without those that could not be measured; latents for plots."""

    codec: str
    windows: int
    figures: dict[str, float]
    latents: Array
    silence: Array


def evaluate(codec: Codec, groups: Array, report: jobs.ReportProgress | None = None) -> Evaluation:
    """Measure a codec on `(groups, sources, N)` windows, with N the length of the codec's chunks."""
    info = codec.info
    frames = (groups.shape[2] - info.edge) // info.hop
    origin = codec.silence(frames)
    found: dict[str, list[float]] = defaultdict(list)
    latents = []
    for number, sources in enumerate(groups):
        z = codec.encode(sources)
        latents.append(z[_audible(sources)])
        _measure_sources(codec, sources, z, origin, found)
        _measure_mixture(codec, sources, z, origin, found)
        if report is not None:
            report(jobs.Progress(number + 1, len(groups)))
    figures = {name: float(np.mean(values)) for name, values in found.items()}
    # (frames, D)
    flat = np.concatenate(latents).transpose(0, 2, 1).reshape(-1, info.dim)
    figures |= latent_figures(flat, origin)
    return Evaluation(
        info.id, groups.size // groups.shape[2], {n: figures[n] for n in FIGURES if n in figures}, flat, origin
    )


def latent_figures(latents: Array, silence: Array) -> dict[str, float]:
    """Figures of latents `(frames, D)` and silence `(D, T)`. Rank: Roy and Vetterli, "The effective rank" (2007)."""
    values = np.linalg.svd(latents.astype(np.float64), compute_uv=False)
    share = values / values.sum()
    share = share[share > 0.0]
    deviation = float(latents.std())
    return {
        "effective_rank": float(np.exp(-(share * np.log(share)).sum())),
        "latent_std": deviation,
        "scale_factor": 1.0 / deviation,
        "silence_norm": float(np.linalg.norm(silence, axis=0).mean() / np.linalg.norm(latents, axis=1).mean()),
    }


def _measure_sources(codec: Codec, sources: Array, z: Array, origin: Array, found: dict[str, list[float]]) -> None:
    """Reconstruction and homogeneity of each source that is not silent."""
    audible = _audible(sources)
    if not audible.any():
        return
    heard, z = _heard(sources, codec.info)[audible], z[audible]
    decoded = _decode(codec, z)
    for ours, theirs in zip(decoded, heard, strict=True):
        found["snr_db"].append(snr(ours, theirs))
        found["si_sdr_db"].append(si_sdr(ours, theirs))
        found["mr_stft"].append(mr_stft(ours, theirs))
        found["mel_db"].append(mel_distance(ours, theirs, codec.info.sample_rate))
    for gain in GAINS:
        scaled = codec.encode(np.float32(gain) * sources[audible])
        for suffix, centre in (("", origin), ("_plain", np.zeros_like(origin))):
            expected = centre + np.float32(gain) * (z - centre)
            found["encoder_homogeneity" + suffix] += [
                _relative(ours, theirs, centre) for ours, theirs in zip(expected, scaled, strict=True)
            ]
            found[f"decoder_homogeneity{suffix}_db"] += [
                snr(ours, gain * theirs) for ours, theirs in zip(_decode(codec, expected), decoded, strict=True)
            ]


def _measure_mixture(codec: Codec, sources: Array, z: Array, origin: Array, found: dict[str, list[float]]) -> None:
    """Additivity and separation of a mixture of at least two sources that are not silent."""
    audible = _audible(sources)
    if audible.sum() < 2:
        return
    info = codec.info
    mix = sources.sum(axis=0, dtype=np.float32)
    z_mix = codec.encode(mix[None])[0]
    decoded = _decode(codec, z).sum(axis=0, dtype=np.float64)
    for suffix, centre in (("", origin), ("_plain", np.zeros_like(origin))):
        summed = combine(list(z), [(1.0,)] * len(z), centre)
        found["encoder_additivity" + suffix].append(_relative(summed[0], z_mix, centre))
        mixed = _decode(codec, summed)[0]
        found[f"decoder_additivity{suffix}_db"].append(snr(mixed, decoded))
        if not suffix:
            true_mix = _heard(mix[None], info)[0]
            found["mix_snr_db"].append(snr(mixed, true_mix))
            found["mix_si_sdr_db"].append(si_sdr(mixed, true_mix))
            found["mix_mr_stft"].append(mr_stft(mixed, true_mix))
    for source, z_source in zip(sources[audible], z[audible], strict=True):
        rest = mix - source
        if not _audible(rest[None])[0]:
            continue
        left = _decode(codec, combine([z_mix, z_source], [(1.0,), (-1.0,)], origin))[0]
        found["separability_db"].append(si_sdr(left, _decode(codec, codec.encode(rest[None]))[0]))
        true_rest = _heard(rest[None], info)[0]
        found["rest_snr_db"].append(snr(left, true_rest))
        found["rest_si_sdr_db"].append(si_sdr(left, true_rest))
        found["rest_mr_stft"].append(mr_stft(left, true_rest))


def read_groups(paths: Sequence[Path], info: CodecInfo, *, stems: bool, limit: int) -> Array:
    """`(groups, sources, N)` windows of audio files, mono at the codec's rate.

    With `stems` the files are the stems of one song, and a group is all of them at the same time. Otherwise a group is
    two windows of any files. At most `limit` groups are used, spread evenly.

    Raises:
        MediaError: for a file that cannot be read, or audio that is too short or silent.
    """
    samples = info.window_samples(info.chunk_frames)
    signals = [_read(path, info.sample_rate) for path in paths]
    if stems:
        if len(signals) < 2:
            raise UsageError("--stems needs at least two files", "Give the stems of one song")
        longest = max(len(signal) for signal in signals)
        song = np.stack([np.pad(signal, (0, longest - len(signal))) for signal in signals])
        groups = _windows(song, samples).transpose(1, 0, 2)
        groups = groups[[_audible(group).sum() >= 2 for group in groups]]
    else:
        windows = np.concatenate([_windows(signal[None], samples)[0] for signal in signals])
        windows = windows[_audible(windows)]
        if len(windows) == 1:
            raise MediaError("there is only one window of audio", "Give more files: windows are mixed with each other")
        # Pair each window with the one half the list away, which is usually from another file.
        groups = np.stack([windows, np.roll(windows, len(windows) // 2, axis=0)], axis=1)
    if not len(groups):
        raise MediaError("there is nothing to measure: the audio is silent", "Give other files")
    return groups[np.linspace(0, len(groups) - 1, min(limit, len(groups))).round().astype(int)]


def synth_groups(info: CodecInfo, count: int) -> Array:
    """`(count, 4, N)`: stems of songs that are in no training pool, one window of each song."""
    samples = info.window_samples(info.chunk_frames)
    seconds = _SONG_START_S + samples / info.sample_rate
    songs = [make_song((*_TEST_SEED, number), seconds, info.sample_rate) for number in range(count)]
    return np.stack(songs)[:, :, -samples:]


def _windows(signals: Array, samples: int) -> Array:
    """`(B, N)` to `(B, windows, samples)` without overlap; a short signal is padded to one window."""
    count = max(1, signals.shape[1] // samples)
    padded = np.pad(signals, ((0, 0), (0, max(0, samples - signals.shape[1]))))
    return padded[:, : count * samples].reshape(len(signals), count, samples)


def _read(path: Path, sample_rate: int) -> Array:
    import soxr

    from lincae_studio.media.probe import check_width
    from lincae_studio.media.reading.reader import AudioFile

    with AudioFile(path) as file:
        check_width(file.info)
        audio = np.concatenate([block.mean(axis=1) for block in file.blocks()])
        return np.asarray(soxr.resample(audio, file.info.sample_rate, sample_rate), np.float32)


def _decode(codec: Codec, latents: Array) -> Array:
    """The decoded samples without the edges, `(B, n)`, always from the same noise."""
    return _heard(codec.decode(latents, first_frames=[0] * len(latents), seed=0), codec.info)


def _heard(windows: Array, info: CodecInfo) -> Array:
    """Windows without their under-determined edges."""
    return windows[:, info.edge : windows.shape[1] - info.edge]


def _audible(windows: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(np.sqrt(np.mean(np.square(windows), axis=1)) >= SILENCE_RMS)


def _relative(estimate: Array, reference: Array, centre: Array) -> float:
    return float(np.linalg.norm(estimate - reference) / max(float(np.linalg.norm(reference - centre)), 1e-12))


def finite(figures: dict[str, float]) -> dict[str, float | None]:
    """Figures with None for infinite values, which JSON cannot represent (an exact codec has no error)."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
