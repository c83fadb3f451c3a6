"""On the window's machine: what an engine elsewhere asks for, audio and latents by content.

One thread uses an instance. The engine gets what the chunks name that were sent to it, and nothing else that is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lincae_studio.engine.bundles.store import BundledLatents
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process.messages import Item
from lincae_studio.engine.process.packing import pack
from lincae_studio.engine.process.supplies import BLOCK_FRAMES, parsed
from lincae_studio.errors import MediaError, ProjectError
from lincae_studio.media.store import MediaStore


class Supplier:
    """Answers the questions of one engine."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._latents: list[BundledLatents] = []
        #: Digests and keys of latents that chunks have named.
        self._named: set[str] = set()

    def attach(self, files: Iterable[str]) -> bool:
        """Answer with the latents in these files, which replace those attached before. Whether there are any."""
        self._latents = []
        for name in files:
            try:
                self._latents.append(BundledLatents(Path(name)))
            except ProjectError:
                continue  # reported where the project was opened
        return bool(self._latents)

    def note(self, chunks: Iterable[Chunk]) -> None:
        """Allow questions for what these chunks consist of."""
        for chunk in chunks:
            for contribution in chunk.contributions:
                for term in contribution.terms:
                    self._named.update(term.windows)
                    self._named.update(source.media for source in term.windows.values())

    def answer(self, name: str) -> Item:
        """What the engine asked for, or why there is none.

        Raises:
            ValueError: when no chunk has named it.
        """
        content, index = parsed(name)
        if content not in self._named:
            raise ValueError("asked for something that no chunk needs")
        if index is None:
            return self._latents_of(name, content)
        try:
            media = self._store.open(content)
            first = index * BLOCK_FRAMES
            count = max(0, min(BLOCK_FRAMES, media.length - first))
            block = np.stack([media.read(channel, first, count) for channel in range(media.channels)])
            return Item(name, (media.channels, count), pack(block))
        except (MediaError, OSError) as error:  # this chunk fails, others do not
            return Item(name, problem=str(error))

    def _latents_of(self, name: str, key: str) -> Item:
        for bundle in self._latents:
            latents = bundle.get_many([key]).get(key)
            if latents is not None:
                return Item(name, (latents.shape[0], latents.shape[1]), pack(latents))
        return Item(name, problem="there are no such latents")
