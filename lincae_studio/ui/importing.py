"""Importing: drop, menu and command line all come here. Conforming runs in a worker, the edit is one undo step."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QInputDialog, QWidget

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.media.probe import FileInfo, probe
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import SESSION_RATE, Media, Session
from lincae_studio.ui.document import Document
from lincae_studio.ui.document_jobs import DocumentJobs
from lincae_studio.ui.notify import MessageBar

#: Progress units per file.
_UNITS = 1000


@dataclass(frozen=True)
class Imported:
    """The outcome of reading files.

    Attributes:
        media: by file, in the order they were asked for.
        problems: one line for each file that could not be read.
        wide: files of more than two channels, of which somebody must say what to take.
    """

    media: dict[Path, tuple[Media, ...]]
    problems: tuple[str, ...]
    wide: tuple[FileInfo, ...] = ()


class Wide(enum.Enum):
    """What to do with a file of more than two channels."""

    SPLIT = "Each channel on a track of its own"
    FIRST_TWO = "The first two channels, as stereo"
    MIX = "All channels mixed to one"

    def takes(self, channels: int) -> tuple[str, ...]:
        """The media that such a file becomes, as `Media.take`."""
        if self is Wide.SPLIT:
            return tuple(str(number + 1) for number in range(channels))
        return ("1,2",) if self is Wide.FIRST_TWO else ("mix",)


def natural_order(paths: Sequence[Path]) -> list[Path]:
    """Sorted as people sort: `track 2` before `track 10`."""

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", path.name.casefold())
        return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]

    return sorted(paths, key=key)


def import_all(
    store: MediaStore,
    paths: Sequence[Path],
    progress: ReportProgress,
    cancel: CancelToken,
    takes: Mapping[Path, Sequence[str]] | None = None,
) -> Imported:
    """Conform files one after the other; one that cannot be read does not keep the others out.

    Args:
        takes: channels of the files that have more than two; those for which there are none are `wide`.
    """
    media: dict[Path, tuple[Media, ...]] = {}
    problems: list[str] = []
    wide: list[FileInfo] = []
    for number, path in enumerate(paths):
        report = _part_of(progress, number, len(paths), "Importing")
        try:
            info = probe(path, wide=True)
            if info.channels <= 2:
                media[path] = (store.import_file(path, report, cancel),)
            elif takes and path in takes:
                media[path] = tuple(store.import_file(path, report, cancel, take) for take in takes[path])
            else:
                wide.append(info)
        except MediaError as error:
            problems.append(str(error))
    return Imported(media, tuple(problems), tuple(wide))


def _part_of(progress: ReportProgress, number: int, count: int, verb: str) -> ReportProgress:
    """Reports one file's progress as part `number` of `count` of the whole."""

    def report(part: Progress) -> None:
        done = round((number + part.fraction) * _UNITS)
        progress(Progress(done, count * _UNITS, f"{verb} {part.label}"))

    return report


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

    def __init__(self, document: Document, store: MediaStore, messages: MessageBar, window: QWidget) -> None:
        super().__init__(window)
        self._document = document
        self._store = store
        self._messages = messages
        self._window = window
        self._jobs = DocumentJobs(window, messages.error)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    def import_files(
        self, paths: Sequence[Path], start: int, first_track: int | None = None, in_sequence: bool = False
    ) -> None:
        """Place files at `start`, one track each: new ones, or from `first_track` downwards; or `in_sequence` on one.

        Files of more than two channels are asked about once, for all of them. One undoable edit in the end.
        """
        ordered = natural_order(paths)
        if not ordered:
            return

        def read(imported: Imported) -> None:
            if not imported.wide:
                place(imported)
                return
            choice = self._ask(imported.wide)
            if choice is None:
                place(imported)
                return
            takes = {info.path: choice.takes(info.channels) for info in imported.wide}

            def read_wide(more: Imported) -> None:
                place(Imported(imported.media | more.media, imported.problems + more.problems))

            self._jobs.run(
                lambda report, cancel: import_all(self._store, list(takes), report, cancel, takes),
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
            self.finished.emit()

        def cancelled() -> None:
            self._messages.info("Import cancelled, nothing was added")

        def work(report: ReportProgress, cancel: CancelToken) -> Imported:
            return import_all(self._store, ordered, report, cancel)

        self._jobs.run(work, "Importing", read, cancelled)

    def _ask(self, wide: Sequence[FileInfo]) -> Wide | None:
        """What to take of files of more than two channels; None leaves them out."""
        if len(wide) == 1:
            text = f"{wide[0].path.name} has {wide[0].channels} channels. A clip has one or two."
        else:
            text = f"{len(wide)} files have more than two channels. A clip has one or two."
        options = [choice.value for choice in Wide]
        answer, given = QInputDialog.getItem(self._window, "Import", f"{text}\nImport:", options, 0, editable=False)
        return Wide(answer) if given else None

    def find_media(self, session: Session) -> None:
        """Conform again what an opened project needs and the cache does not hold."""
        used = {clip.media for clip in session.clips()}
        missing = [
            item
            for item in session.media
            if item.digest in used and item.original is None and not self._store.fits(item)
        ]
        if not missing:
            return  # the plan that was made on opening is the right one

        def work(report: ReportProgress, cancel: CancelToken) -> tuple[str, ...]:
            problems = []
            for number, item in enumerate(missing):
                try:
                    self._store.ensure(item, _part_of(report, number, len(missing), "Opening"), cancel)
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

    def abandon(self) -> None:
        """Another document is opened: what is still being read does not belong to it."""
        self._jobs.abandon()

    def close(self) -> None:
        """Cancel what runs and wait for it (the window closes)."""
        self._jobs.close()

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
