"""What the level of an export will be: measures the audio in a job, and says what the chosen level makes of it.

Main thread, except for the job.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget

from lincae_studio.engine.export.items import stems_of
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.export_settings import AudioFormat, ExportSettings
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.media.loudness import LoudnessMeter, blocks, decibels
from lincae_studio.media.writer import Converter
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import SESSION_RATE
from lincae_studio.session.times import count_of
from lincae_studio.ui import theme
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.rendering.rendering import Rendering

#: A limiter that has to lower peaks by more than this is heard.
_AUDIBLE_DB = 6.0

#: Texts show tenths; less than half of one is nothing.
_LEAST_DB = 0.05

Read = Callable[[int, int], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Levels:
    """The levels of audio as it is: sample peak in dBFS, integrated loudness in LUFS, true peak in dBTP."""

    peak_db: float
    loudness: float
    true_peak_db: float


class LevelEstimate(QLabel):
    """A line below the level of the export dialog; empty where nothing is changed or known."""

    def __init__(self, rendering: Rendering, jobs: DocumentJobs, parent: QWidget) -> None:
        """`jobs`: runs nothing but the measurements of this label."""
        super().__init__(parent)
        self._rendering = rendering
        self._jobs = jobs
        self._settings = ExportSettings()
        #: What is being measured or was measured, and why that is not exactly what will be written.
        self._measured: tuple[object, ...] = ()
        self._reason = ""
        self._levels: Levels | None = None
        self.setWordWrap(True)
        self.setAccessibleName("Expected level")
        theme.dim(self)

    def update_for(self, settings: ExportSettings, span: tuple[int, int] | None) -> None:
        """Show what these settings come to, after measuring what is not known yet. `span`: samples, None if invalid."""
        self._settings = settings
        changed = settings.level.normalize != "none" or settings.level.limiter
        content = next((one for one in settings.contents if one != "latents"), None)
        if not changed or content is None or span is None:
            self._say("")
            return
        start, end = span[0], min(span[1], self._rendering.plan.length)
        stems = [track.id for track in stems_of(self._rendering.session, settings)[:1]]
        wanted = (content, start, end, settings.format.channels, *(stems if content == "tracks" else ()))
        if wanted != self._measured:
            self.stop()
            self._measured, self._levels = wanted, None
            read, channels, self._reason = self._source(content, stems)
            self._measure(read, Converter(AudioFormat(channels=settings.format.channels), channels), start, end)
        self._show()

    def stop(self) -> None:
        """Cancel measuring."""
        self._jobs.abandon()
        self._measured = ()

    def _source(self, content: str, stems: list[int]) -> tuple[Read, int, str]:
        """What to measure: a function that reads it, its channels, and why it is not quite what will be written."""
        rendering = self._rendering
        dry, reader = rendering.dry, rendering.reader()
        if content == "dry":
            return dry.read, dry.channels, ""
        if content == "tracks":
            alone = DryMix(only_track(rendering.session, stems[0]), rendering.audio)
            return alone.read, alone.channels, "of the first stem, without the codec"
        rendered, total = rendering.progress()
        missing = f"{count_of(total - rendered, 'chunk')} measured dry, not rendered yet" if rendered < total else ""
        channels = max(reader.plan.channels, dry.channels)
        if content == "mix":
            return reader.read, reader.plan.channels, missing
        return lambda start, count: reader.read(start, count) - dry.read(start, count), channels, missing

    def _measure(self, read: Read, converter: Converter, start: int, end: int) -> None:
        def work(report: ReportProgress, cancel: CancelToken) -> Levels:
            meter, peak = LoudnessMeter(), 0.0
            for at, count in blocks(end - start):
                cancel.check()
                samples = converter.mixed(read(start + at, count).T).T
                meter.add(samples)
                peak = max(peak, float(np.abs(samples).max(initial=0.0)))
                report(Progress(at + count, end - start))
            found = meter.read()
            return Levels(decibels(peak), found.integrated, found.true_peak)

        def done(levels: Levels) -> None:
            self._levels = levels
            self._show()

        self._jobs.run(work, "", done)

    def _show(self) -> None:
        if self._levels is None:
            self._say("Measuring…")
            return
        reasons = [self._reason] if self._reason else []
        if self._settings.format.sample_rate < SESSION_RATE:
            reasons.append("before the change of the sample rate")
        text = expected(self._levels, self._settings)
        self._say(f"{text} (estimate: {'; '.join(reasons)})" if reasons else text)

    def _say(self, text: str) -> None:
        self.setText(text)
        self._make_room()

    def _make_room(self) -> None:
        """Let the dialog grow by the lines that the text needs: layouts of forms do not."""
        self.setMinimumHeight(self.heightForWidth(self.width()) if self.text() else 0)

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()


def expected(levels: Levels, settings: ExportSettings) -> str:
    """What becomes of audio with these levels, in one or two sentences."""
    level = settings.level
    ceiling = f"{level.true_peak_db:g} dBTP"
    by_loudness = level.normalize == "loudness"
    now, unit, difference = (levels.loudness, "LUFS", "LU") if by_loudness else (levels.peak_db, "dBFS", "dB")
    if not math.isfinite(levels.peak_db if level.normalize == "none" else now):
        return "The level cannot be measured: silent, too quiet or too short. It will not be raised."
    gain = 0.0 if level.normalize == "none" else level.target_db - now
    over = levels.true_peak_db + gain - level.true_peak_db
    reached = f"{now + gain:.1f} {unit}, level changed by {gain:+.1f} dB"
    if over < _LEAST_DB:
        true_peak = f"true peak {levels.true_peak_db + gain:.1f} dBTP"
        return f"Nothing to limit: {true_peak}." if level.normalize == "none" else f"Expected: {reached}, {true_peak}."
    if not level.limiter:
        short = f"Expected: {now + gain - over:.1f} {unit}, {over:.1f} {difference} below the target"
        more = f"more than {gain - over:+.1f} dB of gain would take the true peak above {ceiling}"
        return f"{short}: {more}. Turn on the limiter to get closer, or choose a lower target."
    limiting = (
        f"the limiter lowers peaks by about {over:.1f} dB"
        if over <= _AUDIBLE_DB
        else (f"the limiter has to lower peaks by {over:.1f} dB or more, which will be audible")
    )
    if level.normalize == "none":
        return f"Expected: true peak {ceiling}; {limiting}."
    if level.normalize == "peak":
        return f"Expected: true peak {ceiling}, level changed by {gain:+.1f} dB; {limiting}."
    return f"Expected: {level.target_db:.1f} LUFS, true peak {ceiling}; {limiting}."
