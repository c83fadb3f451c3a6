"""Exporting: the job that streams files to disk as the engine delivers. Main thread, but for the job."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from lincae_studio.engine.bundles.latent_files import latents_of, save_latents
from lincae_studio.engine.export.items import check_paths, items_of, latent_paths, paths_of, span_of
from lincae_studio.engine.export.writer import ExportResult, export
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.streams import ProvideChunk
from lincae_studio.errors import ExportError, StudioError
from lincae_studio.export_settings import ExportSettings
from lincae_studio.jobs import CancelToken, ReportProgress, share_of
from lincae_studio.session.times import format_time
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.rendering.rendering import Rendering


@dataclass(frozen=True)
class Exported:
    """What an export wrote: audio files, and files of latents."""

    results: tuple[ExportResult, ...]
    latents: tuple[Path, ...] = ()


class Exporter(QObject):
    """Runs one export at a time.

    Signals:
        finished: the `Exported` of a complete export.
        failed: the `StudioError` of one that could not be completed.
    """

    finished = Signal(object)
    failed = Signal(object)

    def __init__(self, rendering: Rendering, messages: MessageBar, window: QWidget) -> None:
        super().__init__(window)
        self._rendering = rendering
        self._messages = messages
        self._window = window
        self._job: BackgroundJob | None = None

    @property
    def busy(self) -> bool:
        return self._job is not None

    def export(
        self,
        path: Path,
        settings: ExportSettings | None = None,
        protected: Sequence[Path] = (),
        title: str = "",
        selection: tuple[int, int] | None = None,
    ) -> None:
        """Write the session as it is now, never over the `protected` files; later edits do not change it.

        Args:
            path: of the first file; the others lie beside it.
            settings: None for the mix as 32-bit float WAV.
            title: for the tags; the file's name without one.
            selection: samples `[start, end)`, where the settings ask for them.
        """
        if self._job is not None:
            self._messages.error("An export is running. Wait for it, or cancel it first.")
            return
        settings = settings or ExportSettings()
        plan, session = self._rendering.update_plan(), self._rendering.session
        try:
            check_paths(paths_of(session, settings, path), protected)
            start, end = span_of(session, settings, selection)
        except ExportError as error:
            self._messages.error(error)
            self.failed.emit(error)
            return
        owner = object()

        def work(progress: ReportProgress, cancel: CancelToken) -> Exported:
            def provide(one: Plan) -> ProvideChunk:
                return lambda chunk: self._rendering.requests.provide(one, chunk, cancel)

            def render(chunks: Sequence[Chunk]) -> list[Rendered]:
                return self._rendering.requests.wait_for_probes(owner, chunks, cancel)

            items = items_of(session, plan, settings, path, title or path.stem, provide, self._rendering.audio)
            written = latent_paths(settings, path)
            share = len(items) / (len(items) + len(written))
            audio = share_of(progress, 0.0, share)
            results = export(items, start, end, settings.format, settings.level, audio, cancel) if items else []
            for place in written:
                report = share_of(progress, share, 1.0, "Exporting", place.name)
                latents = latents_of(plan, start, end, render, report, cancel)
                save_latents(latents, place)
            return Exported(tuple(results), tuple(written))

        job = self._job = BackgroundJob(work, self)
        ProgressDialog(f"Exporting {path.name}", job, self._window)
        job.succeeded.connect(lambda result: self._end(job, owner, lambda: self._on_succeeded(result)))
        job.failed.connect(lambda error: self._end(job, owner, lambda: self._on_failed(error)))
        job.cancelled.connect(lambda: self._end(job, owner, self._on_cancelled))
        job.ended.connect(job.deleteLater)
        job.start()

    def close(self) -> None:
        """Cancel what runs and wait for it (the window closes)."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait()

    def _on_succeeded(self, exported: Exported) -> None:
        text, clipped = _said(exported)
        if clipped:
            text += f". {clipped} samples were clipped: lower the gains, normalise, or export 32-bit float"
            self._messages.error(text)
        else:
            self._messages.info(text)
        self.finished.emit(exported)

    def _on_failed(self, error: StudioError) -> None:
        self._messages.error(error)
        self.failed.emit(error)

    def _on_cancelled(self) -> None:
        self._messages.info("Export cancelled: no file is half written")

    def _end(self, job: BackgroundJob, owner: object, tell: Callable[[], None]) -> None:
        """Be free before anyone hears of the outcome: they may start the next export at once."""
        if self._job is job:
            self._job = None
            self._rendering.requests.end_export()
            self._rendering.requests.analyse(owner, ())
        tell()


def _said(exported: Exported) -> tuple[str, int]:
    """The outcome in words, and the number of clipped samples of all files."""
    results = exported.results
    clipped = sum(result.clipped_samples for result in results)
    if not results:
        return f"Exported {', '.join(map(str, exported.latents))}", clipped
    first = results[0]
    peak = max(result.peak for result in results)
    length = format_time(first.length / first.sample_rate)
    details = f"{length}, peak {20.0 * math.log10(max(peak, 1e-10)):.1f} dBFS"
    if first.gain_db:
        details += f", level changed by {first.gain_db:+.1f} dB"
    count = len(results) + len(exported.latents)
    what = str(first.path) if count == 1 else f"{count} files to {first.path.parent}"
    return f"Exported {what} ({details})", clipped
