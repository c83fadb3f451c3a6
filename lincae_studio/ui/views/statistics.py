"""Statistics of latents over time: channel variances and principal components. Computed in a thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.codecs.base import Array
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.views.sources import ChunkSource, Deferred

#: Number of chunks, spread over the session, that represent all.
_SAMPLED = 256

#: Size limit of the cached statistics, in bytes: of the mix and of a few excerpts.
_CACHED_BYTES = 100_000

#: Statistics are updated once no values have arrived for this time.
_PAUSE_MS = 300

Vector = npt.NDArray[np.float64]


class LatentStatistics(Struct, frozen=True):
    """Statistics of frames as points in D dimensions.

    Attributes:
        mean: `(D,)`.
        variance: `(D,)`.
        components: `(2, D)` unit vectors: the first two principal components; the largest entry of each is positive.
        explained: `(2,)` shares of the total variance.
        frames: the number of frames used.
    """

    mean: Vector
    variance: Vector
    components: Vector
    explained: Vector
    frames: int


def latent_statistics(parts: Sequence[Array]) -> LatentStatistics:
    """The joint statistics of the frames of several arrays `(D, T)`, with at least one frame."""
    dim = len(parts[0])
    frames = sum(part.shape[1] for part in parts)
    mean = sum((part.sum(axis=1, dtype=np.float64) for part in parts), np.zeros(dim)) / frames
    covariance = np.zeros((dim, dim))
    for part in parts:
        deviation = part - mean[:, None]
        covariance += deviation @ deviation.T
    covariance /= frames
    values, vectors = np.linalg.eigh(covariance)
    components = vectors[:, ::-1][:, :2].T
    if len(components) < 2:
        components = np.vstack([components, np.zeros_like(components)])
    signs = np.sign(components[np.arange(2), np.abs(components).argmax(axis=1)])
    explained = np.append(values[::-1], 0.0)[:2] / max(float(values.sum()), 1e-30)
    return LatentStatistics(mean, covariance.diagonal().copy(), components * signs[:, None], explained, frames)


class Statistics(QObject):
    """The statistics of a source, kept up to date while they are in use (`set_active`).

    Signals:
        changed: `latest` has changed.
    """

    changed = Signal()

    def __init__(self, source: ChunkSource, rendering: Rendering, parent: QObject) -> None:
        super().__init__(parent)
        self._source = source
        self._rendering = rendering
        self._active = False
        self.latest: LatentStatistics | None = None
        self._asked: object = None
        self._work = ChunkWorker[list[Deferred], LatentStatistics](
            "statistics", _compute, self, rendering.idle_gate, cached_bytes=_CACHED_BYTES
        )
        self._work.found.connect(self._on_found)
        self._pausing = QTimer(self)
        self._pausing.setSingleShot(True)
        self._pausing.timeout.connect(self._ask)
        self._connect(source)

    def set_source(self, source: ChunkSource) -> None:
        """Follow another source and drop the statistics of the old one."""
        self._source = source
        self._forget()
        self._connect(source)

    def set_active(self, active: bool) -> None:
        """Set whether the statistics are in use; if not, nothing is computed."""
        self._active = active
        self._follow()

    def close(self) -> None:
        """End the thread."""
        self._work.close()

    def _connect(self, source: ChunkSource) -> None:
        source.restarted.connect(self._forget)
        source.changed.connect(self._follow)
        source.chunk_changed.connect(self._follow)
        self._follow()

    def _forget(self) -> None:
        self.latest = None
        self._asked = None
        self.changed.emit()

    def _follow(self) -> None:
        if self.latest is not None and len(self.latest.mean) != self._source.rows:
            self._forget()  # statistics of another codec
        if self._active and not self._pausing.isActive():
            self._pausing.start(_PAUSE_MS)

    def _ask(self) -> None:
        indices = self._source.audible(0, len(self._rendering.plan.chunks))
        sampled = indices[:: max(1, -(-len(indices) // _SAMPLED))]
        known = {index: found for index in sampled if (found := self._source.deferred(index)) is not None}
        if not known or not self._active:
            return
        self._asked = tuple(self._source.key(index) for index in known)
        if self._work.has(self._asked):
            self._on_found(self._asked)
        else:
            self._work.request([(self._asked, list(known.values()))])

    def _on_found(self, key: object) -> None:
        found = self._work.of(key)
        if found is None or len(found.mean) != self._source.rows:
            return  # computed for the previous codec
        if key == self._asked and found is not self.latest:
            self.latest = found
            self.changed.emit()


def _compute(parts: list[Deferred]) -> LatentStatistics:
    return latent_statistics([part() for part in parts])
