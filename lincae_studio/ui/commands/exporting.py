"""Exporting: the dialog, questions, and a job that streams rendered audio to disk. Main thread, except for the job."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from lincae_studio.engine.bundles.latent_files import latents_of, save_latents
from lincae_studio.engine.export.items import check_paths, default_title, items_of, latent_paths, parts_of, paths_of
from lincae_studio.engine.export.writer import ExportResult, export
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.rendering.averaging import Averaged, Gain
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.streams import ProvideChunk
from lincae_studio.errors import ExportError, StudioError
from lincae_studio.export_settings import ExportSettings
from lincae_studio.jobs import CancelToken, ReportProgress, part_of, share_of
from lincae_studio.media.formats import FORMATS
from lincae_studio.session.times import count_of, format_time
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.projects import ProjectCommands
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.jobs.derived_media import DerivedMedia
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import OUTCOME, MessageBar, confirm, confirm_replacing
from lincae_studio.ui.rendering.rendering import Rendering

if TYPE_CHECKING:
    from lincae_studio.ui.dialogs.export import ExportDialog

#: A target missed by no more than this, as peaks often are under a true peak limit, is said in passing.
_JUST_MISSED_DB = 0.5


class Exported(Struct, frozen=True):
    """The files that an export has written: audio and latents; and what averaging decodes has gained, if measured."""

    results: tuple[ExportResult, ...]
    latents: tuple[Path, ...] = ()
    gain: Gain | None = None


class Exporter(QObject):
    """Runs one export at a time.

    Signals:
        finished: an export is complete; its `Exported`.
        failed: an export has failed; the `StudioError`.
    """

    finished = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        document: Document,
        selection: Selection,
        rendering: Rendering,
        projects: ProjectCommands,
        preferences: PreferenceStore,
        messages: MessageBar,
        derived: DerivedMedia,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._derived = derived
        self._document = document
        self._selection = selection
        self._rendering = rendering
        self._projects = projects
        self._preferences = preferences
        self._messages = messages
        self._window = window
        #: The folder of the last export.
        self._folder: Path | None = None
        document.at_close(self.close)
        self._measurements = DocumentJobs(document, window, messages.error)
        self._job: BackgroundJob | None = None

    @property
    def busy(self) -> bool:
        return self._job is not None

    @property
    def handlers(self) -> Handlers:
        return {"export_mix": self.on_export_mix}

    @property
    def folder(self) -> Path:
        """The folder in which export dialogs start."""
        return self._folder or self._projects.folder

    def on_export_mix(self) -> None:
        from lincae_studio.ui.dialogs.export import ExportDialog  # imported late, so that the window starts faster

        ending = FORMATS[self._preferences.value.export.format.container].endings[0]
        suggested = self.folder / f"{self._document.title}{ending}"
        dialog = ExportDialog(
            self._rendering,
            self._preferences,
            suggested,
            self._document.given_title,
            self._selection.span,
            self._may_export,
            self._measurements,
            self._window,
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._on_export_accepted(dialog))
        dialog.open()

    def _on_export_accepted(self, dialog: ExportDialog) -> None:
        path, settings = dialog.path, dialog.settings
        self._folder = path.parent
        self._preferences.set(export=settings)
        protected = [Path(media.path) for media in self._document.session.media]
        if self._document.path is not None:
            protected.append(self._document.path)
        self.export(path, settings, protected, dialog.title, self._selection.span)

    def _may_export(self, dialog: ExportDialog) -> bool:
        """Ask before replacing files or exporting with something missing; on No, the dialog stays open."""
        # Path.exists raises if a name is too long, which is reported on writing.
        existing = [str(path) for path in dialog.paths if os.path.exists(path)]
        if len(existing) == 1 and not confirm_replacing(self._window, f"{existing[0]} already exists."):
            return False
        if len(existing) > 1 and not confirm_replacing(
            self._window, f"{len(existing)} of the files already exist.", "Replace them?"
        ):
            return False
        warnings = self._rendering.export_warnings(dry=not {"dry", "difference"}.isdisjoint(dialog.settings.contents))
        return not warnings or confirm(self._window, " ".join(warnings), "Export anyway?")

    def export(
        self,
        path: Path,
        settings: ExportSettings | None = None,
        protected: Sequence[Path] = (),
        title: str = "",
        selection: tuple[int, int] | None = None,
    ) -> None:
        """Export the current state of the session, never overwriting `protected` files; later edits do not affect it.

        Waits first for clips that are being processed; edits until then count.

        Args:
            path: the first file; the others are written next to it.
            settings: None exports the mix as 32-bit float WAV.
            title: title for the tags; if empty, that of `default_title`.
            selection: samples `[start, end)`, exported if the settings ask for the selection.
        """
        if self._job is not None:
            self._messages.refusal("An export is already running. Wait for it to finish, or cancel it first.")
            return
        settings = settings or ExportSettings()
        self._derived.when_made(lambda: self._start(path, settings, protected, title, selection), self._on_failed)

    def _start(
        self,
        path: Path,
        settings: ExportSettings,
        protected: Sequence[Path],
        title: str,
        selection: tuple[int, int] | None,
    ) -> None:
        plan, session = self._rendering.update_plan(), self._rendering.session
        try:
            check_paths(paths_of(session, settings, path), protected)
            parts = parts_of(session, settings, path, selection)
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

            averaged = Averaged(settings.decodes, render) if settings.decodes > 1 else None
            results, written = list[ExportResult](), list[Path]()
            for number, part in enumerate(parts):
                target, named = part.target, part.title(title or default_title(path))
                items = items_of(session, plan, settings, target, named, provide, self._rendering.audio, averaged)
                places = latent_paths(settings, target)
                of_part = part_of(progress, number, len(parts))
                share = len(items) / (len(items) + len(places))
                audio = share_of(of_part, 0.0, share)
                if items:
                    results += export(items, part.start, part.end, settings.format, settings.level, audio, cancel)
                for place in places:
                    report = share_of(of_part, share, 1.0, "Exporting", place.name)
                    save_latents(latents_of(plan, part.start, part.end, render, report, cancel), place)
                written += places
            return Exported(tuple(results), tuple(written), averaged.gain if averaged is not None else None)

        job = self._job = BackgroundJob(work, self)
        ProgressDialog(f"Exporting {path.name}", job, self._window)
        job.succeeded.connect(lambda result: self._end(job, owner, lambda: self._on_succeeded(result)))
        job.failed.connect(lambda error: self._end(job, owner, lambda: self._on_failed(error)))
        job.cancelled.connect(lambda: self._end(job, owner, self._on_cancelled))
        job.ended.connect(job.deleteLater)
        job.start()

    def close(self) -> None:
        """Cancel a running export and wait for it to stop, because the window closes."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait()

    def _on_succeeded(self, exported: Exported) -> None:
        text = ". ".join([_outcome(exported), *_problems(exported.results)])
        if any(map(_is_serious, exported.results)):
            self._messages.warning(text, topic=OUTCOME)
        else:
            self._messages.info(text, topic=OUTCOME)
        self.finished.emit(exported)

    def _on_failed(self, error: StudioError) -> None:
        self._messages.error(error, topic=OUTCOME)
        self.failed.emit(error)

    def _on_cancelled(self) -> None:
        self._messages.info("Export cancelled: no incomplete files were left behind", topic=OUTCOME)

    def _end(self, job: BackgroundJob, owner: object, report: Callable[[], None]) -> None:
        """Release the job before reporting the outcome, since a listener may immediately start another export."""
        if self._job is job:
            self._job = None
            self._rendering.requests.end_export()
            self._rendering.requests.analyse(owner, ())
        report()


