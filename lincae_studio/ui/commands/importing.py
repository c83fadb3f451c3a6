"""Importing: drop and menu come here. Conforming runs in a worker, the edit is one undo step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, ReportProgress, part_of
from lincae_studio.media.importing import Imported, MultichannelChoice, import_all, natural_order
from lincae_studio.media.probe import AUDIO_FILTER, FileInfo
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import SESSION_RATE, Media, Session
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.projects import ProjectCommands, is_project
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.timeline.drops import DropTarget
from lincae_studio.ui.timeline.panel import TimelinePanel


class Importer(QObject):
    """Runs imports for the window, each in a thread of its own.

    Signals:
        finished: an import ended and the session holds what could be read.
        media_found: media of an opened project that the store had lost are there again.
        find_files: somebody wants to look for those that are not.
    """

    finished = Signal()
    media_found = Signal()
    find_files = Signal()

    def __init__(
        self,
        document: Document,
        store: MediaStore,
        projects: ProjectCommands,
        transport: Transport,
        timeline: TimelinePanel,
        messages: MessageBar,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._document = document
        self._store = store
        self._projects = projects
        self._transport = transport
        self._axis = timeline.axis
        timeline.files_dropped.connect(self.drop)
        timeline.import_clicked.connect(self.on_import_audio)
        self._messages = messages
        self._window = window
        self._jobs = DocumentJobs(document, window, messages.error)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    @property
    def handlers(self) -> Handlers:
        return {"import_audio": self.on_import_audio}

    def on_import_audio(self) -> None:
        folder = str(self._projects.folder)
        names, _ = QFileDialog.getOpenFileNames(self._window, "Import Audio", folder, AUDIO_FILTER)
        self.import_at_playhead([Path(name) for name in names])

    def import_at_playhead(self, paths: Sequence[Path]) -> None:
        """Import files at the playhead, or at the start of an empty session."""
        self.import_files(paths, self._transport.position if self._document.session.length else 0)

    def drop(self, paths: Sequence[Path], target: DropTarget | None) -> None:
        """Take files that were dropped on the window: a project, or audio; `target`: where on the lanes, if there."""
        if not paths:
            self._messages.error("Only local files can be dropped here. Use File > Import Audio instead.")
        elif len(paths) == 1 and is_project(paths[0]):
            if self._projects.may_leave():
                self._projects.open_project(paths[0])
        elif target is None:
            self.import_at_playhead(paths)
        else:
            track = target.track if target.track >= 0 else None
            self.import_files(paths, target.start, track, target.in_sequence)

    def import_files(
        self, paths: Sequence[Path], start: int, first_track: int | None = None, in_sequence: bool = False
    ) -> None:
        """Place files at `start`, one track each: new ones, or from `first_track` downwards; or `in_sequence` on one.

        Files of more than two channels are asked about once, for all of them. One undoable edit in the end.
        """
        ordered = natural_order(paths)
        if not ordered:
            return
        was_empty = not self._document.session.length

        def read(imported: Imported) -> None:
            if not imported.wide:
                place(imported)
                return
            choice = self._ask(imported.wide)
            if choice is None:
                place(imported)
                return
            selections = {info.path: choice.selections(info.channels) for info in imported.wide}

            def read_wide(more: Imported) -> None:
                place(Imported(imported.media | more.media, imported.problems + more.problems))

            self._jobs.run(
                lambda report, cancel: import_all(self._store, list(selections), report, cancel, selections),
                "Importing",
                read_wide,
                cancelled,
            )

        def place(imported: Imported) -> None:
            media = [item for path in ordered for item in imported.media.get(path, ())]
            if media:
                text = "Import File" if len(media) == 1 else f"Import {len(media)} Files"

                def edit(session: Session) -> Session:
                    return edits.add_stems(session, media, start, first_track, in_sequence)

                self._document.apply(text, edit)
                self._say_converted(media)
            self._say_problems(imported.problems, len(ordered))
            if was_empty:
                self._axis.fit()
            self.finished.emit()

        def cancelled() -> None:
            self._messages.info("Import cancelled, nothing was added")

        def work(report: ReportProgress, cancel: CancelToken) -> Imported:
            return import_all(self._store, ordered, report, cancel)

        self._jobs.run(work, "Importing", read, cancelled)

    def _ask(self, wide: Sequence[FileInfo]) -> MultichannelChoice | None:
        """What to take of files of more than two channels; None leaves them out."""
        if len(wide) == 1:
            text = f"{wide[0].path.name} has {wide[0].channels} channels. A clip has one or two."
        else:
            text = f"{len(wide)} files have more than two channels. A clip has one or two."
        options = [choice.value for choice in MultichannelChoice]
        answer, given = QInputDialog.getItem(self._window, "Import", f"{text}\nImport:", options, 0, editable=False)
        return MultichannelChoice(answer) if given else None

    def find_media(self, session: Session) -> None:
        """Conform again what an opened project needs and the cache does not hold."""
        used = session.used_media()
        missing = [item for item in used if item.original is None and not self._store.fits(item)]
        if not missing:
            return  # the plan that was made on opening is the right one

        def work(report: ReportProgress, cancel: CancelToken) -> tuple[str, ...]:
            problems = []
            for number, item in enumerate(missing):
                try:
                    self._store.ensure(item, part_of(report, number, len(missing), "Opening"), cancel)
                except MediaError as error:
                    problems.append(str(error))
            return tuple(problems)

        def cancelled() -> None:
            self._messages.info("Cancelled: clips whose audio was not read are silent until the project is reopened")
            self.media_found.emit()

        def done(problems: tuple[str, ...]) -> None:
            if problems:
                count = f"{len(problems)} of {len(used)} audio files of this project"
                self._messages.error(
                    f"{count} could not be opened: their clips are silent and marked. "
                    "Find the files, or put them back and open the project again; saving keeps the clips.",
                    "\n".join(problems),
                    button=("Find Files…", self.find_files.emit),
                )
            self.media_found.emit()

        self._jobs.run(work, "Opening audio", done, cancelled)

    def _say_converted(self, media: Sequence[Media]) -> None:
        converted = [item for item in media if item.sample_rate != SESSION_RATE]
        if converted:
            rates = ", ".join(sorted({f"{item.sample_rate / 1000:g} kHz" for item in converted}))
            self._messages.info(f"{len(converted)} file(s) were converted from {rates} to 44.1 kHz")

    def _say_problems(self, problems: Sequence[str], total: int) -> None:
        if len(problems) == 1 and total == 1:
            self._messages.error(problems[0])
        elif problems:
            text = f"{len(problems)} of {total} files could not be imported; the others were."
            self._messages.error(
                text if len(problems) < total else f"None of the {total} files could be imported.", "\n".join(problems)
            )
