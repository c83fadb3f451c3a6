"""The spectrogram of the decoded mix: level over time and frequency, updated with each render."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from lincae_studio.codecs.base import Array
from lincae_studio.engine.rendering.render_store import ChunkState, MixReader
from lincae_studio.session.times import format_time
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.following_slider import FollowingSlider
from lincae_studio.ui.views.chunk_picture import ChunkPicture, color_table_of
from lincae_studio.ui.views.column import ViewColumn
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.scale import Scale
from lincae_studio.ui.views.sources import ChunkSource, Deferred

#: Length of the FFT (Hann window) and hop between transforms, in samples.
WINDOW = 4096
HOP = 512

#: Rows are bands of equal width on a logarithmic frequency scale.
ROWS = 192
LOWEST_HZ = 30.0
HIGHEST_HZ = 22_050.0

#: Lower levels are drawn as this one; levels are stored as bytes, in half decibels above it.
FLOOR_DB = -120.0
_PER_DB = 2.0

#: Initial darkest level, and the upper end of its slider.
_DARKEST_DB = -90
_DARKEST_MOST_DB = -30

#: Size limit of the cached levels, in bytes: enough for two hours (17 kB per second).
_CACHED_BYTES = 128 * 1024 * 1024

#: Number of remembered keys above which those of chunks out of view are forgotten.
_MOST_KEYS = 12_000

#: Share of the time spent on transforms: playback and drawing take priority.
_SHARE = 0.5

#: Renders in quick succession are processed together.
_GATHER_MS = 40

_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)


def row_edges() -> npt.NDArray[np.float64]:
    """The edges `(ROWS + 1,)` of the rows, in Hz."""
    return LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (np.arange(ROWS + 1) / ROWS)


def frequency_at(height: float) -> float:
    """The frequency at a height from 0 to 1, in Hz."""
    return float(LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** height)


def _ticks() -> list[tuple[float, str]]:
    """Heights from 0 to 1 with their frequency labels."""
    octaves = np.log(HIGHEST_HZ / LOWEST_HZ)
    return [(float(np.log(hz / LOWEST_HZ) / octaves), f"{hz // 1000}k" if hz >= 1000 else str(hz)) for hz in _TICKS_HZ]


class _Task(Struct, frozen=True):
    reader: MixReader
    start: int
    end: int


def spectrogram(audio: Array, count: int, rate: int) -> Array:
    """Levels `(ROWS, count)` in dB of `(channels, (count - 1) * HOP + WINDOW)` samples; a full-scale sine has 0 dB.

    A band with several FFT bins shows the loudest; a band between two bins is interpolated.
    """
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW, axis=1)[:, : (count - 1) * HOP + 1 : HOP]
    spectrum = np.fft.rfft(frames * window, axis=-1)
    power = (np.abs(spectrum) ** 2).mean(axis=0).T * (2.0 / window.sum()) ** 2
    bins = row_edges() / (rate / WINDOW)
    first = np.ceil(bins[:-1]).astype(int)
    last = np.minimum(np.ceil(bins[1:]).astype(int), len(power))
    levels = np.empty((ROWS, count))
    for row, (lo, hi) in enumerate(zip(first, last, strict=True)):
        if hi > lo:
            levels[row] = power[lo:hi].max(axis=0)
        else:
            share = (bins[row] + bins[row + 1]) / 2.0 - (lo - 1)
            levels[row] = (1.0 - share) * power[lo - 1] + share * power[lo]
    return np.asarray(10.0 * np.log10(np.maximum(levels, 10.0 ** (FLOOR_DB / 10.0))), np.float32)


class SpectrogramSource(ChunkSource):
    """Levels above the floor of rendered chunks, which depend on their neighbours: transforms overlap chunk borders."""

    def __init__(self, rendering: Rendering, parent: QObject) -> None:
        super().__init__(parent)
        self._rendering = rendering
        self._work = ChunkWorker[_Task, npt.NDArray[np.uint8]](
            "spectrogram", _compute, self, rendering.idle_gate, cached_bytes=_CACHED_BYTES, share=_SHARE
        )
        self._work.found.connect(self._on_found)
        self._index_of: dict[str, int] = {}
        self._arrived: set[str] = set()
        self._seen = (0, -1)
        #: The keys of the audible chunks.
        self._keys: dict[int, str] = {}
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.timeout.connect(self._request)
        self._list_keys()
        rendering.session_replaced.connect(self.restarted)
        rendering.plan_changed.connect(self._follow_plan)
        rendering.chunk_changed.connect(self._follow_chunk)

    @property
    def rows(self) -> int:
        return ROWS

    def key(self, index: int) -> str | None:
        return self._keys.get(index)

    def audible(self, first: int, last: int) -> list[int]:
        return [chunk.index for chunk in self._rendering.plan.chunks.between(first, last)]

    def deferred(self, index: int) -> Deferred | None:
        key = self.key(index)
        found = self._work.of(key) if key is not None else None
        if found is None:
            if key in self._arrived:  # evicted from the cache, and visible again
                self._arrived.discard(key)
                self._request_soon()
            return None
        return partial(_levels_above_floor, found)

    def set_visible_chunks(self, first: int, last: int) -> None:
        if (first, last) != self._seen:
            self._seen = first, last
            self._request_soon()

    def close(self) -> None:
        self._work.close()
        super().close()

    def _follow_plan(self) -> None:
        self._list_keys()
        self._request_soon()
        self.changed.emit()

    def _follow_chunk(self, index: int) -> None:
        if self._seen[0] - 1 <= index <= self._seen[1] + 1:
            self._request_soon()

    def _list_keys(self) -> None:
        """Compute the keys of all audible chunks, which include those of their neighbours."""
        plan = self._rendering.plan
        names = {chunk.index: chunk.key for chunk in plan.audible}
        for end in (-1, len(plan.chunks)):
            names[end] = ""

        def name(index: int) -> str:
            return names.get(index, "silence")

        self._keys = {
            chunk.index: f"{name(chunk.index - 1)} {chunk.key} {name(chunk.index + 1)}" for chunk in plan.audible
        }

    def _request_soon(self) -> None:
        if not self._gathering.isActive():
            self._gathering.start(_GATHER_MS)

    def _request(self) -> None:
        plan = self._rendering.plan
        first, last = self._seen
        step = plan.grid.step_samples
        states = self._rendering.runs(max(0, first - 1) * step, (last + 2) * step, merged=False)
        waiting = (ChunkState.STALE, ChunkState.RENDERING, ChunkState.PREVIEWED)
        waits = {index for index, _, state in states if state in waiting}
        tasks: dict[str, _Task] = {}
        self._index_of.clear()
        reader = self._rendering.reader()
        for index in self.audible(first, last):
            key = self._keys[index]
            self._index_of[key] = index
            if key not in self._arrived and waits.isdisjoint((index - 1, index, index + 1)):
                tasks[key] = _Task(reader, index * step, (index + 1) * step)
        self._work.request(tasks.items())

    def _on_found(self, key: str) -> None:
        self._arrived.add(key)
        if len(self._arrived) > _MOST_KEYS:
            self._arrived &= self._index_of.keys()
        index = self._index_of.get(key)
        if index is not None:
            self.chunk_changed.emit(index)


def _compute(task: _Task) -> npt.NDArray[np.uint8]:
    count = (task.end - task.start) // HOP
    lead = (WINDOW - HOP) // 2  # a column is the transform centred on it
    begin = task.start - lead
    needed = (count - 1) * HOP + WINDOW
    audio = task.reader.read(max(0, begin), needed - max(0, -begin))
    levels = spectrogram(np.pad(audio, ((0, 0), (max(0, -begin), 0))), count, task.reader.rate)
    return np.round((np.maximum(levels, FLOOR_DB) - FLOOR_DB) * _PER_DB).clip(0, 255).astype(np.uint8)


def _levels_above_floor(levels: npt.NDArray[np.uint8]) -> Array:
    return np.asarray(levels, np.float32) / np.float32(_PER_DB)


class SpectrogramPlot(ChunkPicture):
    """The spectrogram itself, with low frequencies at the bottom."""

    _darkest_db = float(_DARKEST_DB)

    def __init__(
        self, axis: TimeAxis, rendering: Rendering, source: ChunkSource, parent: QWidget | None = None
    ) -> None:
        super().__init__(axis, rendering, source, "Spectrogram of the mix", parent)

    @property
    def samples_per_column(self) -> float:
        return float(HOP)

    def set_darkest(self, level_db: float) -> None:
        """Set the level that is drawn in the darkest colour, as is everything below it."""
        self._darkest_db = level_db
        self.follow_levels()

    def color_table(self) -> Array:
        return color_table_of(theme.colors().spectrum)

    def levels(self) -> tuple[float, float]:
        return self._darkest_db - FLOOR_DB, -FLOOR_DB

    def text_at(self, sample: int, height: float) -> str:
        row = min(max(int(height * ROWS), 0), ROWS - 1)
        value = self.value_at(sample, row)
        if value is None:
            return ""
        frequency, level = frequency_at(height), value + FLOOR_DB
        value_text = f"{level:.0f} dB" if value else f"below {FLOOR_DB:.0f} dB"
        seconds = sample / self._rendering.session.rate
        return f"{format_time(seconds)}\n{frequency:.0f} Hz: {value_text}".replace("-", "−")


class SpectrogramPanel(QWidget):
    """The spectrogram with its controls: scale, darkest level, and the value under the pointer."""

    def __init__(self, context: ViewContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = SpectrogramPlot(context.axis, context.rendering, SpectrogramSource(context.rendering, self), self)
        self._range = QLabel(self)
        theme.dim(self._range)
        self._hover = QLabel(self)
        self.range_slider = FollowingSlider(self, default=_DARKEST_DB)
        self.range_slider.setRange(round(FLOOR_DB), _DARKEST_MOST_DB)
        self.range_slider.setValue(_DARKEST_DB)
        self.range_slider.setAccessibleName("Darkest level of the spectrogram, in dB")
        self.range_slider.setToolTip("Darkest level of the spectrogram")
        self.range_slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.range_slider.valueChanged.connect(self._on_range_changed)
        self.plot.hovered.connect(self._hover.setText)
        self.plot.seek.connect(context.seek)
        self._lay_out(context)
        self._on_range_changed(_DARKEST_DB)

    def set_playhead(self, sample: int) -> None:
        self.plot.set_playhead(sample)

    def follow_theme(self) -> None:
        self.plot.follow_theme()

    def shutdown(self) -> None:
        """Close the source."""
        self.plot.source.close()

    def _lay_out(self, context: ViewContext) -> None:
        title = QLabel("Spectrogram of the mix", self)
        theme.heading(title)
        info = QLabel(f"Hann window of {WINDOW} samples; 0 dB is a full-scale sine", self)
        info.setWordWrap(True)
        theme.dim(info)
        inside = QVBoxLayout()
        inside.setContentsMargins(12, 6, 0, 6)
        inside.setSpacing(4)
        for widget in (title, self._range, self.range_slider, self._hover, info):
            inside.addWidget(widget)
        inside.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(ViewColumn(inside, context.header_width, self, Scale(_ticks(), self)))
        layout.addWidget(self.plot, 1)

    def _on_range_changed(self, level_db: int) -> None:
        self.plot.set_darkest(float(level_db))
        self._range.setText(f"Colours: −{-level_db} to 0 dB")
