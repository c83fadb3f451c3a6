"""The window's side of the engine process: says what is wanted, delivers what comes back, restarts it when it dies.

Two threads: one starts the process and reads from it, one sends the difference between what is wanted and what the
process was told, so that a caller never waits for the pipe and quick edits coalesce. Imports no codec and no torch.
"""

from __future__ import annotations

import bisect
import itertools
import logging
import math
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process import messages, worker
from lincae_studio.engine.process.queue import LANES, Lane, Loop, urgency
from lincae_studio.engine.process.shared_memory import SharedHandle, SharedReader
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import EngineError

_log = logging.getLogger(__name__)

#: Waits before a restart, by the number of deaths since the last finished chunk.
_BACK_OFF_S = (0.0, 0.2, 1.0, 3.0, 10.0)

#: Chunks that the process is told of, in each lane, out of all that are wanted.
_TOLD_AT_ONCE = 32

#: Chunks in one message: between two of them other threads run.
_TOLD_IN_ONE = 4

#: How long a process may take to end by itself.
_QUIT_S = 2.0

#: A process that is silent for so long is stuck, and killed. (Starting, it loads torch before its first word.)
_SILENT_S = 60.0

#: A chunk during which the engine died this often is not tried again.
_DEATHS_ALLOWED = 2

#: An engine that died this often in a row, with no chunk finished or failed in between, is reported.
_DEATHS_REPORTED = 3


#: Chunks that are no longer wanted may stay in the list of those that were, up to so many.
_GONE_ALLOWED = 32


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
class EngineDown:
    """The process died and is being restarted; what was wanted still is."""

    exit_code: int | None


@dataclass(frozen=True)
class EngineUnusable:
    """The engine cannot be started, or dies before it is of any use; `reason` has no final full stop.

    It is still tried again. Comes once, and again only after a chunk finished or failed in between.
    """

    reason: str


def failure(message: str) -> EngineError:
    """The error to show for failed chunks."""
    return EngineError(
        f"some chunks cannot be rendered: {message.rstrip('.')}", "Use Session > Retry Failed Chunks to try again"
    )


Event = ChunkStarted | ChunkFinished | ChunkFailed | EngineUp | EngineDown | EngineUnusable


