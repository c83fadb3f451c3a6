"""The engine that the Python interface and the command line use to render sessions.

It has a media store, bundles and codecs, and computes in the calling process, in one of its own, or on another machine.
Any thread may call its methods; each call waits for those before it. torch is loaded for neural codecs only, Qt never.
"""

from __future__ import annotations

import os
import re
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType

import msgspec

from lincae_studio import cores
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Codec, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.decode import decode_media
from lincae_studio.engine.bundles.store import BundledLatents, BundleStore, bundles_dir
from lincae_studio.engine.bundles.writer import open_bundle, windows_of
from lincae_studio.engine.export.mixdown import in_batches
from lincae_studio.engine.planning.contributions import Term
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, CodecRef, Plan
from lincae_studio.engine.planning.played import played
from lincae_studio.engine.process.launchers import MachineLauncher
from lincae_studio.engine.process.machine import Machine, machine_of
from lincae_studio.engine.rendering.cache import LatentCache, RenderCache
from lincae_studio.engine.rendering.renderer import Rendered, Renderer, StoreReader
from lincae_studio.engine.rendering.streams import ProvideChunk
from lincae_studio.engine.rendering.sums import ChunkSums
from lincae_studio.errors import EngineError, MediaError, PreferencesError, ProjectError, UsageError
from lincae_studio.jobs import CancelToken, Report, no_report
from lincae_studio.media.outside import new_outside
from lincae_studio.media.probe import WideFileError
from lincae_studio.media.search import name_of
from lincae_studio.media.store import MediaStore
from lincae_studio.paths import preferences_file
from lincae_studio.preferences import (
    HOST_PATTERN,
    Precision,
    Preferences,
    cache_bytes,
    cache_dir,
    computing,
    load,
    make_cache_dir,
)
from lincae_studio.session import files
from lincae_studio.session.model import DEFAULT_RATE, Media, Rate, Session
from lincae_studio.session.times import count_of, listed
from lincae_studio.studio.process import EngineProcess, ProcessCodec

#: Latents kept in memory: enough for a few chunks of a hundred tracks.
_MEMORY_BYTES = 128 * 1024 * 1024


class StudioWarning(UserWarning):
    """Something that does not stop a call: a file that may be incomplete, cached audio that was recreated."""


