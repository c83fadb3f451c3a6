"""How notebooks display the values of the Python interface: HTML with pictures and sound inside. Any thread.

Nothing is loaded from elsewhere, no script runs, and sizes are bounded: players have the first minute, pictures a fixed
width. Names come from files, so all text is escaped.
"""

from __future__ import annotations

import base64
import html
import io
import math
import wave
from collections.abc import Iterable, Sequence

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.evaluation.pictures import heatmap
from lincae_studio.media.peaks import together

#: Longest sound of a player, in seconds: 5 MB of mono, 10 MB of stereo.
PLAYER_S = 60.0

#: Size of waveforms, in SVG units; they are as wide as the notebook.
WIDTH, HEIGHT = 800, 60

_COLOR = "#4fb3bf"
_TABLE = "border-collapse:collapse;font-size:90%"
_CELL = "padding:2px 8px;text-align:{};border-bottom:1px solid #8884"


def text(value: str) -> str:
    """Text as HTML."""
    return html.escape(value)


def block(*parts: str) -> str:
    """Parts below each other."""
    return "<div>" + "".join(f"<div>{part}</div>" for part in parts if part) + "</div>"


def caption(value: str) -> str:
    """A line of text, as HTML."""
    return f'<span style="opacity:0.75;font-size:90%">{text(value)}</span>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML; the first column is aligned to the left, the others to the right."""

    def line(cells: Sequence[str], tag: str) -> str:
        sides = ("left", *("right" for _ in cells[1:]))
        made = (f'<{tag} style="{_CELL.format(side)}">{cell}</{tag}>' for side, cell in zip(sides, cells, strict=True))
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f'<table style="{_TABLE}"><thead>{line(head, "th")}</thead><tbody>{body}</tbody></table>'


def number(value: float | None, digits: int = 1) -> str:
    """A figure as text; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    small = 0.0 < abs(value) < 0.5 * 10.0**-digits
    return (f"{value:.1e}" if small else f"{value:.{digits}f}").replace("-", "−")


def player(samples: Array, rate: int) -> str:
    """A player for samples `(channels, N)`: the first minute, as a WAV file of 16 bits, clipped at full scale."""
    heard = samples[:, : round(PLAYER_S * rate)]
    scaled = np.clip(np.round(heard * 32767.0), -32768, 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(len(scaled))
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(np.ascontiguousarray(scaled.T).tobytes())
    data = base64.b64encode(file.getvalue()).decode()
    sound = f'<audio controls preload="none" style="width:100%" src="data:audio/wav;base64,{data}"></audio>'
    more = samples.shape[1] > heard.shape[1]
    return sound + (caption(f"The player has the first {PLAYER_S:.0f} s.") if more else "")


def waveform(samples: Array) -> str:
    """An SVG of samples `(channels, N)`, channels below each other: lowest and highest value of each column."""
    columns = min(WIDTH, samples.shape[1])
    if not columns:
        return ""
    starts = np.linspace(0, samples.shape[1], columns, endpoint=False).astype(np.int64)
    lows, highs = np.minimum.reduceat(samples, starts, axis=1), np.maximum.reduceat(samples, starts, axis=1)
    rows = [_wave(np.stack([low, high], axis=1)) for low, high in zip(lows, highs, strict=True)]
    return _svg(rows, "Waveform")


def lane(clips: Sequence[tuple[float, float, str, Sequence[Array]]]) -> str:
    """An SVG of the clips of a track: start and width of each as shares of the session, colour, and peaks `(n, 2)`."""
    shapes = []
    for start, share, color, peaks in clips:
        x, width = start * WIDTH, max(share * WIDTH, 1.0)
        box = f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}" rx="3" fill="{color}" opacity="0.25"/>'
        wave = _wave(together(np.stack(peaks)), x, width, color) if len(peaks) else ""
        shapes.append(box + wave)
    return _svg(["".join(shapes)], "Clips")


def picture(values: Array) -> str:
    """A heatmap of latents `(D, T)`, channel 0 at the bottom."""
    scale = float(np.abs(values).max(initial=0.0))
    style = "width:100%;height:144px;image-rendering:pixelated"
    return f'<img alt="Latents: channels over time" style="{style}" src="{heatmap(values, scale)}"/>'


def _wave(peaks: Array, x: float = 0.0, width: float = WIDTH, color: str = _COLOR) -> str:
    """A polygon of pairs `(n, 2)`, full scale at the borders."""
    middle, across = HEIGHT / 2, np.linspace(x, x + width, len(peaks))
    heights = middle - np.clip(peaks, -1.0, 1.0) * middle
    there = [f"{at:.1f},{y:.1f}" for at, y in zip(across, heights[:, 1] - 0.3, strict=True)]
    back = [f"{at:.1f},{y:.1f}" for at, y in zip(across[::-1], heights[::-1, 0] + 0.3, strict=True)]
    return f'<polygon fill="{color}" points="{" ".join(there + back)}"/>'


def _svg(rows: Sequence[str], label: str) -> str:
    height = HEIGHT * len(rows)
    placed = "".join(f'<g transform="translate(0 {HEIGHT * place})">{row}</g>' for place, row in enumerate(rows))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" role="img" aria-label="{label}" '
        f'style="width:100%;height:{height}px;background:#8881">{placed}</svg>'
    )
