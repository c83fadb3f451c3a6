"""The levels of the tracks during playback, whether their headers are in view or not. Main thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lincae_studio.ui.timeline.meter import Ballistics, Channels, update_channels

_SILENT = (0.0,)


class TrackLevels:
    """The ballistics of each track that was heard or shown since the document was opened, by track id."""

    def __init__(self) -> None:
        self._channels: dict[int, Channels] = {}

    def of(self, track_id: int) -> Channels:
        """The channels of a track."""
        if track_id not in self._channels:
            self._channels[track_id] = Ballistics(), Ballistics()
        return self._channels[track_id]

    def update(self, peaks: Mapping[int, Sequence[float]], now: float) -> None:
        """Update with the peaks of the tracks that are heard; the others are silent."""
        for track_id in peaks.keys() | self._channels.keys():
            update_channels(self.of(track_id), peaks.get(track_id, _SILENT), now)

    def forget(self) -> None:
        """Forget the highest levels: playback starts again."""
        for channels in self._channels.values():
            for channel in channels:
                channel.forget()

    @property
    def resting(self) -> bool:
        """Whether all levels have fallen to the bottom."""
        return all(channel.resting for channels in self._channels.values() for channel in channels)

    def clear(self) -> None:
        """Forget all tracks: another document is opened."""
        self._channels.clear()
