"""Finding a stem in a mix: how late it is there, and how loud. For taking it out again by latent subtraction.

The lag is looked for in the audio: the mix is taken as the stem through a filter, plus what has nothing to do with it.
The filter's response by least squares (Wiener's, over the loudest parts of the stem) is one peak at the lag.

The gain is looked for where it will be used, in the latents. With `m` and `s` the latents of mix and aligned stem less
those of silence, `g = <m, s> / <s, s>` leaves the least energy in `m - g s`; but it takes for the stem whatever else in
the mix resembles it. So least squares are weighted, each value by `1 / (r^2 + scale^2)` with `r` what the last solution
left of it and `scale` the median of `|r|` where the stem is loud, until that no longer changes (iteratively reweighted,
Cauchy's weights): values in which other instruments are loud hardly count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.plan import Chunk, Plan, make_plan
from lincae_studio.engine.planning.probes import latents_only, silence_of
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.session import edits
from lincae_studio.session.excerpt import only_track, without_track
from lincae_studio.session.minus_one import shift_track
from lincae_studio.session.model import SESSION_RATE, Session

#: The loudest parts of the stem are looked at: so many, of so many samples.
_PARTS = 6
_PART_SAMPLES = 1 << 18

#: Of the stem's mean power, what keeps frequencies that it hardly holds from counting.
_REGULAR = 1e-3

#: Other peaks count as others from this distance on.
_PEAK_SAMPLES = 64

#: Chunks in which the stem is so much quieter than where it is loudest say nothing of its gain's changes.
_QUIET_DB = -30.0

#: Chunks whose latents are compared, spread over the stem.
_CHUNKS = 100

#: Of the weighted least squares: most solutions, and the change that is none.
_ITERATIONS = 60
_SETTLED = 1e-7

#: Values in which the stem has less than this share of its root mean square do not tell its gain.
_TOLD = 0.3

Provide = Callable[[Sequence[Chunk]], list[Rendered]]

_Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lag:
    """How much later a stem is in a mix.

    Attributes:
        samples: negative where it is earlier.
        certainty: from 0, there are other places as good, to 1, there is no other.
    """

    samples: int
    certainty: float


@dataclass(frozen=True)
class StemMatch:
    """What was found of a stem in a mix.

    Attributes:
        gain: the stem's amplitude factor in the mix; negative where its polarity is inverted.
        sides: its factors on each bus, where the mix has two.
        spread_db: how much the gain changes from chunk to chunk (a weighted standard deviation).
        before_db, after_db: level of the mix, and of what is left of it, in its latents, over the stem's length; in dB
            to the stem as it is.
    """

    lag: Lag
    gain: float
    sides: tuple[float, ...]
    spread_db: float
    before_db: float
    after_db: float


def find_lag(mix: Array, stem: Array, most: int) -> Lag:
    """The lag of `stem` `(N,)` in `mix` `(N + 2 * most,)`, which begins `most` samples before it; at most `most`."""
    size = min(_PART_SAMPLES, len(stem))
    length = 1 << (size + 2 * most - 1).bit_length()
    cross, power = np.zeros(length // 2 + 1, np.complex128), np.zeros(length // 2 + 1)
    window = np.hanning(size)
    for start in _loudest(stem, size):
        source = np.fft.rfft(stem[start : start + size] * window, length)
        heard = np.fft.rfft(mix[start : start + size + 2 * most].astype(np.float64), length)
        cross += heard * source.conj()
        power += np.abs(source) ** 2
    magnitudes = np.abs(np.fft.irfft(cross / (power + _REGULAR * power.mean()), length))
    peak = int(magnitudes[: 2 * most + 1].argmax())
    best = float(magnitudes[peak])
    # Beyond what may be chosen, too: a stem that lies farther away stands out there.
    magnitudes[np.arange(peak - _PEAK_SAMPLES, peak + _PEAK_SAMPLES + 1) % length] = 0.0
    return Lag(peak - most, max(0.0, 1.0 - float(magnitudes.max()) / best) if best > 0.0 else 0.0)


def match_stem(
    session: Session,
    track_id: int,
    plan: Plan,
    reader: AudioReader,
    provide: Provide,
    most: int = SESSION_RATE,
    report: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> StemMatch:
    """Look for the audio of a track in the mix of all others that are heard.

    Args:
        plan: of the session; its codec and grid are used.
        provide: renders chunks, or gives their latents.
        most: largest lag that is looked for, in samples.

    Raises:
        EditError: when the track or the mix without it is silent.
        EngineError: when latents cannot be had.
        Cancelled: when `cancel` was set.
    """
    cancel = cancel or CancelToken()
    stem_session = _plain(only_track(session, track_id), track_id)
    mix_session = without_track(session, track_id)
    track = session.track(track_id)
    clips = [clip for clip in track.clips if not clip.mute]
    if not clips:
        raise EditError(f"the track {track.name} has no clip that is heard", "Put the stem on it first")
    start, end = min(clip.start for clip in clips), max(clip.end for clip in clips)
    report(Progress(0, 1, "Aligning"))
    stem = DryMix(stem_session, reader).read(start, end - start).mean(axis=0)
    mix = _read(DryMix(mix_session, reader), start - most, end + most)
    for audio, name in ((stem, f"the track {track.name}"), (mix, "the mix without it")):
        if not np.abs(audio).max(initial=0.0) > 0.0:
            raise EditError(f"{name} is silent", "A stem can be taken out of a mix that holds it, on another track")
    cancel.check()
    lag = find_lag(mix, stem, most)
    cancel.check()
    aligned = make_plan(shift_track(stem_session, track_id, lag.samples), plan.codec, plan.grid)
    others = make_plan(mix_session, plan.codec, plan.grid)
    return _gain(lag, aligned, others, provide, report, cancel)


def _gain(lag: Lag, stem: Plan, mix: Plan, provide: Provide, report: ReportProgress, cancel: CancelToken) -> StemMatch:
    pairs = [(one, other) for one, other in zip(stem.chunks, mix.chunks, strict=False) if one and other]
    pairs = pairs[:: max(1, -(-len(pairs) // _CHUNKS))]
    own = slice(stem.grid.lead_frames, stem.grid.lead_frames + stem.grid.step)
    stems: list[Array] = []
    mixes: list[Array] = []
    for number, (one, other) in enumerate(pairs):
        cancel.check()
        origin, *found = provide([silence_of(one), latents_only(one), latents_only(other)])
        for latents, kept in zip(found, (stems, mixes), strict=True):
            deviation = (latents.latents - origin.latents)[:, :, own]
            kept.append(np.broadcast_to(deviation, (stem.channels, *deviation.shape[1:])))
        report(Progress(number + 1, len(pairs), "Matching the gain"))
    powers = np.array([np.square(part, dtype=np.float64).sum() for part in stems])
    if not powers.sum():
        raise EditError("the stem and the mix have no part in common", "Move the stem to where it is in the mix")
    s, m = np.stack(stems), np.stack(mixes)
    gain = robust_gain(m, s)
    left = float(np.square(m - np.float32(gain) * s, dtype=np.float64).sum())
    return StemMatch(
        lag,
        gain,
        tuple(robust_gain(m[:, bus], s[:, bus]) for bus in range(stem.channels)) if stem.channels == 2 else (),
        _spread_db([robust_gain(one, other) for one, other in zip(m, s, strict=True)], powers, gain),
        _ratio_db(float(np.square(m, dtype=np.float64).sum()), float(powers.sum())),
        _ratio_db(left, float(powers.sum())),
    )


def robust_gain(mix: Array, stem: Array) -> float:
    """The gain of one array in another of the same shape, by weighted least squares; 0 for a silent stem."""
    m, s = mix.ravel().astype(np.float64), stem.ravel().astype(np.float64)
    power = s * s
    if not power.sum():
        return 0.0
    gain = float((m * s).sum() / power.sum())
    told = np.abs(s) > _TOLD * np.sqrt(power.mean())
    m, s, power = m[told], s[told], power[told]
    for _ in range(_ITERATIONS):
        residual = m - gain * s
        scale = float(np.median(np.abs(residual)))
        if scale == 0.0:
            break
        weights = 1.0 / (residual**2 + scale**2)
        last, gain = gain, float((weights * m * s).sum() / (weights * power).sum())
        if abs(gain - last) <= _SETTLED * abs(gain):
            break
    return gain


def _spread_db(gains: Sequence[float], powers: _Vector, gain: float) -> float:
    """Of the gains of chunks about that of all, those that hold more of the stem counting more."""
    loud = powers > powers.max() * 10.0 ** (_QUIET_DB / 10.0)
    if gain == 0.0:
        return 0.0
    levels = 20.0 * np.log10(np.clip(np.array(gains)[loud] / gain, 1e-3, None))
    return float(np.sqrt(np.average(levels**2, weights=powers[loud])))


def _ratio_db(power: float, reference: float) -> float:
    return 10.0 * math.log10(max(power / reference, 1e-20))


def _plain(session: Session, track_id: int) -> Session:
    """The track as it is on its clips: no fader, no pan, added; envelopes stay."""
    session = edits.set_track_pan(edits.set_track_gain(session, track_id, 1.0), track_id, 0.0)
    return edits.set_track_subtract(session, track_id, False)


def _read(dry: DryMix, start: int, end: int) -> Array:
    """The mono sum of samples `[start, end)`; zeros before 0."""
    audio = dry.read(max(0, start), end - max(0, start)).mean(axis=0)
    return np.concatenate([np.zeros(max(0, -start), np.float32), audio])


def _loudest(stem: Array, size: int) -> list[int]:
    """Where the loudest parts of this size begin; they do not overlap."""
    starts = np.arange(0, len(stem) - size + 1, size)
    energies = [float(np.square(stem[start : start + size], dtype=np.float64).sum()) for start in starts]
    order = np.argsort(energies)[::-1][:_PARTS]
    return [int(starts[place]) for place in order if energies[place] > 0.0]


def pan_of(sides: tuple[float, float], stereo: bool) -> tuple[float, float]:
    """Fader and pan that give a stem these factors on the two buses, by the laws of `session.levels`.

    Args:
        stereo: whether the stem has two channels of its own.
    """
    left, right = (max(0.0, side) for side in sides)
    loudest = max(left, right)
    if loudest == 0.0:
        return 0.0, 0.0
    if stereo:
        pan = right / loudest - 1.0 if left >= right else 1.0 - left / loudest
        return loudest, pan
    return math.hypot(left, right) / math.sqrt(2.0), math.atan2(right, left) * 4.0 / math.pi - 1.0
