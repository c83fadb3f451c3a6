"""The Session > Codec menu: choose a codec, or install one by download or from a folder. Main thread, except for jobs.

Never loads weights, which needs torch: the engine loads them when it renders, and reports problems as failed chunks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import (
    QFileDialog,
    QInputDialog,
    QMenu,
    QWidget,
)

from lincae_studio import paths
from lincae_studio.codecs import install, library, neural, registry
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.family import Download, OptionValue
from lincae_studio.errors import StudioError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.session import edits
from lincae_studio.ui.dialogs.codec import AddNeuralDialog, DownloadDialog, ImportDialog
from lincae_studio.ui.jobs.background_job import BackgroundJob, Work
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar, confirm
from lincae_studio.ui.plain_text import in_menu, in_tip, shown
from lincae_studio.ui.rendering.rendering import Rendering

_MIB = 1 << 20

#: The installation of what neural codecs need, among those of codecs; no codec has such an id.
_NEURAL = "neural codecs"

#: How long closing the window waits for each installation.
_CLOSE_S = 3.0


class CodecMenu(QObject):
    """A menu of the available codecs, and of ways to install more. Follows the document.

    Attributes:
        menu: the menu itself.
        import_action: installs a codec from a folder.
        endpoint: URL of a hub to use instead of the public one, or None.
    """

    def __init__(self, document: Document, rendering: Rendering, messages: MessageBar, window: QWidget) -> None:
        super().__init__(window)
        self._document = document
        self._rendering = rendering
        self._messages = messages
        self._window = window
        self.menu = QMenu("&Codec", window)
        self.menu.setToolTipsVisible(True)
        #: Filled when it is first looked at: infos of all codecs take too long for the window's start.
        self._actions: dict[str, QAction] = {}
        self._downloads: dict[str, QAction] = {}
        self.import_action = QAction("&Import Codec Folder…", self)
        self.import_action.setToolTip("Install a codec from a model folder, either published or exported")
        self.import_action.setStatusTip(self.import_action.toolTip())
        self.import_action.triggered.connect(self._on_import_triggered)
        self.endpoint: str | None = None
        #: Adds or removes what neural codecs need, unless it is part of the installation.
        self._neural: QAction | None = None
        self._group = QActionGroup(self)
        #: Running installations, by codec id.
        self._jobs: dict[str, BackgroundJob] = {}
        #: Counts documents: a codec that was requested for an earlier document is not applied to the next one.
        self._generation = 0
        self._folder = paths.home()
        #: The session's codec when the menu was last filled; empty before that.
        self._listed_for = ""
        #: Whether codecs of packages are listed: looking for them takes too long for the window's start.
        self._with_packages = False
        self.menu.addAction(self.import_action)  # on some systems a menu without entries never opens
        self.menu.aboutToShow.connect(self._on_menu_about_to_show)
        document.changed.connect(self._on_document_changed)
        document.replaced.connect(self._on_document_replaced)
        document.at_close(self.close)

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    @property
    def actions(self) -> dict[str, QAction]:
        """One per codec, by id, including the session's codec if it is not installed."""
        if not self._listed_for:
            self._update()
        return self._actions

    @property
    def downloads(self) -> dict[str, QAction]:
        """One per public codec that is damaged or not installed, by id."""
        if not self._listed_for:
            self._update()
        return self._downloads

    def installers(self) -> list[QAction]:
        """The entries of the menu that install a codec, or what neural codecs need. Valid until it is filled again."""
        self._update()
        adding = [self._neural] if self._neural is not None and not neural.installed() else []
        return [*adding, *self.downloads.values(), self.import_action]

    def choose(self, codec: str) -> None:
        """Set the session's codec, as one undoable edit."""
        self._document.apply("Codec", lambda session: edits.set_codec(session, codec))
        self._show_chosen()  # a click checks the entry even if the edit is refused

    def download(self, codec_id: str) -> None:
        """Download a public codec, install it and set it as the session's codec."""
        download = registry.download(codec_id)
        assert download is not None
        if codec_id in self._jobs:
            self._messages.info(f"{download.title} is already being installed")
            return
        arrived = 0

        def work(report: ReportProgress, cancel: CancelToken) -> Path:
            def report_bytes(progress: Progress) -> None:
                nonlocal arrived
                arrived = progress.done
                amount = f"{progress.done / _MIB:.1f} of {progress.total / _MIB:.1f} MiB"
                report(replace(progress, label=f"{download.title}, {amount}"))

            return install.install_download(codec_id, report_bytes, cancel, self.endpoint)

        def failed(error: StudioError) -> None:
            kept = (
                " The intact part of the download is kept, and the next attempt resumes from there." if arrived else ""
            )
            text = str(error)
            if text.startswith(f"{codec_id} "):  # use the title that the menu shows
                text = download.title + text.removeprefix(codec_id)
            self._messages.error(f"{text}{kept}", button=("Import Folder…", self._on_import_triggered))

        def cancelled() -> None:
            kept = ". The part downloaded so far is kept, and the next download resumes from there" if arrived else ""
            self._messages.info(f"Download of {download.title} cancelled{kept}")

        self._run(codec_id, work, f"Downloading {download.title}", "Contacting the Hub…", failed, cancelled)

    def import_folder(self, folder: Path) -> None:
        """Install a model from a folder and set it as the session's codec, asking for any settings that it lacks."""
        try:
            family, model = registry.open_folder(folder)
        except StudioError as error:
            self._messages.error(error)
            return
        known = family.download_of(model)
        codec_id, title = known.id if known else install.id_for(folder.name), None
        while codec_id in self._taken():
            typed = self._ask_name(codec_id)
            if typed is None:
                return
            codec_id, title = install.id_for(typed), typed.strip()
        question = family.question(model, codec_id)
        if question is None:
            self._import(folder, codec_id, title, {})
            return
        dialog = ImportDialog(question, self._window)
        dialog.accepted.connect(lambda: self._import(folder, codec_id, title, dialog.values))
        dialog.open()

    def close(self) -> None:
        """Cancel running installations because the window closes, and wait briefly for them to stop.

        A thread that is stuck on the network ends with the process; its download can be resumed like any cancelled one.
        """
        for job in self._jobs.values():
            job.cancel()
        for job in list(self._jobs.values()):
            job.wait(_CLOSE_S)

    # Installing

    def _import(self, folder: Path, codec_id: str, title: str | None, given: Mapping[str, OptionValue]) -> None:
        def work(report: ReportProgress, cancel: CancelToken) -> Path:
            return install.import_folder(folder, codec_id, given, title, report, cancel)

        def cancelled() -> None:
            self._messages.info("Import cancelled: nothing was installed")

        self._run(codec_id, work, f"Importing {folder.name}", "Copying…", self._messages.error, cancelled)

    def _run(
        self,
        codec_id: str,
        work: Work,
        title: str,
        beginning: str,
        failed: Callable[[StudioError], None],
        cancelled: Callable[[], None],
        succeeded: Callable[[], None] | None = None,
    ) -> None:
        """Run an installation; `succeeded`: called after it instead of choosing the codec."""
        generation = self._generation
        use = succeeded or (lambda: self._use(codec_id, generation))
        job = BackgroundJob(work, self)
        self._jobs[codec_id] = job
        ProgressDialog(title, job, self._window, beginning)

        def end(report: Callable[[], None]) -> None:
            del self._jobs[codec_id]
            self._update()
            report()

        job.succeeded.connect(lambda _place: end(use))
        job.failed.connect(lambda error: end(lambda: failed(error)))
        job.cancelled.connect(lambda: end(cancelled))
        self._update()
        job.start()

    def _use(self, codec_id: str, generation: int) -> None:
        """Set a newly installed codec as the session's, if the document is still the one it was installed for."""
        try:
            info = registry.for_session(codec_id, rate=self._document.session.rate)
        except StudioError as error:
            self._messages.error(f"{codec_id} is installed, but {error}")
            return
        if self._document.session.codec == codec_id:
            self._rendering.refresh()
            self._messages.info(f"{info.title} is installed; the session is now rendered with it")
        elif generation == self._generation:
            self.choose(codec_id)
            self._messages.info(f"{info.title} is installed and selected (Undo restores the previous codec)")
        else:
            self._messages.info(f"{info.title} is installed: choose it in Session > Codec")

    def _taken(self) -> set[str]:
        return {*registry.ids(), *self._jobs}

    def _ask_name(self, taken: str) -> str | None:
        others = self._taken() | {download.id for download in registry.downloads()}
        number = next(number for number in range(2, 10_000) if f"{taken}-{number}" not in others)
        question = f"A codec named “{in_menu(taken)}” already exists. Name of the new codec:"
        typed, accepted = QInputDialog.getText(self._window, "Import Codec Folder", question, text=f"{taken}-{number}")
        return typed if accepted and typed.strip() else None

    def _on_import_triggered(self) -> None:
        name = QFileDialog.getExistingDirectory(self._window, "Import Codec Folder", str(self._folder))
        if name:
            self._folder = Path(name).parent
            self.import_folder(Path(name))

    def _on_download_triggered(self, download: Download) -> None:
        dialog = DownloadDialog(download, self._window)
        dialog.accepted.connect(lambda: self.download(download.id))
        dialog.open()

    # The menu

    def _update(self) -> None:
        """Refill the menu. Old actions are deleted later, since the click on one of them may still be in progress."""
        for action in self.menu.actions():
            self.menu.removeAction(action)
            if action is not self.import_action:
                self._group.removeAction(action)
                action.deleteLater()
        chosen = self._listed_for = self._document.session.codec
        self._actions.clear()
        for codec in registry.ids(self._with_packages):
            self._actions[codec] = self._codec_action(codec)
        if chosen not in self._actions:
            self._actions[chosen] = self._codec_action(chosen)
        self.menu.addActions(list(self._actions.values()))
        if self._with_packages:
            for package, error in registry.package_errors().items():
                self.menu.addAction(_failed_action(package, error, self.menu))
        self.menu.addSeparator()
        self._downloads.clear()
        for download in _downloadable(self._with_packages):
            self._downloads[download.id] = self._download_action(download)
        self.menu.addActions([*self._downloads.values(), self.import_action])
        self._neural = self._neural_action() if neural.installed() or not neural.torch_included() else None
        if self._neural is not None:
            self.menu.addSeparator()
            self.menu.addAction(self._neural)
        self._show_chosen()

    def _codec_action(self, codec: str) -> QAction:
        info: CodecInfo | None = None
        try:
            info = registry.info(codec)
            registry.for_session(codec, rate=self._document.session.rate)
            package = registry.family_of(codec).package
            source = f"; from the package {package}" if package else ""
            text, tip, usable = _title(info), f"{info.description}{source}", True
        except StudioError as error:
            text, tip, usable = _title(info) if info else _title_of_missing(codec), str(error), False
        action = QAction(in_menu(text), self._group)
        action.setCheckable(True)
        # The session's own codec stays enabled even if it cannot be used.
        action.setEnabled(usable or codec == self._document.session.codec)
        action.setToolTip(in_tip(tip[:1].upper() + tip[1:]))
        action.setStatusTip(shown(tip))
        action.triggered.connect(lambda _on=False: self.choose(codec))
        return action

    def _download_action(self, download: Download) -> QAction:
        title, running = download.title, download.id in self._jobs
        action = QAction(
            f"Installing {title}…" if running else f"Download {title} (about {download.mebibytes} MiB)…", self
        )
        action.setEnabled(not running)
        action.setToolTip(in_tip(download.description))
        action.setStatusTip(download.description)
        action.triggered.connect(lambda _on=False: self._on_download_triggered(download))
        return action

    def _neural_action(self) -> QAction:
        """Adds torch and the hub's client to an installation that came without them, or removes them again."""
        if neural.installed():
            action = QAction("Remove &Neural Codecs…", self)
            action.setToolTip(f"Delete {neural.NAMES}, which have been added; installed codecs are kept")
            action.triggered.connect(self._on_remove_neural_triggered)
        else:
            action = QAction("Add &Neural Codecs…", self)
            action.setToolTip(f"Install {neural.NAMES}, which neural codecs need")
            action.triggered.connect(self.add_neural)
        action.setEnabled(_NEURAL not in self._jobs)
        action.setStatusTip(action.toolTip())
        return action

    def add_neural(self) -> None:
        """Ask whether to install torch and the hub's client, and do so."""
        dialog = AddNeuralDialog(self._window)
        dialog.accepted.connect(self._install_neural)
        dialog.open()

    def _install_neural(self) -> None:
        def work(report: ReportProgress, cancel: CancelToken) -> None:
            neural.install(report, cancel)

        def button() -> tuple[str, Callable[[], None]] | None:
            deleted = "The download was deleted"
            return ("Delete Download", lambda: self._delete_neural(deleted)) if neural.download_kept() else None

        def failed(error: StudioError) -> None:
            self._messages.error(error, button=button())

        def cancelled() -> None:
            kept = "; the next attempt resumes the download" if neural.download_kept() else ""
            self._messages.info(f"Adding neural codecs was cancelled{kept}", button=button())

        def succeeded() -> None:
            self._rendering.restart_engine()
            self._messages.info("Neural codecs can be used now: download or import one in Session > Codec")

        self._run(_NEURAL, work, "Adding neural codecs", "Looking for packages…", failed, cancelled, succeeded)

    def _on_remove_neural_triggered(self) -> None:
        question = f"This will delete {neural.NAMES} in {neural.folder()}. Installed codecs are kept."
        if not confirm(self._window, question, "Remove them?"):
            return
        try:
            neural.disable()
        except StudioError as error:
            self._messages.error(error)
            return
        self._rendering.restart_engine()  # the old one may have the files open
        self._delete_neural("Neural codecs were removed; Session > Codec adds them again")

    def _delete_neural(self, message: str) -> None:
        def work(_report: ReportProgress, _cancel: CancelToken) -> None:
            neural.remove()

        def removed() -> None:
            self._messages.info(message)

        failed = self._messages.error
        self._run(_NEURAL, work, "Removing neural codecs", "Deleting files…", failed, lambda: None, removed)

    def _show_chosen(self) -> None:
        chosen = self._document.session.codec
        for codec, action in self._actions.items():
            action.setChecked(codec == chosen)

    def _on_menu_about_to_show(self) -> None:
        self._with_packages = True
        self._update()
        codec = self._document.session.codec
        if self._rendering.update_plan().codec.id != codec and codec in registry.ids():
            self._rendering.refresh()  # installed from the command line in the meantime

    def _on_document_changed(self) -> None:
        if self._listed_for not in ("", self._document.session.codec):
            self._update()

    def _on_document_replaced(self) -> None:
        self._generation += 1


def _downloadable(packages: bool) -> list[Download]:
    """The public codecs that are not installed, or damaged; downloading replaces a damaged one."""
    sound = {info.id for info in registry.all_info(packages)}
    return [download for download in registry.downloads(packages) if download.id not in sound]


def _failed_action(package: str, error: StudioError, parent: QObject) -> QAction:
    """An entry that says what is wrong with a package that adds codecs."""
    action = QAction(in_menu(f"{package} (does not work)"), parent)
    action.setEnabled(False)
    problem = str(error)
    action.setToolTip(in_tip(problem[:1].upper() + problem[1:]))
    action.setStatusTip(shown(problem))
    return action


def _title(info: CodecInfo) -> str:
    return f"{info.title} ({info.dim} channels, hop {info.hop})"


def _title_of_missing(codec: str) -> str:
    if codec in library.installed():
        return f"{codec} (damaged)"
    download = registry.download(codec)
    if download is not None:
        return f"{download.title} (not installed)"
    return f"{Path(codec).name if os.sep in codec else codec} (not installed)"
