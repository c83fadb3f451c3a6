"""The chunk grid: which frames and samples of the timeline a chunk covers, and how neighbours are crossfaded.

The grid belongs to the timeline, not to files. Frame f is computed from the samples that start at
`(f - lead_frames) * hop`: the lead-in keeps sample 0 away from the unreliable first `margin` samples of a window.
Chunk k holds frames `[k * step, k * step + frames)`.

                 |<margin>|<-------- valid -------->|<margin>|
    chunk k      [........|=========================|........]
    chunk k+1                           [........|=========================|........]
                                                 |<xfade>|

The `step` frames that a chunk owns, from its frame `lead_frames` on, are reliable; `context` frames at both ends are
not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from lincae_studio.codecs.base import Array, CodecInfo

#: Limits for a session's own chunk settings, in seconds: the shortest step from one chunk to the next, and the longest
#: window.
MIN_STEP_S = 0.1
MAX_WINDOW_S = 60.0


class Grid(Struct, frozen=True, omit_defaults=True):
    """Geometry of the chunks of one codec; all positions are timeline samples unless named frames.

    Keys of renders contain it as encoded: `window_extra` keeps the name that it had, and a context of 0 is left out.
    """

    hop: int
    window_extra: int = field(name="edge")
    frames: int
    overlap: int
    context: int = 0

    @classmethod
    def of(cls, info: CodecInfo, frames: int | None = None, overlap: int | None = None) -> Grid:
        """The grid of a codec, with its default chunk length and overlap unless others are given (in frames).

        Raises:
            ValueError: when chunks would overlap too little to leave no gap, or by more than half.
        """
        chosen = frames or info.chunk_frames, overlap or info.overlap_frames
        grid = cls(info.hop, info.window_extra, *chosen, info.context)
        if grid.fade < 0 or grid.step < grid.overlap:
            raise ValueError(f"chunks of {grid.frames} frames cannot overlap by {grid.overlap}")
        return grid

    @classmethod
    def chosen(cls, info: CodecInfo, frames: int, overlap: int) -> Grid:
        """The grid of a codec with a session's settings, or its default grid where these are 0 or not possible."""
        try:
            grid = cls.of(info, frames, overlap)
        except ValueError:
            return cls.of(info)
        return cls.of(info) if grid.problem(info) else grid

    def problem(self, info: CodecInfo) -> str:
        """Why a session cannot use this grid: its chunks would be too many or too long; empty when it can."""
        if self.fade < 0 or self.step < max(1, self.overlap):
            return f"chunks of {self.frames} frames cannot overlap by {self.overlap}"
        if info.fixed_window and self.frames != info.chunk_frames:
            return f"chunks of this codec always have {info.chunk_frames} frames"
        if self.step_samples < MIN_STEP_S * info.sample_rate:
            return f"a new chunk would start every {1000 * self.step_samples / info.sample_rate:.0f} ms"
        if self.window_samples > MAX_WINDOW_S * info.sample_rate:
            return f"a chunk would be {self.window_samples / info.sample_rate:.0f} s long"
        return ""

    def is_of(self, info: CodecInfo) -> bool:
        """Whether the windows are those of a codec, but for their length and overlap."""
        return (self.hop, self.window_extra, self.context) == (info.hop, info.window_extra, info.context)

    @property
    def step(self) -> int:
        """Frames from one chunk to the next."""
        return self.frames - self.overlap

    @property
    def step_samples(self) -> int:
        return self.step * self.hop

    @property
    def lead_frames(self) -> int:
        """Frames before sample 0, which keep it out of the first window's margin."""
        return -(-self.margin // self.hop)

    @property
    def margin(self) -> int:
        """Samples at each end of a window that are unreliable."""
        return self.window_extra + self.context * self.hop

    @property
    def window_samples(self) -> int:
        """Samples that a chunk is computed from, and that decoding it returns."""
        return self.frames * self.hop + self.window_extra

    @property
    def fade(self) -> int:
        """Length of the crossfade between neighbours, in samples."""
        return self.overlap * self.hop + self.window_extra - 2 * self.margin

    def window_start(self, index: int) -> int:
        """First sample of a chunk's window; negative for the first chunk."""
        return (index * self.step - self.lead_frames) * self.hop

    def frame_centres(self, index: int) -> npt.NDArray[np.float64]:
        """Timeline samples `(frames,)` at the centre of the samples that each of a chunk's frames is computed from."""
        first = self.window_start(index) + (self.hop + self.window_extra) / 2.0
        return first + np.arange(self.frames, dtype=np.float64) * self.hop

    def valid(self, index: int) -> tuple[int, int]:
        """The samples `[start, end)` that a chunk determines reliably."""
        start = self.window_start(index)
        return start + self.margin, start + self.window_samples - self.margin

    def count(self, length: int) -> int:
        """Chunks needed for `length` samples from 0 on; none of them is needed for its fade-out alone."""
        return -(-(length - self.valid(0)[0]) // self.step_samples) if length > 0 else 0

    def touching(self, start: int, end: int) -> range:
        """Chunks whose window overlaps the samples `[start, end)`."""
        first = -(-(start + 1 - self.window_samples - self.window_start(0)) // self.step_samples)
        last = (end - 1 - self.window_start(0)) // self.step_samples
        return range(max(0, first), last + 1) if end > start else range(0)

    def heard(self, start: int, end: int) -> range:
        """Chunks whose valid samples overlap `[start, end)`: those that are heard there."""
        valid_start, valid_end = self.valid(0)
        first = -(-(start + 1 - valid_end) // self.step_samples)
        last = (end - 1 - valid_start) // self.step_samples
        return range(max(0, first), last + 1) if end > start else range(0)

    def owner(self, sample: int) -> int:
        """The one chunk that owns a sample, for views and figures: each chunk owns one step, from its start on."""
        return max(0, sample) // self.step_samples

    def weights(self, index: int, start: int, end: int) -> Array:
        """Stitching weights of a chunk for `[start, end)` within its valid samples; those of neighbours sum to 1.

        An equal-gain (linear) crossfade: overlaps are two estimates of the same signal, so their amplitudes add.
        """
        valid_start, valid_end = self.valid(index)
        # Integers: float32 cannot count samples beyond six minutes.
        position = np.arange(start, end)
        weights = np.ones(end - start)
        if self.fade:
            if index > 0:
                np.minimum(weights, (position - valid_start + 0.5) / self.fade, out=weights)
            np.minimum(weights, (valid_end - position - 0.5) / self.fade, out=weights)
        return weights.astype(np.float32)