class EngineClient:
    """One engine process.

    `on_event` is called in the reader thread. A finished chunk stops being wanted after it: whoever keeps renders there
    is never asked for one twice. A failed chunk stops being wanted before it: a retry may be wished for at once.
    """

    def __init__(
        self,
        cache_dir: Path,
        on_event: Callable[[Event], None],
        run: Callable[[Connection, str, SharedHandle | None], None] = worker.run,
        silent_s: float = _SILENT_S,
    ) -> None:
        """`run` is what the process does; it must be importable there. After `silent_s` without a word it is killed."""
        self._cache_dir = cache_dir
        self._on_event = on_event
        self._run = run
        self._silent_s = silent_s
        self._changed = threading.Condition()
        self._wanted: dict[Lane, dict[str, Chunk]] = {lane: {} for lane in LANES}
        self._told: dict[Lane, set[str]] = {lane: set() for lane in LANES}
        #: Whether wishes have been changed since something was told, and the chunk that was told by itself then.
        self._fresh = dict.fromkeys(LANES, True)
        self._order: dict[Lane, list[Chunk] | None] = dict.fromkeys(LANES)
        self._first = dict.fromkeys(LANES, "")
        self._playhead = messages.Playhead(0)
        self._told_playhead = self._playhead
        self._attached = messages.Attach(())
        self._told_attached = self._attached
        self._limits: messages.Limits | None = None
        self._told_limits: messages.Limits | None = None
        #: The process is ended on purpose.
        self._restarting = False
        self._connection: Connection | None = None
        self._process: SpawnProcess | None = None
        self._closing = threading.Event()
        #: Being rendered: blamed when the process dies.
        self._current: set[str] = set()
        #: Results that came from this process.
        self._seen = 0
        self._shared: SharedReader | None = None
        self._deaths: Counter[str] = Counter()
        self._deaths_in_a_row = 0
        self._last_words = ""
        self._reader = threading.Thread(target=self._supervise, name="engine-client-reader", daemon=True)
        self._sender = threading.Thread(target=self._send_changes, name="engine-client-sender", daemon=True)

    def start(self) -> None:
        """Start the process and the threads."""
        self._reader.start()
        self._sender.start()

    def want(self, chunks: Iterable[Chunk], lane: Lane = "live") -> None:
        """Replace what is wanted in a lane. Chunks that were finished or failed leave by themselves."""
        with self._changed:
            self._wanted[lane] = {chunk.key: chunk for chunk in chunks if self._deaths[chunk.key] < _DEATHS_ALLOWED}
            self._fresh[lane] = True
            self._order[lane] = None
            self._changed.notify_all()

    def forgive(self) -> None:
        """Forget during which chunks the engine died, so that they may be tried again."""
        with self._changed:
            self._deaths.clear()

    def set_playhead(self, sample: int, loop: Loop | None = None) -> None:
        """Tell where the sound is, and the loop it is in, in timeline samples."""
        with self._changed:
            self._playhead = messages.Playhead(sample, loop)
            self._changed.notify_all()

    def attach(self, files: Iterable[Path]) -> None:
        """Let the engine use the latents in these files, in place of those that were attached before."""
        with self._changed:
            self._attached = messages.Attach(tuple(map(str, files)))
            self._changed.notify_all()

    def set_limits(self, limits: messages.Limits) -> None:
        """How much the engine's caches keep."""
        with self._changed:
            self._limits = limits
            self._changed.notify_all()

    def restart(self) -> None:
        """Start the process anew, with the environment as it is now; what is wanted still is."""
        with self._changed:
            if self._process is not None:
                self._restarting = True
                self._process.kill()

    def close(self) -> None:
        """End the process and the threads; a process that does not end by itself is killed."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        if not self._reader.is_alive():
            return
        self._reader.join(_QUIT_S)
        with self._changed:
            if self._process is not None:
                self._process.kill()
        for thread in (self._reader, self._sender):
            thread.join()

    # Reader thread

    def _supervise(self) -> None:
        while not self._closing.is_set():
            self._last_words = ""
            exit_code = None
            try:
                exit_code = self._run_process()
            except Exception as error:  # no memory, or too many processes or files: perhaps later
                _log.warning("the engine process cannot be started", exc_info=True)
                self._last_words = f"it cannot be started: {error}"
            finally:
                if self._shared is not None:
                    self._shared.close()
                    self._shared = None
            if not self._closing.is_set():
                self._after_death(exit_code)

    def _run_process(self) -> int | None:
        """Start a process and read from it until it ends; its exit code, or None when closing came first."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        with ours:
            with theirs, self._changed:
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
            with self._changed:
                self._connection = self._process = None
                self._told = {lane: set() for lane in LANES}
                self._told_playhead = messages.Playhead(0)
                self._told_attached = messages.Attach(())
                self._told_limits = None
                self._seen = 0
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
            self._last_words = f"it has not been heard of for {self._silent_s:.0f} s"
            process.kill()
        except (EOFError, OSError):
            return
        except Exception as error:  # what it says makes no sense: nothing it says later can be trusted
            _log.warning("the engine is not understood", exc_info=True)
            self._last_words = f"it is not understood: {error}"
            process.kill()

    def _receive(self, connection: Connection) -> None:
        """Receive a message and deal with it."""
        message = messages.decode_from_engine(connection.recv_bytes())
        match message:
            case messages.Ready(protocol=protocol, pid=pid):
                if protocol != messages.PROTOCOL:
                    raise EngineError("it belongs to another version of LinCAE Studio", "Restart LinCAE Studio")
                with self._changed:
                    self._changed.notify_all()
                self._tell(EngineUp(pid))
            case messages.Alive():
                pass
            case messages.Started(key=key):
                self._current.add(key)
                self._tell(ChunkStarted(key))
            case messages.Finished(key=key):
                latents, audio = self._receive_arrays(connection, message)
                self._deaths_in_a_row = 0
                self._current.discard(key)
                self._tell(ChunkFinished(Rendered(key, latents, audio), message.seconds))
                self._forget(key, seen=True)
            case messages.Failed(key=key, message=text):
                self._deaths_in_a_row = 0
                self._current.discard(key)
                self._fail(key, text, seen=True)
            case messages.Dying(reason=reason):
                self._last_words = reason
            case messages.Log(level=level, text=text):
                _log.log(level, "engine: %s", text)

    def _receive_arrays(self, connection: Connection, message: messages.Finished) -> list[Array]:
        shapes = (message.latents_shape, message.audio_shape)
        if message.slot is None:
            return [_receive_array(connection, shape) for shape in shapes]
        if self._shared is None:
            raise ValueError("there is no shared memory")
        return self._shared.read(message.slot, shapes)

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:  # a listener's mistake must not end the thread that keeps the engine going
            _log.exception("nobody took %s", type(event).__name__)

    def _fail(self, key: str, message: str, seen: bool) -> None:
        # In this order: a wish that comes while the failure is told is one to try again, and must not end with it.
        self._forget(key, seen)
        self._tell(ChunkFailed(key, message))

    def _forget(self, key: str, seen: bool) -> None:
        """A chunk is no longer wanted; with `seen` that is the result of this process."""
        with self._changed:
            self._seen += seen
            for lane in LANES:
                self._wanted[lane].pop(key, None)
                self._told[lane].discard(key)
            self._changed.notify_all()  # there is room to tell of another one

    def _after_death(self, exit_code: int | None) -> None:
        """Blame the chunk that was being rendered, tell, and wait a little longer after each death in a row."""
        with self._changed:
            on_purpose, self._restarting = self._restarting, False
        if on_purpose:
            self._current = set()
            self._tell(EngineDown(exit_code))
            return
        self._deaths_in_a_row += 1
        reason = self._last_words.rstrip(".") or f"exit code {exit_code}"
        _log.warning("the engine ended unexpectedly and is restarted: %s", reason)
        blamed, self._current = sorted(self._current), set()
        self._tell(EngineDown(exit_code))
        for key in blamed:
            self._deaths[key] += 1
            if self._deaths[key] >= _DEATHS_ALLOWED:
                self._fail(key, f"the engine ended {_DEATHS_ALLOWED} times while rendering this chunk", seen=False)
        if self._deaths_in_a_row == _DEATHS_REPORTED:
            self._tell(EngineUnusable(f"the engine ended {_DEATHS_REPORTED} times in a row: {reason}"))
        self._closing.wait(_BACK_OFF_S[min(self._deaths_in_a_row, len(_BACK_OFF_S)) - 1])

    # Sender thread

    def _send_changes(self) -> None:
        while True:
            with self._changed:
                news: list[messages.ToEngine] = []
                while not news and not self._closing.is_set():
                    news = self._take_news()
                    if not news:
                        self._changed.wait()
                connection, closing = self._connection, self._closing.is_set()
                news = [messages.Quit()] if closing else news
            try:
                for message in news:
                    if connection is not None:
                        connection.send_bytes(messages.encode(message))
            except (OSError, ValueError):
                pass  # the process died or was closed: the reader thread starts anew, and all is told again
            if closing:
                return

    def _due(self, lane: Lane) -> tuple[list[Chunk], set[str]]:
        """What is to be told: chunks that are newly wanted, and keys that no longer are.

        Only the most urgent chunks are told of, enough to keep the process busy, so that no edit sends a whole session.
        After an edit the first is told by itself, and the others once it has come back: the process has no message to
        read while it renders what is heard next.
        """
        wanted, told = self._wanted[lane], self._told[lane]
        if not wanted:
            return [], told
        kept = told & wanted.keys()
        # The others wait for what is heard next, too.
        before: tuple[Lane, ...] = ("live", lane)
        if any(self._first[one] in self._told[one] & self._wanted[one].keys() for one in before):
            return [], told - kept

        if not kept and self._fresh[lane]:
            return [next(self._in_order(lane))], told
        nearest = {chunk.key: chunk for chunk in itertools.islice(self._in_order(lane), _TOLD_AT_ONCE)}
        return [chunk for key, chunk in nearest.items() if key not in told][:_TOLD_IN_ONE], told - nearest.keys()

    def _in_order(self, lane: Lane) -> Iterator[Chunk]:
        """What is wanted, the most urgent first, as the queue orders it. (Sorted when wishes change only.)"""
        wanted, ordered = self._wanted[lane], self._order[lane]
        if lane == "study":
            return iter(wanted.values())
        if ordered is None or len(ordered) > 2 * len(wanted) + _GONE_ALLOWED:
            ordered = self._order[lane] = sorted(wanted.values(), key=lambda chunk: chunk.index)
        sample, loop = self._playhead.sample, self._playhead.loop
        if lane == "export" or not ordered:
            found: Iterable[Chunk] = ordered
        elif loop is not None:
            found = sorted(ordered, key=lambda chunk: urgency(chunk, sample, loop))
        else:
            here = bisect.bisect_left(ordered, ordered[0].grid.owner(sample), key=lambda chunk: chunk.index)
            behind = (ordered[place] for place in range(here - 1, -1, -1))
            found = itertools.chain(itertools.islice(ordered, here, None), behind)
        return (chunk for chunk in found if chunk.key in wanted)

    def _take_news(self) -> list[messages.ToEngine]:
        """What the process is to be told now; it counts as told."""
        news: list[messages.ToEngine] = []
        if self._connection is None:
            return news
        if self._limits is not None and self._limits != self._told_limits:
            news.append(self._limits)
            self._told_limits = self._limits
        if self._attached != self._told_attached:
            news.append(self._attached)
            self._told_attached = self._attached
        if self._playhead != self._told_playhead:
            news.append(self._playhead)
            self._told_playhead = self._playhead
        for lane in LANES:
            added, dropped = self._due(lane)
            if not added and not dropped:
                continue
            kept = self._told[lane] - dropped
            if added and not kept and self._fresh[lane]:
                self._first[lane] = added[0].key
            self._fresh[lane] = self._fresh[lane] and not added
            alone = tuple(chunk.key for chunk in added if self._deaths[chunk.key])
            news.append(messages.Want(lane, tuple(added), tuple(dropped), self._seen, alone))
            self._told[lane] = kept.union(chunk.key for chunk in added)
        return news


def _shared_memory(context: SpawnContext) -> SharedReader | None:
    try:
        return SharedReader(context)
    except OSError as error:
        _log.info("no shared memory, renders take the pipe: %s", error)
        return None


def _receive_array(connection: Connection, shape: tuple[int, ...]) -> Array:
    received = np.frombuffer(connection.recv_bytes(), np.float32)
    if received.size != math.prod(shape):
        raise ValueError(f"{received.nbytes} bytes came for an array of shape {shape}")
    return received.reshape(shape)
