"""Finding a stem in a mix: its lag and its gain there, so that latent subtraction can remove it.

The lag is estimated from the audio: the mix is modelled as the filtered stem plus an unrelated signal, and the
least-squares estimate of the impulse response (a Wiener filter, over the stem's loudest segments) peaks at the lag.

The gain is estimated where it will be used, in the latents. With `m` and `s` the latents of the mix and of the aligned
stem, minus those of silence, `g = <m, s> / <s, s>` leaves the least energy in `m - g s`, but mistakes for the stem
anything else in the mix that resembles it. Hence the fit is iteratively reweighted least squares with Cauchy weights:
each value is weighted by `1 / (r^2 + scale^2)`, with `r` its residual in the previous iteration and `scale` the median
of `|r|` where the stem is loud, until the gain converges. Values in which other instruments are loud hardly count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

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
from lincae_studio.session.model import MASTER, Master, Session

#: The number and length of the loudest segments of the stem, which are used to find the lag.
_SEGMENTS = 6
SEGMENT_SAMPLES = 1 << 18

#: Regularization, relative to the stem's mean power: frequencies that it hardly contains do not count.
_REGULARIZATION = 1e-3

#: Peaks at least this far apart are separate.
_PEAK_SAMPLES = 64

#: Chunks in which the stem is more than this below its loudest chunk are ignored when the gain's spread is computed.
_QUIET_DB = -30.0

#: The gain of a stem in the mix of the demo song varies by 0.01 to 0.2 dB; that of one that is not in it, by over 20.
#: In a few chunks it may be the same by chance.
_STEADY_DB = 1.0
_STEADY_CHUNKS = 4

#: Below this certainty of the lag alone, the stem may be elsewhere or not in the mix at all. Those of quiet and tonal
#: stems are often lower.
_CERTAIN = 0.3

#: The most chunks whose latents are compared, spread over the stem.
_CHUNKS = 100

#: Iterations of the weighted least squares at most, and the relative change below which they stop.
_ITERATIONS = 60
_TOLERANCE = 1e-7

#: Values in which the stem is below this fraction of its root mean square are not used to estimate its gain.
_LOUD = 0.3

Provide = Callable[[Sequence[Chunk]], list[Rendered]]

_Vector = npt.NDArray[np.float64]


class Lag(Struct, frozen=True):
    """The lag of a stem in a mix.

    Attributes:
        samples: how much later the stem is in the mix; negative if it is earlier.
        certainty: from 0 (other positions match equally well) to 1 (no other position matches).
    """

    samples: int
    certainty: float


class StemMatch(Struct, frozen=True):
    """A stem that was found in a mix.

    Attributes:
        gain: the stem's amplitude factor in the mix; negative if its polarity is inverted.
        bus_gains: its factor on each bus, if the mix has two.
        spread_db: how much the gain changes from chunk to chunk (a weighted standard deviation); `chunks`: how many
            were compared.
        before_db, after_db: level of the mix, and of the mix minus the stem, measured on the latents over the length
            of the stem, in dB relative to the unscaled stem.
    """

    lag: Lag
    gain: float
    bus_gains: tuple[float, ...]
    spread_db: float
    chunks: int
    before_db: float
    after_db: float

    @property
    def steady(self) -> bool:
        """Whether the gain is the same throughout, as only that of the right stem in the right place is."""
        return self.chunks >= _STEADY_CHUNKS and self.spread_db <= _STEADY_DB

    @property
    def found(self) -> bool:
        """Whether the stem is in the mix, and in this place, beyond reasonable doubt."""
        return self.steady or self.lag.certainty >= _CERTAIN


def find_lag(mix: Array, stem: Array, max_lag: int) -> Lag:
    """The lag of a stem in a mix, up to `max_lag` samples either way.

    Args:
        mix: `(N + 2 * max_lag,)`, starting `max_lag` samples before the stem.
        stem: `(N,)`.
    """
    size = min(SEGMENT_SAMPLES, len(stem))
    length = 1 << (size + 2 * max_lag - 1).bit_length()
    cross, power = np.zeros(length // 2 + 1, np.complex128), np.zeros(length // 2 + 1)
    window = np.hanning(size)
    for start in loudest(stem, size):
        source = np.fft.rfft(stem[start : start + size] * window, length)
        heard = np.fft.rfft(mix[start : start + size + 2 * max_lag].astype(np.float64), length)
        cross += heard * source.conj()
        power += np.abs(source) ** 2
    magnitudes = np.abs(np.fft.irfft(cross / (power + _REGULARIZATION * power.mean()), length))
    peak = int(magnitudes[: 2 * max_lag + 1].argmax())
    best = float(magnitudes[peak])
    # Outside the allowed range, too: a stem that is farther away peaks there.
    magnitudes[np.arange(peak - _PEAK_SAMPLES, peak + _PEAK_SAMPLES + 1) % length] = 0.0
    return Lag(peak - max_lag, max(0.0, 1.0 - float(magnitudes.max()) / best) if best > 0.0 else 0.0)


def match_stem(
    session: Session,
    track_id: int,
    plan: Plan,
    reader: AudioReader,
    provide: Provide,
    max_lag: int,
    report: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> StemMatch:
    """Find the audio of a track in the mix of all other audible tracks.

    Where the lag is uncertain, no lag is tried as well: most stems start where their mix does.

    Args:
        plan: the plan of the session, for its codec and grid.
        provide: renders chunks, or returns their latents.
        max_lag: the largest lag to search for, in samples.

    Raises:
        EditError: when the track or the mix without it is silent, or a morph is on.
        EngineError: when a chunk cannot be rendered.
        Cancelled: when `cancel` was set.
    """
    cancel = cancel or CancelToken()
    edits.check_strips(session, (MASTER,))
    session = replace(session, master=Master())  # it is applied to both, and may silence them
    stem_session = _plain(only_track(session, track_id), track_id)
    mix_session = without_track(session, track_id)
    track = session.track(track_id)
    clips = [clip for clip in track.clips if not clip.mute]
    if not clips:
        raise EditError(f"the track “{track.name}” has no audible clip", "Put the stem on it first")
    start, end = min(clip.start for clip in clips), max(clip.end for clip in clips)
    report(Progress(0, 1, "Aligning"))
    stem = DryMix(stem_session, reader).read(start, end - start).mean(axis=0)
    mix = _read(DryMix(mix_session, reader), start - max_lag, end + max_lag)
    for audio, name in ((stem, f"the track “{track.name}”"), (mix, "the mix without it")):
        if not np.abs(audio).max(initial=0.0) > 0.0:
            raise EditError(f"{name} is silent", "To remove a stem, put the mix that contains it on another track")
    cancel.check()
    lag = find_lag(mix, stem, max_lag)
    cancel.check()
    others = make_plan(mix_session, plan.codec, plan.grid)

    def at(lag: Lag) -> StemMatch:
        aligned = make_plan(shift_track(stem_session, track_id, lag.samples), plan.codec, plan.grid)
        return _gain(lag, aligned, others, provide, report, cancel)

    match = at(lag)
    if match.found or not lag.samples:
        return match
    unmoved = at(Lag(0, 0.0))
    return unmoved if unmoved.found else match


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
    powers = np.array([np.square(chunk, dtype=np.float64).sum() for chunk in stems])
    if not powers.sum():
        raise EditError("the stem and the mix do not overlap", "Move the stem to its position in the mix")
    s, m = np.stack(stems), np.stack(mixes)
    gain = robust_gain(m, s)
    left = float(np.square(m - np.float32(gain) * s, dtype=np.float64).sum())
    return StemMatch(
        lag,
        gain,
        tuple(robust_gain(m[:, bus], s[:, bus]) for bus in range(stem.channels)) if stem.channels == 2 else (),
        _spread_db([robust_gain(one, other) for one, other in zip(m, s, strict=True)], powers, gain),
        len(pairs),
        _ratio_db(float(np.square(m, dtype=np.float64).sum()), float(powers.sum())),
        _ratio_db(left, float(powers.sum())),
    )


def robust_gain(mix: Array, stem: Array) -> float:
    """The gain of `stem` in `mix`, of the same shape, by weighted least squares; 0 for a silent stem."""
    m, s = mix.ravel().astype(np.float64), stem.ravel().astype(np.float64)
    power = s * s
    if not power.sum():
        return 0.0
    gain = float((m * s).sum() / power.sum())
    loud = np.abs(s) > _LOUD * np.sqrt(power.mean())
    m, s, power = m[loud], s[loud], power[loud]
    for _ in range(_ITERATIONS):
        residual = m - gain * s
        scale = float(np.median(np.abs(residual)))
        if scale == 0.0:
            break
        weights = 1.0 / (residual**2 + scale**2)
        last, gain = gain, float((weights * m * s).sum() / (weights * power).sum())
        if abs(gain - last) <= _TOLERANCE * abs(gain):
            break
    return gain


def _spread_db(gains: Sequence[float], powers: _Vector, gain: float) -> float:
    """The spread of the gains of chunks around the overall gain, weighted by the power of the stem."""
    loud = powers > powers.max() * 10.0 ** (_QUIET_DB / 10.0)
    if gain == 0.0:
        return 0.0
    levels = 20.0 * np.log10(np.clip(np.array(gains)[loud] / gain, 1e-3, None))
    return float(np.sqrt(np.average(levels**2, weights=powers[loud])))


def _ratio_db(power: float, reference: float) -> float:
    return 10.0 * math.log10(max(power / reference, 1e-20))


def _plain(session: Session, track_id: int) -> Session:
    """The session with a track's fader, pan and polarity reset; its envelopes are kept."""
    session = edits.set_track_pan(edits.set_track_gain(session, track_id, 1.0), track_id, 0.0)
    return edits.set_track_subtract(session, track_id, False)


