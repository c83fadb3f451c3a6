"""The last check of stems against a master, for what shows its residual. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from lincae_studio.errors import EditError
from lincae_studio.session.model import Clip, Session
from lincae_studio.ui.model.document import Document

if TYPE_CHECKING:
    from lincae_studio.engine.analysis.findings import CheckResult


class LastCheck(QObject):
    """Forgets its result when the document is replaced, or the clips that were compared change.

    Signals:
        changed: there is another result, or none any more.
    """

    changed = Signal()

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._document = document
        self._tracks: tuple[int, ...] = ()
        self._clips: list[tuple[Clip, ...]] | None = None
        self._result: CheckResult | None = None
        document.changed.connect(self._follow)
        document.replaced.connect(self._forget)

    @property
    def master(self) -> int | None:
        """The track whose residual there is, or None."""
        return self._tracks[0] if self._result is not None else None

    def set(self, compared: Session, result: CheckResult) -> None:
        """Keep a result.

        Args:
            compared: the master and its stems as they were when the check began, as `grams.plain` returns them.
        """
        self._tracks, self._result = tuple(track.id for track in compared.tracks), result
        self._clips = [track.clips for track in compared.tracks]
        self.changed.emit()
        self._follow()

    def residual_of(self, session: Session) -> Session | None:
        """The session whose mix is the residual; None without a check."""
        if self._result is None or self._compared(session) is None:
            return None
        from lincae_studio.engine.analysis.residual_session import residual_session  # not with the window

        return residual_session(session, self._tracks[0], self._tracks[1:], self._result)

    def _compared(self, session: Session) -> list[tuple[Clip, ...]] | None:
        """The clips that a check compares; None if a track is gone."""
        from lincae_studio.engine.analysis.grams import plain

        try:
            return [track.clips for track in plain(session, self._tracks[0], self._tracks[1:]).tracks]
        except EditError:
            return None

    def _follow(self) -> None:
        if self._result is not None and self._compared(self._document.session) != self._clips:
            self._forget()

    def _forget(self) -> None:
        if self._result is not None:
            self._result = None
            self.changed.emit()
