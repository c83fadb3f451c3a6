"""Commands that export the linearity report and pictures of views. Main thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget

from lincae_studio.errors import StudioError
from lincae_studio.session.times import count_of
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.exporting import Exporter
from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.rendering.linearity_meter import LinearityMeter
from lincae_studio.ui.rendering.linearity_report import write_report
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.panel import TimelinePanel
from lincae_studio.ui.views.manager import ViewManager
from lincae_studio.ui.views.pictures import FILTER, SUFFIXES, PictureSource, save_picture


class ReportCommands:
    """Asks for a file name and writes the file."""

    def __init__(
        self,
        document: Document,
        rendering: Rendering,
        linearity_meter: LinearityMeter,
        timeline: TimelinePanel,
        views: ViewManager,
        exporter: Exporter,
        messages: MessageBar,
        window: QWidget,
    ) -> None:
        self._document = document
        self._rendering = rendering
        self._linearity_meter = linearity_meter
        self._timeline = timeline
        self._views = views
        self._exporter = exporter
        self._messages = messages
        self._window = window
        views.linearity_export_requested.connect(self.on_export_linearity)

    @property
    def handlers(self) -> Handlers:
        return {"export_linearity": self.on_export_linearity, "export_picture": self.on_export_picture}

    def on_export_linearity(self) -> None:
        suggested = self._exporter.folder / f"{self._document.title} linearity.csv"
        view = self._views.get("linearity")
        kinds = f"CSV table (*.csv);;{FILTER}" if view is not None else "CSV table (*.csv)"
        pictures = SUFFIXES if view is not None else ()

        def lacking(path: Path, chosen_filter: str) -> str:
            if path.suffix.lower() in (".csv", *pictures):
                return ""
            return next((suffix for suffix in pictures if f"*{suffix}" in chosen_filter), ".csv")

        path = file_to_write(self._window, "Export Linearity Report", suggested, kinds, lacking)
        if path is None:
            return
        try:
            if view is not None and path.suffix.lower() in pictures:
                save_picture(view, path)
                self._messages.info(f"Wrote {path}")
                return
            count = write_report(path, self._document.session, self._rendering, self._linearity_meter)
        except StudioError as error:
            self._messages.error(error)
            return
        total = len(self._rendering.plan.audible)
        missing = total - count
        waiting = f"; {count_of(missing, 'chunk')} without figures, not rendered yet" if missing > 0 else ""
        self._messages.info(f"Wrote {path}{waiting}")

    def on_export_picture(self) -> None:
        from lincae_studio.ui.dialogs.picture import PictureDialog  # imported late, so that the window starts faster

        views = [PictureSource("Tracks and mix", self._timeline), PictureSource("Mix", self._timeline.master)]
        views += self._views.picture_sources()
        views.append(PictureSource("Whole window", self._window))
        PictureDialog(views, self._suggested_path, self._messages, self._window).open()

    def _suggested_path(self, title: str) -> Path:
        return self._exporter.folder / f"{self._document.title} {title.lower()}.png"
