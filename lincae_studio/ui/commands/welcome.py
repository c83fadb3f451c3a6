"""Shows the welcome panel: at the first start, and by Help > Welcome. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMainWindow, QMenu

from lincae_studio.codecs import neural
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.codecs import CodecMenu
from lincae_studio.ui.commands.importing import Importer
from lincae_studio.ui.commands.projects import ProjectCommands
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.timeline.panel import TimelinePanel

if TYPE_CHECKING:
    from lincae_studio.ui.dialogs.welcome import Welcome


class WelcomeCommands(QObject):
    """The panel lies over the window until tracks are added, another session is opened, or the user closes it.

    Attributes:
        panel: the panel while it is shown.
    """

    def __init__(
        self,
        document: Document,
        preferences: PreferenceStore,
        projects: ProjectCommands,
        importer: Importer,
        codecs: CodecMenu,
        timeline: TimelinePanel,
        messages: MessageBar,
        window: QMainWindow,
    ) -> None:
        super().__init__(window)
        self._document = document
        self._preferences = preferences
        self._projects = projects
        self._importer = importer
        self._codecs = codecs
        self._timeline = timeline
        self._messages = messages
        self._window = window
        self.panel: Welcome | None = None
        #: The number of tracks when the panel was shown.
        self._tracks = 0
        document.changed.connect(self._on_document_changed)
        document.replaced.connect(self.close)

    @property
    def handlers(self) -> Handlers:
        return {"welcome": self.show}

    def show_once(self) -> None:
        """Show the panel over an empty session, unless it has been shown at an earlier start."""
        if self._preferences.value.welcomed or self._preferences.load_error or self._document.session.tracks:
            return
        self.show()
        self._preferences.set(welcomed=True)

    def show(self) -> None:
        """Show the panel, with the focus on its first button."""
        if self.panel is None:
            from lincae_studio.ui.dialogs.welcome import Welcome

            menu = QMenu(self._window)
            menu.setToolTipsVisible(True)
            menu.aboutToShow.connect(lambda: self._fill(menu))
            area = self._window.centralWidget()
            assert area is not None, "the window is built"
            panel = Welcome(self._preferences, menu, _codec_text(), area)
            menu.setParent(panel, menu.windowFlags())
            panel.demo_clicked.connect(self._projects.on_open_demo)
            panel.import_clicked.connect(self._importer.on_import_audio)
            panel.closed.connect(self.close)
            self.panel = panel
            self._tracks = len(self._document.session.tracks)
            self._timeline.cover_hint(True)
            panel.show()
            panel.raise_()
            self._messages.raise_()
        self.panel.demo.setFocus(Qt.FocusReason.OtherFocusReason)

    def close(self) -> None:
        """Close the panel; the focus goes to the timeline."""
        panel, self.panel = self.panel, None
        if panel is None:
            return
        focus = self._window.focusWidget()
        if focus is not None and panel.isAncestorOf(focus):
            self._timeline.lanes.setFocus()
        panel.hide()
        panel.deleteLater()
        self._timeline.cover_hint(False)

    def _fill(self, menu: QMenu) -> None:
        menu.clear()
        menu.addActions(self._codecs.installers())

    def _on_document_changed(self) -> None:
        if len(self._document.session.tracks) > self._tracks:
            self.close()


def _codec_text() -> str:
    ways = "Download Lin-CAE or another codec, or import one from a folder."
    if not (neural.torch_included() or neural.installed()):
        ways = f"Add Neural Codecs installs what they need, about {neural.download_mb():,} MB; then {ways}"
    return f"Optional: the built-in codecs work without it. {ways} Also in Session > Codec."
