"""Which part of a clip is under the pointer, and where its handles are drawn. No state."""

from __future__ import annotations

import enum

from PySide6.QtCore import QPointF, QRectF

from lincae_studio.session.levels import fader_to_gain, gain_to_fader
from lincae_studio.session.model import Clip
from lincae_studio.ui.model.time_axis import TimeAxis

#: Height of a clip's name strip.
NAME_PX = 15

#: Pixels on both sides of an edge that trim; clips narrower than `HANDLED_PX` can only be moved.
_EDGE_PX = 5
HANDLED_PX = 24

#: Half the size of a fade handle, and how close to the gain line one must press.
HANDLE_PX = 5
_LINE_PX = 4


class ClipZone(enum.Enum):
    """The part of a clip that a press grabs."""

    BODY = "body"
    START = "start"
    END = "end"
    FADE_IN = "fade in"
    FADE_OUT = "fade out"
    GAIN = "gain"


def zone_at(clip: Clip, rect: QRectF, point: QPointF, axis: TimeAxis, handles: bool, gain_line: bool) -> ClipZone:
    """The zone of a clip drawn in `rect` that is under a point. On narrow clips it is always the body.

    Fade handles and the gain line are zones where they are shown only: a press must not change what cannot be seen.
    """
    if rect.width() < HANDLED_PX:
        return ClipZone.BODY
    if handles:
        places = {
            ClipZone.FADE_IN: fade_in_handle(clip, rect, axis),
            ClipZone.FADE_OUT: fade_out_handle(clip, rect, axis),
        }
        for zone, place in places.items():
            if abs(point.x() - place.x()) <= HANDLE_PX and abs(point.y() - place.y()) <= HANDLE_PX:
                return zone
    if point.x() - rect.left() <= _EDGE_PX:
        return ClipZone.START
    if rect.right() - point.x() <= _EDGE_PX:
        return ClipZone.END
    if gain_line and abs(point.y() - gain_y(clip.gain, rect)) <= _LINE_PX:
        return ClipZone.GAIN
    return ClipZone.BODY


def fade_in_handle(clip: Clip, rect: QRectF, axis: TimeAxis) -> QPointF:
    """The handle at the end of the fade in, at the top of the waveform."""
    x = rect.left() + clip.fade_in / axis.samples_per_px
    return QPointF(max(x, rect.left() + HANDLE_PX), _handle_y(rect))


def fade_out_handle(clip: Clip, rect: QRectF, axis: TimeAxis) -> QPointF:
    """The handle at the start of the fade out."""
    x = rect.right() - clip.fade_out / axis.samples_per_px
    return QPointF(min(x, rect.right() - HANDLE_PX), _handle_y(rect))


def _handle_y(rect: QRectF) -> float:
    """Below the name, but within the lowest clips, too."""
    return min(rect.top() + NAME_PX, rect.bottom() - 2 * HANDLE_PX) + HANDLE_PX


def gain_y(gain: float, rect: QRectF) -> float:
    """The y of the gain line, which is like a vertical fader with 0 dB a little below the top of the waveform."""
    return rect.bottom() - gain_to_fader(gain) * _travel(rect)


def gain_moved(gain: float, by_px: float, rect_height: float) -> float:
    """The gain after dragging its line down by `by_px`."""
    travel = rect_height - NAME_PX
    return fader_to_gain(min(max(gain_to_fader(gain) - by_px / travel, 0.0), 1.0))


def _travel(rect: QRectF) -> float:
    return rect.height() - NAME_PX
