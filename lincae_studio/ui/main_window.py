"""The main window: menus, toolbar, timeline, status bar, and what each action does. Main thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent, QTextCursor
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QSizePolicy,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from lincae_studio import __version__
from lincae_studio.errors import StudioError
from lincae_studio.media.probe import EXTENSIONS
from lincae_studio.media.store import MediaStore
from lincae_studio.media.writer import ENDINGS
from lincae_studio.paths import resource
from lincae_studio.preferences import RulerUnit, SnapTarget, Theme
from lincae_studio.session.model import SESSION_RATE, Session
from lincae_studio.session.times import format_time
from lincae_studio.ui.actions import menus, shortcuts
from lincae_studio.ui.actions.focus_keys import belongs_to_focus
from lincae_studio.ui.actions.table import ACTIONS
from lincae_studio.ui.commands.bundles import BundleController
from lincae_studio.ui.commands.clips import ClipCommands
from lincae_studio.ui.commands.codecs import CodecMenu
from lincae_studio.ui.commands.exporting import Exporter
from lincae_studio.ui.commands.importing import Importer
from lincae_studio.ui.commands.interchange import InterchangeCommands
from lincae_studio.ui.commands.media import MediaCommands
from lincae_studio.ui.commands.places import PlaceCommands
from lincae_studio.ui.commands.projects import ProjectCommands, is_project
from lincae_studio.ui.commands.tracks import TrackCommands
from lincae_studio.ui.commands.view import ViewCommands
from lincae_studio.ui.dialogs.command_palette import CommandPalette
from lincae_studio.ui.dialogs.minus_one import MinusOneDialog
from lincae_studio.ui.dialogs.picture import PictureDialog
from lincae_studio.ui.dialogs.render_settings import RenderSettingsDialog
from lincae_studio.ui.dialogs.tempo import TempoDialog
from lincae_studio.ui.jobs.project_files import ProjectFiles
from lincae_studio.ui.model.autosave import Autosave
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.panels.clip_table import ClipTable
from lincae_studio.ui.panels.history import HistoryPanel
from lincae_studio.ui.panels.inspector import Inspector
from lincae_studio.ui.panels.loudness import LoudnessPanel
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.engine_settings import EngineSettings
from lincae_studio.ui.rendering.linearity_meter import LinearityMeter
from lincae_studio.ui.rendering.linearity_report import write_report
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.theme import apply_theme
from lincae_studio.ui.timeline.drops import DropTarget
from lincae_studio.ui.timeline.metering import Metering
from lincae_studio.ui.timeline.panel import TimelinePanel
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.manager import ViewManager
from lincae_studio.ui.views.pictures import FILTER as PICTURES
from lincae_studio.ui.views.pictures import SUFFIXES, PictureSource, save_picture
from lincae_studio.ui.views.registry import VIEWS

if TYPE_CHECKING:
    from lincae_studio.ui.dialogs.export import ExportDialog

_log = logging.getLogger(__name__)

#: First height of the table of clips.
_TABLE_PX = 150

#: Ids of the actions that show views begin so.
_VIEW_ACTION = "view_"

_AUDIO_FILTER = "Audio (" + " ".join(f"*.{ending}" for ending in EXTENSIONS) + ");;All files (*)"


class MainWindow(QMainWindow):
    """One window, one document.

    Signals:
        first_painted: the window was shown and painted once.
    """

    first_painted = Signal()

    def __init__(self, media: MediaStore, cache_dir: Path, preferences: PreferenceStore | None = None) -> None:
        """Without `preferences`, the defaults, which are not kept."""
        super().__init__()
        self.actions_by_id: dict[str, QAction] = {}
        self._theme: Theme = "dark"
        self.setObjectName("main_window")
        self.resize(1440, 900)
        self.setAcceptDrops(True)
        self.preferences = preferences or PreferenceStore(None, self)
        self.document = Document(self)
        self.selection = Selection(self.document)
        self.rendering = Rendering(self.document, media, cache_dir)
        self.messages = MessageBar(self)
        self.timeline = TimelinePanel(self.document, self.selection, self.rendering, media, self)
        self.transport = Transport(
            self.document,
            self.rendering,
            self.timeline.axis,
            self.messages,
            self.preferences,
            lambda: not self.timeline.lanes.dragging,
        )
        self.player = self.transport.player
        self.metering = Metering(self.transport, self.rendering, self.timeline.headers, self.timeline.mix_meter)
        self.importer = Importer(self.document, media, self.messages, self)
        self.exporter = Exporter(self.rendering, self.messages, self)
        self.codecs = CodecMenu(self.document, self.rendering, self.messages, self)
        self.clip_commands = ClipCommands(
            self.document,
            self.selection,
            lambda: self.player.position,
            lambda: self.rendering.update_plan().grid.step_samples,
        )
        self.track_commands = TrackCommands(
            self.document,
            self.selection,
            self.timeline.headers,
            self.timeline.envelopes,
            lambda: self.player.position,
            self,
        )
        self.inspector = Inspector(self.document, self.selection, self)
        self.history = HistoryPanel(self.document, self)
        self.loudness = LoudnessPanel(self.rendering, self.metering, self)
        self.clip_table = ClipTable(self.document, self.selection, self)
        self.view_commands = ViewCommands(
            self.document,
            self.selection,
            self.timeline.axis,
            self.timeline.rows,
            self.preferences,
            lambda: self.player.position,
        )
        self.linearity_meter = LinearityMeter(self.document, self.rendering)
        context = ViewContext(
            self.timeline.axis,
            self.document,
            self.selection,
            self.rendering,
            self.timeline.residuals,
            self.linearity_meter,
            self.transport.seek,
            self._on_export_linearity,
        )
        self.views = ViewManager(context, self.timeline, self, self.preferences, lambda: self.player.position)
        self.engine_settings = EngineSettings(self.preferences, self.rendering)
        self.autosave = Autosave(self.document, self.preferences)
        self.bundles = BundleController(self.document, self.rendering, media, cache_dir, self.messages, self)
        self.project_commands = ProjectCommands(
            self.document,
            self.autosave,
            self.bundles,
            self.messages,
            self.preferences,
            lambda: self.rendering.export_warnings(),
            self._leave_document,
            self._show_document,
            self,
        )
        self.project_files = ProjectFiles(
            self.document,
            media,
            self.messages,
            lambda digest: digest not in self.rendering.offline,
            self.project_commands.confirm,
            self,
        )
        self.media_commands = MediaCommands(
            self.document, media, self.project_files, self.messages, self.project_commands.on_save, self
        )
        self.interchange_commands = InterchangeCommands(
            self.document,
            media,
            self.messages,
            self.project_commands.may_leave,
            self.project_commands.open_copy,
            self.project_commands.confirm,
            lambda: self.project_commands.folder,
            self,
        )
        self.place_commands = PlaceCommands(self.document, self.selection, lambda: self.player.position, self)
        self._export_folder: Path | None = None
        self._was_shown = False
        self._fit_next_import = False
        self._build()
        self._connect()
        self._follow_preferences()
        self._show_playing()
        self._show_state()
        self._show_position()
        self.timeline.lanes.setFocus()

    def start_engine_and_views(self) -> None:
        """After the first paint: the engine, then the views, which take a while to import."""
        self.rendering.start()
        self.views.start()

    def handler(self, action: str) -> Callable[..., None]:
        """What an action of the table calls."""
        if action.startswith(_VIEW_ACTION):
            return self.views.toggler(action.removeprefix(_VIEW_ACTION))
        for commands in (
            self.clip_commands,
            self.track_commands,
            self.place_commands,
            self.project_commands,
            self.media_commands,
            self.interchange_commands,
            self.view_commands,
            self.transport,
        ):
            found: Callable[..., None] | None = getattr(commands, f"on_{action}", None)
            if found is not None:
                return found
        own: Callable[..., None] = getattr(self, f"_on_{action}")
        return own

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Load what was named on the command line or dropped: one project, or audio files at the start."""
        if len(paths) == 1 and is_project(paths[0]):
            self.open_project(paths[0])
        elif paths:
            self._import(paths, 0)

    def open_project(self, path: Path, untitled: bool = False) -> None:
        """Replace the document by a project; `untitled` opens it as a copy without a file name."""
        self.project_commands.open_project(path, untitled)

    def open_demo(self) -> None:
        """Open the demo song as an untitled document."""
        self.project_commands.open_demo()

    def save_to(self, path: Path) -> bool:
        """Save the project; False, with a message, when that fails."""
        return self.project_commands.save_to(path)

    def _build(self) -> None:
        self.actions_by_id = menus.make_actions(self, self.handler)
        bar_menus = menus.make_menus(self, self.actions_by_id)
        bar_menus["Session"].addMenu(self.codecs.menu)
        bar_menus["File"].insertMenu(self.actions_by_id["open_demo"], self.project_commands.recent_menu)
        self.codec_actions = self.codecs.actions
        bar = menus.make_toolbar(self, self.actions_by_id)
        self.addToolBar(bar)
        spacer = QWidget(bar)
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(spacer)
        self.position_label = QLabel(bar)
        self.position_label.setObjectName("position")
        self.position_label.setAccessibleName("Playhead position")
        bar.addWidget(self.position_label)
        central = QWidget(self)
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.messages)
        layout.addWidget(self.timeline, 1)
        self.setCentralWidget(central)
        for action, panel in (
            ("inspector", self.inspector),
            ("history", self.history),
            ("loudness", self.loudness),
            ("clip_table", self.clip_table),
        ):
            below = Qt.DockWidgetArea.BottomDockWidgetArea
            self.addDockWidget(below if panel is self.clip_table else Qt.DockWidgetArea.RightDockWidgetArea, panel)
            panel.hide()
            panel.visibilityChanged.connect(self.actions_by_id[action].setChecked)
        self.render_label = QLabel(self)
        self.codec_label = QLabel(self)
        self.engine_label = QLabel(self)
        self.output_label = QLabel(self)
        for label in (self.render_label, self.codec_label, self.engine_label, self.output_label):
            self.statusBar().addPermanentWidget(label)

    def _connect(self) -> None:
        self.document.changed.connect(self._on_document_changed)
        self.document.state_changed.connect(self._show_state)
        self.document.refused.connect(self.messages.error)
        self.preferences.changed.connect(self._follow_preferences)
        self.preferences.problem.connect(self.messages.error)
        if self.preferences.refusal is not None:
            self.messages.error(self.preferences.refusal)
        self.document.refused.connect(self._show_state)  # a checkable action has checked itself
        self.selection.changed.connect(self._show_state)
        self.rendering.plan_changed.connect(self._on_plan_changed)
        self.rendering.chunk_changed.connect(lambda _: self._show_progress())
        self.rendering.engine_changed.connect(self._show_engine)
        self.rendering.problem.connect(self.messages.error)
        self.linearity_meter.problem.connect(self.messages.error)
        self.autosave.problem.connect(self.messages.error)
        self.project_commands.opened.connect(self._on_project_opened)
        self.project_commands.preferences_wanted.connect(self._on_preferences)
        self.project_commands.dawproject_chosen.connect(self.interchange_commands.open)
        self.importer.finished.connect(self._on_import_finished)
        self.importer.media_found.connect(self._on_media_found)
        self.importer.find_files.connect(self.project_files.show_requested)
        self.project_files.media_found.connect(self._on_files_relinked)
        self.timeline.seek.connect(self.transport.seek)
        self.timeline.files_dropped.connect(self._on_files_dropped)
        self.timeline.lanes.clip_opened.connect(self._on_clip_opened)
        self.timeline.ruler.loop_dragged.connect(self.place_commands.set_loop)
        self.timeline.ruler.marker_dragged.connect(self.place_commands.move_marker)
        self.timeline.ruler.marker_renamed.connect(self.place_commands.rename_marker)
        self.timeline.ruler.marker_removed.connect(self.place_commands.remove_marker)
        self.place_commands.seek.connect(self.transport.seek_and_show)
        self.clip_commands.files_pasted.connect(self._on_files_pasted)
        self.clip_commands.media_pasted.connect(lambda: self._on_project_opened(self.document.session))
        self.engine_settings.restarted.connect(lambda: self.bundles.attach(self.document.session))
        self.bundles.audio_found.connect(self._on_latents_decoded)
        self.bundles.find_files.connect(self.project_files.show_requested)
        self.timeline.import_clicked.connect(self._on_import_audio)
        self.timeline.demo_clicked.connect(self.project_commands.on_open_demo)
        self.timeline.add_track_button.clicked.connect(self.track_commands.on_add_track)
        self.transport.moved.connect(self._show_position)
        self.transport.playing_changed.connect(self._show_playing)
        self.transport.monitor_changed.connect(self._show_playing)
        self.timeline.ruler.scrub_began.connect(self.transport.begin_scrub)
        self.timeline.ruler.scrub_ended.connect(self.transport.end_scrub)
        self.timeline.counting.changed.connect(self._show_position)
        self._on_plan_changed()
        self._show_engine()

    # File

    def _on_import_audio(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Import Audio", str(self.project_commands.folder), _AUDIO_FILTER)
        if names:
            start = self.player.position if self.document.session.length else 0
            self._import([Path(name) for name in names], start)

    def _on_files_dropped(self, paths: list[Path], target: DropTarget) -> None:
        if not paths:
            self.messages.error("What was dropped are not files of this computer. Use Import Audio instead.")
        elif len(paths) == 1 and is_project(paths[0]):
            if self.project_commands.may_leave():
                self.open_project(paths[0])
        else:
            self._import(paths, target.start, target.track if target.track >= 0 else None, target.in_sequence)

    def _on_files_pasted(self, paths: list[Path]) -> None:
        if paths:
            self._import(paths, self.player.position if self.document.session.length else 0)

    def _import(
        self, paths: Sequence[Path], start: int, first_track: int | None = None, in_sequence: bool = False
    ) -> None:
        self._fit_next_import = not self.document.session.length
        self.importer.import_files(paths, start, first_track, in_sequence)

    def _on_import_finished(self) -> None:
        if self._fit_next_import:
            self.timeline.axis.fit()

    def _on_media_found(self) -> None:
        self._on_files_relinked()
        self.timeline.axis.fit()

    def _on_latents_decoded(self) -> None:
        self.timeline.master.dry.forget()
        self.rendering.retry_failed()
        self._on_files_relinked()

    def _on_files_relinked(self) -> None:
        self.rendering.refresh()
        self.timeline.lanes.invalidate()

    def _on_export_mix(self) -> None:
        folder = self._export_folder or self.project_commands.folder
        ending = ENDINGS[self.preferences.value.export.format.container][0]
        suggested = folder / f"{self.document.title}{ending}"
        from lincae_studio.ui.dialogs.export import ExportDialog  # dialogs can wait: the window's start cannot

        dialog = ExportDialog(self.rendering, self.preferences, suggested, self.selection.span, self._may_export, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._on_export_accepted(dialog))
        dialog.open()

    def _on_export_accepted(self, dialog: ExportDialog) -> None:
        path, settings = dialog.path, dialog.settings
        self._export_folder = path.parent
        self.preferences.set(export=settings)
        protected = [Path(media.path) for media in self.document.session.media]
        if self.document.path is not None:
            protected.append(self.document.path)
        self.exporter.export(path, settings, protected, dialog.title, self.selection.span)

    def _may_export(self, dialog: ExportDialog) -> bool:
        """Ask what there is to be asked; with No the dialog stays."""
        # Path.exists raises for a name that is too long; writing it says so.
        there = [str(one) for one in dialog.paths if os.path.exists(one)]
        if len(there) == 1 and not self.project_commands.confirm(f"{there[0]} exists.", "Replace it?"):
            return False
        if len(there) > 1 and not self.project_commands.confirm(f"{len(there)} of the files exist.", "Replace them?"):
            return False
        export_warnings = self.rendering.export_warnings(
            dry=not {"dry", "difference"}.isdisjoint(dialog.settings.contents)
        )
        return not export_warnings or self.project_commands.confirm(" ".join(export_warnings), "Export all the same?")

    def _on_export_linearity(self) -> None:
        suggested = str((self._export_folder or self.project_commands.folder) / f"{self.document.title} linearity.csv")
        view = self.views.get("linearity")
        kinds = f"Table (*.csv);;{PICTURES}" if view is not None else "Table (*.csv)"
        name, _ = QFileDialog.getSaveFileName(self, "Export Linearity Report", suggested, kinds)
        if not name:
            return
        try:
            if view is not None and Path(name).suffix.lower() in SUFFIXES:
                save_picture(view, Path(name))
                self.messages.info(f"Wrote {name}")
                return
            count = write_report(Path(name), self.document.session, self.rendering, self.linearity_meter)
        except StudioError as error:
            self.messages.error(error)
            return
        total = len(self.rendering.plan.audible)
        waiting = f"; {total - count} chunks are not rendered yet and have no figure" if count < total else ""
        self.messages.info(f"Wrote {name}{waiting}")

    def _on_export_picture(self) -> None:
        views = [PictureSource("Tracks and mix", self.timeline), PictureSource("Mix", self.timeline.master)]
        views += self.views.picture_sources()
        views.append(PictureSource("Whole window", self))
        PictureDialog(views, self._picture_path, self.messages, self).open()

    def _picture_path(self, title: str) -> Path:
        return (self._export_folder or self.project_commands.folder) / f"{self.document.title} {title.lower()}.png"

    def _on_quit(self) -> None:
        self.close()

    # Edit

    def _on_undo(self) -> None:
        self.document.undo()

    def _on_redo(self) -> None:
        self.document.redo()

    # View, session, help

    def _on_inspector(self, on: bool) -> None:
        if on:
            self.inspector.edit_first_field()
        else:
            self.inspector.hide()

    def _on_clip_opened(self, clip_id: int) -> None:
        self.selection.set_clips([clip_id])
        self.inspector.edit_first_field()

    def _on_history(self, on: bool) -> None:
        self.history.setVisible(on)

    def _on_loudness(self, on: bool) -> None:
        self.loudness.setVisible(on)

    def _on_clip_table(self, on: bool) -> None:
        if on:
            self.clip_table.edit()
            self.resizeDocks([self.clip_table], [_TABLE_PX], Qt.Orientation.Vertical)
        else:
            self.clip_table.hide()

    def _on_preferences(self) -> None:
        from lincae_studio.ui.dialogs.preferences import PreferencesDialog

        PreferencesDialog(self.preferences, self.transport, self).open()

    def _follow_preferences(self) -> None:
        chosen = self.preferences.value
        shortcuts.apply_keys(self.actions_by_id, chosen.shortcuts)
        self.actions_by_id["follow"].setChecked(chosen.follow_playhead)
        self.actions_by_id["snap"].setChecked(chosen.snap)
        self.actions_by_id["linearity"].setChecked(chosen.linearity_strip)
        for target in get_args(SnapTarget):
            self.actions_by_id[f"snap_to_{target}"].setChecked(target in chosen.snap_to)
        for unit in get_args(RulerUnit):
            self.actions_by_id[f"count_in_{unit}"].setChecked(unit == chosen.ruler)
        for spec in VIEWS:
            self.actions_by_id[f"{_VIEW_ACTION}{spec.id}"].setChecked(spec.id in chosen.views)
        self.timeline.follow_preferences(chosen)
        self.views.follow_preferences()
        if chosen.theme != self._theme:
            self._theme = chosen.theme
            app = QApplication.instance()
            assert isinstance(app, QApplication)
            apply_theme(app, chosen.theme)

    def _on_minus_one(self) -> None:
        if self.selection.track is not None:
            MinusOneDialog(self.selection.track, self.document, self.rendering, self).open()

    def _on_render_settings(self) -> None:
        RenderSettingsDialog(self.document, self.rendering.update_plan().codec, self).open()

    def _on_tempo(self) -> None:
        TempoDialog(self.document, self.player.position, self).open()

    def _on_palette(self) -> None:
        CommandPalette(self.actions_by_id, self).open()

    def _on_retry(self) -> None:
        self.rendering.retry_failed()

    def _on_manual(self) -> None:
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("LinCAE Studio manual")
        browser = QTextBrowser(dialog)
        browser.setMarkdown(resource("manual/manual.md").read_text(encoding="utf-8"))
        browser.moveCursor(QTextCursor.MoveOperation.Start)
        layout = QVBoxLayout(dialog)
        layout.addWidget(browser)
        dialog.resize(760, 720)
        dialog.show()

    def _on_about(self) -> None:
        text = (
            f"<b>LinCAE Studio {__version__}</b><p>A multitrack editor whose mixer works in the latent space of a "
            "Linear Consistency Autoencoder.</p><p>Licence: Apache 2.0</p>"
        )
        QMessageBox.about(self, "About LinCAE Studio", text)

    # Following the document and the engine

    def _on_document_changed(self) -> None:
        self._show_state()

    def _on_plan_changed(self) -> None:
        self._show_progress()
        self.timeline.counting.follow()
        self.codec_label.setText(f"codec {self.rendering.plan.codec.title}")

    def _show_playing(self) -> None:
        playing = self.player.playing
        self.actions_by_id["play"].setChecked(playing)
        self.actions_by_id["play"].setIcon(menus.icon("stop" if playing else "play"))
        self.timeline.render_bar.monitor = self.transport.monitor
        heard = {"auto": "", "latent": "latent only", "dry": "dry only", "difference": "difference"}
        gaps = f"{self.player.dropouts} dropouts" if self.player.dropouts else ""
        said = (heard[self.transport.monitor], self.player.output_name or "", gaps)
        self.output_label.setText(" · ".join(part for part in said if part))
        self.actions_by_id[f"monitor_{self.transport.monitor}"].setChecked(True)

    def _show_position(self) -> None:
        position = self.player.position
        self.timeline.set_playhead(position)
        self.views.set_playhead(position)
        self.position_label.setText(self.timeline.counting.text(position))
        frame = position // self.rendering.plan.grid.hop
        seconds = format_time(position / SESSION_RATE)
        self.position_label.setToolTip(f"{seconds}, sample {position}, latent frame {frame}")

    def _show_progress(self) -> None:
        done, total = self.rendering.progress()
        self.render_label.setText(f"{done}/{total} chunks rendered" if total else "nothing to render")

    def _show_engine(self) -> None:
        self.engine_label.setText(self.rendering.engine_text)

    def _show_state(self, *_: object) -> None:
        document = self.document
        self.setWindowTitle(f"{document.title}[*] — LinCAE Studio")
        self.setWindowModified(document.modified)
        session = document.session
        holds = {
            "": True,
            "clips": session.length > 0,
            "selection": bool(self.selection.clips),
            "markers": bool(session.markers),
            "track": self.selection.track is not None,
            "undo": document.undo_text is not None,
            "redo": document.redo_text is not None,
        }
        for spec in ACTIONS:
            self.actions_by_id[spec.id].setEnabled(holds[spec.needs])
        self.actions_by_id["loop"].setChecked(session.loop is not None and session.loop.on)
        self.actions_by_id["undo"].setText(f"&Undo {document.undo_text or ''}".rstrip())
        self.actions_by_id["redo"].setText(f"&Redo {document.redo_text or ''}".rstrip())

    def _leave_document(self) -> None:
        """Another document comes."""
        self.transport.rewind()
        self.importer.abandon()
        self.project_files.abandon()
        self.media_commands.abandon()
        self.bundles.abandon()
        self.interchange_commands.abandon()

    def _show_document(self) -> None:
        self.timeline.axis.fit()
        self._show_position()

    def _on_project_opened(self, session: Session) -> None:
        self.importer.find_media(session)
        self.bundles.attach(session)
        self.project_files.check()

    # Qt overrides

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange and self.actions_by_id:
            menus.follow_theme(self.actions_by_id)
            self._show_playing()
            self.views.follow_theme()
        elif event.type() is QEvent.Type.ActivationChange and self.actions_by_id and self.isActiveWindow():
            self.project_files.check()  # another program may have written a file meanwhile
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
            # Two turns of the event loop later the first paint is done.
            QTimer.singleShot(0, self, lambda: QTimer.singleShot(0, self, self.first_painted.emit))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Beside the lanes: new tracks at the start of an empty session, else at the playhead."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        start = self.player.position if self.document.session.length else 0
        self._on_files_dropped(paths, DropTarget(start, -1))

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.project_commands.may_leave():
            event.ignore()
            return
        self.shut_down()
        event.accept()

    def shut_down(self) -> None:
        """End the sound, the jobs and the engine."""
        self.transport.silence()
        self.loudness.close_job()
        for dialog in self.findChildren(MinusOneDialog):
            dialog.close()
        self.linearity_meter.close()
        self.views.close()
        self.timeline.residuals.close()
        self.timeline.master.dry.close()
        self.clip_commands.close()
        self.exporter.close()
        self.importer.close()
        self.project_files.close()
        self.media_commands.close()
        self.bundles.close()
        self.interchange_commands.close()
        self.codecs.close()
        self.rendering.close()
        self.autosave.close()
