"""The interface that a view can use."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.header_width import HeaderWidth
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.rendering.last_check import LastCheck
from lincae_studio.ui.rendering.linearity_meter import LinearityMeter
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.rendering.residuals import Residuals
from lincae_studio.ui.rendering.spread import Spread


class ViewContext(Struct, frozen=True):
    """Passed to every view.

    Attributes:
        header_width: the width of the column left of the time axis.
        seek: moves the playhead to a sample.
        export_linearity: asks for a file and writes the linearity report to it.
    """

    axis: TimeAxis
    document: Document
    preferences: PreferenceStore
    selection: Selection
    header_width: HeaderWidth
    rendering: Rendering
    residuals: Residuals
    spread: Spread
    linearity_meter: LinearityMeter
    last_check: LastCheck
    seek: Callable[[int], None]
    export_linearity: Callable[[], None]
