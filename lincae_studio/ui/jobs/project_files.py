"""The audio files of a project: which are present, missing or changed; finding and relinking them. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, ReportProgress, part_of, share_of
from lincae_studio.media.outside import new_outside
from lincae_studio.media.search import name_of, search
from lincae_studio.media.store import FileState, MediaStore
from lincae_studio.session.derived import found_again
from lincae_studio.session.digests import rate_of
from lincae_studio.session.model import Media, Session
from lincae_studio.session.relink import relink as relink_media
from lincae_studio.session.times import count_of, listed
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar, confirm


class ProjectFiles(QObject):
    """Knows the state of each file as of the last check.

    Signals:
        states_changed: the state of a file, or the list of files, may have changed.
        media_found: audio files that were missing may be readable now.
        show_requested: the user wants to see the list of files.
        collect_requested: the user wants to collect the files.
        outside_found: the opened project uses existing files outside its folder that are new to this computer; their
            paths.
    """

    states_changed = Signal()
    media_found = Signal()
    show_requested = Signal()
    collect_requested = Signal()
    outside_found = Signal(list)

    def __init__(
        self,
        document: Document,
        store: MediaStore,
        messages: MessageBar,
        readable: Callable[[str], bool],
        folder: Callable[[], Path],
        window: QWidget,
    ) -> None:
        """Connect to the rest of the window.

        Args:
            readable: whether clips of the file with this digest can be played.
            folder: the folder in which file dialogs start.
        """
        super().__init__(document)
        self._document = document
        self._store = store
        self._messages = messages
        self._readable = readable
        self._folder = folder
        self._window = window
        self._jobs = DocumentJobs(document, window, messages.error)
        self._states: dict[str, FileState] = {}
        #: Digests of changed files that were already reported.
        self._reported: set[str] = set()
        #: Files outside the folder of the project that were not on this computer before it was opened.
        self._outside: list[Media] = []
        self._checking = False
        document.changed.connect(self.states_changed)
        document.replaced.connect(self._on_replaced)

    @property
    def session(self) -> Session:
        return self._document.session

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    @property
    def folder(self) -> Path:
        """The folder in which file dialogs start."""
        return self._folder()

    @property
    def used(self) -> tuple[Media, ...]:
        """The files that clips use."""
        return self.session.used_media()

    @property
    def unresolved(self) -> list[Media]:
        """The media to search files for: missing, changed, or opened from latents."""
        return [media for media in self.used if self.state(media) != "here" or media.original is not None]

    def state(self, media: Media) -> FileState:
        """State of an audio file at the last check; an unchecked one counts as present."""
        return self._states.get(media.digest, "here")

    def describe(self, media: Media) -> tuple[str, bool]:
        """The state of an audio file in words, and whether it is in order."""
        state = self.state(media)
        if media.original is not None:
            if state != "here":
                return "from latents, bundle missing", False
            return ("from latents", True) if self._readable(media.digest) else ("latents missing", False)
        if state == "changed":
            return "changed on disk", False
        if state == "missing":
            return ("missing, played from the cache", False) if self._store.get(media.digest) else ("missing", False)
        return "present", True

    def summary(self) -> str:
        """The state of all files in one sentence."""
        states = [self.state(media) for media in self.used if media.original is None]
        latents = sum(media.original is not None for media in self.used)
        parts = [f"{states.count('missing')} missing"] if "missing" in states else []
        parts += [f"{states.count('changed')} changed"] if "changed" in states else []
        parts += [f"{latents} from latents"] if latents else []
        if not self.used:
            return "No audio files."
        total = count_of(len(self.used), "audio file")
        return f"{total}: {', '.join(parts)}." if parts else f"{total}, all present."

    def check_opened(self) -> None:
        """Like `check`, after a project was opened and before any of its files are read."""
        path = self._document.path
        self._outside = new_outside(self._store, self.session, path.parent) if path is not None else []
        self.check()

    def check(self) -> None:
        """Check all files in the background and report those that have changed."""
        used = self.used
        if self._checking or not used:
            return
        self._checking = True

        def work(_report: ReportProgress, cancel: CancelToken) -> dict[str, FileState]:
            return {media.digest: self._store.file_state(media, cancel) for media in used}

        self._jobs.run(work, "", self._on_checked, ended=self._on_check_ended)

    def search(self, folder: Path) -> None:
        """Search a folder for all missing and changed files."""
        unresolved = self.unresolved

        def work(report: ReportProgress, cancel: CancelToken) -> tuple[dict[str, Media], list[str]]:
            matches = search(folder, unresolved, share_of(report, 0.0, 0.5), cancel)
            for media in unresolved:
                match = matches.get(media.digest)
                if match is not None and not match.exact and self.state(media) == "changed":
                    del matches[media.digest]  # the changed file itself, which `use_changed` handles
            found, problems = {}, []
            reading = share_of(report, 0.5, 1.0, "Reading")
            matched = [(media, matches[media.digest]) for media in unresolved if media.digest in matches]
            for number, (media, match) in enumerate(matched):
                step = part_of(reading, number, len(matched))
                try:
                    found[media.digest] = self._import(media, match.path, step, cancel)
                except MediaError as error:
                    problems.append(str(error))
            return found, problems

        def done(result: tuple[dict[str, Media], list[str]]) -> None:
            found, problems = result
            others = [media for media in unresolved if media.digest in found and not _same(media, found[media.digest])]
            if others and not self._may_use(others, found):
                found = {digest: media for digest, media in found.items() if digest not in {o.digest for o in others}}
                others = []
                if not found:
                    return
            if not found:
                self._messages.error(f"None of the missing files was found in {folder}.", "\n".join(problems))
                return
            self.relink(found)
            text = f"Found {len(found)} of {count_of(len(unresolved), 'file')}"
            text += f", {len(others)} of them by name and length only" if others else ""
            self._messages.info(text)

        self._jobs.run(work, "Searching", done)

    def locate(self, media: Media, path: Path) -> None:
        """Relink an audio file to a file that the user has chosen."""

        def work(report: ReportProgress, cancel: CancelToken) -> Media:
            return self._import(media, path, report, cancel)

        def done(found: Media) -> None:
            if not _same(media, found) and not confirm(
                self._window, f"{path.name} is not the same audio as {name_of(media)}.", "Use it anyway?"
            ):
                return
            self.relink({media.digest: found})

        self._jobs.run(work, f"Reading {path.name}", done)

    def _may_use(self, others: Sequence[Media], found: dict[str, Media]) -> bool:
        """Ask whether to use files that match the expected ones in name and length only."""
        paths = listed([found[media.digest].path for media in others], 5)
        return confirm(
            self._window,
            f"The name and length match, but the audio is not what the project expects: {paths}.",
            "Use these files anyway?",
        )

    def use_changed(self, changed: Sequence[Media]) -> None:
        """Make clips play the current content of their files."""

        def work(report: ReportProgress, cancel: CancelToken) -> dict[str, Media]:
            return {
                media.digest: self._import(media, Path(media.path), part_of(report, number, len(changed)), cancel)
                for number, media in enumerate(changed)
            }

        self._jobs.run(work, "Reading audio", self._on_read)

    def _import(self, media: Media, path: Path, report: ReportProgress, cancel: CancelToken) -> Media:
        channel_selection = media.original.channel_selection if media.original is not None else media.channel_selection
        found = self._store.import_file(path, report, cancel, channel_selection, rate=rate_of(media.digest))
        return found_again(media, found)

    def relink(self, found: dict[str, Media], text: str = "") -> bool:
        """Make clips play other files, skipping those no longer in the session. False if the edit is refused."""
        listed = {media.digest for media in self.session.media}
        found = {digest: media for digest, media in found.items() if digest in listed}
        count = f"{len(found)} Files" if len(found) > 1 else "File"
        before = self.session
        done = self._document.apply(text or f"Relink {count}", lambda session: relink_media(session, found))
        self.media_found.emit()
        self.check()
        return done or relink_media(before, found) == before

    def _on_read(self, found: dict[str, Media]) -> None:
        self.relink(found)

    def _on_checked(self, states: dict[str, FileState]) -> None:
        self._states = states
        changed = [media for media in self.used if states.get(media.digest) == "changed"]
        new = [media for media in changed if media.digest not in self._reported]
        self._reported = {media.digest for media in changed}
        if new:
            names = listed([name_of(media) for media in new])
            self._messages.warning(
                f"Changed on disk: {names}. Clips still play the audio that was imported.",
                button=("Audio Files…", self.show_requested.emit),
            )
        self.states_changed.emit()
        outside = [media.path for media in self._outside if states.get(media.digest, "missing") != "missing"]
        self._outside = [media for media in self._outside if media.digest not in states]
        if outside:
            self.outside_found.emit(outside)

    def _on_check_ended(self) -> None:
        self._checking = False

    def _on_replaced(self) -> None:
        self._states, self._reported, self._checking = {}, set(), False


def _same(media: Media, found: Media) -> bool:
    """Whether a file has the content that the project expects."""
    return found.source.digest == (media.original.digest if media.original is not None else media.source.digest)
