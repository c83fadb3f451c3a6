"""The engine in the calling process: opens projects and bundles, and renders. Each instance is used once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lincae_studio import malloc
from lincae_studio.cli.progress import Report
from lincae_studio.cli.text import warn
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.decode import decode_media
from lincae_studio.engine.bundles.store import BundledLatents, BundleStore, bundles_dir
from lincae_studio.engine.bundles.writer import open_bundle, windows_of
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Plan, Term
from lincae_studio.engine.rendering.cache import LatentCache, RenderCache
from lincae_studio.engine.rendering.renderer import Rendered, Renderer, StoreReader
from lincae_studio.engine.rendering.sums import ChunkSums
from lincae_studio.errors import MediaError, ProjectError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.outside import new_outside
from lincae_studio.media.probe import WideFileError
from lincae_studio.media.store import MediaStore
from lincae_studio.preferences import cache_bytes, cache_dir, computing, make_cache_dir
from lincae_studio.session import files
from lincae_studio.session.model import Media, Rate, Session
from lincae_studio.session.times import count_of, listed

#: Latents kept in memory: enough for a few chunks of a hundred tracks.
_MEMORY_BYTES = 128 * 1024 * 1024


class Headless:
    """The media store, a renderer and the opened bundles.

    Attributes:
        computation: device and precision of codecs.
    """

    def __init__(self) -> None:
        """Raises `UsageError` for a precision that does not exist, `PreferencesError` for an unusable cache folder."""
        self.computation = preferred_computation()
        folder = cache_dir()
        make_cache_dir(folder)
        self.store = MediaStore(folder)
        self.reader = StoreReader(self.store, repair=self._repair)
        #: The audio files of the opened projects, by digest.
        self._media: dict[str, Media] = {}
        self.bundles = BundleStore(bundles_dir(folder))
        self._latents: dict[Path, BundledLatents] = {}
        latent_bytes, render_bytes = cache_bytes()
        # Each chunk is rendered once, so nothing needs to be cached except on disk.
        self.renderer = Renderer(
            lambda codec, rate: registry.load(codec, self.computation, rate),
            self.reader,
            LatentCache(folder, memory_bytes=_MEMORY_BYTES, disk_bytes=latent_bytes),
            RenderCache(folder, disk_bytes=render_bytes),
            sums=ChunkSums(memory_bytes=0),
        )

    def render(self, chunks: Sequence[Chunk]) -> list[Rendered]:
        """Render chunks of any kind."""
        return self.renderer.render_many(chunks)

    def import_file(self, path: Path, report: Report, from_channels: str, rate: Rate) -> Media:
        """Import a file at a session's rate, or these channels of it if it has more than two. Warnings are printed.

        Raises:
            StudioError: for a file that cannot be used, or channels that it does not have.
        """
        progress = report(f"importing {path.name}")
        try:
            return self.store.import_file(path, progress, warn=warn, rate=rate)
        except WideFileError:
            if not from_channels:
                raise
            return self.store.import_file(path, progress, None, from_channels, warn, rate=rate)

    def open(self, path: Path, report: Report) -> Session:
        """Read a project or a bundle, and prepare its media files for rendering.

        Raises:
            StudioError: for a project, bundle or media file that cannot be used.
        """
        session = open_bundle(path, self.bundles) if files.is_bundle(path) else files.load(path)
        outside = [media.path for media in new_outside(self.store, session, path.absolute().parent)]
        for media in session.used_media():
            if media.original is None:
                self.store.ensure(media, report(f"importing {Path(media.path).name}"))
                self._media[media.digest] = media
        if outside:
            count = count_of(len(outside), "file")
            warn(f"the project uses {count} outside its folder, new to this computer: {listed(outside, 10)}")
        self._attach(session)
        return session

    def prepare_bundle(self, session: Session, codec: CodecInfo, report: Report) -> None:
        """Decode the media files whose bundles lack latents that a new bundle needs. Raises `StudioError`."""
        grid = Grid.chosen(codec, session.chunk_frames, session.overlap_frames)
        terms = (term for chunk in windows_of(session, codec, grid) for term in chunk.terms)
        incomplete = self._missing(terms)
        for media in session.used_media():
            if media.digest in incomplete:
                self.decode(media, session.seed, report)

    def prepare(self, plan: Plan, session: Session, audio: bool, report: Report) -> None:
        """Decode the media files whose bundles lack latents that a plan needs; with `audio`, all that are from bundles.

        Raises:
            StudioError: when one of them cannot be decoded.
        """
        incomplete = self._missing(term for chunk in plan.audible for term in chunk.terms)
        for media in session.used_media():
            if audio or media.digest in incomplete:
                self.decode(media, session.seed, report)

    def decode(self, media: Media, seed: int, report: Report) -> None:
        """Decode audio known only as latents, unless it is stored already. Raises `StudioError`."""
        latents = self._holder(media.digest)
        if latents is not None and not self.store.is_whole(media.digest, CancelToken()):
            name = Path(media.original.path).name if media.original is not None else media.digest
            computation = registry.resolved(latents.header.codec, self.computation)
            decode_media(media, latents, seed, self.render, self.store, computation, report(f"decoding {name}"))

    def info(self, codec: str, rate: int) -> CodecInfo:
        """The info of a codec for sessions of a rate. Raises `CodecError`, or `UsageError` for the device."""
        return registry.for_session(codec, registry.resolved(codec, self.computation), rate)

    def close(self) -> None:
        """Finish writing, and close the caches."""
        self.renderer.close()

    def _repair(self, digest: str) -> None:
        """Conform an audio file again whose cached audio is damaged. Raises `MediaError`."""
        media = self._media.get(digest)
        if media is None:
            raise MediaError(f"the cached audio {digest[:12]} was damaged on the disk", "Run the command again")
        self.store.ensure(media)
        warn(f"the cached audio of {Path(media.path).name} was damaged and has been recreated from {media.path}")

    def _attach(self, session: Session) -> None:
        for path in sorted({media.path for media in session.media if media.original is not None}):
            for media in open_bundle(Path(path), self.bundles).media:
                latents = self.bundles.of_media(media.digest)
                if latents is not None:
                    self._latents[latents.path] = latents
        missing = {media.digest for media in session.media if media.original is not None}
        missing -= {digest for latents in self._latents.values() for digest in latents.media}
        if missing:
            raise ProjectError("a bundle does not contain the latents that the project needs", "Find its audio instead")
        for latents in self._latents.values():
            problem = latents.problem(self.computation)
            if problem:
                raise ProjectError(f"the latents of a bundle cannot be used: {problem}", "Find its audio instead")
        self.renderer.cache.attach(self._latents.values())

    def _holder(self, digest: str) -> BundledLatents | None:
        return next((one for one in self._latents.values() if digest in one.media), None)

    def _missing(self, terms: Iterable[Term]) -> set[str]:
        """Digests of the media files from bundles that lack the latents of a term."""
        bundled = {digest: one for one in self._latents.values() for digest in one.media}
        return {
            term.source.media
            for term in terms
            if term.source.media in bundled and not bundled[term.source.media].holds(term.key)
        }


@contextlib.contextmanager
def headless() -> Iterator[Headless]:
    """A `Headless` that is closed at the end. The process keeps freed memory from now on."""
    malloc.keep_freed()
    engine = Headless()
    try:
        yield engine
    finally:
        engine.close()


def preferred_computation() -> Computation:
    """Device and precision of codecs, from preferences and environment as in the window. Raises `UsageError`."""
    return Computation(*computing()).overridden(os.environ)
