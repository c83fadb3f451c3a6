"""The engine process: renders requested chunks and sends them back, until its pipe closes.

The main thread asks the window for chunks and renders them; a reader thread receives what the window sends. When the
pipe closes, the window is gone, for whatever reason, and the process exits at once. It never writes to the console: it
reports a fatal error through the pipe.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import numpy as np

from lincae_studio import cores, descriptors, malloc
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Codec
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.store import BundledLatents
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.shared_memory import SharedHandle, SharedWriter
from lincae_studio.engine.rendering.cache import LatentCache, RenderCache
from lincae_studio.engine.rendering.renderer import Rendered, Renderer, StoreReader
from lincae_studio.errors import StudioError
from lincae_studio.media.store import MediaStore

_log = logging.getLogger(__name__)

#: With few processor cores, drawing and playback take precedence over rendering (POSIX only).
_NICENESS = 10

#: Rendering that takes less than this is shorter than asking for the next chunks and waiting for them.
_ASK_AHEAD_S = 0.01

#: After this long with nothing to do, freed memory is returned to the system.
_IDLE_S = 10.0


def run(connection: Connection, cache_dir: str, shared: SharedHandle | None = None) -> None:
    """Entry point of the spawned process; does not return. Without `shared`, renders are sent through the pipe."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    malloc.keep_freed()
    cores.use_one_per_product()
    descriptors.raise_limit()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the window, which closes the pipe
    window = _Window(connection)
    try:
        _Engine(window, connection, Path(cache_dir), shared).run()
    except BaseException as error:  # the boundary of the process
        window.die(error)


class _Window:
    """The sending end of the pipe to the window, for any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, message: messages.FromEngine, *arrays: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        """Send a message and the arrays that follow it; a closed pipe ends the process."""
        try:
            with self._sending:
                self._connection.send_bytes(messages.encode(message))
                for array in arrays:
                    self._connection.send_bytes(array.tobytes())
        except OSError:
            os._exit(0)

    def die(self, error: BaseException) -> NoReturn:
        """Report why the process cannot continue, if the pipe still works, and exit."""
        try:
            self.send(messages.Log(logging.ERROR, "".join(traceback.format_exception(error))))
            self.send(messages.Dying(_reason(error)))
        finally:
            os._exit(1)


class _Engine:
    def __init__(self, window: _Window, connection: Connection, cache_dir: Path, shared: SharedHandle | None) -> None:
        self._window = window
        self._connection = connection
        logging.getLogger().addHandler(_ForwardingHandler(window))
        self._received: queue.SimpleQueue[tuple[Chunk, ...]] = queue.SimpleQueue()
        #: Whether `Next` is unanswered.
        self._asked = False
        self._fast = False
        self._shared = SharedWriter(shared) if shared is not None else None
        self._computation = Computation()
        self._renderer = Renderer(
            self._load, StoreReader(MediaStore(cache_dir)), LatentCache(cache_dir), RenderCache(cache_dir)
        )

    def run(self) -> None:
        threading.Thread(target=self._read, name="engine-reader", daemon=True).start()
        threading.Thread(target=self._send_heartbeats, name="engine-heartbeat", daemon=True).start()
        self._window.send(messages.Ready(messages.PROTOCOL, os.getpid()))
        while True:
            chunks = self._take()
            if self._fast:
                self._ask()
            self._render(chunks)

    def _load(self, codec: str, rate: int) -> Codec:
        return registry.load(codec, self._computation, rate)

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
        for ahead: one more is rendered while the question and its answer are under way.
        """
        if not self._asked:
            self._asked = True
            self._window.send(messages.Next(self._renderer.batches()))

    def _take(self) -> tuple[Chunk, ...]:
        """Wait for the next chunks; memory is returned to the system when none come for a while."""
        self._ask()
        try:
            chunks = self._received.get(timeout=_IDLE_S)
        except queue.Empty:
            malloc.give_back()
            chunks = self._received.get()
        self._asked = False
        return chunks

    def _render(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            self._window.send(messages.Started(chunk.key))
        started = time.perf_counter()
        try:
            renders = self._renderer.render_many(chunks)
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
            self._finish(rendered, seconds)

    def _fail(self, chunk: Chunk, error: Exception) -> None:
        if not isinstance(error, StudioError):
            _log.error("chunk %d failed", chunk.index, exc_info=error)
        self._window.send(messages.Failed(chunk.key, _reason(error)))

    def _finish(self, rendered: Rendered, seconds: float) -> None:
        arrays = (rendered.latents, rendered.audio)
        slot = self._shared.write(arrays) if self._shared is not None else None
        buses, dim, frames = rendered.latents.shape
        shapes = ((buses, dim, frames), (buses, rendered.audio.shape[1]))
        message = messages.Finished(rendered.key, *shapes, seconds, slot)
        self._window.send(message, *(arrays if slot is None else ()))

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
                message = messages.decode_to_engine(self._connection.recv_bytes())
            except (EOFError, OSError):
                message = messages.Quit()
            match message:
                case messages.Quit():
                    # At once, even while the main thread decodes: only latents already encoded are worth a wait.
                    self._renderer.flush()
                    os._exit(0)
                case messages.Configure(computation=computation):
                    self._computation = computation
                case messages.Resolve():
                    # In a thread of its own: loading torch takes seconds, in which other messages arrive.
                    threading.Thread(target=self._resolve, name="engine-resolver", daemon=True).start()
                case messages.Render(chunks=chunks):
                    self._received.put(chunks)
                case messages.Attach(files=files):
                    self._renderer.cache.attach(_open_bundles(files))
                case messages.Limits(memory=memory, latents=latents, renders=renders):
                    self._renderer.set_limits(memory, latents, renders)


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

    def __init__(self, window: _Window) -> None:
        super().__init__(logging.WARNING)
        self._window = window

    def emit(self, record: logging.LogRecord) -> None:
        self._window.send(messages.Log(record.levelno, self.format(record)))


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, StudioError) else f"{type(error).__name__}: {error}"
