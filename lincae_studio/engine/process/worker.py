"""The engine process: renders requested chunks and sends them back, until its pipe closes.

The main thread asks the window for chunks and renders them; a reader thread receives what the window sends. When the
pipe closes, the window is gone, and the process exits at once. It never writes to the console: it
reports a fatal error through the pipe. `run` is its entry point on the window's computer; `stdio.py` has that of an
engine on another machine, which differs by what it is made from (`Parts`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn, Protocol

from msgspec import Struct

from lincae_studio import cores, descriptors, malloc
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.store import BundledLatents
from lincae_studio.engine.planning.plan import Chunk, CodecRef
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.kernels import ReceivedKernels
from lincae_studio.engine.process.packing import pack, unpack
from lincae_studio.engine.process.shared_memory import SharedHandle, SharedWriter
from lincae_studio.engine.process.supplies import SuppliedAudio, SuppliedLatents, Supplies
from lincae_studio.engine.rendering.cache import LatentCache, RenderCache
from lincae_studio.engine.rendering.previewing import Previews
from lincae_studio.engine.rendering.renderer import Rendered, Renderer, StoreReader
from lincae_studio.errors import CodecError, StudioError
from lincae_studio.media.store import MediaStore

_log = logging.getLogger(__name__)

#: With few processor cores, drawing and playback take precedence over rendering (POSIX only).
_NICENESS = 10

#: Rendering that takes less than this is shorter than asking for the next chunks and waiting for them.
_ASK_AHEAD_S = 0.01

#: After this long with nothing to do, freed memory is returned to the system.
_IDLE_S = 10.0


#: How many times an engine on another machine asks ahead; the window answers as many as its link needs.
_FAR_ASKS = 8


class Pipe(Protocol):
    """Frames to and from the window."""

    def send_bytes(self, frame: bytes, /) -> None: ...

    def recv_bytes(self) -> bytes: ...


#: Where the arrays of a render are put: the slot of shared memory, or None and the frames to send.
PutArrays = Callable[[Sequence[Array]], tuple[int | None, list[bytes]]]


class _Batch(Struct, frozen=True):
    """Chunks to render or to preview."""

    chunks: tuple[Chunk, ...]
    previews: messages.PreviewMode


#: What the main thread does next: a batch, or a computation outside any session.
_Work = _Batch | messages.Compute


class Parts(Struct, frozen=True):
    """The parts that differ between engines here and elsewhere.

    Attributes:
        put: puts the arrays of a render.
        load: loads the codec of a chunk.
        supplies: what the window sends; None on its own computer, whose files can be read.
    """

    put: PutArrays
    load: Callable[[CodecRef, Computation], Codec]
    supplies: Supplies | None = None


def run(connection: Connection, cache_dir: str, shared: SharedHandle | None = None) -> None:
    """Entry point of the spawned process; does not return. Without `shared`, renders are sent through the pipe."""
    prepare()
    window = Window(connection)
    try:
        writer = SharedWriter(shared) if shared is not None else None

        def put(arrays: Sequence[Array]) -> tuple[int | None, list[bytes]]:
            slot = writer.write(arrays) if writer is not None else None
            return slot, [array.tobytes() for array in arrays] if slot is None else []

        parts = Parts(put, lambda ref, computation: registry.load(ref.id, computation, ref.rate))
        Engine(window, connection, Path(cache_dir), parts).run()
    except BaseException as error:  # the boundary of the process
        window.die(error)


def prepare() -> None:
    """Set up this process for rendering."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    malloc.keep_freed()
    cores.use_one_per_product()
    descriptors.raise_limit()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the window, which closes the pipe


