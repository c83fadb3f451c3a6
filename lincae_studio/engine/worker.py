"""The engine process: renders wanted chunks and sends them back, until its pipe closes.

The main thread renders; a reader thread keeps the queue up to date, so that the newest wish wins at the next chunk.
When the pipe closes, the window is gone, by whatever end: the process leaves at once.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from lincae_studio.codecs import registry
from lincae_studio.engine import messages
from lincae_studio.engine.cache import LatentCache
from lincae_studio.engine.plan import Chunk
from lincae_studio.engine.queue import ChunkQueue
from lincae_studio.engine.renderer import Renderer, StoreReader
from lincae_studio.errors import StudioError
from lincae_studio.media.store import MediaStore

_log = logging.getLogger(__name__)


def run(connection: Connection, cache_dir: str) -> None:
    """Entry point of the spawned process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the window, which closes the pipe
    engine = _Engine(connection, Path(cache_dir))
    engine.run()


class _Engine:
    def __init__(self, connection: Connection, cache_dir: Path) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        logging.getLogger().addHandler(_ForwardingHandler(self))
        self._queue = ChunkQueue()
        self._cache = LatentCache(cache_dir / "latents")
        self._renderer = Renderer(registry.load, StoreReader(MediaStore(cache_dir)), self._cache)

    def run(self) -> None:
        threading.Thread(target=self._read, name="engine-reader", daemon=True).start()
        self.send(messages.Ready(messages.PROTOCOL, os.getpid()))
        while True:
            chunk = self._queue.take()
            if chunk is not None:
                self._render(chunk)

    def send(self, message: messages.FromEngine, *arrays: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        """Send a message and the arrays that follow it; a closed pipe ends the process."""
        try:
            with self._sending:
                self._connection.send_bytes(messages.encode(message))
                for array in arrays:
                    self._connection.send_bytes(np.ascontiguousarray(array).data.cast("B"))
        except (BrokenPipeError, ConnectionError, OSError):
            os._exit(0)

    def _render(self, chunk: Chunk) -> None:
        self.send(messages.Started(chunk.key))
        started = time.perf_counter()
        try:
            rendered = self._renderer.render(chunk)
        except StudioError as error:
            self.send(messages.Failed(chunk.key, str(error)))
        except Exception as error:  # the boundary of the process: the chunk fails, the engine goes on
            _log.exception("chunk %d failed", chunk.index)
            self.send(messages.Failed(chunk.key, f"{type(error).__name__}: {error}"))
        else:
            latents, audio = rendered.latents, rendered.audio
            buses, dim, frames = latents.shape
            shapes = ((buses, dim, frames), (buses, audio.shape[1]))
            self.send(messages.Finished(chunk.key, *shapes, time.perf_counter() - started), latents, audio)

    def _read(self) -> None:
        while True:
            try:
                message = messages.decode_to_engine(self._connection.recv_bytes())
            except (EOFError, OSError):
                message = messages.Quit()
            match message:
                case messages.Quit():
                    # At once, whatever the main thread is decoding: only what is encoded already is worth the wait.
                    self._cache.flush()
                    os._exit(0)
                case messages.Want(live=live, chunks=chunks, drop=drop):
                    self._queue.drop(drop, live)
                    self._queue.add(chunks, live)
                case messages.Playhead(sample=sample):
                    self._queue.set_playhead(sample)


class _ForwardingHandler(logging.Handler):
    """Sends log records to the window, which has the log file."""

    def __init__(self, engine: _Engine) -> None:
        super().__init__(logging.INFO)
        self._engine = engine

    def emit(self, record: logging.LogRecord) -> None:
        self._engine.send(messages.Log(record.levelno, self.format(record)))
