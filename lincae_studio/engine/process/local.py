"""The engine as a process of this computer: spawned, with a pipe, and shared memory for renders.

The client's reader thread starts it and reads from it. Imports no codec and no torch.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.channel import Ended, Received
from lincae_studio.engine.process.shared_memory import SharedHandle, SharedReader

_log = logging.getLogger(__name__)

#: How long a process may take to exit by itself.
_QUIT_S = 2.0

#: Largest message, and largest array that follows one, in bytes; anything larger is not valid.
_MAX_MESSAGE_BYTES, _MAX_ARRAY_BYTES = 1 << 26, 1 << 32

Run = Callable[[Connection, str, SharedHandle | None], None]


class LocalLauncher:
    """Starts engine processes on this computer."""

    def __init__(self, cache_dir: Path, run: Run | None = None) -> None:
        """`run` is the importable entry point of the process; by default the worker's."""
        self._cache_dir = cache_dir
        self._run = run

    def launch(self) -> LocalChannel:
        from lincae_studio.engine.process import worker

        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        shared = None
        try:
            with theirs:
                shared = _shared_memory(context)
                handle = shared.handle if shared is not None else None
                arguments = theirs, str(self._cache_dir), handle
                run = self._run or worker.run
                process = context.Process(target=run, args=arguments, name="lincae-engine", daemon=True)
                process.start()
        except BaseException:
            ours.close()
            if shared is not None:
                shared.close()
            raise
        return LocalChannel(ours, process, shared)


class LocalChannel:
    """A running engine process."""

    #: The engine asks for as many as it can use.
    ahead = 1 << 30
    figures = None

    def __init__(self, connection: Connection, process: SpawnProcess, shared: SharedReader | None) -> None:
        self._connection = connection
        self._process = process
        self._shared = shared
        self.reading_since: float | None = None

    def send(self, message: messages.ToEngine) -> None:
        self._connection.send_bytes(messages.encode(message))

    def receive(self, timeout_s: float) -> Received | None:
        if not self._connection.poll(timeout_s):
            return None
        message = messages.decode_from_engine(self._receive_bytes(_MAX_MESSAGE_BYTES))
        return message, self._receive_arrays(message) if isinstance(message, messages.Finished) else []

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> Ended:
        process = self._process
        process.join(_QUIT_S)
        process.kill()
        process.join()
        exit_code = process.exitcode
        process.close()
        self._connection.close()
        if self._shared is not None:
            self._shared.close()
        return Ended(exit_code)

    def _receive_bytes(self, limit: int) -> bytes:
        """One frame.

        Raises:
            ValueError: when its length is over the limit, which also shows that the data is not a frame.
            OSError, EOFError: when the pipe breaks or ends.
        """
        self.reading_since = time.monotonic()
        try:
            return self._connection.recv_bytes(limit)
        except OSError:
            if not self._connection.readable:  # `recv_bytes` stops reading when the length is over the limit
                raise ValueError("its length is impossible") from None
            raise
        finally:
            self.reading_since = None

    def _receive_arrays(self, message: messages.Finished) -> list[Array]:
        shapes = (message.latents_shape, message.audio_shape)
        if message.slot is None:
            return [self._receive_array(shape) for shape in shapes]
        if self._shared is None:
            raise ValueError("there is no shared memory")
        return self._shared.read(message.slot, shapes)

    def _receive_array(self, shape: tuple[int, ...]) -> Array:
        size = np.dtype(np.float32).itemsize * math.prod(shape)
        if min(shape) < 0 or size > _MAX_ARRAY_BYTES:
            raise ValueError(f"the shape {shape} of an array is impossible")
        data = self._receive_bytes(size)
        if len(data) != size:
            raise ValueError(f"received {len(data)} bytes for an array of shape {shape}")
        return np.frombuffer(data, np.float32).reshape(shape)


def _shared_memory(context: SpawnContext) -> SharedReader | None:
    try:
        return SharedReader(context)
    except OSError as error:
        _log.info("no shared memory, renders are sent through the pipe: %s", error)
        return None