def _outcome(exported: Exported) -> str:
    """The result of an export, in words."""
    results = exported.results
    if not results:
        return f"Exported {', '.join(map(str, exported.latents))}"
    first = results[0]
    peak = max(result.peak for result in results)
    parts = [format_time(first.length / first.sample_rate), f"peak {20.0 * math.log10(max(peak, 1e-10)):.1f} dBFS"]
    if first.loudness is not None and math.isfinite(first.loudness):
        whose = f"{first.path.name} " if len(results) > 1 else ""
        parts.append(f"{whose}{first.loudness:.1f} LUFS")
    true_peaks = [result.true_peak_db for result in results if result.true_peak_db is not None]
    if true_peaks and math.isfinite(max(true_peaks)):
        parts.append(f"true peak {max(true_peaks):.1f} dBTP")
    if first.gain_db:
        parts.append(f"level changed by {first.gain_db:+.1f} dB")
    reduction_db = max(result.reduction_db for result in results)
    if reduction_db:
        parts.append(f"peaks limited by up to {reduction_db:.1f} dB")
    if exported.gain is not None:
        parts.append(exported.gain.text)
    count = len(results) + len(exported.latents)
    what = str(first.path) if count == 1 else f"{count_of(count, 'file')} to {first.path.parent}"
    return f"Exported {what} ({', '.join(parts)})"


def _problems(results: Sequence[ExportResult]) -> Iterator[str]:
    """Deviations from the requested settings, in words, with remedies."""
    kept = [result for result in results if result.not_normalized]
    if kept:
        others = f"; nor {'was' if len(kept) == 2 else 'were'} {count_of(len(kept) - 1, 'other file')}"
        yield f"{kept[0].path.name} was not normalised: {kept[0].not_normalized}{others if len(kept) > 1 else ''}"
    missed = [result for result in results if result.shortfall]
    if missed:
        others = f"; {count_of(len(missed) - 1, 'other file')} fell short, too" if len(missed) > 1 else ""
        remedies = ["turn on the limiter"] * missed[0].limiter_helps
        remedies += ["choose a lower target", "allow a higher true peak"]
        remedy = f"{', '.join(remedies[:-1])} or {remedies[-1]}"
        yield f"{missed[0].path.name} is {missed[0].shortfall}{others}. {remedy[0].upper()}{remedy[1:]}"
    clipped = sum(result.clipped_samples for result in results)
    if clipped:
        yield f"{count_of(clipped, 'sample')} clipped: lower the master, normalise, or export as 32-bit float"


def _is_serious(result: ExportResult) -> bool:
    """Whether something about a file should be seen before it is used; a target just missed is no such thing."""
    return bool(result.not_normalized or result.clipped_samples) or result.missed_db > _JUST_MISSED_DB
