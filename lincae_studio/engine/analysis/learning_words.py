"""A learned operator in words and figures. No state; any thread."""

from __future__ import annotations

import math

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.analysis.learning import LEAST_R2, Learned
from lincae_studio.engine.planning.inserts import digest_of
from lincae_studio.session.model import Operator
from lincae_studio.session.times import count_of

#: An operator should explain at least this much more than a plain gain.
_MORE = 0.01

#: With fewer frames than this for each weight, the figure may depend on the example.
_FEW = 10.0


def figure(value: float) -> str:
    """R² with three digits; from 0.9995 on with as many as tell it from 1."""
    digits = 3 if value < 0.9995 else min(6, math.ceil(-math.log10(max(1.0 - value, 1e-6))) + 1)
    return f"{value:.{digits}f}".replace("-", "−")


def error_text(r2: float) -> str:
    """The level of the error relative to what the operator should make."""
    return f"{10.0 * math.log10(max(1.0 - r2, 1e-10)):.1f} dB".replace("-", "−")


def verdict(found: Learned) -> str:
    """The figure, and whether the operator can be used."""
    r2, plain = found.operator.r2, found.operator.plain_r2
    if found.accepted:
        of_gain = f" (of a plain gain, {figure(plain)})"
        return f"Held-out R² is {figure(r2)}{of_gain}: the error is {error_text(r2)} relative to the processed clip."
    return f"Refused: held-out R² is {figure(r2)}, less than {LEAST_R2:.2f}."


def notes(found: Learned, codec: CodecInfo) -> list[str]:
    """Further notes on the result, in sentences."""
    operator, texts = found.operator, []
    if not found.accepted:
        back = 1000.0 * operator.past * codec.hop / codec.sample_rate
        texts.append(
            "The process may not be linear, may change over time, may ring longer than the operator looks back "
            f"({count_of(operator.past, 'frame')}, {back:.0f} ms), or the clips may not belong together."
        )
    elif operator.r2 < operator.plain_r2 + _MORE * (1.0 - operator.plain_r2):
        texts.append(f"A plain gain explains almost as much (R² {figure(operator.plain_r2)}).")
    if found.lag:
        later = "later" if found.lag > 0 else "earlier"
        texts.append(
            f"The processed clip is {count_of(abs(found.lag), 'sample')} {later}; the operator leaves that out."
        )
    if found.frames < _FEW * found.unknowns:
        texts.append(
            f"There are only {found.frames / found.unknowns:.1f} frames for each weight of a channel: use longer clips."
        )
    return texts


def channels_text(operator: Operator) -> str:
    """The channels that each channel is computed from."""
    if operator.width == operator.channels:
        return "all channels"
    return "its own channel" if not operator.reach else f"its own channel and {operator.reach} on each side"


def band_texts(operator: Operator) -> list[tuple[str, str]]:
    """The channels of each band, and its R²."""
    count = len(operator.bands)
    lines = [operator.channels * number // count for number in range(count + 1)] if count else []
    return [
        (f"{first}–{last - 1}" if last - first > 1 else f"{first}", figure(value))
        for first, last, value in zip(lines[:-1], lines[1:], operator.bands, strict=True)
    ]


def figures(found: Learned, codec: CodecInfo) -> dict[str, object]:
    """For JSON."""
    operator = found.operator
    return {
        "accepted": found.accepted,
        "r2": operator.r2,
        "threshold": LEAST_R2,
        "plain_gain_r2": operator.plain_r2,
        "bands_r2": list(operator.bands),
        "codec": operator.codec,
        "channels": operator.channels,
        "reach_channels": operator.reach,
        "past_frames": operator.past,
        "future_frames": operator.future,
        "frame_ms": 1000.0 * codec.hop / codec.sample_rate,
        "ridge": found.ridge,
        "lag_samples": found.lag,
        "duration_s": found.seconds,
        "fitted_frames": found.frames,
        "weights_per_channel": found.unknowns,
        "weights_bytes": len(operator.weights),
        "digest": digest_of(operator),
        "notes": notes(found, codec),
    }
