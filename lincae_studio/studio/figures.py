"""Figures as values of the Python interface: the linearity of a mix, and codecs measured with a session's tracks.

Any thread. The definitions are in `engine/analysis/linearity.py` and `evaluation/figures.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.engine.analysis.linearity import ChunkFigures, measure, needed, solo_mixes
from lincae_studio.engine.analysis.residual import own_samples
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.errors import MediaError
from lincae_studio.evaluation.audio import audible
from lincae_studio.evaluation.figures import FIGURES, SECTIONS, against
from lincae_studio.evaluation.measuring import Evaluation as Measured, evaluate
from lincae_studio.evaluation.pictures import chart
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Session as Document
from lincae_studio.studio import display
from lincae_studio.studio.engine import Engine

_Figures = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Linearity:
    """Figures of a mix, one for each audible chunk, in dB; NaN where one is undefined. A notebook shows their table.

    Attributes:
        codec: id of the codec.
        starts: where the chunks begin, in seconds: `(K,)`.
        residual_db: the decoded mix minus the true one, relative to the true one: loss and non-linearity together.
        sum_db: the decoded sum minus the sum of the decoded terms, relative to the latter: non-linearity alone.
        floor_db: the mix decoded with another seed minus the mix, relative to it; NaN for decoders without noise.
        tracks: for each track, by name (with its id, where several have the same name), its loss in the codec.
    """

    codec: str
    starts: _Figures
    residual_db: _Figures
    sum_db: _Figures
    floor_db: _Figures
    tracks: Mapping[str, _Figures]

    def __len__(self) -> int:
        return len(self.starts)

    def __repr__(self) -> str:
        return f"<Linearity of {len(self)} chunks with {self.codec}: residual {_median(self.residual_db)} dB>"

    def _repr_html_(self) -> str:
        if not len(self):
            return display.caption("Nothing can be heard here.")
        rows = [
            ("the mix against the true mix", self.residual_db),
            ("decoded sum against sum of decodes", self.sum_db),
            ("two seeds of the noise", self.floor_db),
            *((f"{name}: loss in the codec", values) for name, values in self.tracks.items()),
        ]
        known = [(name, values) for name, values in rows if not np.isnan(values).all()]
        cells = [
            (display.text(name), _median(values), display.number(float(np.nanmin(values))), _most(values))
            for name, values in known
        ]
        seconds = max(float(self.starts[-1] - self.starts[0]), 1e-3)
        levels = [value for value in self.residual_db.tolist() if not math.isnan(value)]
        style = "<style>.ls-chart polyline{fill:none;stroke:#4fb3bf;stroke-width:2}"
        style += ".ls-chart .grid{stroke:#8886}.ls-chart text{font-size:12px;fill:currentColor}</style>"
        drawn = f'{style}<div class="ls-chart">{chart([levels], seconds)}</div>' if len(levels) > 1 else ""
        about = f"{self.codec}: levels of errors in {len(self)} chunks, in dB; the line is the first row over time"
        return display.block(display.table(("", "median", "lowest", "highest"), cells), drawn, display.caption(about))


@dataclass(frozen=True)
class Evaluation:
    """Codecs measured with the same windows of a session. A notebook shows their table.

    Attributes:
        figures: mean of each figure, by codec and by the names in `lincae_studio.evaluation.figures.FIGURES`; NaN where
            nothing could be measured.
        measured: everything: figures of each window, and latents, by codec.
    """

    measured: Mapping[str, Measured]

    @property
    def figures(self) -> dict[str, dict[str, float]]:
        return {codec: dict(one.figures) for codec, one in self.measured.items()}

    def __repr__(self) -> str:
        windows = max((one.windows for one in self.measured.values()), default=0)
        return f"<Evaluation of {', '.join(self.measured)} in {windows} windows>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, ...]] = []
        for kind, heading in SECTIONS.items():
            names = [name for name in against(kind) if any(name in one.figures for one in self.measured.values())]
            found = [
                (
                    f'<span title="{display.text(FIGURES[name].meaning)}">{display.text(FIGURES[name].title)}</span>',
                    *(display.number(one.figures.get(name, math.nan), 3) for one in self.measured.values()),
                )
                for name in names
            ]
            if found:
                rows += [(f"<b>{display.text(heading)}</b>", *("" for _ in self.measured)), *found]
        return display.table(("", *map(display.text, self.measured)), rows)


def linearity_of(document: Document, plan: Plan, start: int, end: int, engine: Engine) -> Linearity:
    """The figures of the audible chunks that own a sample of `[start, end)`."""
    dry, solos = DryMix(document, engine.reader), solo_mixes(document, plan, engine.reader)
    starts: list[float] = []
    rows: list[ChunkFigures] = []
    for chunk in plan.chunks.between(plan.grid.owner(start), plan.grid.owner(end - 1)):
        first, last = own_samples(plan, chunk.index)
        if last > first:
            renders = {rendered.key: rendered for rendered in engine.render(needed(plan, chunk))}
            rows.append(measure(plan, dry, solos, chunk, renders))
            starts.append(first / document.rate)
    names = [track.name for track in document.tracks]
    tracks = {
        (track.name if names.count(track.name) == 1 else f"{track.name} ({track.id})"): _column(
            rows, functools.partial(_loss_db, track.id)
        )
        for track in document.tracks
        if any(track.id in row.tracks for row in rows)
    }
    return Linearity(
        plan.codec.id,
        np.array(starts),
        _column(rows, lambda row: row.residual_db),
        _column(rows, lambda row: row.sum_db),
        _column(rows, lambda row: row.floor_db),
        tracks,
    )


def evaluation_of(
    document: Document, codecs: Sequence[str], limit: int, seeds: Sequence[int], engine: Engine
) -> Evaluation:
    """Measure codecs with the audible tracks of a session as the sources of mixtures."""
    measured = {}
    for name in codecs:
        codec = engine.load(registry.by_path(name), document.rate)
        measured[name] = evaluate(codec, _windows(document, codec.info, limit, engine), seeds=seeds)
    return Evaluation(measured)


def _windows(document: Document, info: CodecInfo, limit: int, engine: Engine) -> Array:
    """`(groups, tracks, N)`: what the audible tracks play at the same time, mono, in windows of the codec's length.

    Raises:
        MediaError: when nothing can be heard.
    """
    heard = [track for track in document.tracks if document.audible(track) and track.clips]
    solos = [DryMix(only_track(document, track.id), engine.reader) for track in heard]
    size = info.window_samples(info.chunk_frames)

    def window(number: int) -> Array:
        return np.stack([solo.read(number * size, size).mean(axis=0, dtype=np.float32) for solo in solos])

    numbers = range(max(1, -(-document.length // size))) if solos else range(0)
    least = min(2, len(solos))
    full = [number for number in numbers if audible(window(number)).sum() >= least]
    if not full:
        raise MediaError("there is nothing to measure: fewer than two tracks play at the same time", "Unmute tracks")
    chosen = np.linspace(0, len(full) - 1, min(limit, len(full))).round().astype(int)
    return np.stack([window(full[place]) for place in chosen])


def _loss_db(track_id: int, row: ChunkFigures) -> float | None:
    return row.tracks[track_id].loss_db if track_id in row.tracks else None


def _column(rows: Sequence[ChunkFigures], of: Callable[[ChunkFigures], float | None]) -> _Figures:
    return np.array([math.nan if (value := of(row)) is None else value for row in rows], np.float64)


def _median(values: _Figures) -> str:
    return display.number(float(np.nanmedian(values)) if values.size and not np.isnan(values).all() else None)


def _most(values: _Figures) -> str:
    return display.number(float(np.nanmax(values)))
