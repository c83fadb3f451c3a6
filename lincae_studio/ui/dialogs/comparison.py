"""The base of the dialogs that compare one track with all others. Main thread; not modal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel

from lincae_studio.engine.analysis.grams import Provide, plain
from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.session.model import Session, Track
from lincae_studio.session.times import listed
from lincae_studio.ui.dialogs.analysis import AnalysisDialog
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.analyses import Analyses

#: Words in the names of tracks that have a whole mix.
_WHOLE = ("master", "mix", "reference", "song", "full")


class ComparisonDialog(AnalysisDialog):
    """A track to choose, which is compared with all others that have clips."""

    def __init__(
        self,
        analyses: Analyses,
        *,
        title: str,
        about: str,
        track_label: str,
        run_label: str,
        columns: Sequence[str],
        table_name: str,
    ) -> None:
        super().__init__(
            analyses,
            title=title,
            about=about,
            run_label=run_label,
            columns=columns,
            table_name=table_name,
            size=(780, 560),
        )
        #: The tracks that were compared, the chosen one first, and their clips then.
        self._compared: tuple[int, ...] = ()
        self._heard: Session | None = None
        #: Tracks that were made of the result, and are no reason to drop it.
        self._made: set[int] = set()
        self.track = QComboBox(self)
        self.track.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.track.setMinimumContentsLength(24)
        label = QLabel(track_label, self)
        label.setBuddy(self.track)
        self.top = QHBoxLayout()
        self.top.addWidget(label)
        self.top.addWidget(self.track)
        self.top.addWidget(self.run_button)
        self.top.addStretch(1)
        self.rows.insertLayout(1, self.top)
        self._fill_tracks()
        self.track.currentIndexChanged.connect(self._on_chosen)
        self.follow()

    # For subclasses

    def work(self, chosen: int, others: Sequence[int]) -> Callable[[Provide, ReportProgress, CancelToken], Any]:
        """The job that compares a track with others, of values captured now."""
        raise NotImplementedError

    def run(self) -> None:
        """Start the comparison."""
        chosen = self.track.currentData()
        if chosen is None or self._analyses.busy:
            return
        others = [track.id for track in self._document.session.tracks if track.id != chosen and track.clips]
        self.show_result(None)
        self._heard = None
        self._rendering.update_plan()
        silent = [track.name for track in self._document.session.tracks if self._is_silent(track, {chosen, *others})]
        if silent:  # it would seem to be missing from the mix
            self.say(f"The audio of {listed(silent)} is missing or still being processed. Find it, or wait for it.")
            return
        self.say("")
        self._compared = (chosen, *others)
        self._heard = self._as_compared()
        self.start(self.work(chosen, others))

    def _is_silent(self, track: Track, compared: Collection[int]) -> bool:
        """Whether a track that is compared has a clip whose audio cannot be read."""
        readable = self._rendering.readable
        return track.id in compared and not all(clip.mute or readable(clip.media) for clip in track.clips)

    def name_of(self, track_id: int) -> str:
        """The name of a track, also of one that has been removed since."""
        names = {track.id: track.name for track in self._document.session.tracks}
        return names.get(track_id, "a removed track")

    def _fill_tracks(self) -> None:
        """List the tracks with clips, and choose the selected one, or one with the name of a mix."""
        tracks = [track for track in self._document.session.tracks if track.clips]
        chosen = self.track.currentData()
        self.track.blockSignals(True)
        self.track.clear()
        for track in tracks:
            self.track.addItem(shown(track.name), track.id)
        ids = [track.id for track in tracks]
        named = [track.id for track in tracks if any(word in track.name.lower() for word in _WHOLE)]
        for wanted in (chosen, *named[:1], self._selection.track):
            if wanted in ids:
                self.track.setCurrentIndex(ids.index(wanted))
                break
        self.track.blockSignals(False)

    def follow(self) -> None:
        enough = self.track.count() >= 2
        self.run_button.setEnabled(enough and not self._analyses.busy)
        if not enough:
            self.say("Import the whole mix and its stems first, each on a track of its own.")

    def _on_chosen(self) -> None:
        """Do not show the result of one track as if it were that of another."""
        if self._heard is not None and not self._analyses.busy and self.track.currentData() != self._compared[0]:
            self._heard = None
            self.show_result(None)
            self.say("")
        self.follow()

    def _as_compared(self) -> Session | None:
        """The compared content, as it is now; None if a track is gone."""
        try:
            return plain(self._document.session, self._compared[0], self._compared[1:])
        except EditError:
            return None

    def _on_done(self, result: Any) -> None:
        super()._on_done(result)
        self._on_document_changed()
        self._on_chosen()

    def _on_document_changed(self, *_: object) -> None:
        """Follow the names of tracks; say if the compared content has changed since."""
        in_list = [self.track.itemData(number) for number in range(self.track.count())]
        if in_list != [track.id for track in self._document.session.tracks if track.clips]:
            self._fill_tracks()
            self.follow()
        if self._heard is not None and not self._analyses.busy:
            now = self._as_compared()
            others = {track.id for track in self._document.session.tracks if track.clips} - {
                *self._compared,
                *self._made,
            }
            if now is None or others or [one.clips for one in now.tracks] != [one.clips for one in self._heard.tracks]:
                self._heard = None
                self.show_result(None)
                self.say("The session has changed: run it again.")
