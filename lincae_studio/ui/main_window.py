"""The main window: creates its components, lays them out, and connects them. Main thread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QMenu, QSizePolicy, QVBoxLayout, QWidget

from lincae_studio.errors import EngineError
from lincae_studio.media.store import MediaStore
from lincae_studio.preferences import Theme
from lincae_studio.ui.actions import menus
from lincae_studio.ui.actions.context_menus import ContextMenus, make_menu
from lincae_studio.ui.actions.focus_home import FocusHome
from lincae_studio.ui.actions.focus_keys import belongs_to_focus
from lincae_studio.ui.actions.focus_ring import FocusRing
from lincae_studio.ui.actions.handlers import HandlerTable
from lincae_studio.ui.actions.mnemonics import give_letters
from lincae_studio.ui.actions.ripple_button import RippleButton
from lincae_studio.ui.actions.states import ActionStates
from lincae_studio.ui.commands.application import ApplicationCommands
from lincae_studio.ui.commands.bundles import BundleController
from lincae_studio.ui.commands.clips import ClipCommands
from lincae_studio.ui.commands.codecs import CodecMenu
from lincae_studio.ui.commands.comparing import CompareCommands
from lincae_studio.ui.commands.confidence import ConfidenceCommands
from lincae_studio.ui.commands.exporting import Exporter
from lincae_studio.ui.commands.importing import Importer
from lincae_studio.ui.commands.interchange import InterchangeCommands
from lincae_studio.ui.commands.media import MediaCommands
from lincae_studio.ui.commands.media_found import MediaFound
from lincae_studio.ui.commands.operators import OperatorCommands
from lincae_studio.ui.commands.panel_focus import PanelFocus
from lincae_studio.ui.commands.panels import PanelCommands
from lincae_studio.ui.commands.places import PlaceCommands
from lincae_studio.ui.commands.processing import ProcessCommands
from lincae_studio.ui.commands.projects import ProjectCommands
from lincae_studio.ui.commands.regions import RegionCommands
from lincae_studio.ui.commands.reports import ReportCommands
from lincae_studio.ui.commands.sample_rate import SampleRateCommands
from lincae_studio.ui.commands.session import SessionCommands
from lincae_studio.ui.commands.silence import SilenceCommands
from lincae_studio.ui.commands.snapshots import SnapshotCommands
from lincae_studio.ui.commands.strips import StripCommands
from lincae_studio.ui.commands.time import TimeCommands
from lincae_studio.ui.commands.tracks import TrackCommands
from lincae_studio.ui.commands.view import ViewCommands
from lincae_studio.ui.commands.welcome import WelcomeCommands
from lincae_studio.ui.jobs.derived_media import DerivedMedia
from lincae_studio.ui.jobs.project_files import ProjectFiles
from lincae_studio.ui.model.autosave import Autosave
from lincae_studio.ui.model.context import ContextPlace, Place
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import ENGINE, OUTCOME, REFUSAL, MessageBar
from lincae_studio.ui.panels.clip_table import ClipTable
from lincae_studio.ui.panels.history import HistoryPanel
from lincae_studio.ui.panels.inspector import Inspector
from lincae_studio.ui.panels.loudness import LoudnessPanel
from lincae_studio.ui.panels.marker_table import MarkerTable
from lincae_studio.ui.panels.region_table import RegionTable
from lincae_studio.ui.panels.snapshots import SnapshotPanel
from lincae_studio.ui.plain_text import in_title
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.analyses import Analyses
from lincae_studio.ui.rendering.engine_settings import EngineSettings
from lincae_studio.ui.rendering.last_check import LastCheck
from lincae_studio.ui.rendering.linearity_meter import LinearityMeter
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.status_bar import StatusLabels
from lincae_studio.ui.theme import apply_theme
from lincae_studio.ui.timeline.clock import Clock
from lincae_studio.ui.timeline.contexts import TimelineContexts
from lincae_studio.ui.timeline.drops import local_paths
from lincae_studio.ui.timeline.metering import Metering
from lincae_studio.ui.timeline.panel import TimelinePanel
from lincae_studio.ui.views.manager import ViewManager


class MainWindow(QMainWindow):
    """One window, one document.

    Signals:
        first_painted: the window has been shown and painted for the first time.
        closing: the window is about to close; everything is still in place.
    """

    first_painted = Signal()
    closing = Signal()

    def __init__(self, media: MediaStore, cache_dir: Path, preferences: PreferenceStore | None = None) -> None:
        """Without `preferences`, the defaults are used and changes are not saved."""
        super().__init__()
        self.setObjectName("main_window")
        self.resize(1440, 900)
        self.setAcceptDrops(True)
        self._theme: Theme = "dark"
        self._was_shown = False
        self._engine_problem: EngineError | None = None
        self.actions_by_id: dict[str, QAction] = {}
        self.preferences = preferences or PreferenceStore(None, self)
        self._follow_theme()
        self._make_model(media, cache_dir)
        self._make_commands(media, cache_dir)
        self._register()
        self._build()
        self._connect()
        self._attach_context_menus()
        self.focus_ring = FocusRing(self)
        self.focus_home = FocusHome(self.timeline.lanes)
        self._show_title()
        self.timeline.lanes.setFocus()

    def start_engine_and_views(self) -> None:
        """Start the engine, then the views, which take a while to import. Called after the first paint."""
        self.rendering.start()
        self.views.start()

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open the files named on the command line, as if they had been dropped on the window."""
        if paths:
            self.importer.drop(paths, None)

    def open_project(self, path: Path, untitled: bool = False) -> None:
        """Replace the document with a project; `untitled` opens it as a copy without a file name."""
        self.project_commands.open_project(path, untitled)

    def save_to(self, path: Path) -> bool:
        """Save the project; False if it was not saved. Errors are shown as messages."""
        return self.project_commands.save_to(path)

    def shut_down(self) -> None:
        """Stop playback, the jobs and the engine."""
        self.transport.silence()
        for dialog in self.findChildren(QDialog):
            dialog.close()
        self.document.close()

    # Creating the components

    def _make_model(self, media: MediaStore, cache_dir: Path) -> None:
        """Create the document, rendering, playback, timeline, views and panels."""
        self.document = Document(self)
        self.selection = Selection(self.document)
        self.context_place = ContextPlace()
        self.rendering = Rendering(self.document, media, cache_dir)
        self.engine_settings = EngineSettings(self.preferences, self.rendering)
        self.autosave = Autosave(self.document, self.preferences)
        self.messages = MessageBar(self)
        self.timeline = TimelinePanel(self.document, self.selection, self.rendering, media, self.preferences, self)
        self.transport = Transport(self.document, self.rendering, self.timeline.axis, self.messages, self.preferences)
        self.player = self.transport.player
        self.clock = Clock(self.transport, self.timeline.counting, self.rendering, self)
        self.metering = Metering(self.transport, self.rendering, self.timeline.headers, self.timeline.mix_meter)
        self.linearity_meter = LinearityMeter(self.document, self.rendering)
        self.last_check = LastCheck(self.document)
        self.views = ViewManager(
            self.document,
            self.selection,
            self.rendering,
            self.linearity_meter,
            self.last_check,
            self.timeline,
            self.transport,
            self.preferences,
            self,
        )
        self.inspector = Inspector(self.document, self.selection, self)
        self.history = HistoryPanel(self.document, self)
        self.loudness = LoudnessPanel(self.document, self.rendering, self.metering, self)
        self.clip_table = ClipTable(self.document, self.selection, self)
        self.snapshots = SnapshotPanel(self.document, self._key_of_snapshot, self)
        self.region_table = RegionTable(self.document, self.selection, self.rendering, self)
        self.marker_table = MarkerTable(self.document, self.timeline.ruler, self)

    def _make_commands(self, media: MediaStore, cache_dir: Path) -> None:
        document, selection, rendering, messages = self.document, self.selection, self.rendering, self.messages
        transport, axis = self.transport, self.timeline.axis
        derived = self.derived_media = DerivedMedia(document, media, messages, self)
        self.bundles = BundleController(document, rendering, media, cache_dir, messages, derived, self)
        self.project_commands = ProjectCommands(
            document, self.autosave, self.bundles, messages, self.preferences, rendering, self
        )
        projects = self.project_commands
        self.project_files = ProjectFiles(document, media, messages, rendering.readable, lambda: projects.folder, self)
        self.importer = Importer(document, media, projects, transport, self.timeline, messages, self)
        self.exporter = Exporter(document, selection, rendering, projects, self.preferences, messages, derived, self)
        self.codecs = CodecMenu(document, rendering, messages, self)
        self.media_commands = MediaCommands(document, media, self.project_files, messages, projects, self.bundles, self)
        self.interchange_commands = InterchangeCommands(document, media, messages, projects, self)
        self.time_commands = TimeCommands(document, selection, transport, self.timeline, self.preferences)
        self.clip_commands = ClipCommands(
            document, selection, transport, rendering, self.time_commands, self.context_place
        )
        self.process_commands = ProcessCommands(document, selection, media, messages, self)
        self.silence_commands = SilenceCommands(document, selection, media, self.timeline.lanes.silence, messages, self)
        self.inspector.processing.edit_requested.connect(self.process_commands.on_stretch)
        self.track_commands = TrackCommands(document, selection, self.timeline, self)
        self.strip_commands = StripCommands(document, selection, self.timeline.envelopes, transport, self.context_place)
        self.snapshot_commands = SnapshotCommands(document, self.snapshots, self.timeline.envelopes)
        self.place_commands = PlaceCommands(document, selection, transport, self.timeline.ruler, self.context_place)
        rows, wave_zoom = self.timeline.rows, self.timeline.wave_zoom
        self.view_commands = ViewCommands(document, selection, axis, rows, wave_zoom, self.preferences, transport)
        self.panel_commands = PanelCommands(
            selection,
            self.inspector,
            self.history,
            self.loudness,
            self.clip_table,
            self.snapshots,
            self.region_table,
            self.marker_table,
            self,
        )
        self.panel_focus = PanelFocus(self, self.timeline, self.views)
        self.region_commands = RegionCommands(document, selection)
        self.confidence = ConfidenceCommands(rendering, self.timeline.spread, self)
        self.report_commands = ReportCommands(
            document, rendering, self.linearity_meter, self.timeline, self.views, self.exporter, messages, self
        )
        MediaFound(
            document,
            rendering,
            self.engine_settings,
            self.timeline,
            projects,
            self.importer,
            self.bundles,
            self.project_files,
            self.clip_commands,
            self.derived_media,
            media,
            messages,
        )
        self.welcome = WelcomeCommands(
            document, self.preferences, projects, self.importer, self.codecs, self.timeline, messages, self
        )
        self.session_commands = SessionCommands(document, selection, rendering, transport, self)
        analyses = partial(Analyses, document, selection, rendering, messages, lambda: self.exporter.folder, self)
        self.compare_commands = CompareCommands(analyses(), self.last_check, media, transport)
        self.operator_commands = OperatorCommands(analyses())
        self.sample_rate = SampleRateCommands(document, media, messages, self)
        self.sample_rate.audio_missing.connect(self.importer.find_media)
        self.application_commands = ApplicationCommands(self.preferences, transport, messages, self.actions_by_id, self)

    def _key_of_snapshot(self, row: int) -> str:
        """The key that recalls the snapshot of a row, from 0 on."""
        action = self.actions_by_id.get(f"recall_snapshot_{row + 1}")
        return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText) if action is not None else ""

    def _register(self) -> None:
        """Register the command groups, one line each; a new command in a group needs no change here."""
        self.handlers = HandlerTable()
        for group in (
            self.project_commands,
            self.importer,
            self.exporter,
            self.media_commands,
            self.interchange_commands,
            self.report_commands,
            self.confidence,
            self.clip_commands,
            self.time_commands,
            self.process_commands,
            self.silence_commands,
            self.track_commands,
            self.strip_commands,
            self.snapshot_commands,
            self.place_commands,
            self.transport,
            self.clock,
            self.view_commands,
            self.panel_commands,
            self.panel_focus,
            self.region_commands,
            self.views,
            self.session_commands,
            self.compare_commands,
            self.operator_commands,
            self.sample_rate,
            self.application_commands,
            self.welcome,
        ):
            self.handlers.register(group.handlers)
        self.actions_by_id.update(menus.make_actions(self, self.handlers.handler))
        self.action_states = ActionStates(
            self.actions_by_id, self.document, self.selection, self.preferences, self.transport
        )

    def _build(self) -> None:
        made = menus.make_menus(self, self.actions_by_id)
        made["Session"].insertMenu(made["Session"].actions()[0], self.codecs.menu)
        made["File"].insertMenu(self.actions_by_id["open_demo"], self.project_commands.recent_menu)
        give_letters(self.menuBar())
        bar = menus.make_toolbar(self, self.actions_by_id)
        self.addToolBar(bar)
        bar.addSeparator()
        self.ripple_button = RippleButton(self.actions_by_id, self.preferences, bar)
        self.ripple_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        bar.addWidget(self.ripple_button)
        spacer = QWidget(bar)
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(spacer)
        bar.addWidget(self.clock)
        self.setTabOrder(self.ripple_button, self.clock)
        self.timeline.order_tabs(self.clock)
        central = QWidget(self)
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.timeline, 1)
        self.setCentralWidget(central)
        self.messages.lie_over(central)
        self.panel_commands.dock(self.actions_by_id)
        self.status = StatusLabels(self.statusBar(), self.selection, self.rendering, self.transport, self.messages)
        menus.follow_tip(self.timeline.add_track_button, self.actions_by_id["add_track"])
        menus.follow_tip(self.status.messages, self.actions_by_id["messages"])

    def _show_engine_problem(self) -> None:
        """Say once why there is no engine, until there is one."""
        problem, before = self.rendering.engine_status.problem, self._engine_problem
        self._engine_problem = problem
        if problem is None:
            self.messages.resolve(ENGINE)
        elif problem is not before:
            self.messages.error(problem, topic=ENGINE)

    def _connect(self) -> None:
        senders = (self.preferences, self.rendering, self.linearity_meter, self.autosave)
        for sender in senders:
            sender.problem.connect(self.messages.error)
        for refused in (self.document.refused, self.clock.refused):
            refused.connect(self.messages.refusal)
        self.document.changed.connect(lambda _continuous: self.messages.resolve(REFUSAL))
        self.document.replaced.connect(lambda: self.messages.resolve(OUTCOME))
        self.rendering.engine_changed.connect(self._show_engine_problem)
        if self.preferences.load_error is not None:
            self.messages.error(self.preferences.load_error)
        self.clip_commands.said.connect(self.messages.info)
        self.region_commands.said.connect(self.messages.info)
        self.confidence.refused.connect(self.messages.refusal)
        self.confidence.turned.connect(self.actions_by_id["confidence"].setChecked)
        self.preferences.changed.connect(self._follow_theme)
        self.document.changed.connect(self._show_title)
        self.document.state_changed.connect(self._show_title)
        self.transport.moved.connect(self.timeline.set_playhead)
        self.transport.monitor_changed.connect(self.timeline.render_bar.set_monitor)
        self.rendering.plan_changed.connect(self.timeline.counting.follow)
        self.project_commands.replaced.connect(self.timeline.axis.fit)
        self.project_commands.preferences_requested.connect(self.application_commands.on_preferences)
        self.timeline.seek.connect(self.transport.seek)
        self.timeline.clip_clicked.connect(self.transport.place)
        self.timeline.demo_clicked.connect(self.project_commands.on_open_demo)
        self.timeline.lanes.clip_opened.connect(self.panel_commands.inspect)
        self.timeline.ruler.scrub_began.connect(self.transport.begin_scrub)
        self.timeline.ruler.scrub_ended.connect(self.transport.end_scrub)

    def _attach_context_menus(self) -> None:
        found = TimelineContexts(self.timeline, self.document, self.selection)
        self.context_menus = ContextMenus(self.actions_by_id, self.context_place, self)
        attach = self.context_menus.attach
        attach(self.timeline.lanes, found.on_lanes)
        attach(self.timeline.headers, found.on_headers)
        attach(self.timeline.ruler, found.on_ruler)
        attach(self.timeline.master, found.on_mix)
        attach(self.timeline.master_strip, found.on_master)
        attach(self.clip_table.table, self.clip_table.context_at)
        attach(self.region_table.table, self.region_table.context_at)
        attach(self.marker_table.table, self.marker_table.context_at)
        attach(self.history.list, self.history.context_at)
        attach(self.snapshots.list, self.snapshots.context_at)
        self.views.view_shown.connect(lambda view: attach(view, partial(found.on_view, view)))

    # Title and theme

    def _show_title(self) -> None:
        self.setWindowTitle(f"{in_title(self.document.title)}[*] — LinCAE Studio")
        self.setWindowModified(self.document.modified)

    def _follow_theme(self) -> None:
        chosen = self.preferences.value.theme
        if chosen != self._theme:
            self._theme = chosen
            app = QApplication.instance()
            assert isinstance(app, QApplication)
            apply_theme(app, chosen)

    # Qt overrides

    def changeEvent(self, event: QEvent) -> None:
        if self.actions_by_id:
            if event.type() is QEvent.Type.PaletteChange:
                self.action_states.follow_theme()
                self.views.follow_theme()
            elif event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
                self.project_files.check()  # another program may have changed a file in the meantime
        super().changeEvent(event)

    def event(self, event: QEvent) -> bool:
        if belongs_to_focus(event, self.focusWidget()):
            event.accept()
            return True
        return super().event(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            # The first paint is done after two iterations of the event loop.
            QTimer.singleShot(0, self, lambda: QTimer.singleShot(0, self, self.first_painted.emit))

    def createPopupMenu(self) -> QMenu:
        """The menu of the toolbar and of the titles of panels. Qt's own would hide the toolbar for good."""
        return make_menu(self.actions_by_id, Place("panel", QPoint()), self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import files dropped beside the lanes, at the playhead or at the start of an empty session."""
        event.acceptProposedAction()
        self.importer.drop(local_paths(event.mimeData()), None)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.project_commands.may_leave():
            event.ignore()
            return
        self.closing.emit()
        self.shut_down()
        event.accept()
