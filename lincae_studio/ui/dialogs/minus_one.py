"""The dialog that takes a stem out of a mix: finds it, lets the user see and hear the rest, and makes one edit.

Main thread. The preview is the edit itself, as a step that is still being merged, like a fader that is still held: a
preview that is not applied leaves no trace.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.engine.analysis.matching import StemMatch, match_stem, pan_of
from lincae_studio.errors import StudioError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.session.levels import format_db, format_pan
from lincae_studio.session.minus_one import match_track
from lincae_studio.session.model import MAX_GAIN
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.growing_label import GrowingLabel
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.plain_text import in_title, shown
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.rendering import Rendering

#: The pan is offered when left and right differ by more than this, in dB.
_PANNED_DB = 0.5

_FARTHEST_S = 10.0

#: The merge key of the preview.
_PREVIEW = "take out of mix"

#: A level below that of the mix by more than this is nothing that can be heard; by less than this, no difference.
_SILENT_DB = 80.0
_EQUAL_DB = 0.05

_FOUND = (("lag", "Place"), ("certainty", "Match"), ("gain", "Gain in the mix"), ("left", "What remains"))


class MinusOneDialog(QDialog):
    """Searches the mix of the other tracks for a track as soon as it is opened."""

    def __init__(
        self, track_id: int, document: Document, rendering: Rendering, transport: Transport, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._track_id = track_id
        self._document = document
        self._rendering = rendering
        self._transport = transport
        #: Whether the session is changed by this dialog now, and whether playback was started here.
        self._changing = False
        self._played_here = False
        self._name = document.session.track(track_id).name
        self._job: BackgroundJob | None = None
        self.match: StemMatch | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Take “{in_title(self._name)}” out of the mix")
        name = "How far to search for the stem"
        self.reach = NumberField(0.0, _FARTHEST_S, self, decimals=2, suffix=" s", name=name)
        self.reach.setSingleStep(0.5)
        self.reach.setValue(1.0)
        self.again = QPushButton("&Search Again", self)
        self.again.setAutoDefault(False)
        self.bar = QProgressBar(self)
        self.found = {name: QLabel("…", self) for name, _ in _FOUND}
        self.message = GrowingLabel("", self)
        self.align = QCheckBox(self)
        self.level = QCheckBox(self)
        self.pan = QCheckBox(self)
        self.preview = QCheckBox("Pre&view: hear and see the mix without the track", self)
        self.play = QPushButton("&Play", self)
        self.play.setAutoDefault(False)
        self.play.setToolTip("Play from the playhead; switch the preview on and off meanwhile to compare")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.apply_button = self.buttons.addButton("&Take Out", QDialogButtonBox.ButtonRole.AcceptRole)
        self.apply_button.setDefault(True)
        self._lay_out()
        self.again.clicked.connect(self.search)
        self.preview.toggled.connect(self._follow_preview)
        for box in (self.align, self.level, self.pan):
            box.toggled.connect(self._follow_preview)
        self.play.clicked.connect(self._on_play)
        transport.playing_changed.connect(self._show_playing)
        self.buttons.accepted.connect(self._on_apply)
        self.buttons.rejected.connect(self.reject)
        document.changed.connect(self._on_document_changed)
        self.search()

    def search(self) -> None:
        """Search for the stem, or stop a search in progress."""
        if self._job is not None:
            self._job.cancel()
            return
        self.preview.setChecked(False)
        session, plan, rendering = self._document.session, self._rendering.update_plan(), self._rendering
        playable = rendering.playable(session)
        track_id, most = self._track_id, round(self.reach.value() * session.rate)

        def work(report: ReportProgress, cancel: CancelToken) -> StemMatch:
            try:
                return match_stem(
                    playable,
                    track_id,
                    plan,
                    rendering.audio,
                    lambda chunks: rendering.requests.wait_for_probes(self, chunks, cancel),
                    most,
                    report,
                    cancel,
                )
            finally:
                rendering.requests.analyse(self, ())

        self.match = None
        job = self._job = BackgroundJob(work, self._document)  # it may outlive the dialog briefly
        job.progressed.connect(self._on_progress)
        job.succeeded.connect(self._on_found)
        job.failed.connect(self._on_failed)
        job.ended.connect(self._on_ended)
        job.start()
        self.again.setText("&Stop")
        self.bar.setRange(0, 0)
        self.bar.show()
        self._show()

    def _lay_out(self) -> None:
        text = GrowingLabel(
            "Finds this track in the mix of the other audible tracks, aligns it, matches its gain, and subtracts its "
            "latents from the mix.",
            self,
        )
        theme.dim(text)
        search = QHBoxLayout()
        label = QLabel("Search earlier and later by &up to", self)
        label.setBuddy(self.reach)
        search.addWidget(label)
        search.addWidget(self.reach)
        search.addWidget(self.again)
        search.addStretch(1)
        form = QFormLayout()
        for name, title in _FOUND:
            self.found[name].setAccessibleName(title)
            form.addRow(title, self.found[name])
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(text)
        layout.addLayout(search)
        layout.addWidget(self.bar)
        layout.addLayout(form)
        layout.addWidget(self.message)
        for box in (self.align, self.level, self.pan):
            layout.addWidget(box)
        listen = QHBoxLayout()
        listen.addWidget(self.preview, 1)
        listen.addWidget(self.play)
        layout.addLayout(listen)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(500)

    def _show(self) -> None:
        """Show the match and the edits on offer."""
        match = self.match
        for box in (self.align, self.level, self.pan, self.preview):
            box.setEnabled(match is not None)
        self.apply_button.setEnabled(match is not None)
        self._show_message("")
        if match is None:
            for label in self.found.values():
                label.setText("…")
            self.align.setText("&Move the track")
            self.level.setText("Set the &gain")
            self.pan.hide()
            return
        samples = match.lag.samples
        where = "later" if samples > 0 else "earlier"
        unit = "sample" if abs(samples) == 1 else "samples"
        milliseconds = abs(samples) / self._document.session.rate * 1e3
        self.found["lag"].setText(f"{abs(samples)} {unit} ({milliseconds:.1f} ms) {where}" if samples else "aligned")
        sure = "certain" if match.steady else "likely" if match.found else "uncertain"
        self.found["certainty"].setText(sure)
        self.found["certainty"].setToolTip(f"By the position alone: {100 * match.lag.certainty:.0f} %")
        inverted = ", polarity inverted" if match.gain < 0.0 else ""
        spread = f", varying by ±{match.spread_db:.1f} dB" if match.spread_db >= 0.05 else ", constant"
        self.found["gain"].setText(f"{format_db(abs(match.gain))}{inverted}{spread}")
        self.found["left"].setText(_remaining(match.after_db - match.before_db))
        certain = match.found
        if not certain:
            self._show_message("No certain match: the track may not be in this mix, or is further away.")
        elif abs(match.gain) > MAX_GAIN:
            self._show_message("The track is over 24 dB louder in the mix: raise its clip gain and search again.")
        self.align.setText(f"&Move the track by {samples:+d} {unit}".replace("-", "−"))
        self.align.setChecked(samples != 0 and certain)
        self.align.setVisible(samples != 0)
        gain, pan = self._strip()
        self.level.setText(f"Set the &gain to {format_db(abs(gain))}")
        self.level.setChecked(abs(gain) <= MAX_GAIN)
        self.level.setEnabled(abs(gain) <= MAX_GAIN)
        self.pan.setVisible(pan is not None)
        if pan is not None:
            self.pan.setText(f"Set the &pan to {format_pan(pan)}")
            self.pan.setChecked(certain)

    def _show_message(self, text: str) -> None:
        self.message.setText(shown(text))
        self.message.setVisible(bool(text))

    def _strip(self) -> tuple[float, float | None]:
        """The gain, negative if the polarity is inverted, and the pan, or None if the stem is not panned in the mix."""
        match = self.match
        assert match is not None, "only called after a match"
        if len(match.bus_gains) != 2 or min(match.bus_gains) * max(match.bus_gains) < 0.0:
            return match.gain, None
        sign = -1.0 if match.gain < 0.0 else 1.0
        left, right = (max(sign * side, 1e-6) for side in match.bus_gains)
        if max(left, right) / min(left, right) < 10.0 ** (_PANNED_DB / 20.0):
            return match.gain, None
        session = self._document.session
        stereo = any(session.media_of(clip.media).channels == 2 for clip in session.track(self._track_id).clips)
        gain, pan = pan_of((left, right), stereo)
        return sign * gain, pan

    def _on_progress(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total if progress.done else 0)
        self.bar.setValue(progress.done)

    def _on_found(self, match: StemMatch) -> None:
        self.match = match

    def _on_failed(self, error: StudioError) -> None:
        self._show_message(str(error))

    def _on_ended(self) -> None:
        self._job = None
        self.again.setText("&Search Again")
        self.bar.hide()
        message = self.message.text()
        self._show()
        if self.match is None:
            self._show_message(message or "Search cancelled.")

    def _on_document_changed(self) -> None:
        """Drop the match, which was found in an earlier state of the session."""
        if self.match is not None and not self._changing:
            self.match = None
            self._show()
            self._show_message("The session has changed: search again.")

    def _follow_preview(self) -> None:
        """Make the edit as it would be now, or take it back."""
        self._changing = True
        self._document.cancel_merge()
        if self.preview.isChecked() and self.match is not None:
            self._apply(_PREVIEW)
        self._changing = False

    def _apply(self, merge_key: str | None = None) -> None:
        assert self.match is not None, "else nothing can be applied"
        gain, pan = self._strip()
        lag = self.match.lag.samples if self.align.isChecked() else 0
        level = gain if self.level.isChecked() else None
        side = pan if not self.pan.isHidden() and self.pan.isChecked() else None
        text, track = f"Take “{self._name}” Out of the Mix", self._track_id
        self._document.apply(text, lambda session: match_track(session, track, lag, level, side), merge_key)

    def _on_play(self) -> None:
        self._played_here = not self._transport.playing
        self._transport.on_pause()

    def _show_playing(self) -> None:
        self.play.setText("&Pause" if self._transport.playing else "&Play")

    def _on_apply(self) -> None:
        if self.match is None:
            return
        self.preview.setChecked(False)
        self._changing = True
        self._apply()
        self.accept()

    # Qt overrides

    def done(self, result: int) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job.wait()
        self.preview.setChecked(False)
        if self._played_here and self._transport.playing:
            self._transport.on_pause()
        super().done(result)


def _remaining(change_db: float) -> str:
    """The remaining mix, in words; `change_db`: its level relative to the mix."""
    if change_db < -_SILENT_DB:
        return "nothing: the stem is the whole mix"
    if change_db > _EQUAL_DB:
        return f"{change_db:.1f} dB louder than the mix"
    if change_db > -_EQUAL_DB:
        return "as loud as the mix, in which the track is quiet"
    return f"{-change_db:.1f} dB quieter than the mix"
