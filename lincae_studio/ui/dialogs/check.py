"""The window of *Check Against Master*: which stems differ from the master, and when. Main thread; not modal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTableWidgetItem

from lincae_studio import atomic
from lincae_studio.engine.analysis.check_words import amount_text, sentence, summary, table
from lincae_studio.engine.analysis.checking import check_stems
from lincae_studio.engine.analysis.findings import CheckResult
from lincae_studio.engine.analysis.grams import Provide
from lincae_studio.engine.analysis.residual_session import residual_session
from lincae_studio.engine.export.mixdown import mixdown
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.evaluation.check_page import check_page
from lincae_studio.jobs import CancelToken, ReportProgress, share_of
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import Media, Session
from lincae_studio.session.times import format_time
from lincae_studio.ui.dialogs.comparison import ComparisonDialog
from lincae_studio.ui.dialogs.residual_picture import ResidualPicture
from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.analyses import Analyses
from lincae_studio.ui.rendering.last_check import LastCheck

_ABOUT = (
    "Compares a master with its stems: all other tracks that have clips. They are aligned and their levels are matched "
    "first; faders, pans, envelopes and mutes have no effect."
)

_KINDS = "CSV table (*.csv);;HTML page (*.html)"


class CheckDialog(ComparisonDialog):
    """Lists findings; choosing one goes there and selects its tracks."""

    def __init__(self, analyses: Analyses, last_check: LastCheck, media: MediaStore, transport: Transport) -> None:
        super().__init__(
            analyses,
            title="Check Against Master",
            about=_ABOUT,
            track_label="&Master",
            run_label="&Check",
            columns=("Difference", "From", "To", "Amount"),
            table_name="Differences between the master and the stems",
        )
        self._last_check = last_check
        self._media = media
        self._transport = transport
        self.picture = ResidualPicture(self._document.session.rate, self)
        self.rows.insertWidget(self.rows.count() - 1, self.picture)
        self.residual_button = self.add_button(
            "Make &Residual Track…",
            "Decode the residual, what is in the master but not in the stems, to a file, and add it as a track",
        )
        self.report_button = self.add_button("&Save Report…", "Write the differences and the residual as CSV or HTML")
        self.residual_button.clicked.connect(self._on_residual)
        self.report_button.clicked.connect(self._on_report)
        self.table.itemSelectionChanged.connect(self._on_selected)
        self.table.itemClicked.connect(self._on_clicked)
        self.picture.seek.connect(transport.seek_and_show)
        self.order_tabs(self.track, self.run_button, self.table, self.picture)

    def work(self, chosen: int, others: Sequence[int]) -> Callable[[Provide, ReportProgress, CancelToken], CheckResult]:
        rendering = self._rendering
        session, codec = rendering.playable(self._document.session), rendering.update_plan().codec
        return lambda provide, report, cancel: check_stems(
            session, chosen, others, codec, rendering.audio, provide, report, cancel
        )

    def show_result(self, result: CheckResult | None) -> None:
        self.found = result
        self.picture.show_result(result)
        for button in (self.residual_button, self.report_button):
            button.setEnabled(result is not None)
        session = self._document.session
        if result is None:
            self.fill(())
            return
        if self._heard is not None:
            self._last_check.set(self._heard, result)
        notes = "".join(f" Note: {note}." for note in result.notes)
        self.say(summary(result, session) + notes)
        self.fill(
            [
                (
                    sentence(one, session, self.name_of),
                    format_time(one.start / session.rate, 1),
                    format_time(one.end / session.rate, 1),
                    amount_text(one),
                )
                for one in result.findings
            ]
        )
        if result.findings:  # Down would not select the only row of a list without a selection
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
            self.table.selectRow(0)

    def _on_clicked(self, _item: QTableWidgetItem) -> None:
        """Go there again, even if the row is selected already."""
        self._on_selected()

    def _on_selected(self) -> None:
        rows = {index.row() for index in self.table.selectedIndexes()}
        if self.found is None or not rows:
            self.picture.mark(None)
            return
        finding = self.found.findings[rows.pop()]
        self.picture.mark(finding)
        known = {track.id for track in self._document.session.tracks}
        tracks = [track_id for track_id in finding.tracks if track_id in known]
        if tracks:
            self._selection.set_tracks(tracks)
        self._transport.seek_and_show(finding.start)

    def _on_report(self) -> None:
        result, session = self.found, self._document.session
        if result is None:
            return

        def lacking(path: Path, chosen_filter: str) -> str:
            if path.suffix.lower() in (".csv", ".html"):
                return ""
            return ".html" if "*.html" in chosen_filter else ".csv"

        suggested = self._analyses.folder() / f"{self._document.title} check.csv"
        path = file_to_write(self, "Save Report", suggested, _KINDS, lacking)
        if path is None:
            return
        if path.suffix.lower() == ".html":
            text = check_page(result, session, self.name_of(self._compared[0]), self.name_of)
        else:
            text = table(result, session, self.name_of)
        try:
            atomic.write_bytes(path, text.encode())
        except OSError as error:
            reason, remedy = os_error_reason(error, path)
            self._analyses.messages.error(ExportError(f"cannot write {path}: {reason}", remedy))
            return
        self._analyses.messages.info(f"Wrote {path}")

    def _on_residual(self) -> None:
        result, document, rendering = self.found, self._document, self._rendering
        if result is None or self._analyses.busy:
            return
        suggested = self._analyses.folder() / f"{document.title} residual.wav"
        path = file_to_write(
            self, "Make Residual Track", suggested, "WAV file (*.wav)", lambda path, _: "" if path.suffix else ".wav"
        )
        if path is None:
            return
        used = {Path(media.path) for media in document.session.media}
        if path in used:
            problem = ExportError(f"{path} is an audio file of this project", "Choose another name")
            self._analyses.messages.error(problem)
            return
        master, *stems = self._compared
        session = rendering.playable(document.session)
        plan = make_plan(residual_session(session, master, stems, result), rendering.update_plan().codec)
        store, rate = self._media, session.rate

        def work(provide: Provide, report: ReportProgress, cancel: CancelToken) -> Media:
            decoding = share_of(report, 0.0, 0.8, label="Decoding")
            mixdown(plan, lambda chunk: provide([chunk])[0], path, progress=decoding, cancel=cancel)
            return store.import_file(path, share_of(report, 0.8, 1.0, label="Reading"), cancel, rate=rate)

        def done(media: Media) -> None:
            def add(session: Session) -> Session:
                session = edits.add_track(session, "Residual")
                return edits.add_clip(session, session.tracks[-1].id, media, 0)

            self._made.add(document.session.next_id)
            if document.apply("Make Residual Track", add):
                self.say(f"{summary(result, session)} The track Residual has what the stems lack.")

        self.start(work, "Make Residual Track", done)
