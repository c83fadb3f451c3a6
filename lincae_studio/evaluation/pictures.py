"""Pictures inside a page: spectrograms and latents as PNG data URIs, levels over time as SVG. Any thread."""

from __future__ import annotations

import base64
import html
import itertools
import math
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs.base import Array

#: Size of spectrograms and heatmaps.
WIDTH_PX, HEIGHT_PX = 480, 144

#: Range of spectrograms, in dB below the loudest of the reference, and in Hz.
RANGE_DB = 80.0
LOWEST_HZ, HIGHEST_HZ = 40.0, 20_000.0

_STFT_SIZE = 2048

#: Colours at equal steps, from the lowest to the highest level.
_LEVELS = ("#0b0b14", "#2a1a4e", "#5c2570", "#96306f", "#cf475c", "#f2784a", "#fab65e", "#fcf3c4")

#: From the most negative to the most positive value; the middle is 0.
_SIGNED = ("#5fd0f5", "#2b6fb5", "#1a2f52", "#101014", "#552318", "#c24a22", "#ffb454")

#: Range of charts of errors, in dB, and what is marked on their axis.
TOP_DB, BOTTOM_DB = 20.0, -80.0
_MARKS_DB = (0.0, -20.0, -40.0, -60.0)
_CHART_PX = (960, 150)
_CHART_LEFT_PX = 52


