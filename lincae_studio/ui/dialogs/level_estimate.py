"""The expected level of an export: measures the audio in a job, and describes the effect of the chosen level.

Main thread, except for the job.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QWidget

from lincae_studio.engine.export.estimate import Levels, Limited, Read, Source, limited, measured
from lincae_studio.engine.export.items import stem_of, stems_of
from lincae_studio.engine.export.levels import TOLERANCE_DB
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.render_store import MixReader
from lincae_studio.export_settings import AudioFormat, ExportSettings
from lincae_studio.jobs import CancelToken
from lincae_studio.media.writer import Converter
from lincae_studio.session.times import count_of
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.growing_label import GrowingLabel
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.rendering.rendering import Rendering

#: A limiter that lowers peaks by more than this is heard.
_AUDIBLE_DB = 6.0

#: Texts show tenths; less than half of one is nothing.
_LEAST_DB = 0.05


class LevelEstimate(GrowingLabel):
    """A line below the level of the export dialog; empty where nothing is changed or known."""

    def __init__(self, rendering: Rendering, jobs: DocumentJobs, parent: QWidget) -> None:
        """`jobs`: runs nothing but the measurements of this label."""
        super().__init__("", parent)
        self._rendering = rendering
        self._jobs = jobs
        self._settings = ExportSettings()
        #: The chosen settings, the measured audio, and why it is not exactly what will be written.
        self._chosen: tuple[object, ...] = ()
        self._source: Source | None = None
        self._reasons: list[str] = []
        #: Whether chunks were measured dry, and the span, to measure them again once they are rendered.
        self._waiting = False
        self._span: tuple[int, int] | None = None
        self._levels: Levels | None = None
        #: The target and the true peak limit for which the limiter was tried, and what it reaches, once known.
        self._tried: tuple[float, float] | None = None
        self._limited: Limited | None = None
        #: The measurement that is running.
        self._running: object = None
        self.setAccessibleName("Expected level")
        theme.dim(self)
        rendering.chunk_changed.connect(self._on_chunk_changed)

    def update_for(self, settings: ExportSettings, span: tuple[int, int] | None) -> None:
        """Show the expected result of these settings, measured if necessary. `span`: samples, None if invalid."""
        self._settings, self._span = settings, span
        changed = settings.level.normalize != "none" or settings.level.limiter
        content = next((one for one in settings.contents if one != "latents"), None)
        if not changed or content is None or span is None:
            self.setText("")
            return
        start, end = span[0], min(span[1], self._rendering.plan.length)
        stem = stems_of(self._rendering.session, settings)[0].id if content == "tracks" else None
        chosen = (content, start, end, settings.format.channels, stem, settings.stems)
        if chosen != self._chosen:
            self.stop()
            self._chosen = chosen
            self._source = source = self._source_of(content, stem, settings, start, end)
            self._measure(lambda cancel: measured(source, cancel), self._on_measured)
        self._go_on()

    @property
    def measuring(self) -> bool:
        return self._running is not None

    def stop(self) -> None:
        """Cancel measuring, and forget its results."""
        self._running = None
        self._jobs.abandon()
        self._chosen, self._source, self._waiting = (), None, False
        self._levels = self._tried = self._limited = None

    def _source_of(self, content: str, stem: int | None, settings: ExportSettings, start: int, end: int) -> Source:
        """What to measure; notes why it is not quite what will be written."""
        rendering = self._rendering
        dry, reader = rendering.dry, rendering.reader()
        rendered, total = rendering.progress()
        waiting = [f"{count_of(total - rendered, 'chunk')} measured dry, not rendered yet"] if rendered < total else []
        read: Read
        self._waiting = bool(waiting) and content in ("mix", "difference")
        if content == "dry":
            read, channels, self._reasons = dry.read, dry.channels, []
        elif content == "mix":
            read, channels, self._reasons = reader.read, reader.plan.channels, waiting
        elif stem is None:
            read, channels, self._reasons = _difference(reader, dry), max(reader.plan.channels, dry.channels), waiting
        else:
            session, audio = rendering.session, rendering.audio
            # Made in the job: it may be large.
            alone = functools.cache(lambda: DryMix(stem_of(session, stem, settings), audio))
            read, channels = lambda start, count: alone().read(start, count), dry.channels
            self._reasons = ["of the first stem, without the codec"]
        converter = Converter(AudioFormat(channels=settings.format.channels), channels, dry.rate)
        return Source(read, converter, start, end, dry.rate)

    def _go_on(self) -> None:
        """Show known levels, and measure the others."""
        source, levels, level = self._source, self._levels, self._settings.level
        assert source is not None
        if levels is None:
            self.setText("Measuring…")
            return
        gain_db = levels.gain_db(level)
        if level.limiter and level.normalize == "loudness" and math.isfinite(gain_db) and levels.over_db(level) > 0.0:
            tried = (level.target_db, level.true_peak_db)
            if tried != self._tried:
                self._tried, self._limited = tried, None
                self._measure(lambda cancel: limited(source, levels, level, cancel), self._on_limited)
        reasons = list(self._reasons)
        if self._settings.decodes > 1 and self._rendering.plan.codec.stochastic:
            reasons.append("of one decode")
        if self._settings.format.rate_of(self._rendering.session.rate) < self._rendering.session.rate:
            reasons.append("before sample rate conversion")
        if len({*self._settings.contents} - {"latents"}) > 1:
            reasons.append("of the first file")
        text = expected(levels, self._settings, self._limited)
        self.setText(f"{text} (estimate: {'; '.join(reasons)})" if reasons else text)

    def _on_chunk_changed(self, _index: int) -> None:
        """Measure again, once, when everything is rendered."""
        if not self._waiting:
            return
        rendered, total = self._rendering.progress()
        if rendered == total:
            self.stop()
            self.update_for(self._settings, self._span)

    def _measure(self, work: Callable[[CancelToken], object], found: Callable[[Any], None]) -> None:
        """Run a measurement in a job, in place of the one that is running."""
        self._jobs.abandon()
        self._running = work

        def succeeded(result: object) -> None:
            self._running = None
            found(result)
            self.update_for(self._settings, self._span)  # they may ask for no estimate by now

        def ended() -> None:
            if self._running is work:  # it has failed, and the error is shown
                self.stop()
                self.setText("The level could not be measured.")

        self._jobs.run(lambda _report, cancel: work(cancel), "", succeeded, ended=ended)

    def _on_measured(self, levels: Levels) -> None:
        self._levels = levels

    def _on_limited(self, reached: Limited) -> None:
        self._limited = reached


def _difference(reader: MixReader, dry: DryMix) -> Read:
    return lambda start, count: reader.read(start, count) - dry.read(start, count)


def expected(levels: Levels, settings: ExportSettings, reached: Limited | None = None) -> str:
    """The expected result for audio with these levels, in one or two sentences.

    Args:
        reached: what the limiter reaches, if the loudness is limited and that is known.
    """
    level = settings.level
    ceiling = f"{level.true_peak_db:g} dBTP"
    gain, over = levels.gain_db(level), levels.over_db(level)
    unit, difference = ("LUFS", "LU") if level.normalize == "loudness" else ("dBFS", "dB")
    if not math.isfinite(gain):
        return "The level cannot be measured: silent, too quiet or too short. It will not be raised."
    if over < _LEAST_DB:
        true_peak = f"true peak {levels.true_peak_db + gain:.1f} dBTP"
        if level.normalize == "none":
            return f"Nothing to limit: {true_peak}."
        return f"Expected: {level.target_db:.1f} {unit}, level changed by {gain:+.1f} dB, {true_peak}."
    if not level.limiter:
        short = f"Expected: {level.target_db - over:.1f} {unit}, {over:.1f} {difference} below the target"
        more = f"more than {gain - over:+.1f} dB of gain would take the true peak above {ceiling}"
        return f"{short}: {more}. Turn on the limiter to get closer, or choose a lower target."
    if level.normalize == "none":
        return f"Expected: true peak {ceiling}; {_limiting(over)}."
    if level.normalize == "peak":
        return f"Expected: true peak {ceiling}, level changed by {gain:+.1f} dB; {_limiting(over)}."
    if reached is None:
        return f"Expected: true peak {ceiling}; measuring which loudness the limiter reaches…"
    text = f"Expected: {reached.loudness:.1f} LUFS"
    missed = level.target_db - reached.loudness
    if missed > TOLERANCE_DB:
        text += f", {missed:.1f} LU below the target, as more gain would hardly make it louder"
    text += f"; true peak {ceiling}, level changed by {reached.gain_db:+.1f} dB"
    return f"{text}; {_limiting(over + reached.gain_db - gain)}."


def _limiting(db: float) -> str:
    return f"the limiter lowers peaks by up to {db:.1f} dB" + (", which will be audible" if db > _AUDIBLE_DB else "")
