"""Commands that show and collect the audio files of a project. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.collect import collect
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media
from lincae_studio.session.times import count_of
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.projects import ProjectCommands
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.jobs.project_files import ProjectFiles
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar


class MediaCommands(QObject):
    """Acts on all audio files that clips use."""

    def __init__(
        self,
        document: Document,
        store: MediaStore,
        project_files: ProjectFiles,
        messages: MessageBar,
        projects: ProjectCommands,
        window: QWidget,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._store = store
        self._files = project_files
        self._messages = messages
        self._projects = projects
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
        used = self._files.used

        def work(report: ReportProgress, cancel: CancelToken) -> dict[str, Media]:
            return collect(self._store, used, folder, report, cancel)

        def done(collected: dict[str, Media]) -> None:
            if self._files.relink(collected, "Collect Audio") and self._projects.on_save():
                count = count_of(len(collected), "audio file")
                self._messages.info(f"Collected {count} in {folder} and saved the project")

        def cancelled() -> None:
            self._messages.info("Collecting cancelled: nothing was copied")

        self._jobs.run(work, "Collecting audio", done, cancelled)
