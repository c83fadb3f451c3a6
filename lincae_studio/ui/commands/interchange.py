"""Commands that import and export DAWprojects, shared with other DAWs. Main thread, except for the jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from lincae_studio.errors import StudioError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.store import MediaStore
from lincae_studio.session.files import DAWPROJECT_SUFFIX, is_dawproject
from lincae_studio.session.model import Session
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.projects import ProjectCommands
from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import OUTCOME, MessageBar

FILTER = f"DAWproject (*{DAWPROJECT_SUFFIX})"


class InterchangeCommands(QObject):
    """Reads and writes in jobs; an imported project replaces the document."""

    def __init__(
        self,
        document: Document,
        store: MediaStore,
        messages: MessageBar,
        projects: ProjectCommands,
        window: QWidget,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._store = store
        self._messages = messages
        self._projects = projects
        self._window = window
        self._jobs = DocumentJobs(document, window, self._on_import_failed)
        #: Exports continue even if their document is replaced in the meantime.
        self._exports = DocumentJobs(document, window, messages.error, lasting=True)
        #: Opens the file that was last chosen, with its audio in another folder.
        self._retry: Callable[[Path], None] | None = None
        projects.dawproject_chosen.connect(self.open)

    @property
    def handlers(self) -> Handlers:
        return {
            "import_dawproject": self.on_import_dawproject,
            "export_dawproject": self.on_export_dawproject,
        }

    @property
    def busy(self) -> bool:
        return self._jobs.busy or self._exports.busy

    def on_import_dawproject(self) -> None:
        if not self._projects.may_leave():
            return
        name, _ = QFileDialog.getOpenFileName(self._window, "Import DAWproject", str(self._projects.folder), FILTER)
        if name:
            self.open(Path(name))

    def open(self, path: Path, then: Callable[[], None] = lambda: None, folder: Path | None = None) -> None:
        """Open a DAWproject, extract its audio to `folder`, by default one next to the file, and call `then`."""
        before, rate = self._document.session, self._projects.new_rate
        folder = folder or path.with_name(f"{path.stem} audio")
        self._retry = lambda other: self.open(path, then, other)

        def work(report: ReportProgress, cancel: CancelToken) -> tuple[Session, list[str]]:
            from lincae_studio.media.dawproject.reader import read_dawproject  # rarely used, so imported late

            return read_dawproject(path, folder, self._store, report, cancel, rate)

        def done(result: tuple[Session, list[str]]) -> None:
            session, notes = result
            # The document may have been edited while the file was read.
            if self._document.session is not before and not self._projects.may_leave():
                self._messages.info(f"{path.name} was not opened; any audio in it was extracted to {folder}")
                return
            self._projects.open_copy(session, path.stem, path)
            where = f" Its audio is in {folder}." if any(Path(m.path).parent == folder for m in session.media) else ""
            self._report(f"Imported {path.name}.{where}", notes)
            then()

        def cancelled() -> None:
            self._messages.info("Import cancelled: nothing was written")

        self._jobs.run(work, f"Importing {path.name}", done, cancelled)

    def on_export_dawproject(self) -> None:
        suggested = str(self._projects.folder / f"{self._document.title}{DAWPROJECT_SUFFIX}")
        path = file_to_write(
            self._window,
            "Export DAWproject",
            suggested,
            FILTER,
            lambda path, _filter: "" if is_dawproject(path) else DAWPROJECT_SUFFIX,
        )
        if path is None:
            return
        session, title = self._document.session, self._document.given_title

        def work(report: ReportProgress, cancel: CancelToken) -> list[str]:
            from lincae_studio.media.dawproject.export import write_dawproject

            return write_dawproject(session, self._store, path, title, report, cancel)

        def done(notes: list[str]) -> None:
            self._report(f"Exported {path}.", notes)

        def cancelled() -> None:
            self._messages.info("Export cancelled: nothing was written")

        self._exports.run(work, f"Exporting {path.name}", done, cancelled)

    def _on_import_failed(self, error: StudioError) -> None:
        """Report the error; if the audio cannot be written, offer to choose another folder."""
        retry = self._retry
        if retry is None or "audio" not in error.problem:
            self._messages.error(error, topic=OUTCOME)
            return

        def ask() -> None:
            folder = QFileDialog.getExistingDirectory(
                self._window, "Choose Folder for Audio", str(self._projects.folder)
            )
            if folder:
                retry(Path(folder))

        self._messages.error(error, button=("Choose Folder…", ask), topic=OUTCOME)

    def _report(self, text: str, notes: Sequence[str]) -> None:
        """Report the outcome, with notes on everything that could not be converted as details."""
        if notes:
            text += " Some things were changed or left out: see Details"
        self._messages.info(text, "\n".join(notes), topic=OUTCOME)
