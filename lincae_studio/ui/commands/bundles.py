"""Latent bundles: writes them, passes their latents to the engine, and decodes audio that exists only as latents.

Main thread, except for the jobs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import StudioError
from lincae_studio.jobs import CancelToken, ReportProgress, part_of
from lincae_studio.media.search import name_of
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Session
from lincae_studio.ui.jobs.derived_media import DerivedMedia
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.rendering.rendering import Rendering

if TYPE_CHECKING:
    from lincae_studio.engine.bundles.store import BundledLatents, BundleStore
    from lincae_studio.engine.bundles.writer import BundleResult


class BundleController(QObject):
    """Opens and writes bundles for the window.

    Signals:
        attached: the latents of an opened session were read, or could not be.
        audio_found: audio that existed only as latents can now be drawn and heard dry.
        find_files: the user asked to find the audio files.
    """

    attached = Signal()
    audio_found = Signal()
    find_files = Signal()

    def __init__(
        self,
        document: Document,
        rendering: Rendering,
        store: MediaStore,
        cache_dir: Path,
        messages: MessageBar,
        derived: DerivedMedia,
        window: QWidget,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._rendering = rendering
        self._store = store
        self._cache_dir = cache_dir
        self._messages = messages
        self._derived = derived
        self._jobs = DocumentJobs(document, window, messages.error)
        self._bundling = DocumentJobs(document, window, messages.error, lasting=True)
        document.replaced.connect(self._on_replaced)

    @property
    def busy(self) -> bool:
        return self._jobs.busy or self._bundling.busy

    # Few sessions use bundles: the code that reads and writes them is imported on first use.

    @cached_property
    def _bundles(self) -> BundleStore:
        from lincae_studio.engine.bundles.store import BundleStore, bundles_dir

        return BundleStore(bundles_dir(self._cache_dir))

    def open(self, path: Path, opened: Callable[[Session], None]) -> None:
        """Read a bundle and pass its session to `opened`."""

        from lincae_studio.engine.bundles.writer import open_bundle

        def work(_report: ReportProgress, _cancel: CancelToken) -> Session:
            return open_bundle(path, self._bundles)

        self._jobs.run(work, f"Opening {path.name}", opened)

    def attach(self, session: Session) -> None:
        """Give the engine the latents that a session uses, and decode audio that is not in the media store yet."""
        bundles = {media.path for media in session.media if media.original is not None}
        if not bundles:
            self._rendering.attach(())
            self.attached.emit()
            return

        from lincae_studio.engine.bundles.writer import open_bundle

        def work(_report: ReportProgress, _cancel: CancelToken) -> tuple[list[BundledLatents], list[str]]:
            found, problems = {}, []
            for path in sorted(bundles):
                try:
                    for media in open_bundle(Path(path), self._bundles).media:
                        latents = self._bundles.of_media(media.digest)
                        if latents is not None:
                            found[latents.path] = latents
                except StudioError as error:
                    problems.append(str(error))
            return list(found.values()), problems

        used = session.used_media()

        def done(result: tuple[list[BundledLatents], list[str]]) -> None:
            latents, problems = result
            found = {one: one.problem(self._rendering.computation) for one in latents}
            self._rendering.attach([one for one, problem in found.items() if not problem])
            problems += [f"the latents cannot be used: {problem}" for problem in found.values() if problem]
            held = {digest for one in latents for digest in one.media}
            lost = [media for media in session.media if media.original is not None and media.source.digest not in held]
            problems += [
                f"{media.path} does not contain the project's latents of {name_of(media)}: it is a different bundle"
                for media in lost
                if media in used and os.path.exists(media.path)
            ]
            if problems:
                self._messages.error(
                    "Latents that the project needs could not be read: the clips that use them are silent and marked.",
                    "\n".join(problems),
                    button=("Find Files…", self.find_files.emit),
                )
            self.attached.emit()
            self._decode(session, latents)

        self._jobs.run(work, "Opening latents", done, cancelled=self.attached.emit)

    def media_in(self, path: Path) -> frozenset[str]:
        """The digests of the media in a bundle; any thread. Raises `StudioError` if it is not a bundle."""
        from lincae_studio.engine.bundles.writer import open_bundle

        return frozenset(media.digest for media in open_bundle(path, self._bundles).media)

    def save(self, path: Path, done: Callable[[BundleResult], None]) -> None:
        """Write the document as a bundle, once no clip is being processed; later edits do not affect it."""
        self._derived.when_made(lambda: self._save(path, done), self._messages.error)

    def _save(self, path: Path, done: Callable[[BundleResult], None]) -> None:
        from lincae_studio.engine.bundles.writer import write_bundle

        session = self._document.session
        codec = self._rendering.update_plan().codec
        owner = object()

        def work(report: ReportProgress, cancel: CancelToken) -> BundleResult:
            try:
                return write_bundle(session, codec, self._renders(owner, cancel), path, report, cancel)
            finally:
                self._rendering.requests.analyse(owner, ())

        def cancelled() -> None:
            self._messages.info("Saving cancelled: no bundle was written")

        self._bundling.run(work, f"Saving {path.name}", done, cancelled)

    def _on_replaced(self) -> None:
        if self._rendering.bundled:
            self._rendering.attach(())

    def _decode(self, session: Session, latents: Sequence[BundledLatents]) -> None:
        from lincae_studio.engine.bundles.decode import decode_media

        holder = {digest: one for one in latents for digest in one.media}
        holder = {digest: one for digest, one in holder.items() if not one.problem(self._rendering.computation)}
        sources = {media.source.digest: media.source for media in session.used_media()}
        undecoded = [media for digest, media in sources.items() if digest in holder and self._store.get(digest) is None]
        if not undecoded:
            self.audio_found.emit()
            return
        owner, computation = object(), self._rendering.computation

        def work(report: ReportProgress, cancel: CancelToken) -> None:
            render = self._renders(owner, cancel)
            try:
                for number, media in enumerate(undecoded):
                    step = part_of(report, number, len(undecoded))
                    decode_media(
                        media, holder[media.digest], session.seed, render, self._store, computation, step, cancel
                    )
            finally:
                self._rendering.requests.analyse(owner, ())

        def cancelled() -> None:
            self._messages.info("Decoding cancelled: the mix is rendered from latents, but clips show no waveform")
            self.audio_found.emit()

        self._jobs.run(work, "Decoding latents", lambda _: self.audio_found.emit(), cancelled)

    def _renders(self, owner: object, cancel: CancelToken) -> Callable[[Sequence[Chunk]], list[Rendered]]:
        return lambda chunks: self._rendering.requests.wait_for_probes(owner, chunks, cancel)
