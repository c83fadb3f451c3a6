"""Commands on the project file: new, open, recent, save, recover, versions, with their questions. Main thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu, QMessageBox, QWidget

from lincae_studio.codecs import registry
from lincae_studio.defaults import UNTITLED
from lincae_studio.descriptors import Reserve
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.errors import ProjectError, StudioError
from lincae_studio.paths import home, in_resources, resource
from lincae_studio.session import files, recovery, versions
from lincae_studio.session.model import Rate, Session
from lincae_studio.session.recovery import Leftover, Recovered
from lincae_studio.session.versions import Version
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.bundles import BundleController
from lincae_studio.ui.dialogs.recovery import RecoveryDialog, VersionsDialog
from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.jobs.reading import Reading
from lincae_studio.ui.model.autosave import Autosave
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.notify import MessageBar, ask_to_save, confirm, confirm_replacing
from lincae_studio.ui.plain_text import in_menu, shown
from lincae_studio.ui.rendering.rendering import Rendering

if TYPE_CHECKING:
    from lincae_studio.engine.bundles.writer import BundleResult

PROJECT_FILTER = f"LinCAE Studio project (*{files.SUFFIX})"
BUNDLE_FILTER = f"Latent bundle (*{files.BUNDLE_SUFFIX})"

_OPEN_FILTER = f"Projects and bundles (*{files.SUFFIX} *{files.BUNDLE_SUFFIX} *{files.DAWPROJECT_SUFFIX})"

DEMO_PROJECT = "demo/paper_lanterns.lincae"

#: Topic of the message about a recovered session: it is over when the session is saved, or another is opened.
_RECOVERED = "recovered session"

#: Topic of the message that a bundle has no audio.
_BUNDLE = "bundle"

#: Number of recent projects in the menu.
_RECENT = 10


def is_project(path: Path) -> bool:
    """Whether a file name is that of a project, a bundle or a DAWproject."""
    return path.suffix.lower() == files.SUFFIX or files.is_bundle(path) or files.is_dawproject(path)


class ProjectCommands(QObject):
    """Opens, saves and recovers the document of a window.

    Signals:
        replaced: the window shows another document.
        opened: a document was opened; its `Session`, whose audio must be found.
        preferences_requested: the user asked to change the preferences; `audio_files_requested`: for the list of files.
        dawproject_chosen: the user chose a DAWproject to open; its `Path`, and what to call when it is open.
    """

    replaced = Signal()
    opened = Signal(object)
    dawproject_chosen = Signal(object, object)
    preferences_requested = Signal()
    audio_files_requested = Signal()

    def __init__(
        self,
        document: Document,
        autosave: Autosave,
        bundles: BundleController,
        messages: MessageBar,
        preferences: PreferenceStore,
        rendering: Rendering,
        window: QWidget,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._autosave = autosave
        self._bundles = bundles
        self._messages = messages
        self._preferences = preferences
        self._rendering = rendering
        self._window = window
        #: The folder that an untitled document comes from.
        self._origin: Path | None = None
        self._reserve = Reserve()
        self._reading = Reading(document, window, messages.error, self.may_leave)
        document.at_close(self._reserve.close)
        for over in (document.saved, document.replaced):
            over.connect(lambda: messages.resolve(_RECOVERED))
        document.replaced.connect(lambda: messages.resolve(_BUNDLE))
        self.recent_menu = QMenu("Open Recen&t", window)
        self.recent_menu.aboutToShow.connect(self._list_recent)
        self._list_recent()

    @property
    def handlers(self) -> Handlers:
        return {
            "new": self.on_new,
            "open": self.on_open,
            "open_demo": self.on_open_demo,
            "save": self.on_save,
            "save_as": self.on_save_as,
            "save_bundle": self.on_save_bundle,
            "recover": self.on_recover,
            "versions": self.on_versions,
        }

    @property
    def busy(self) -> bool:
        """Whether a project is being read."""
        return self._reading.busy

    @property
    def folder(self) -> Path:
        """The folder in which file dialogs start: that of the project, or where the user last was.

        A document without a file has the folder of what it was opened from (a recovered session, an earlier version, a
        copy, a bundle), or else that of the last project.
        """
        if self._document.path is not None:
            return self._document.path.parent
        last = (Path(name).parent for name in self._preferences.value.recent)
        candidates = (self._origin, *last) if self._origin is not None else last
        return next((folder for folder in candidates if os.path.isdir(folder)), home())

    def on_new(self) -> None:
        if self.may_leave():
            self._replace(self.new_session(), None)

    @property
    def new_rate(self) -> Rate:
        """The sample rate of new sessions, in Hz."""
        return self._preferences.value.sample_rate

    def new_session(self) -> Session:
        """An empty session with the codec and render settings of the preferences."""
        chosen = self._preferences.value
        frames, overlap = chosen.chunk_frames, chosen.overlap_frames
        try:
            info = registry.for_session(chosen.codec, rate=chosen.sample_rate)
            grid = Grid.chosen(info, frames, overlap)
            if (frames and grid.frames != frames) or (overlap and grid.overlap != overlap):
                self._messages.error(
                    f"{info.title} does not support the chunks set in the preferences ({frames} frames, "
                    f"overlap {overlap}): its default chunks are used instead",
                    button=("Preferences…", self.preferences_requested.emit),
                )
                frames = overlap = 0
        except StudioError:
            pass  # a problem with the codec is reported when it is used
        return Session(
            rate=chosen.sample_rate,
            codec=chosen.codec,
            seed=chosen.seed,
            chunk_frames=frames,
            overlap_frames=overlap,
        )

    def on_open(self) -> None:
        if not self.may_leave():
            return
        name, _ = QFileDialog.getOpenFileName(self._window, "Open Project", str(self.folder), _OPEN_FILTER)
        if name:
            self.open_project(Path(name))

    def on_open_demo(self) -> None:
        if self.may_leave():
            self.open_demo()

    def open_demo(self) -> None:
        """Open the demo song as an untitled document."""
        self.open_project(resource(DEMO_PROJECT), untitled=True)

    def open_project(self, path: Path, untitled: bool = False, then: Callable[[], None] = lambda: None) -> None:
        """Replace the document with a project, and call `then`; `untitled` opens it as a copy without a file name.

        So are the program's own projects, which must not be saved over.
        """
        path = path.absolute()
        untitled = untitled or in_resources(path)
        if files.is_dawproject(path):
            self.dawproject_chosen.emit(path, then)
            return
        if files.is_bundle(path):
            self._open_bundle(path, then)
            return

        def ended() -> None:
            if not os.path.exists(path):
                self._forget_recent(path)

        self._reading.start(
            f"Opening {path.name}",
            lambda: registry.read_ahead(files.load(path)),
            lambda session: self._show_project(session, path, untitled, then),
            ended,
        )

    def _show_project(self, session: Session, path: Path, untitled: bool, then: Callable[[], None]) -> None:
        if not untitled and not self._autosave.lock(path):
            if not confirm(self._window, f"“{path.stem}” is open in another window.", "Open a copy?"):
                return
            self._replace(session, None, f"{path.stem} (copy)", origin=path)
        else:
            self._replace(session, None if untitled else path)
        if not untitled:
            self._note_recent(path)
        self.opened.emit(session)
        then()

    def open_copy(self, session: Session, title: str, origin: Path) -> None:
        """Open a session as a modified document without a project file; `origin`: the file that it was read from."""
        self._replace(session, None, title, modified=True, origin=origin)
        self.opened.emit(session)

    def _open_bundle(self, path: Path, then: Callable[[], None]) -> None:
        before = self._document.session

        def opened(session: Session) -> None:
            # The document may have been edited while the bundle was read.
            if self._document.session is not before and not self.may_leave():
                return
            self._replace(session, None, path.stem, origin=path)
            self._note_recent(path)
            self.opened.emit(session)
            codec = next((media.original.codec for media in session.media if media.original), session.codec)
            text = f"The bundle {path.name} contains latents of {codec} but no audio"
            self._messages.info(
                f"{text}. To use the original audio, find its files in File > Audio Files",
                button=("Audio Files…", self.audio_files_requested.emit),
                topic=_BUNDLE,
            )
            then()

        if not os.path.exists(path):
            self._forget_recent(path)
        self._bundles.open(path, opened)

    def on_save_bundle(self) -> None:
        """Save the session with the latents of all clips, without audio."""
        self.end_typing()
        suggested = str(self.folder / f"{self._document.title}{files.BUNDLE_SUFFIX}")
        path = file_to_write(
            self._window, "Save Latent Bundle", suggested, BUNDLE_FILTER, _lacking(files.BUNDLE_SUFFIX)
        )
        if path is None:
            return
        warnings = self._rendering.export_warnings()
        if self._is_refused(path) or (
            warnings and not confirm(self._window, " ".join(warnings), "Save the bundle anyway?")
        ):
            return
        self._bundles.save(path, self._on_bundle_saved)

    def _on_bundle_saved(self, result: BundleResult) -> None:
        size, pcm = (f"{count / 1e6:.1f} MB" for count in (result.size, result.pcm_bytes))
        self._messages.info(f"Saved {result.path}: {size}, 1/{result.ratio:.1f} the size of 24-bit PCM ({pcm})")

    def on_save(self) -> bool:
        self.end_typing()
        return self.save_to(self._document.path) if self._document.path else self.on_save_as()

    def on_save_as(self) -> bool:
        self.end_typing()
        suggested = str(self.folder / f"{self._document.title}{files.SUFFIX}")
        path = file_to_write(self._window, "Save Project", suggested, PROJECT_FILTER, _lacking(files.SUFFIX))
        return path is not None and self.save_to(path)

    def save_to(self, path: Path) -> bool:
        """Save the project; False if it was not saved. Errors are shown as messages."""
        if self._is_refused(path):
            return False
        with self._reserve.lent():
            return self._save_to(path)

    def _save_to(self, path: Path) -> bool:
        autosave = self._autosave
        if autosave.changed_on_disk(path) and not confirm_replacing(
            self._window, f"{path} has been changed by another program since it was opened."
        ):
            return False
        taken = autosave.lock(path)
        if not taken and not confirm_replacing(self._window, f"{path} is open in another window."):
            return False
        before = self._document.path
        autosave.keep_version(path)
        try:
            self._document.save(path)
        except StudioError as error:
            self._messages.error(error, button=("Save As…", self._save_elsewhere))
            autosave.restore_lock(before)
            return False
        if not taken:
            autosave.restore_lock(None)  # another window holds the lock of this file
        self._note_recent(path.absolute())
        self._messages.info(f"Saved {path}")
        return True

    def _is_refused(self, path: Path) -> bool:
        """Whether a file is among the program's own, where nothing is saved; says so."""
        refused = in_resources(path)
        if refused:
            problem = f"cannot save {path}: the folder belongs to LinCAE Studio, and updates replace it"
            error = ProjectError(problem, "Choose another folder")
            self._messages.error(error, button=("Save As…", self._save_elsewhere))
        return refused

    def _save_elsewhere(self) -> None:
        self.on_save_as()

    def on_recover(self) -> None:
        """Offer sessions left behind by a crash."""
        if not self.offer_recovery():
            self._messages.info("There is nothing to recover: no session with unsaved changes ended unexpectedly")

    def offer_recovery(self) -> bool:
        """Show sessions left behind by a crash; False if there are none."""
        leftovers = self._autosave.leftovers()
        if leftovers:
            dialog = RecoveryDialog(leftovers, self._window)
            dialog.opened.connect(self._on_recovered)
            dialog.open()
        return bool(leftovers)

    def on_versions(self) -> None:
        """Offer earlier versions of the project."""
        dialog = VersionsDialog(self._document.title, self._autosave.versions(), self._window)
        dialog.opened.connect(self._on_version_chosen)
        dialog.open()

    def may_leave(self) -> bool:
        """Ask what to do with unsaved changes; False to keep the document open."""
        self.end_typing()
        if not self._document.modified:
            return True
        buttons = QMessageBox.StandardButton
        answer = ask_to_save(self._window, self._document.title)
        if answer == buttons.Save:
            return self.on_save()
        return answer == buttons.Discard

    def end_typing(self) -> None:
        """Apply text that is still being typed into a field, so that it is saved or counts as unsaved."""
        focus = self._window.focusWidget()
        if isinstance(focus, QLineEdit):
            focus.clearFocus()

    def _on_recovered(self, leftover: Leftover) -> None:
        def load() -> Recovered:
            found = recovery.recover(leftover.folder)
            registry.read_ahead(found.session)
            return found

        title = f"Recovering {leftover.info.title}"
        if self.may_leave():
            self._reading.start(title, load, lambda found: self._show_recovered(leftover, found))

    def _show_recovered(self, leftover: Leftover, found: Recovered) -> None:
        project = Path(leftover.info.project) if leftover.info.project else None
        self._replace(found.session, None, f"{leftover.info.title} (recovered)", modified=True, origin=project)
        self._autosave.set_recovered_from(leftover.folder)
        self.opened.emit(found.session)
        end = " The last edits could not be read." if found.damaged else ""
        self._messages.info(
            f"Recovered “{leftover.info.title}”.{end} Save the project to keep it",
            button=("Save As…", self._save_elsewhere),
            topic=_RECOVERED,
        )

    def _on_version_chosen(self, version: Version) -> None:
        project = self._document.path
        if project is None or not self.may_leave():
            return
        title = f"{project.stem} (earlier)"
        self._reading.start(
            f"Opening {title}",
            lambda: registry.read_ahead(versions.load(version, project)),
            lambda session: self.open_copy(session, title, project),
        )

    def _replace(
        self,
        session: Session,
        path: Path | None,
        name: str = UNTITLED,
        modified: bool = False,
        origin: Path | None = None,
    ) -> None:
        self._origin = origin.parent if origin is not None else None
        self._document.replace(session, path, name, modified)
        self.replaced.emit()

    # Recent projects

    def _list_recent(self) -> None:
        self.recent_menu.clear()
        for name in self._preferences.value.recent:
            action = self.recent_menu.addAction(in_menu(Path(name).stem))
            action.setToolTip(shown(name))
            action.setStatusTip(shown(name))
            action.triggered.connect(lambda _=False, path=Path(name): self._open_recent(path))
        if self.recent_menu.isEmpty():
            self.recent_menu.addAction("No recent projects").setEnabled(False)
        else:
            self.recent_menu.addSeparator()
            self.recent_menu.addAction("&Clear").triggered.connect(lambda: self._preferences.set(recent=()))

    def _open_recent(self, path: Path) -> None:
        if self.may_leave():
            self.open_project(path)

    def _note_recent(self, path: Path) -> None:
        try:
            name = str(path).encode().decode()  # a name that is not valid Unicode cannot be stored
        except UnicodeError:
            return
        others = tuple(other for other in self._preferences.value.recent if other != name)
        self._preferences.set(recent=(name, *others)[:_RECENT])

    def _forget_recent(self, path: Path) -> None:
        self._preferences.set(recent=tuple(name for name in self._preferences.value.recent if name != str(path)))


def _lacking(suffix: str) -> Callable[[Path, str], str]:
    """For `file_to_write`: adds a suffix to names that end otherwise."""
    return lambda path, _filter: "" if path.suffix.lower() == suffix else suffix
