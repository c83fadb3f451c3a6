"""The window's side of the engine process: answers it with chunks, delivers results, restarts it when it dies.

The process asks for the next chunks, and gets those that are most urgent at that moment, or later, when there are any.
Two threads: one starts the process, reads from it and answers; one sends what was requested or set in between, so that
callers never wait for the pipe and rapid edits coalesce. Imports no codec and no torch.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process import messages, worker
from lincae_studio.engine.process.requests import CRASHES_ALLOWED, Loop, Priority, Requests
from lincae_studio.engine.process.shared_memory import SharedHandle, SharedReader
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import EngineError

_log = logging.getLogger(__name__)

#: Delays before a restart, by the number of crashes since the last finished chunk.
_BACK_OFF_S = (0.0, 0.2, 1.0, 3.0, 10.0)

#: How long a process may take to exit by itself.
_QUIT_S = 2.0

#: A process that sends nothing for this long is considered stuck and killed. (It loads torch before its first message.)
_SILENT_S = 60.0

#: How many times in that period to check whether a message that has begun is still incomplete.
_CHECKS = 4

#: Largest message, and largest array that follows one, in bytes; anything larger is not valid.
_MAX_MESSAGE_BYTES, _MAX_ARRAY_BYTES = 1 << 26, 1 << 32

#: This many crashes in a row, with no chunk finished or failed in between, are reported.
_CRASHES_REPORTED = 3


@dataclass(frozen=True)
class ChunkStarted:
    key: str


@dataclass(frozen=True)
class ChunkFinished:
    rendered: Rendered
    seconds: float


@dataclass(frozen=True)
class ChunkFailed:
    key: str
    message: str


@dataclass(frozen=True)
class EngineUp:
    pid: int


@dataclass(frozen=True)
class PrecisionResolved:
    """What the device and precision of codecs come to, or cannot be known if they are not possible; see `resolve`."""

    computation: Computation


@dataclass(frozen=True)
class EngineDown:
    """The process died and is being restarted; requests are kept."""

    exit_code: int | None


@dataclass(frozen=True)
class EngineUnusable:
    """The engine cannot be started, or crashes before it renders anything; `reason` has no final full stop.

    Restarting continues. Sent once, and again only after a chunk finished or failed in between.
    """

    reason: str


def failure(message: str) -> EngineError:
    """The error to show when chunks failed."""
    return EngineError(
        f"some chunks cannot be rendered: {message.rstrip('.')}", "Use Session > Retry Failed Chunks to try again"
    )


Event = ChunkStarted | ChunkFinished | ChunkFailed | EngineUp | PrecisionResolved | EngineDown | EngineUnusable


class EngineClient:
    """One engine process.

    `on_event` is called in the reader thread. The request for a finished chunk is removed after the call, so that a
    listener that stores renders never receives one twice. The request for a failed chunk is removed before the call,
    so that the listener can request it again.
    """

    def __init__(
        self,
        cache_dir: Path,
        on_event: Callable[[Event], None],
        run: Callable[[Connection, str, SharedHandle | None], None] = worker.run,
        silent_s: float = _SILENT_S,
    ) -> None:
        """`run` is the importable entry point of the process, which is killed after `silent_s` without a message."""
        self._cache_dir = cache_dir
        self._on_event = on_event
        self._run = run
        self._silent_s = silent_s
        self._lock = threading.RLock()
        self._sending = threading.Lock()
        #: Something may have to be sent.
        self._wake = threading.Event()
        self._requests = Requests()
        #: The last message of each kind of setting; every new process receives them all.
        self._settings: dict[type, messages.ToEngine] = {messages.Configure: messages.Configure(Computation())}
        self._sent_settings: dict[type, messages.ToEngine] = {}
        #: The engine's question for chunks, until it is answered.
        self._asked: messages.Next | None = None
        #: Whether the process was killed on purpose.
        self._restarting = False
        self._connection: Connection | None = None
        self._process: SpawnProcess | None = None
        self._closing = threading.Event()
        #: Chunks being rendered, which are blamed if the process dies.
        self._current: set[str] = set()
        self._shared: SharedReader | None = None
        self._crashes_in_a_row = 0
        self._reason = ""
        #: Since when the reader waits for the rest of a message.
        self._reading_since: float | None = None
        self._reader = threading.Thread(target=self._supervise, name="engine-client-reader", daemon=True)
        self._sender = threading.Thread(target=self._send_changes, name="engine-client-sender", daemon=True)

    def start(self) -> None:
        """Start the process and the threads."""
        self._reader.start()
        self._sender.start()

    def request(self, chunks: Iterable[Chunk], priority: Priority = "live") -> None:
        """Replace the requests of a priority. Requests for finished and failed chunks are removed automatically."""
        with self._lock:
            self._requests.replace(chunks, priority)
            self._wake.set()

    def forget_crashes(self) -> None:
        """Forget during which chunks the engine crashed, so that they may be tried again."""
        with self._lock:
            self._requests.crashes.clear()

    def set_playhead(self, sample: int, loop: Loop | None = None) -> None:
        """Set the playback position and the loop, in timeline samples: what is heard next is rendered first."""
        with self._lock:
            self._requests.playhead, self._requests.loop = sample, loop

    def attach(self, files: Iterable[Path]) -> None:
        """Let the engine use the latents in these files, which replace those attached before."""
        self._set(messages.Attach(tuple(map(str, files))))

    def set_limits(self, limits: messages.Limits) -> None:
        """Limit the sizes of the engine's caches."""
        self._set(limits)

    def configure(self, computation: Computation) -> None:
        """Set how codecs compute. A running process is restarted and loads them again; requests are kept.

        Chunks requested before fail, as the identity of their codec has changed.
        """
        with self._lock:
            self._set(messages.Configure(computation))
            if self._process is not None:
                self._restarting = True
                self._process.kill()

    def resolve(self) -> None:
        """Ask what the device and precision come to, which only the process can find out: see `PrecisionResolved`."""
        self._set(messages.Resolve())

    def close(self) -> None:
        """Stop the process and the threads; a process that does not exit by itself is killed."""
        self._closing.set()
        self._wake.set()
        if not self._reader.is_alive():
            return
        self._reader.join(_QUIT_S)
        with self._lock:
            if self._process is not None:
                self._process.kill()
        for thread in (self._reader, self._sender):
            thread.join()

    def _set(self, message: messages.ToEngine) -> None:
        with self._lock:
            self._settings[type(message)] = message
            self._wake.set()

    # Reader thread

    def _supervise(self) -> None:
        while not self._closing.is_set():
            self._reason = ""
            exit_code = None
            try:
                exit_code = self._run_process()
            except Exception as error:  # out of memory, processes or files: a later attempt may succeed
                _log.warning("the engine process cannot be started", exc_info=True)
                self._reason = f"it cannot be started: {' '.join(str(error).split())}"
            finally:
                if self._shared is not None:
                    self._shared.close()
                    self._shared = None
            if not self._closing.is_set():
                self._after_exit(exit_code)

    def _run_process(self) -> int | None:
        """Start a process and read from it until it ends. Returns its exit code, or None if the client is closing."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        with ours:
            with theirs, self._lock:
                if self._closing.is_set():
                    return None
                self._shared = _shared_memory(context)
                handle = self._shared.handle if self._shared is not None else None
                process = context.Process(
                    target=self._run, args=(theirs, str(self._cache_dir), handle), name="lincae-engine", daemon=True
                )
                process.start()
                self._connection, self._process = ours, process
            self._read_until_closed(ours, process)
            with self._lock:
                self._connection = self._process = None
                self._sent_settings = {}
                self._asked = None
                self._requests.restart()
            process.join(_QUIT_S)
            process.kill()
            process.join()
            exit_code = process.exitcode
            process.close()
        return exit_code

    def _read_until_closed(self, connection: Connection, process: SpawnProcess) -> None:
        try:
            while connection.poll(self._silent_s):
                self._receive(connection)
            self._reason = f"it has sent nothing for {self._silent_s:.0f} s"
            process.kill()
        except (EOFError, OSError):
            return
        except Exception as error:  # an invalid message: later ones cannot be trusted
            _log.warning("the engine sent an invalid message", exc_info=True)
            self._reason = f"it sent an invalid message: {error}"
            process.kill()

    def _receive(self, connection: Connection) -> None:
        """Receive and handle one message."""
        message = messages.decode_from_engine(self._receive_bytes(connection, _MAX_MESSAGE_BYTES))
        match message:
            case messages.Ready(protocol=protocol, pid=pid):
                if protocol != messages.PROTOCOL:
                    raise EngineError("it belongs to another version of LinCAE Studio", "Restart LinCAE Studio")
                self._deliver(EngineUp(pid))
            case messages.Next():
                with self._lock:
                    self._asked = message
                self._send_pending()
            case messages.Resolved(computation=computation):
                self._deliver(PrecisionResolved(computation))
            case messages.Alive():
                pass
            case messages.Started(key=key):
                self._current.add(key)
                self._deliver(ChunkStarted(key))
            case messages.Finished(key=key):
                latents, audio = self._receive_arrays(connection, message)
                self._crashes_in_a_row = 0
                self._current.discard(key)
                self._deliver(ChunkFinished(Rendered(key, latents, audio), message.seconds))
                self._end_request(key)
            case messages.Failed(key=key, message=text):
                self._crashes_in_a_row = 0
                self._current.discard(key)
                self._fail(key, text)
            case messages.Dying(reason=reason):
                self._reason = reason
            case messages.Log(level=level, text=text):
                _log.log(level, "engine: %s", text)

    def _receive_bytes(self, connection: Connection, limit: int) -> bytes:
        """One frame.

        Raises:
            ValueError: when its length is over the limit, which also shows that the data is not a frame.
            OSError, EOFError: when the pipe breaks or ends.
        """
        self._reading_since = time.monotonic()
        try:
            return connection.recv_bytes(limit)
        except OSError:
            if not connection.readable:  # `recv_bytes` stops reading when the length is over the limit
                raise ValueError("its length is impossible") from None
            raise
        finally:
            self._reading_since = None

    def _receive_arrays(self, connection: Connection, message: messages.Finished) -> list[Array]:
        shapes = (message.latents_shape, message.audio_shape)
        if message.slot is None:
            return [self._receive_array(connection, shape) for shape in shapes]
        if self._shared is None:
            raise ValueError("there is no shared memory")
        return self._shared.read(message.slot, shapes)

    def _receive_array(self, connection: Connection, shape: tuple[int, ...]) -> Array:
        size = np.dtype(np.float32).itemsize * math.prod(shape)
        if min(shape) < 0 or size > _MAX_ARRAY_BYTES:
            raise ValueError(f"the shape {shape} of an array is impossible")
        data = self._receive_bytes(connection, size)
        if len(data) != size:
            raise ValueError(f"received {len(data)} bytes for an array of shape {shape}")
        return np.frombuffer(data, np.float32).reshape(shape)

    def _deliver(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:  # a listener's error must not end the thread that keeps the engine running
            _log.exception("error while delivering %s", type(event).__name__)

    def _fail(self, key: str, message: str) -> None:
        # In this order: a request made while the failure is delivered is a retry, and must not end with it.
        self._end_request(key)
        self._deliver(ChunkFailed(key, message))

    def _end_request(self, key: str) -> None:
        with self._lock:
            self._requests.remove(key)

    def _after_exit(self, exit_code: int | None) -> None:
        """Blame the chunks that were being rendered, report, and wait longer after each death in a row."""
        with self._lock:
            on_purpose, self._restarting = self._restarting, False
        if on_purpose:
            self._current = set()
            self._deliver(EngineDown(exit_code))
            return
        self._crashes_in_a_row += 1
        reason = self._reason.rstrip(".") or f"exit code {exit_code}"
        _log.warning("the engine ended unexpectedly and will be restarted: %s", reason)
        blamed, self._current = sorted(self._current), set()
        self._deliver(EngineDown(exit_code))
        for key in blamed:
            with self._lock:
                self._requests.crashes[key] += 1
                failed = self._requests.crashes[key] >= CRASHES_ALLOWED
            if failed:
                self._fail(key, f"the engine ended {CRASHES_ALLOWED} times while rendering this chunk")
        if self._crashes_in_a_row == _CRASHES_REPORTED:
            self._deliver(EngineUnusable(f"the engine ended {_CRASHES_REPORTED} times in a row: {reason}"))
        self._closing.wait(_BACK_OFF_S[min(self._crashes_in_a_row, len(_BACK_OFF_S)) - 1])

    # Sender thread

    def _send_changes(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self._silent_s / _CHECKS)
            self._wake.clear()
            self._kill_if_stuck()
            self._send_pending()
        with self._lock:
            connection = self._connection
        if connection is not None:
            self._send(connection, [messages.Quit()])

    def _kill_if_stuck(self) -> None:
        """Kill a process that began a message, or what looks like one, and has not finished it in time."""
        since = self._reading_since
        with self._lock:
            if since is not None and self._process is not None and time.monotonic() - since > self._silent_s:
                self._reason = f"it has not finished a message for {self._silent_s:.0f} s"
                self._process.kill()

    def _send_pending(self) -> None:
        """Send pending messages, in either thread."""
        with self._sending:
            with self._lock:
                connection, pending = self._connection, self._take_pending()
            if connection is not None:
                self._send(connection, pending)

    def _send(self, connection: Connection, pending: Iterable[messages.ToEngine]) -> None:
        try:
            for message in pending:
                connection.send_bytes(messages.encode(message))
        except (OSError, ValueError):
            pass  # the process ended: the reader thread starts another one, and everything is sent again

    def _take_pending(self) -> list[messages.ToEngine]:
        """The messages to send now; they are marked as sent."""
        if self._connection is None:
            return []
        changed = [message for kind, message in self._settings.items() if self._sent_settings.get(kind) != message]
        self._sent_settings = dict(self._settings)
        chunks = self._requests.take(self._asked.batches) if self._asked is not None else ()
        if not chunks:
            return changed
        self._asked = None
        return [*changed, messages.Render(chunks)]


def _shared_memory(context: SpawnContext) -> SharedReader | None:
    try:
        return SharedReader(context)
    except OSError as error:
        _log.info("no shared memory, renders are sent through the pipe: %s", error)
        return None