def _read(dry: DryMix, start: int, end: int) -> Array:
    """The mono sum of samples `[start, end)`; zeros before 0."""
    audio = dry.read(max(0, start), end - max(0, start)).mean(axis=0)
    return np.concatenate([np.zeros(max(0, -start), np.float32), audio])


def loudest(stem: Array, size: int) -> list[int]:
    """The starts of the loudest segments of this size, which do not overlap."""
    starts = np.arange(0, len(stem) - size + 1, size)
    energies = [float(np.square(stem[start : start + size], dtype=np.float64).sum()) for start in starts]
    order = np.argsort(energies)[::-1][:_SEGMENTS]
    return [int(starts[place]) for place in order if energies[place] > 0.0]


def pan_of(bus_gains: tuple[float, float], stereo: bool) -> tuple[float, float]:
    """The fader gain and pan that give a stem these factors on the two buses, by the pan laws of `session.levels`.

    Args:
        stereo: whether the stem itself is stereo.
    """
    left, right = (max(0.0, gain) for gain in bus_gains)
    loudest = max(left, right)
    if loudest == 0.0:
        return 0.0, 0.0
    if stereo:
        pan = right / loudest - 1.0 if left >= right else 1.0 - left / loudest
        return loudest, pan
    return math.hypot(left, right) / math.sqrt(2.0), math.atan2(right, left) * 4.0 / math.pi - 1.0
