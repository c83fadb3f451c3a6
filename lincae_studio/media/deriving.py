"""Making derived media from the audio in the store: block by block, so that hours take no more memory. Any thread."""

from __future__ import annotations

from collections.abc import Iterator

from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.media.conformed import ConformedMedia
from lincae_studio.media.peaks import Audio
from lincae_studio.media.signals import Signal, processed
from lincae_studio.media.stretching import stretched
from lincae_studio.session.derived import derived
from lincae_studio.session.digests import rate_of
from lincae_studio.session.model import Media
from lincae_studio.session.processes import Stretch, length_of


def made_from(media: Media) -> Media:
    """The media that must be in the store before these can be made: all that a stretch gives is stored, too."""
    chain = media.chain
    for place in range(len(chain) - 1, -1, -1):
        if isinstance(chain[place], Stretch):
            return derived(media.source, chain[: place + 1 if place + 1 < len(chain) else place])
    return media.source


def samples_of(media: Media, before: ConformedMedia, progress: ReportProgress, cancel: CancelToken) -> Iterator[Audio]:
    """The samples `(n, C)` of derived media, in blocks. `before`: the audio of `made_from(media)`.

    Raises:
        DamagedMediaError: when that audio is damaged.
        MediaError: when it cannot be stretched.
        Cancelled: when `cancel` was set.
    """
    signal = Signal.of(before)
    for process in media.chain[len(made_from(media).chain) :]:
        if isinstance(process, Stretch):
            length = length_of(signal.length, (process,))
            yield from stretched(signal, process, length, rate_of(media.digest), progress, cancel)
            return
        signal = processed(signal, process, cancel)
    done = 0
    for block in signal.blocks(cancel):
        yield block
        done += len(block)
        progress(Progress(done, signal.length, "samples"))
