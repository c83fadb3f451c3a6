"""The lane of a folded group: the clips of the tracks in it, as thin bars below one another. No state."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QColor, QPainter

from lincae_studio.session.model import Session, Track
from lincae_studio.ui.model.time_axis import TimeAxis

_MARGIN_PX = 4

#: Bars are at most this high; of more tracks than have room for one pixel, bars share pixels.
_HIGHEST_PX = 23

#: Opacity of audible and of inaudible clips.
_HEARD, _SILENT = 150, 45


def folded_looks(session: Session, group: Track) -> tuple[object, ...]:
    """The values from which the lane of a folded group is painted."""
    return tuple((track.clips, track.color, session.audible(track)) for track in _inside(session, group))


def paint_folded(
    painter: QPainter, area: QRect, session: Session, group: Track, top: int, height: int, axis: TimeAxis
) -> None:
    """Paint the clips of all tracks in a folded group into its lane."""
    tracks = [track for track in _inside(session, group) if track.clips]
    if not tracks:
        return
    pitch = min((height - 2 * _MARGIN_PX) / len(tracks), _HIGHEST_PX + 1)
    begin, end = axis.start_and_end(area.left(), area.right() + 1)
    for number, track in enumerate(tracks):
        y = top + _MARGIN_PX + number * pitch
        color, audible = QColor(track.color), session.audible(track)
        for clip in track.clips:
            if clip.start < end and clip.end > begin:
                left, right = axis.x_of(clip.start), axis.x_of(clip.end)
                left, right = max(left, area.left() - 1.0), min(right, area.right() + 2.0)
                color.setAlpha(_HEARD if audible and not clip.mute else _SILENT)
                painter.fillRect(QRectF(left, y, max(right - left, 1.0), max(pitch - 1.0, 1.0)), color)


def _inside(session: Session, group: Track) -> list[Track]:
    inside = session.within({group.id}) - {group.id}
    return [track for track in session.tracks if track.id in inside]