class Window:
    """The sending end of the pipe to the window, for any thread."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._sending = threading.Lock()

    def send(self, message: messages.FromEngine, *frames: bytes) -> None:
        """Send a message and the frames that follow it; a closed pipe ends the process."""
        try:
            with self._sending:
                self._pipe.send_bytes(messages.encode(message))
                for frame in frames:
                    self._pipe.send_bytes(frame)
        except OSError:
            os._exit(0)

    def die(self, error: BaseException) -> NoReturn:
        """Report why the process cannot continue, if the pipe still works, and exit."""
        try:
            self.send(messages.Log(logging.ERROR, "".join(traceback.format_exception(error))))
            self.send(messages.Dying(_reason(error)))
        finally:
            os._exit(1)


class Engine:
    """Renders what the window requests."""

    def __init__(self, window: Window, pipe: Pipe, cache_dir: Path, parts: Parts) -> None:
        self._window = window
        self._pipe = pipe
        self._parts = parts
        logging.getLogger().addHandler(_ForwardingHandler(window))
        self._received: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._kernels = ReceivedKernels()
        #: What was received and not done yet.
        self._next: deque[_Work] = deque()
        #: How many times `Next` was sent, less the answers that were taken.
        self._asked = 0
        self._fast = False
        self._computation = Computation()
        supplies = parts.supplies
        self._audio = SuppliedAudio(supplies) if supplies is not None else None
        self._renderer = Renderer(
            self._load,
            self._audio or StoreReader(MediaStore(cache_dir)),
            LatentCache(cache_dir),
            RenderCache(cache_dir),
            previews=Previews(on_problem=self._report_preview),
        )
        #: The codecs of the chunks that are being rendered, by id and rate.
        self._refs: dict[tuple[str, int], CodecRef] = {}

    def run(self) -> NoReturn:
        threading.Thread(target=self._read, name="engine-reader", daemon=True).start()
        threading.Thread(target=self._send_heartbeats, name="engine-heartbeat", daemon=True).start()
        self._window.send(messages.Ready(messages.PROTOCOL, os.getpid()))
        while True:
            work = self._take()
            if isinstance(work, messages.Compute):
                self._window.send(self._computed(work))
                continue
            if self._fast or self._parts.supplies is not None:
                self._ask()
            if work.previews == "only":
                self._preview(work.chunks)
            else:
                self._render(work.chunks, self._send_preview if work.previews == "too" else None)

    def _load(self, codec: str, rate: int) -> Codec:
        return self._parts.load(self._refs[codec, rate], self._computation)

    def _resolve(self) -> None:
        computation = self._computation
        try:
            computation = registry.resolve(computation)
        except StudioError as error:
            _log.info("device and precision are not possible: %s", error)
        self._window.send(messages.Resolved(computation))

    def _ask(self) -> None:
        """Ask for the next chunks, unless that was done already.

        Slow chunks are asked for one by one, so that the most urgent one of that moment comes next. Fast ones are asked
        for ahead: one more is rendered while the question and its answer are in transit. To another machine these take
        longer.
        """
        asks = 1 if self._parts.supplies is None else _FAR_ASKS
        while self._asked < asks:
            self._asked += 1
            # Elsewhere there are none: each would be sent over the link.
            previews = self._renderer.previews.affordable if self._parts.supplies is None else 0
            self._window.send(messages.Next(self._renderer.batches(), previews))

    def _take(self) -> _Work:
        """Wait for what to do next; memory is returned to the system when nothing comes for a while."""
        self._ask()
        with contextlib.suppress(queue.Empty):
            while True:
                self._expect(self._received.get_nowait())
        if not self._next:
            try:
                work = self._received.get(timeout=_IDLE_S)
            except queue.Empty:
                malloc.give_back()
                work = self._received.get()
            self._expect(work)
        work = self._next.popleft()
        self._asked -= not isinstance(work, messages.Compute)
        return work

    def _expect(self, work: _Work) -> None:
        """Put work into the line, and ask the window for the audio that its chunks need and that is not here."""
        self._next.append(work)
        for chunk in () if isinstance(work, messages.Compute) else work.chunks:
            self._refs[chunk.codec.id, chunk.codec.rate] = chunk.codec
            if self._audio is not None:
                self._audio.expect(self._renderer.unencoded(chunk))

    def _preview(self, chunks: Sequence[Chunk]) -> None:
        """Send the previews of chunks that have one."""
        for chunk in chunks:
            try:
                preview = self._renderer.preview(chunk)
            except Exception as error:  # its turn to be rendered will come, and report it
                _log.info("no preview of chunk %d: %s", chunk.index, error)
                continue
            if preview is not None:
                self._send_preview(preview)

    def _send_preview(self, preview: Rendered) -> None:
        self._send(preview, 0.0, preview=True)

    def _report_preview(self, error: CodecError) -> None:
        self._window.send(messages.NoPreview(error.problem, error.remedy))

    def _render(self, chunks: Sequence[Chunk], on_preview: Callable[[Rendered], None] | None = None) -> None:
        for chunk in chunks:
            self._window.send(messages.Started(chunk.key))
        started = time.perf_counter()
        try:
            renders = self._renderer.render_many(chunks, on_preview)
        except Exception as error:  # the chunk fails, the engine continues
            if len(chunks) > 1:  # one of them is to blame
                for chunk in chunks:
                    self._render([chunk])
            else:
                self._fail(chunks[0], error)
            return
        seconds = (time.perf_counter() - started) / len(chunks)
        self._fast = seconds * len(chunks) < _ASK_AHEAD_S
        for rendered in renders:
            self._send(rendered, seconds)

    def _computed(self, work: messages.Compute) -> messages.Computed:
        self._refs[work.codec.id, work.codec.rate] = work.codec
        try:
            codec = self._renderer.codec(work.codec)
            match work.what:
                case "encode":
                    found = codec.encode(unpack(work.data, work.shape))
                case "decode":
                    latents = unpack(work.data, work.shape)
                    found = codec.decode(latents, first_frames=work.first_frames, seed=work.seed)
                case "silence":
                    found = codec.silence(work.shape[0])
            return messages.Computed(work.number, found.shape, pack(found))
        except Exception as error:  # this computation fails, the engine continues
            if not isinstance(error, StudioError):
                _log.exception("a codec failed")
            return messages.Computed(work.number, problem=_reason(error))

    def _fail(self, chunk: Chunk, error: Exception) -> None:
        if not isinstance(error, StudioError):
            _log.error("chunk %d failed", chunk.index, exc_info=error)
        self._window.send(messages.Failed(chunk.key, _reason(error)))

    def _send(self, rendered: Rendered, seconds: float, preview: bool = False) -> None:
        slot, data = self._parts.put((rendered.latents, rendered.audio))
        buses, dim, frames = rendered.latents.shape
        shapes = ((buses, dim, frames), (buses, rendered.audio.shape[1]))
        message = messages.Finished(rendered.key, *shapes, seconds, slot, preview)
        self._window.send(message, *data)

    def _send_heartbeats(self) -> NoReturn:
        while True:
            self._window.send(messages.Alive())
            time.sleep(messages.ALIVE_EVERY_S)

    def _read(self) -> None:
        try:
            self._read_messages()
        except BaseException as error:  # an engine that receives nothing is useless
            self._window.die(error)

    def _read_messages(self) -> NoReturn:
        while True:
            try:
                message = messages.decode_to_engine(self._pipe.recv_bytes())
            except (EOFError, OSError):
                message = messages.Quit()
            match message:
                case messages.Quit():
                    # At once, even while the main thread decodes: only latents already encoded are worth a wait.
                    self._renderer.flush()
                    if self._parts.supplies is not None:
                        self._parts.supplies.flush()
                    os._exit(0)
                case messages.Configure(computation=computation):
                    self._computation = computation
                case messages.Resolve():
                    # In a thread of its own: loading torch takes seconds, in which other messages arrive.
                    threading.Thread(target=self._resolve, name="engine-resolver", daemon=True).start()
                case messages.Render() as batch:
                    self._received.put(_Batch(self._kernels.chunks(batch), batch.previews))
                case messages.Compute():
                    self._received.put(message)
                case messages.Limits(memory=memory, latents=latents, renders=renders, media=media):
                    self._renderer.set_limits(memory, latents, renders)
                    if self._parts.supplies is not None:
                        self._parts.supplies.set_limit(media)
                case messages.Ping(number=number):
                    self._window.send(messages.Pong(number))
                case _:
                    self._provide(message)

    def _provide(self, message: messages.ToEngine) -> None:
        """Take audio or latents: from files of this computer, or if the window is elsewhere from what it sends."""
        match message, self._parts.supplies:
            case messages.Attach(files=files), None:
                self._renderer.cache.attach(_open_bundles(files))
            case messages.Offer(latents=latents), Supplies() as supplies:
                self._renderer.cache.attach([SuppliedLatents(supplies)] if latents else [])
            case messages.Item() as item, Supplies() as supplies:
                supplies.put(item)
            case _:
                raise ValueError(f"{type(message).__name__} is not a message for this engine")


def _open_bundles(files: Sequence[str]) -> list[BundledLatents]:
    """Open files of latents; one that cannot be read is logged and left out."""
    found = []
    for name in files:
        try:
            found.append(BundledLatents(Path(name)))
        except StudioError as error:
            _log.warning("%s", error)
    return found


class _ForwardingHandler(logging.Handler):
    """Sends log records, warnings and above, to the window, which owns the log file."""

    def __init__(self, window: Window) -> None:
        super().__init__(logging.WARNING)
        self._window = window

    def emit(self, record: logging.LogRecord) -> None:
        self._window.send(messages.Log(record.levelno, self.format(record)))


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, StudioError) else f"{type(error).__name__}: {error}"
