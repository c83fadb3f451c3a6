"""Looks for audio when a document needs it, and updates drawing and rendering when audio is found."""

from __future__ import annotations

import contextlib

from PySide6.QtCore import QObject

from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.conformed import DamagedMediaError
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Session
from lincae_studio.session.times import count_of, listed
from lincae_studio.ui.commands.bundles import BundleController
from lincae_studio.ui.commands.clips import ClipCommands
from lincae_studio.ui.commands.importing import MISSING_AUDIO, Importer
from lincae_studio.ui.commands.projects import ProjectCommands
from lincae_studio.ui.jobs.derived_media import DerivedMedia
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.jobs.project_files import ProjectFiles
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.rendering.engine_settings import EngineSettings
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.panel import TimelinePanel


class MediaFound(QObject):
    """Connects the objects that find audio with those that use it. Main thread."""

    def __init__(
        self,
        document: Document,
        rendering: Rendering,
        engine_settings: EngineSettings,
        timeline: TimelinePanel,
        projects: ProjectCommands,
        importer: Importer,
        bundles: BundleController,
        project_files: ProjectFiles,
        clip_commands: ClipCommands,
        derived: DerivedMedia,
        store: MediaStore,
        messages: MessageBar,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._rendering = rendering
        self._timeline = timeline
        self._importer = importer
        self._bundles = bundles
        self._project_files = project_files
        self._derived = derived
        self._store = store
        self._completing = DocumentJobs(document, timeline, messages.error)
        self._messages = messages
        #: Files outside the folder of the opened project that have not been reported yet.
        self._outside: list[str] = []
        #: Which of "audio" and "latents" is still being read; what is missing until then is not missing yet.
        self._reading: set[str] = set()
        document.replaced.connect(self._on_replaced)
        bundles.attached.connect(lambda: self._read_now(self._reading - {"latents"}))
        rendering.offline_changed.connect(self._on_offline_changed)
        rendering.plan_changed.connect(self._show_loading)
        project_files.outside_found.connect(self._on_outside_found)
        rendering.media_damaged.connect(self._on_media_damaged)
        importer.media_repaired.connect(self._on_media_repaired)
        projects.opened.connect(self._on_session_opened)
        clip_commands.media_pasted.connect(self._on_media_pasted)
        clip_commands.files_pasted.connect(importer.paste)
        engine_settings.restarted.connect(self._on_engine_restarted)
        projects.audio_files_requested.connect(project_files.show_requested)
        importer.find_files.connect(project_files.show_requested)
        bundles.find_files.connect(project_files.show_requested)
        importer.media_found.connect(self._on_media_read)
        importer.media_searched.connect(self._on_media_searched)
        bundles.audio_found.connect(self._on_latents_decoded)
        project_files.media_found.connect(self._on_files_relinked)
        derived.made.connect(self._on_derived_made)
        derived.making_changed.connect(self._on_making_changed)

    def _on_making_changed(self) -> None:
        self._rendering.set_making(self._derived.making)
        self._timeline.lanes.set_making(self._derived.percents)

    def _on_replaced(self) -> None:
        self._read_now(set())
        self._messages.resolve(MISSING_AUDIO)

    def _on_session_opened(self, session: Session) -> None:
        self._outside = []
        self._project_files.check_opened()
        self._read_now({"audio", "latents"})
        self._importer.find_media(session)
        self._bundles.attach(session)

    def _read_now(self, what: set[str]) -> None:
        self._reading = what
        self._show_loading()

    def _show_loading(self) -> None:
        """Audio counts as loading until the plan knows what was read, too."""
        rendering = self._rendering
        rendering.set_loading(bool(self._reading) or (rendering.loading and rendering.planning))
        self._timeline.lanes.set_loading(rendering.loading)

    def _on_offline_changed(self) -> None:
        if not self._rendering.offline:
            self._messages.resolve(MISSING_AUDIO)

    def _on_media_damaged(self) -> None:
        self._read_now({"audio", "latents"})
        self._importer.repair_media(self._document.session)
        self._bundles.attach(self._document.session)

    def _on_media_repaired(self) -> None:
        self._read_now(self._reading - {"audio"})
        self._rendering.retry_failed()
        self._on_files_relinked()

    def _on_media_pasted(self) -> None:
        self._on_session_opened(self._document.session)

    def _on_engine_restarted(self) -> None:
        self._bundles.attach(self._document.session)

    def _on_media_read(self) -> None:
        self._on_files_relinked()
        self._timeline.axis.fit()

    def _on_media_searched(self) -> None:
        self._read_now(self._reading - {"audio"})
        self._derived.look_again()
        self._report_outside()
        self._complete()

    def _complete(self) -> None:
        """Make what entries of older versions lack for drawing stereo clips as two waves."""
        stereo = [media.digest for media in self._document.session.used_media() if media.channels == 2]

        def work(_report: ReportProgress, cancel: CancelToken) -> bool:
            completed = False
            for digest in stereo:
                cancel.check()
                found = self._store.get(digest)
                # What is damaged is reported and repaired when it is heard; without the peaks, one wave is drawn.
                with contextlib.suppress(DamagedMediaError, OSError):
                    completed |= found is not None and found.complete(cancel)
            return completed

        def done(completed: bool) -> None:
            if completed:
                self._timeline.lanes.invalidate()

        if stereo:
            self._completing.run(work, "", done)

    def _on_outside_found(self, paths: list[str]) -> None:
        self._outside = paths
        self._report_outside()

    def _report_outside(self) -> None:
        """Name the files that a project uses outside its folder, but only after messages about missing audio."""
        if "audio" in self._reading or not self._outside:
            return
        paths, self._outside = self._outside, []
        self._messages.warning(
            f"This project uses {count_of(len(paths), 'file')} outside its folder, new to this computer: "
            f"{listed(paths)}. Make sure that you want to share that audio. {self._project_files.summary()}",
            "\n".join(paths) if len(paths) > 3 else "",
            button=("Audio Files…", self._project_files.show_requested.emit),
        )

    def _on_latents_decoded(self) -> None:
        self._timeline.master.dry.forget()
        self._rendering.retry_failed()
        self._on_files_relinked()

    def _on_files_relinked(self) -> None:
        self._rendering.refresh()
        self._timeline.lanes.invalidate()
        self._derived.look_again()

    def _on_derived_made(self) -> None:
        self._rendering.retry_failed()
        self._rendering.refresh()
        self._timeline.lanes.invalidate()