def png_uri(indices: npt.NDArray[np.uint8], colors: npt.NDArray[np.uint8]) -> str:
    """A PNG of `(height, width)` indices into `(256, 3)` colours."""
    height, width = indices.shape
    rows = np.pad(indices, ((0, 0), (1, 0))).tobytes()  # each row begins with its filter, none
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (
            (b"IHDR", header),
            (b"PLTE", colors.tobytes()),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def loudest(signal: Array) -> float:
    """The largest magnitude in a signal's spectrogram; 0 for silence."""
    return float(_magnitudes(signal).max(initial=0.0))


def spectrogram(signal: Array, sample_rate: int, reference: float) -> str:
    """A PNG of a signal's spectrogram on a logarithmic axis of frequency; `reference` is the magnitude of 0 dB."""
    magnitudes = _columns(_magnitudes(signal).T)
    edges = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (np.arange(HEIGHT_PX + 1) / HEIGHT_PX)
    edges = edges * _STFT_SIZE / sample_rate
    picture = np.zeros((HEIGHT_PX, magnitudes.shape[1]))
    for row in range(HEIGHT_PX):
        first, last = round(edges[row]), max(round(edges[row + 1]), round(edges[row]) + 1)
        if last <= len(magnitudes):
            picture[HEIGHT_PX - 1 - row] = magnitudes[first:last].max(axis=0)
    level = 20.0 * np.log10(np.maximum(picture, 1e-12) / max(reference, 1e-9))
    return png_uri(_indices(1.0 + level / RANGE_DB), _palette(_LEVELS))


def heatmap(values: Array, scale: float) -> str:
    """A PNG of latents `(D, T)`, or of a difference of two, channel 0 at the bottom.

    Colours are on a square-root scale, since most latents are small; `scale` has the last one.
    """
    places = _columns(values)[::-1] / max(scale, 1e-12)
    return png_uri(_indices(0.5 + 0.5 * np.sign(places) * np.sqrt(np.abs(places))), _palette(_SIGNED))


def level_map(levels: npt.NDArray[np.float64], lowest: float, highest: float) -> str:
    """A PNG of levels `(rows, columns)` in dB, row 0 at the bottom; the range has all colours."""
    places = (levels[::-1] - lowest) / (highest - lowest)
    return png_uri(_indices(np.repeat(places, max(1, HEIGHT_PX // max(1, len(levels))), axis=0)), _palette(_LEVELS))


def error_levels(decoded: Array, truth: Array, points: int = 100) -> list[float]:
    """The level of the error in each of `points` parts of a signal, in dB relative to the whole true signal."""
    level = math.sqrt(float(np.mean(np.square(truth, dtype=np.float64))))
    parts = np.array_split(decoded.astype(np.float64) - truth, points)
    return [
        20.0 * math.log10(max(math.sqrt(float(np.mean(part**2))) / level, 1e-12)) if level and len(part) else 0.0
        for part in parts
    ]


def chart(series: Sequence[Sequence[float]], seconds: float) -> str:
    """An SVG with one line for each series of levels in dB over time; line k has the class `s<k>`."""
    width, height = _CHART_PX
    plot_px = width - _CHART_LEFT_PX - 4
    bottom = height - 18

    def y(level: float) -> float:
        return (TOP_DB - min(max(level, BOTTOM_DB), TOP_DB)) / (TOP_DB - BOTTOM_DB) * bottom

    lines = [
        f'<line x1="{_CHART_LEFT_PX}" x2="{width - 4}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" class="grid"/>'
        f'<text x="{_CHART_LEFT_PX - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{_signed(mark)} dB</text>'
        for mark in _MARKS_DB
    ]
    step = next(one for one in (1, 2, 5, 10, 30, 60, 300, 3600) if seconds / one <= 12 or one == 3600)
    for second in range(0, math.floor(seconds) + 1, step):
        x = _CHART_LEFT_PX + plot_px * second / seconds
        anchor = "middle" if second < seconds * 0.98 else "end"
        lines.append(f'<text x="{x:.1f}" y="{height - 3}" text-anchor="{anchor}">{second} s</text>')
    for number, levels in enumerate(series):
        places = " ".join(
            f"{_CHART_LEFT_PX + plot_px * (k + 0.5) / len(levels):.1f},{y(level):.1f}" for k, level in enumerate(levels)
        )
        lines.append(f'<polyline points="{places}" class="s{number}"/>')
    label = "Level of the error over time, in dB relative to the true signal"
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{"".join(lines)}</svg>'


def bars(groups: Sequence[tuple[str, Sequence[float]]], lowest: float, highest: float) -> str:
    """An SVG of horizontal bars: a label and the values of each group, clipped to a range; bar k has the class `s<k>`.

    Values that are NaN have no bar.
    """
    width, left, thick, gap = _CHART_PX[0], 110, 10, 10
    zero = left + (width - left - 50) * -lowest / (highest - lowest)
    lines, y = [], 0
    for label, values in groups:
        middle = y + thick * len(values) / 2 + 4
        lines.append(f'<text x="{left - 10}" y="{middle:.1f}" text-anchor="end">{html.escape(label)}</text>')
        for number, value in enumerate(values):
            if not math.isnan(value):
                x = left + (width - left - 50) * (min(max(value, lowest), highest) - lowest) / (highest - lowest)
                size = f'width="{max(1.0, abs(x - zero)):.1f}" height="{thick - 2}"'
                lines.append(f'<rect x="{min(x, zero):.1f}" y="{y + 1}" {size} class="s{number}"/>')
                lines.append(f'<text x="{max(x, zero) + 5:.1f}" y="{y + thick - 1}">{_signed(value)}</text>')
            y += thick
        y += gap
    lines.insert(0, f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{y - gap}" class="grid"/>')
    return f'<svg viewBox="0 0 {width} {y - gap}" role="img" aria-label="SI-SDR in dB">{"".join(lines)}</svg>'


def _signed(number: float) -> str:
    return f"{number:.0f}".replace("-", "−")


def _magnitudes(signal: Array) -> npt.NDArray[np.float64]:
    """`(frames, bins)` magnitudes of a Hann STFT; a full-scale sine has about 1."""
    window = np.hanning(_STFT_SIZE + 1)[:-1]
    hop = max(_STFT_SIZE // 8, len(signal) // (2 * WIDTH_PX))
    padded = np.pad(signal, _STFT_SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _STFT_SIZE)[::hop]
    return np.asarray(np.abs(np.fft.rfft(frames * window, axis=1)) * (2.0 / window.sum()))


def _columns(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """At most `WIDTH_PX` columns, of several the value of largest magnitude."""
    count = values.shape[1]
    if count <= WIDTH_PX:
        return values
    edges = np.linspace(0, count, WIDTH_PX + 1).astype(int)
    parts = [values[:, start:end] for start, end in itertools.pairwise(edges)]
    return np.stack([np.take_along_axis(part, np.abs(part).argmax(axis=1)[:, None], 1)[:, 0] for part in parts], axis=1)


def _indices(places: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    return np.asarray(np.round(255.0 * np.clip(places, 0.0, 1.0)), np.uint8)


def _palette(colors: Sequence[str]) -> npt.NDArray[np.uint8]:
    """`(256, 3)` colours, interpolated."""
    corners = np.array([[int(color[place : place + 2], 16) for place in (1, 3, 5)] for color in colors], float)
    at = np.linspace(0.0, len(colors) - 1, 256)
    channels = [np.interp(at, np.arange(len(colors)), corners[:, channel]) for channel in range(3)]
    return np.asarray(np.round(np.stack(channels, axis=1)), np.uint8)
