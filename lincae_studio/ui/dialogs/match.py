"""The window of *Match Reference Mix*: envelopes and pans that mix tracks as a reference is. Main thread; not modal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from lincae_studio.engine.analysis.grams import Provide
from lincae_studio.engine.analysis.match_words import balances, level_text, match_notes, pan_text
from lincae_studio.engine.analysis.reference_match import (
    MAX_SMOOTHING_S,
    SMOOTHING_S,
    ReferenceMatch,
    match_reference,
)
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.session.balance import set_balance
from lincae_studio.ui.dialogs.comparison import ComparisonDialog
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.rendering.analyses import Analyses

_ABOUT = (
    "Finds the level and stereo position of every other track in the reference over time, by least squares on latents; "
    "nothing is decoded. Applying the result sets faders, pans and envelopes, and mutes the reference."
)


class MatchDialog(ComparisonDialog):
    """Shows the levels that were found; applying them is one edit."""

    def __init__(self, analyses: Analyses) -> None:
        super().__init__(
            analyses,
            title="Match Reference Mix",
            about=_ABOUT,
            track_label="&Reference",
            run_label="&Match",
            columns=("Track", "Level", "Pan", "Points", "Moved"),
            table_name="Levels of the tracks in the reference",
        )
        self.smoothing = NumberField(0.0, MAX_SMOOTHING_S, self, decimals=2, suffix=" s", name="Smoothing")
        self.smoothing.setSingleStep(0.1)
        self.smoothing.setValue(SMOOTHING_S)
        self.smoothing.setToolTip(
            "Time constant with which levels follow the reference: longer is steadier, with fewer points"
        )
        label = QLabel("&Smoothing", self)
        label.setBuddy(self.smoothing)
        place = self.top.indexOf(self.run_button)
        self.top.insertWidget(place, label)
        self.top.insertWidget(place + 1, self.smoothing)
        self.apply_button = self.add_button("&Apply", "Set faders, pans and envelopes of the tracks, in one step")
        self.apply_button.clicked.connect(self._on_apply)
        self.order_tabs(self.track, self.smoothing, self.run_button, self.table)

    def work(
        self, chosen: int, others: Sequence[int]
    ) -> Callable[[Provide, ReportProgress, CancelToken], ReferenceMatch]:
        rendering, smoothing_s = self._rendering, self.smoothing.value()
        session, codec = rendering.playable(self._document.session), rendering.update_plan().codec
        return lambda provide, report, cancel: match_reference(
            session, chosen, others, codec, rendering.audio, provide, smoothing_s, report, cancel
        )

    def show_result(self, result: ReferenceMatch | None) -> None:
        self.found = result
        self.offer(self.apply_button, result is not None)
        if result is None:
            self.fill(())
            return
        notes = "".join(f" Note: {note}." for note in match_notes(result, self.name_of))
        residual = f"{result.residual_db:.1f} dB".replace("-", "−")
        self.say(f"Matched. The residual is {residual} relative to the reference.{notes}")
        self.fill(
            [
                (
                    self.name_of(track_id),
                    level_text(level),
                    pan_text(level),
                    str(len(level.gain_points) + len(level.pan_points) or "none"),
                    f"{level.lag:+d} samples".replace("-", "−") if level.lag else "no",
                )
                for track_id, level in result.levels.items()
            ]
        )
        self.apply_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_apply(self) -> None:
        if self.found is None:
            return
        reference, tracks = self._compared[0], balances(self.found)
        self._heard = None  # moving tracks is no reason to drop the result
        if self._document.apply("Match Reference Mix", lambda session: set_balance(session, reference, tracks)):
            self.say("Applied. Edit > Undo reverts it.")
            self.offer(self.apply_button, False)
