"""Importing audio, dropped or chosen from the menu. Conforming runs in a job; the edit is one undo step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, ReportProgress, part_of
from lincae_studio.media.importing import Imported, MultichannelChoice, import_all, natural_order
from lincae_studio.media.probe import AUDIO_FILTER
from lincae_studio.media.reading.reader import FileInfo
from lincae_studio.media.search import name_of
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import Media, Session
from lincae_studio.session.rates import in_khz
from lincae_studio.session.times import count_of, listed
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.projects import ProjectCommands, is_project
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.plain_text import in_menu
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.timeline.drops import DropTarget
from lincae_studio.ui.timeline.panel import TimelinePanel

#: Topic of messages about missing audio.
MISSING_AUDIO = "missing audio"


class Importer(QObject):
    """Runs imports for the window, each in its own thread.

    Signals:
        finished: an import has ended; all files that could be read are in the session.
        media_found: media of an opened project that were missing from the store have been read, where possible.
        media_repaired: damaged media have been read again, where possible.
        media_searched: all media of an opened project have been checked; follows `media_found`, if that is emitted.
        find_files: the user asked to find missing files.
    """

    finished = Signal()
    media_found = Signal()
    media_searched = Signal()
    media_repaired = Signal()
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
        self._headers = timeline.headers
        timeline.files_dropped.connect(self.drop)
        timeline.import_clicked.connect(self.on_import_audio)
        self._messages = messages
        self._window = window
        self._jobs = DocumentJobs(document, window, messages.error)
        #: The folder that files were last chosen from.
        self._folder: Path | None = None

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    @property
    def handlers(self) -> Handlers:
        return {"import_audio": self.on_import_audio}

    def on_import_audio(self) -> None:
        folder = self._folder or self._projects.folder
        names, _ = QFileDialog.getOpenFileNames(self._window, "Import Audio", str(folder), AUDIO_FILTER)
        if names:
            self._folder = Path(names[0]).parent
        self.import_at_playhead([Path(name) for name in names])

    def import_at_playhead(self, paths: Sequence[Path]) -> None:
        """Import files at the playhead, or at the start of an empty session."""
        self.import_files(paths, self._transport.position if self._document.session.length else 0)

    def paste(self, paths: Sequence[Path], start: int | None, first_track: int | None) -> None:
        """Import files copied in another program: at a place, or at the playhead if there is none."""
        if start is None or not self._document.session.length:
            self.import_at_playhead(paths)
        else:
            tracks = len(self._document.session.tracks)
            self.import_files(paths, start, first_track if first_track is not None and first_track < tracks else None)

    def drop(self, paths: Sequence[Path], target: DropTarget | None) -> None:
        """Open a dropped project, and import dropped audio; `target`: the place on the lanes, None beside them.

        With a project, the audio goes into that, on tracks of its own from the start.
        """
        projects = [path for path in paths if is_project(path)]
        if not paths:
            remedy = "Drop files or folders from this computer, or use File > Import Audio"
            self._messages.error(f"No local audio files were dropped. {remedy}.")
        elif projects:
            if self._projects.may_leave():
                self._open_project(projects, [path for path in paths if path not in projects])
        elif target is None:
            self.import_at_playhead(paths)
        else:
            track = target.track if target.track >= 0 else None
            self.import_files(paths, target.start, track, target.in_sequence)

    def _open_project(self, projects: Sequence[Path], audio: Sequence[Path]) -> None:
        """Open the first project; audio is imported once that is open, and not at all if it cannot be opened."""
        project, *others = projects
        if others:
            names = listed([path.name for path in others])
            self._messages.warning(
                f"Only {project.name} is opened, not {names}: a window shows one project. Open the others later, or "
                "in windows of their own with lincae-studio open --new-window."
            )
        self._projects.open_project(project, then=lambda: self.import_files(audio, 0))

    def import_files(
        self, paths: Sequence[Path], start: int, first_track: int | None = None, in_sequence: bool = False
    ) -> None:
        """Import files at `start`, one per track, new or from `first_track` down; or `in_sequence` on one track.

        Asks once for all files with more than two channels. Makes one undoable edit.
        """
        ordered = natural_order(paths)
        if not ordered:
            return
        was_empty, rate = not self._document.session.length, self._document.session.rate

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
                problems, warnings = imported.problems + more.problems, imported.warnings + more.warnings
                place(Imported(imported.media | more.media, problems, warnings=warnings))

            self._jobs.run(
                lambda report, cancel: import_all(self._store, list(selections), report, cancel, rate, selections),
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

                before = self._document.session
                if self._document.apply(text, edit):
                    self._headers.select_added(before)
                    if not was_empty:
                        self._axis.reveal(start)
                self._report_converted(media, imported.warnings)
            self._report_problems(imported.problems, len(ordered))
            if was_empty:
                self._axis.fit()
            self.finished.emit()

        def cancelled() -> None:
            self._messages.info("Import cancelled: nothing was added")

        def work(report: ReportProgress, cancel: CancelToken) -> Imported:
            return import_all(self._store, ordered, report, cancel, rate)

        self._jobs.run(work, "Importing", read, cancelled)

    def _ask(self, wide: Sequence[FileInfo]) -> MultichannelChoice | None:
        """Ask which channels to import from files with more than two; None skips the files."""
        if len(wide) == 1:
            text = f"{in_menu(wide[0].path.name)} has {wide[0].channels} channels. Clips must be mono or stereo."
        else:
            text = f"{count_of(len(wide), 'file')} have more than two channels. Clips must be mono or stereo."
        options = [choice.value for choice in MultichannelChoice]
        answer, given = QInputDialog.getItem(self._window, "Import", f"{text}\nImport:", options, 0, editable=False)
        return MultichannelChoice(answer) if given else None

    def find_media(self, session: Session) -> None:
        """Conform media of an opened project that are missing from the cache."""

        def ended(missing: Sequence[Media]) -> None:
            if missing:  # otherwise the plan made on opening is already right
                self.media_found.emit()
            self.media_searched.emit()

        self._conform(session, "Opening audio", ended)

    def repair_media(self, session: Session) -> None:
        """Conform media again whose audio in the cache is damaged, and report it."""

        def repaired(damaged: Sequence[Media]) -> None:
            names = [name_of(item) for item in damaged if self._store.fits(item)]
            if names:
                self._messages.info(f"The cached audio of {listed(names)} was damaged on disk and has been rebuilt")
            self.media_repaired.emit()

        self._conform(session, "Repairing audio", repaired)

    def _conform(self, session: Session, title: str, ended: Callable[[Sequence[Media]], None]) -> None:
        """Conform audio that is missing from the cache, report failures, and call `ended` with that media."""
        used = {media.source.digest: media.source for media in session.used_media()}.values()
        missing: list[Media] = []

        def work(report: ReportProgress, cancel: CancelToken) -> tuple[str, ...]:
            for item in used:
                cancel.check()
                if item.original is None and not self._store.fits(item):
                    missing.append(item)
            problems = []
            for number, item in enumerate(missing):
                try:
                    self._store.ensure(item, part_of(report, number, len(missing), title.partition(" ")[0]), cancel)
                except MediaError as error:
                    problems.append(str(error))
            return tuple(problems)

        def cancelled() -> None:
            self._messages.warning(
                "Cancelled: clips whose audio has not been read stay silent until the project is reopened",
                topic=MISSING_AUDIO,
            )
            ended(missing)

        def done(problems: tuple[str, ...]) -> None:
            if problems:
                count = f"{len(problems):,} of {count_of(len(used), 'audio file')} in this project"
                self._messages.error(
                    f"{count} could not be opened: the clips are silent and marked. "
                    "Find the files, or put them back and reopen the project; saving keeps the clips.",
                    "\n".join(problems),
                    button=("Find Files…", self.find_files.emit),
                    topic=MISSING_AUDIO,
                )
            ended(missing)

        if used:
            self._jobs.run(work, title, done, cancelled)
        else:
            ended(missing)

    def _report_converted(self, media: Sequence[Media], warnings: Sequence[str]) -> None:
        rate = self._document.session.rate
        converted = [item for item in media if item.sample_rate != rate]
        texts = []
        if converted:
            rates = ", ".join(sorted({in_khz(item.sample_rate) for item in converted}))
            texts.append(f"{count_of(len(converted), 'file')} converted from {rates} to {in_khz(rate)}")
        if len(warnings) == 1:
            texts.append(warnings[0])
        elif warnings:
            texts.append(f"{count_of(len(warnings), 'file')} may be incomplete")
        if texts:
            self._messages.info("; ".join(texts), "\n".join(warnings))

    def _report_problems(self, problems: Sequence[str], total: int) -> None:
        if len(problems) == 1:
            others = {1: "", 2: " The other file was imported."}
            self._messages.error(problems[0] + others.get(total, f" The other {total - 1:,} files were imported."))
        elif problems:
            text = f"{len(problems):,} of {count_of(total, 'file')} could not be imported; the others were imported."
            self._messages.error(
                text if len(problems) < total else f"None of the {count_of(total, 'file')} could be imported.",
                "\n".join(problems),
            )
