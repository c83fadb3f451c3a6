"""Which part of a clip is under the pointer, and where its handles are drawn. No state."""

from __future__ import annotations

import enum

from PySide6.QtCore import QPointF, QRectF

from lincae_studio.session.levels import fader_to_gain, gain_to_fader
from lincae_studio.session.model import Clip
from lincae_studio.ui.model.time_axis import TimeAxis

#: Height of the strip with the name.
NAME_PX = 15

#: Pixels on both sides of an edge that trim; clips narrower than `HANDLED_PX` are only moved.
_EDGE_PX = 5
HANDLED_PX = 24

#: Half the size of a fade's handle, and how near the gain line one must be.
HANDLE_PX = 5
_LINE_PX = 4


class Part(enum.Enum):
    """What a press on a clip takes hold of."""

    BODY = "body"
    START = "start"
    END = "end"
    FADE_IN = "fade in"
    FADE_OUT = "fade out"
    GAIN = "gain"


def part_at(clip: Clip, rect: QRectF, point: QPointF, axis: TimeAxis, selected: bool) -> Part:
    """The part of a clip drawn in `rect` that is under a point. The body wins on narrow clips.

    Handles of fades and gain are there on selected clips only: a first press must not change a clip's sound.
    """
    if rect.width() < HANDLED_PX:
        return Part.BODY
    if selected:
        handles = {Part.FADE_IN: fade_in_handle(clip, rect, axis), Part.FADE_OUT: fade_out_handle(clip, rect, axis)}
        for part, place in handles.items():
            if abs(point.x() - place.x()) <= HANDLE_PX and abs(point.y() - place.y()) <= HANDLE_PX:
                return part
    if point.x() - rect.left() <= _EDGE_PX:
        return Part.START
    if rect.right() - point.x() <= _EDGE_PX:
        return Part.END
    if selected and abs(point.y() - gain_y(clip.gain, rect)) <= _LINE_PX:
        return Part.GAIN
    return Part.BODY


def fade_in_handle(clip: Clip, rect: QRectF, axis: TimeAxis) -> QPointF:
    """Where a fade in ends, at the top of the wave."""
    x = rect.left() + clip.fade_in / axis.samples_per_px
    return QPointF(max(x, rect.left() + HANDLE_PX), rect.top() + NAME_PX + HANDLE_PX)


def fade_out_handle(clip: Clip, rect: QRectF, axis: TimeAxis) -> QPointF:
    """Where a fade out begins."""
    x = rect.right() - clip.fade_out / axis.samples_per_px
    return QPointF(min(x, rect.right() - HANDLE_PX), rect.top() + NAME_PX + HANDLE_PX)


def gain_y(gain: float, rect: QRectF) -> float:
    """Height of the gain line: a fader that stands in the wave, 0 dB a little below its top."""
    return rect.bottom() - gain_to_fader(gain) * _travel(rect)


def gain_moved(gain: float, by_px: float, rect_height: float) -> float:
    """The gain after its line was dragged down by so many pixels."""
    travel = rect_height - NAME_PX
    return fader_to_gain(min(max(gain_to_fader(gain) - by_px / travel, 0.0), 1.0))


def _travel(rect: QRectF) -> float:
    return rect.height() - NAME_PX
