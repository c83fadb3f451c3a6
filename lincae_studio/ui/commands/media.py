"""Commands that show and collect the audio files of a project. Main thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.collect import NotCollectableError, collect
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media
from lincae_studio.session.times import count_of
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.bundles import BundleController
from lincae_studio.ui.commands.projects import ProjectCommands
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.jobs.project_files import ProjectFiles
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar, confirm


class MediaCommands(QObject):
    """Acts on all audio files that clips use."""

    def __init__(
        self,
        document: Document,
        store: MediaStore,
        project_files: ProjectFiles,
        messages: MessageBar,
        projects: ProjectCommands,
        bundles: BundleController,
        window: QWidget,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._store = store
        self._files = project_files
        self._messages = messages
        self._projects = projects
        self._bundles = bundles
        self._window = window
        self._jobs = DocumentJobs(document, window, messages.error)
        project_files.show_requested.connect(self.on_media_files)
        project_files.collect_requested.connect(self.on_collect)

    @property
    def handlers(self) -> Handlers:
        return {"media_files": self.on_media_files, "collect": self.on_collect}

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    def on_media_files(self) -> None:
        """Show the dialog of audio files."""
        from lincae_studio.ui.dialogs.audio_files import AudioFilesDialog

        AudioFilesDialog(self._files, self._window).show()
        self._files.check()

    def on_collect(self) -> None:
        """Copy all audio files to a folder next to the project, and save the project."""
        if self._document.path is None and not self._projects.on_save():
            return
        project = self._document.path
        assert project is not None, "it has just been saved"
        folder = project.with_name(f"{project.stem} audio")
        self._collect(self._files.used, folder)

    def _collect(self, used: Sequence[Media], folder: Path) -> None:
        def work(report: ReportProgress, cancel: CancelToken) -> dict[str, Media] | NotCollectableError:
            try:
                return collect(self._store, used, folder, report, cancel, self._bundles.media_in)
            except NotCollectableError as error:
                return error

        def done(collected: dict[str, Media] | NotCollectableError) -> None:
            if isinstance(collected, NotCollectableError):
                lost = {media.digest for media in collected.media}
                others = [media for media in used if media.digest not in lost]
                if not others:
                    self._messages.error(collected)
                elif confirm(self._window, f"{collected.problem}.", "Collect the other files?"):
                    self._collect(others, folder)
            elif self._files.relink(collected, "Collect Audio") and self._projects.on_save():
                count = count_of(len(collected), "audio file")
                self._messages.info(f"Collected {count} in {folder} and saved the project")

        def cancelled() -> None:
            self._messages.info("Collecting cancelled: nothing was copied")

        self._jobs.run(work, "Collecting audio", done, cancelled)