class Engine:
    """Renders sessions: imports their audio, encodes, sums and decodes.

    A session and those derived from it share one; loaded codecs and latents in memory are kept as long as it exists.
    Results are also kept on disk, in the cache that the window uses. It is closed at the end of a `with` block, by
    `close`, or when it is no longer referenced.

        >>> with Engine(process=True) as engine:
        ...     engine.info("mdct-2x").dim
        128

    Attributes:
        computation: device and precision of neural codecs.
        store: the media store.
    """

    def __init__(
        self,
        *,
        process: bool = False,
        host: str = "",
        device: str | None = None,
        precision: Precision | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Make an engine; nothing is loaded or started before it renders.

        Args:
            process: render in a separate process, which is restarted if it crashes, instead of the calling one.
            host: render on another machine, by the name that ssh knows; the preferences ("Engine") contain the
                commands. It resolves device and precision.
            device: of neural codecs, as torch names it, such as "cuda"; None for the environment variable
                `LINCAE_STUDIO_DEVICE`, or else the preferences.
            precision: "fp32", "bf16", "fp16" or "auto"; None for `LINCAE_STUDIO_PRECISION`, or else the
                preferences.
            warn: receives messages about problems that do not stop a call; by default they are `StudioWarning`s.

        Raises:
            UsageError: for an unknown precision, or an impossible name of a machine.
            PreferencesError: for an unusable cache folder.
        """
        chosen = preferred_computation()
        self.computation = Computation(device or chosen.device, precision or chosen.precision).overridden({})
        self._process = process or bool(host)
        self._machine = preferred_machine(host) if host else None
        self._warn = warn or _as_warning
        self._folder = cache_dir()
        make_cache_dir(self._folder)
        self.store = MediaStore(self._folder)
        self._imported = _Imported(self.store, self._warn)
        self.reader = StoreReader(self.store, repair=self._imported.repair)
        self.bundles = BundleStore(bundles_dir(self._folder))
        self._latents: dict[Path, BundledLatents] = {}
        self._closed = False
        self._lock = threading.RLock()

    @cached_property
    def renderer(self) -> Renderer | EngineProcess:
        """Renders chunks. It is made on first use."""
        latent_bytes, render_bytes = cache_bytes()
        if self._process:
            launcher = MachineLauncher(self._machine, self._folder, self.store)
            made: Renderer | EngineProcess = EngineProcess(
                launcher, self.computation, _MEMORY_BYTES, latent_bytes, render_bytes
            )
        else:
            computation = self.computation
            # Each chunk is rendered once, so nothing needs to be cached except on disk.
            made = Renderer(
                lambda codec, rate: registry.load(codec, computation, rate),
                self.reader,
                LatentCache(self._folder, memory_bytes=_MEMORY_BYTES, disk_bytes=latent_bytes),
                RenderCache(self._folder, disk_bytes=render_bytes),
                sums=ChunkSums(memory_bytes=0),
            )
        self._finish = weakref.finalize(self, made.close)
        return made

    def render(self, chunks: Sequence[Chunk]) -> list[Rendered]:
        """Render chunks of any kind. Raises `StudioError` when one of them cannot be rendered."""
        with self._lock:
            self._check_open()
            return self.renderer.render_many(chunks)

    def provide(self, plan: Plan) -> ProvideChunk:
        """Provides the chunks of a plan, requested in order, in batches of the best size for the codec."""
        return in_batches(plan, self.render, self.renderer.batch_of)

    def info(self, codec: str, rate: int = DEFAULT_RATE) -> CodecInfo:
        """The info of a codec, by its id or folder, for sessions of a rate in Hz.

        Raises:
            CodecError: when there is no such codec (the message lists the ids), or its folder is damaged.
            UsageError: when the device does not exist or is not available.
        """
        computation = self.computation
        if registry.info(codec, computation).provisional:
            with self._lock:
                self._check_open()
                renderer = self.renderer
                computation = (
                    renderer.resolved() if isinstance(renderer, EngineProcess) else registry.resolve(computation)
                )
        return registry.for_session(codec, computation, rate)

    def load(self, codec: str, rate: int = DEFAULT_RATE) -> Codec:
        """Load a codec where this engine computes, for sessions of a rate in Hz. Raises like `info`.

        It takes windows `(B, N)` and returns latents `(B, D, T)`, as `codecs.base.Codec` describes. In a separate
        process or on another machine, it raises `CodecError` where it is missing or fails, and `EngineError` when there
        is no engine.
        """
        with self._lock:
            self._check_open()
            info = self.info(codec, rate)
            ref, renderer = CodecRef(codec, info.identity, rate), self.renderer
            return renderer.codec(ref) if isinstance(renderer, Renderer) else ProcessCodec(info, ref, renderer)

    def import_file(
        self, path: Path, report: Report = no_report, channels: str = "", rate: Rate = DEFAULT_RATE
    ) -> Media:
        """Import a file at a session's rate, or these channels of it if it has more than two.

        Raises:
            StudioError: for a file that cannot be used, or channels that it does not have.
        """
        return self.import_files([path], report, channels, rate)[0]

    def import_files(
        self, paths: Iterable[Path], report: Report = no_report, channels: str = "", rate: Rate = DEFAULT_RATE
    ) -> list[Media]:
        """As `import_file`, for several files at the same time, on all cores. The media are in the order of the paths.

        Raises:
            StudioError: for the first of the files that cannot be used.
        """

        def conform(path: Path) -> Media:
            progress = report(f"importing {path.name}")
            try:
                return self.store.import_file(path, progress, warn=self._warn, rate=rate)
            except WideFileError:
                if not channels:
                    raise
                return self.store.import_file(path, progress, None, channels, self._warn, rate=rate)

        with self._lock:
            paths = list(paths)
            unique = list(dict.fromkeys(paths))
            media = dict(zip(unique, cores.on_all(conform, unique), strict=True))
            self._imported.media.update((one.digest, one) for one in media.values())
            return [media[path] for path in paths]

    def open(self, path: Path, report: Report = no_report) -> Session:
        """Read a project or a bundle, and prepare its media files for rendering.

        Raises:
            StudioError: for a project, bundle or media file that cannot be used.
        """
        session = open_bundle(path, self.bundles) if files.is_bundle(path) else files.load(path)
        outside = [media.path for media in new_outside(self.store, session, path.absolute().parent)]
        with self._lock:
            files_of = [media for media in session.used_media() if media.original is None]
            cores.on_all(lambda one: self.store.ensure(one, report(f"importing {Path(one.path).name}")), files_of)
            self._imported.media.update((media.digest, media) for media in files_of)
            if outside:
                count = count_of(len(outside), "file")
                self._warn(f"the project uses {count} outside its folder, new to this computer: {listed(outside, 10)}")
            self._attach(session)
        return session

    def prepare_bundle(self, session: Session, codec: CodecInfo, report: Report = no_report) -> None:
        """Decode the media files whose bundles lack latents that a new bundle needs. Raises `StudioError`."""
        grid = Grid.chosen(codec, session.chunk_frames, session.overlap_frames)
        terms = (term for chunk in windows_of(session, codec, grid) for term in chunk.terms)
        incomplete = self._missing(terms)
        for media in session.used_media():
            if media.derived is not None or media.digest in incomplete:
                self.decode(media, session.seed, report)

    def prepare(self, plan: Plan, session: Session, audio: bool, report: Report = no_report) -> None:
        """Decode the media files whose bundles lack latents that a plan needs; with `audio`, all that are from bundles.

        Raises:
            StudioError: when one of them cannot be decoded.
        """
        incomplete = self._missing(term for chunk in plan.audible for term in chunk.terms)
        for media in session.used_media():
            if audio or media.derived is not None or media.digest in incomplete:
                self.decode(media, session.seed, report)

    def decode(self, media: Media, seed: int, report: Report = no_report) -> None:
        """Decode audio known only as latents, and make derived media, unless stored already. Raises `StudioError`."""
        if media.derived is not None:
            self.decode(media.source, seed, report)
            with self._lock:
                for one in (played(media)[0], media):
                    self.store.ensure(one, report(f"processing {name_of(media)}"))
                    self._imported.media[one.digest] = one
            return
        latents = self._holder(media.digest)
        if latents is not None and not self.store.is_whole(media.digest, CancelToken()):
            name = Path(media.original.path).name if media.original is not None else media.digest
            computation = registry.resolved(latents.header.codec, self.computation)
            decode_media(media, latents, seed, self.render, self.store, computation, report(f"decoding {name}"))

    def close(self) -> None:
        """Finish writing, and close the caches; the process ends. The engine cannot render any more."""
        self._closed = True
        if "renderer" in self.__dict__:
            self._finish()

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("the engine is closed", "Make another one: Engine()")

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        place = "a process of its own" if self._process else "this process"
        place = f"a process on {self._machine.host}" if self._machine is not None else place
        return f"<Engine in {place}, {self.computation.device}, {self.computation.precision}>"

    def _attach(self, session: Session) -> None:
        for path in sorted({media.path for media in session.media if media.original is not None}):
            for media in open_bundle(Path(path), self.bundles).media:
                latents = self.bundles.of_media(media.digest)
                if latents is not None:
                    self._latents[latents.path] = latents
        missing = {media.source.digest for media in session.media if media.original is not None}
        missing -= {digest for latents in self._latents.values() for digest in latents.media}
        if missing:
            raise ProjectError("a bundle does not contain the latents that the project needs", "Find its audio instead")
        for latents in self._latents.values():
            problem = latents.problem(self.computation)
            if problem:
                raise ProjectError(f"the latents of a bundle cannot be used: {problem}", "Find its audio instead")
        if self._latents:
            self.renderer.attach(self._latents.values())

    def _holder(self, digest: str) -> BundledLatents | None:
        return next((one for one in self._latents.values() if digest in one.media), None)

    def _missing(self, terms: Iterable[Term]) -> set[str]:
        """Digests of the media files from bundles that lack the latents of a term."""
        bundled = {digest: one for one in self._latents.values() for digest in one.media}
        return {
            source.media
            for term in terms
            for key, source in term.windows.items()
            if source.media in bundled and not bundled[source.media].holds(key)
        }


class _Imported:
    """The files that were imported, which can be conformed again. It does not refer to the engine, which refers to it:
    an engine that is no longer used closes at once."""

    def __init__(self, store: MediaStore, warn: Callable[[str], None]) -> None:
        self._store = store
        self._warn = warn
        #: By digest.
        self.media: dict[str, Media] = {}

    def repair(self, digest: str) -> None:
        """Conform an audio file again whose cached audio is damaged. Raises `MediaError`."""
        media = self.media.get(digest)
        if media is None:
            raise MediaError(f"the cached audio {digest[:12]} was damaged on the disk", "Run the command again")
        self._store.ensure(media)
        name = Path(media.path).name
        self._warn(f"the cached audio of {name} was damaged and has been recreated from {media.path}")


def preferred_computation() -> Computation:
    """Device and precision of codecs, from preferences and environment as in the window. Raises `UsageError`."""
    return Computation(*computing()).overridden(os.environ)


def preferred_machine(host: str) -> Machine:
    """A machine with the commands of the preferences. Raises `UsageError` if that cannot be its name."""
    try:
        chosen = load(preferences_file())
    except PreferencesError:
        chosen = Preferences()
    machine = machine_of(msgspec.structs.replace(chosen, engine_host=host))
    if machine is None or not re.fullmatch(HOST_PATTERN, host):
        raise UsageError(f"“{host}” is not the name of a machine", "Give it as to ssh: HOST or USER@HOST")
    return machine


def _as_warning(text: str) -> None:
    warnings.warn(text, StudioWarning, stacklevel=4)
