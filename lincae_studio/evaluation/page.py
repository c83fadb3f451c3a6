"""The report of a comparison as one HTML page that needs nothing else: tables, sound, pictures, and how it was made.

Names of codecs and files come from others: everything that is not written here is escaped, and the page's own policy
allows no connections and no script but the one below.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import math
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lincae_studio import __version__
from lincae_studio.codecs.base import Array
from lincae_studio.evaluation import pictures
from lincae_studio.evaluation.audio import Excerpt
from lincae_studio.evaluation.comparison import Failed, Measured, Result
from lincae_studio.evaluation.demonstrations import GAIN, Demonstration, Name, chosen_stem, true_signals
from lincae_studio.evaluation.figures import FIGURES, SECTIONS, against
from lincae_studio.evaluation.frame import document, text as _text
from lincae_studio.evaluation.metrics import limited, si_sdr, snr
from lincae_studio.evaluation.sounds import audio_uri
from lincae_studio.evaluation.style import SCRIPT
from lincae_studio.session.times import count_of, format_time

#: Peak of the loudest true signal.
_PEAK = 0.98

#: Range of the bars, in dB; it begins at 0 if no value is below.
_BARS_DB = (-20.0, 50.0)

_TITLES: dict[Name, str] = {
    "autoencoded": "Autoencoding",
    "mixed": "Additivity",
    "scaled": "Scaling",
    "removed": "Minus one",
}
#: Demonstrations for which the true signal is coded directly, too, and what that is.
_DIRECT: dict[Name, str] = {"mixed": "mix", "removed": "rest"}

#: Beginnings of the names of figures.
_PREFIXES: dict[Name, str] = {"autoencoded": "", "mixed": "mix_", "scaled": "scaled_", "removed": "rest_"}


@dataclass(frozen=True)
class Origin:
    """How a page was made.

    Attributes:
        command: the command line.
        audio: what was measured, such as the names of files.
        made_on: the date.
        lossless: whether sound is FLAC instead of Ogg Vorbis.
    """

    command: str
    audio: str
    made_on: str
    lossless: bool


def page(results: Sequence[Result], excerpt: Excerpt, origin: Origin) -> str:
    """The page of a comparison, in the order of `results`."""
    measured = [one for one in results if isinstance(one, Measured)]
    failed = [one for one in results if isinstance(one, Failed)]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    title = f"{count_of(len(results), 'codec')} on {origin.audio}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        "<p>Decoded audio is compared with the true signals first: the true stems, the true mix, and the true rest "
        "without a stem. Comparisons of decoded audio with decoded audio come after that: a codec that decodes "
        "everything to silence would be perfect in them.</p>",
        *_codecs(results),
    ]
    if measured:
        parts += _overview(measured)
        parts += _figures(measured)
        parts += _demonstrations(measured, excerpt, origin)
    parts += _how(measured, failed, origin)
    body = "\n".join(parts)
    return document(title, body, policy, SCRIPT)


def _codecs(results: Sequence[Result]) -> Iterator[str]:
    yield "<h2>Codecs</h2>"
    heads = ("codec", "rate", "hop", "channels", "samples per value", "linearity", "noise", "measured on")
    yield f'<div class="wide"><table><thead><tr>{_cells("th", heads)}</tr></thead><tbody>'
    number = 0
    for one in results:
        if isinstance(one, Failed):
            yield f'<tr class="failed"><th scope="row">{_text(one.name)}</th>'
            yield f'<td colspan="{len(heads) - 1}">Failed: {_text(str(one.error))}</td></tr>'
            continue
        info = one.info
        window_s = info.window_samples(info.chunk_frames) / info.sample_rate
        row = (
            f"{info.sample_rate:,} Hz",
            f"{info.hop:,}",
            f"{info.dim:,}",
            f"{info.compression:.3g}",
            {"exact": "exact", "trained": "trained", "none": "none claimed"}[info.linearity],
            "starts from noise" if info.stochastic else "none",
            f"{count_of(one.evaluation.windows, 'window')} of {window_s:.2f} s",
        )
        yield f'<tr><th scope="row">{_key(number)}{_text(one.name)}</th>{_cells("td", row)}</tr>'
        number += 1
    yield "</tbody></table></div>"


def _overview(measured: Sequence[Measured]) -> Iterator[str]:
    values = {
        name: [one.evaluation.figures.get(f"{_PREFIXES[name]}si_sdr_db", math.nan) for one in measured]
        for name in _TITLES
    }
    yield "<h2>Against the true signals</h2>"
    lowest, highest = _BARS_DB
    known = [one for group in values.values() for one in group if not math.isnan(one)]
    lowest = min(0.0, max(lowest, min(known, default=0.0)))
    ends = f"{highest:.0f}" if lowest > _BARS_DB[0] else f"−{-lowest:.0f} and {highest:.0f}"
    yield f"<p>SI-SDR in dB, means of all windows: higher is better. Bars end at {ends} dB.</p>"
    yield pictures.bars([(_TITLES[name], values[name]) for name in _TITLES], lowest, highest)


def _figures(measured: Sequence[Measured]) -> Iterator[str]:
    """The table of all figures, with a column for each codec."""
    yield "<h2>Figures</h2>"
    yield (
        "<p>E is the encoder, D the decoder, x_i a stem, x the mix, z_i and z their latents, z0 those of silence; "
        "latents are added (+, sum .) and scaled (a .) relative to z0. Means over windows, with the half width of the "
        "95 % confidence interval. The best value of each row is bold.</p>"
    )
    heads = "".join(f'<th scope="col">{label}</th>' for label in _labels(measured))
    yield f'<div class="wide"><table class="figures"><thead><tr><th>figure</th>{heads}<th>meaning</th></tr></thead>'
    for kind, section in SECTIONS.items():
        head = f'<th colspan="{len(measured) + 2}" scope="rowgroup">{_text(section)}</th>'
        yield f'<tbody><tr class="section">{head}</tr>'
        for name in against(kind):
            yield _row(name, measured)
        yield "</tbody>"
    yield "</table></div>"


def _row(name: str, measured: Sequence[Measured]) -> str:
    about = FIGURES[name]
    values = [one.evaluation.figures.get(name, math.nan) for one in measured]
    known = [value for value in values if not math.isnan(value)]
    best = {"higher": max, "lower": min}[about.better](known) if about.better and len(known) > 1 else None
    cells = []
    for one, value in zip(measured, values, strict=True):
        statistics = one.evaluation.measured.statistics().get(name)
        text = "exact" if statistics is not None and statistics.exact else number_text(value)
        half = statistics.high - statistics.mean if statistics is not None else math.nan
        interval = "" if math.isnan(half) or text == "exact" else f" <small>± {half:.2g}</small>"
        strong = ("<b>", "</b>") if best is not None and value == best else ("", "")
        data = f'data-figure="{name}" data-codec="{_text(one.name)}"'
        cells.append(f"<td {data}>{strong[0]}{text}{strong[1]}{interval}</td>")
    better = f", {about.better} is better" if about.better else ""
    return f'<tr><th scope="row">{_text(about.title)}</th>{"".join(cells)}<td>{_text(about.meaning + better)}</td></tr>'


def number_text(value: float) -> str:
    """A figure as text; a dash where nothing could be measured."""
    return "–" if math.isnan(value) else f"{value:.4g}".replace("-", "−")


def _demonstrations(measured: Sequence[Measured], excerpt: Excerpt, origin: Origin) -> Iterator[str]:
    demos = [one.demonstration for one in measured if one.demonstration is not None]
    rates = [one.info.sample_rate for one in measured]
    labels = _labels(measured)
    stem = chosen_stem(excerpt)
    truth = true_signals(excerpt.signals, stem)
    sounds = _Sounds(_common_gain(truth.values(), demos), origin.lossless)
    seconds = excerpt.signals.shape[1] / excerpt.sample_rate
    meanings = _meanings(excerpt, stem)

    def cards(name: Name, decoded: Iterable[Array]) -> Iterator[str]:
        for label, rate, signal, demo in zip(labels, rates, decoded, demos, strict=True):
            yield sounds.card(label, _fit(signal, demo.truth[name]), signal, rate, reference)

    yield "<h2>Demonstrations</h2>"
    yield (
        f"<p>The loudest {seconds:.1f} s, {_text(_places(excerpt))}. Latents are added, scaled and subtracted relative "
        "to those of silence, chunk by chunk, as in the studio. Starting a sound stops the other and continues from "
        "its position. The charts show the level of the error relative to the whole true signal, in dB. Spectrograms "
        f"go from {pictures.LOWEST_HZ:.0f} Hz to {pictures.HIGHEST_HZ / 1000:.0f} kHz, and {pictures.RANGE_DB:.0f} dB "
        "down from the loudest of the true signal.</p>"
    )
    for count, (name, title) in enumerate(_TITLES.items(), 1):
        reference = pictures.loudest(truth[name])
        yield f"<section><h3>{count}. {title}</h3><p>{_text(meanings[name])}</p>"
        yield f'<div class="legend">{"".join(f"<span>{label}</span>" for label in labels)}</div>'
        yield pictures.chart([pictures.error_levels(demo.decoded[name], demo.truth[name]) for demo in demos], seconds)
        yield '<div class="cards">'
        yield sounds.card("True signal", "", truth[name], excerpt.sample_rate, reference)
        yield from cards(name, [demo.decoded[name] for demo in demos])
        yield "</div>"
        if name in _DIRECT:
            yield f"<h4>For comparison: the true {_DIRECT[name]}, only encoded and decoded</h4>"
            yield '<div class="cards">'
            yield from cards(name, [demo.direct[name] for demo in demos])
            yield "</div>"
        if name == "mixed":
            yield from _latents(labels, demos)
        yield "</section>"


def _meanings(excerpt: Excerpt, stem: int) -> dict[Name, str]:
    """Descriptions of the demonstrations."""
    chosen = f"“{excerpt.names[stem]}”"
    return {
        "autoencoded": f"{chosen}, the loudest, encoded and decoded: D(E(x_i)), against x_i.",
        "mixed": f"Latents added, then decoded: D(sum E(x_i)), against the true mix of {' + '.join(excerpt.names)}.",
        "scaled": f"The latents of {chosen} times {GAIN:g}, then decoded: D({GAIN:g} E(x_i)), against {GAIN:g} x_i.",
        "removed": f"The latents of the mix minus those of {chosen}: D(E(x) − E(x_i)), against the mix without it.",
    }


def _places(excerpt: Excerpt) -> str:
    """Where the signals of an excerpt start in their files: once, if all start at the same time."""
    starts = [f"from {format_time(start, 1)}" for start in excerpt.starts_s]
    if len(set(starts)) == 1:
        return starts[0]
    return ", ".join(f"{name} {start}" for name, start in zip(excerpt.names, starts, strict=True))


def _latents(labels: Sequence[str], demos: Sequence[Demonstration]) -> Iterator[str]:
    yield (
        "<h4>Latents of the true mix, and below, in the same colours, the difference of the sum of latents from them "
        "(orange: positive, blue: negative)</h4>"
    )
    yield '<div class="cards">'
    for label, demo in zip(labels, demos, strict=True):
        scale = float(np.quantile(np.abs(demo.latents), 0.995))
        size = float(np.linalg.norm(demo.difference)) / max(float(np.linalg.norm(demo.latents)), 1e-12)
        yield f"<figure><figcaption>{label}<br>difference: {100.0 * size:.3g} % of the norm</figcaption>"
        for values, what in ((demo.latents, "Latents of the mix"), (demo.difference, "Difference")):
            yield f'<img class="latents" src="{pictures.heatmap(values, scale)}" alt="{what}">'
        yield "</figure>"
    yield "</div>"


@dataclass(frozen=True)
class _Sounds:
    """Makes cards of sounds: caption, spectrogram, player."""

    gain: float
    lossless: bool

    def card(self, label: str, caption: str, signal: Array, sample_rate: int, reference: float) -> str:
        """`label` and `caption` are HTML."""
        uri = audio_uri(np.float32(self.gain) * signal, sample_rate, lossless=self.lossless)
        return (
            f"<figure><figcaption>{label}<br>{caption}</figcaption>"
            f'<img src="{pictures.spectrogram(signal, sample_rate, reference)}" alt="Spectrogram">'
            f'<audio controls preload="metadata" src="{uri}" data-samples="{len(signal)}"></audio></figure>'
        )


def _fit(decoded: Array, truth: Array) -> str:
    ratios = [limited(ratio(decoded, truth)) for ratio in (si_sdr, snr)]
    texts = ["–" if math.isnan(one) else f"{one:.1f} dB".replace("-", "−") for one in ratios]
    return f"SI-SDR {texts[0]}, SNR {texts[1]}"


def _common_gain(truth: Iterable[Array], demonstrations: Sequence[Demonstration]) -> float:
    """One factor for all sounds, so that none clips; a codec that is more than twice too loud may."""
    loudest = max(float(np.abs(signal).max(initial=0.0)) for signal in truth)
    decoded = [signal for demo in demonstrations for signal in (*demo.decoded.values(), *demo.direct.values())]
    peak = max([loudest, *(min(float(np.abs(signal).max(initial=0.0)), 2.0 * loudest) for signal in decoded)])
    return min(1.0, _PEAK / peak) if peak else 1.0


def _how(measured: Sequence[Measured], failed: Sequence[Failed], origin: Origin) -> Iterator[str]:
    yield "<h2>How this page was made</h2>"
    yield f"<pre>{_text(origin.command)}</pre>"
    yield "<ul>"
    for note in _notes(measured, failed, origin):
        yield f"<li>{_text(note)}</li>"
    yield "</ul>"


def _notes(measured: Sequence[Measured], failed: Sequence[Failed], origin: Origin) -> Iterator[str]:
    rates = sorted({one.info.sample_rate for one in measured})
    if len(rates) > 1:
        yield (
            f"Every codec is measured at its own sample rate ({', '.join(f'{rate:,}' for rate in rates)} Hz), with the "
            "true signals resampled to it: what a rate cannot hold is missing from the truth as well."
        )
    yield "Files with two channels are mixed to mono. Every codec is measured in windows of its own chunk length."
    seeds = measured[0].evaluation.seeds if measured else ()
    if any(one.info.stochastic for one in measured):
        yield f"Seeds of the decoders' noise: {', '.join(map(str, seeds))}; the demonstrations use the first one."
    if failed:
        yield f"{count_of(len(failed), 'codec')} could not be measured."
    yield f"Sounds are {'FLAC, 16 bits' if origin.lossless else 'Ogg Vorbis'}, mono, at the codec's sample rate."
    arithmetic = dict.fromkeys(one.info.arithmetic for one in measured if one.info.arithmetic)
    yield "; ".join((f"Made on {origin.made_on} by LinCAE Studio {__version__}", *versions(), *arithmetic)) + "."


def versions() -> list[str]:
    """Versions of what the figures depend on, and the machine."""
    packages = [name for name in ("numpy", "soxr", "soundfile", "torch", "diffusers") if name in sys.modules]
    found = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    cores = count_of(os.cpu_count() or 1, "processor")
    return [f"Python {platform.python_version()}", *found, f"{platform.platform()}, {cores}"]


def _key(number: int) -> str:
    return f'<i class="key s{number}"></i>'


def _labels(measured: Sequence[Measured]) -> list[str]:
    """The name of each codec with its colour, as HTML."""
    return [f"{_key(number)}{_text(one.name)}" for number, one in enumerate(measured)]


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{_text(text)}</{tag}>" for text in texts)
