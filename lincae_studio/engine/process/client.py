"""The window's side of the engine process: answers it with chunks, delivers results, restarts it when it dies.

The process asks for the next chunks, and gets those that are most urgent at that moment, or later, when there are any.
Two threads: one starts the process, reads from it and answers; one sends what was requested or set in between, so that
callers never wait for the pipe and rapid edits coalesce. A launcher starts the process, here or on another machine
(`channel.py`): nothing in this file depends on which. Imports no codec and no torch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.channel import Channel, Ended, Launcher
from lincae_studio.engine.process.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkPreviewed,
    ChunkStarted,
    Computed,
    EngineDown,
    EngineUnusable,
    EngineUp,
    Event,
    LinkMeasured,
    PrecisionResolved,
    PreviewUnusable,
)
from lincae_studio.engine.process.kernels import SentKernels
from lincae_studio.engine.process.requests import CRASHES_ALLOWED, Loop, Priority, Requests
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import EngineError, StudioError

_log = logging.getLogger(__name__)

#: Delays before a restart, by the number of crashes since the last finished chunk.
_BACK_OFF_S = (0.0, 0.2, 1.0, 3.0, 10.0)

#: Delay before another attempt that will hardly succeed: other machines refuse who tries often.
_LASTING_S = 300.0

#: How long a process may take to exit by itself.
_QUIT_S = 2.0

#: A process that sends nothing for this long is considered stuck and killed. (It loads torch before its first message.)
_SILENT_S = 60.0

#: How many times in that period to check whether a message that has begun is still incomplete.
_CHECKS = 4

#: This many crashes in a row, with no chunk finished or failed in between, are reported.
_CRASHES_REPORTED = 3


class EngineClient:
    """One engine process.

    `on_event` is called in the reader thread. The request for a finished chunk is removed after the call, so that a
    listener that stores renders never receives one twice. The request for a failed chunk is removed before the call,
    so that the listener can request it again.
    """

    def __init__(
        self,
        launcher: Launcher,
        on_event: Callable[[Event], None],
        silent_s: float = _SILENT_S,
        pause_s: Callable[[float], float] = lambda _: 0.0,
    ) -> None:
        """`launcher` starts the process, which is killed after `silent_s` without a message.

        `pause_s`: called in any thread with the time of the last answer (`time.monotonic`); returns how much longer the
        next one must wait, in seconds. Answers do not wait while there are requests of an export.
        """
        self._launcher = launcher
        self._on_event = on_event
        self._silent_s = silent_s
        self._pause_s = pause_s
        #: When the engine was last given something to render.
        self._answered_at = 0.0
        self._lock = threading.RLock()
        self._sending = threading.Lock()
        #: Something may have to be sent.
        self._wake = threading.Event()
        #: The wait before the next start is over.
        self._start_now = threading.Event()
        self._requests = Requests()
        #: The last message of each kind of setting; every new process receives them all.
        self._settings: dict[type, messages.ToEngine] = {messages.Configure: messages.Configure(Computation())}
        self._sent_settings: dict[type, messages.ToEngine] = {}
        #: The engine's questions for chunks that have not been answered.
        self._asked: list[messages.Next] = []
        #: The batches that were sent, less the chunks that were answered.
        self._under_way: list[set[str]] = []
        self._kernels = SentKernels()
        #: Whether the process was killed on purpose.
        self._restarting = False
        self._channel: Channel | None = None
        self._closing = threading.Event()
        #: Chunks being rendered, which are blamed if the process dies.
        self._current: set[str] = set()
        self._crashes_in_a_row = 0
        #: Whether `EngineUnusable` was sent since a chunk finished or failed.
        self._reported = False
        #: Why the process cannot be used any more, as far as it or this client knows.
        self._error: StudioError | None = None
        self._reader = threading.Thread(target=self._supervise, name="engine-client-reader", daemon=True)
        self._sender = threading.Thread(target=self._send_changes, name="engine-client-sender", daemon=True)

    def start(self) -> None:
        """Start the process and the threads."""
        self._reader.start()
        self._sender.start()

    def request(self, chunks: Iterable[Chunk], priority: Priority = "live", previews: bool = False) -> None:
        """Replace the requests of a priority. Requests for finished and failed chunks are removed automatically.

        `previews`: whether the codec of live chunks has a preview, which is sent first: see `ChunkPreviewed`.
        """
        with self._lock:
            if priority == "live":
                self._requests.previews = previews
            self._requests.replace(chunks, priority)
            self._wake.set()

    def forget_crashes(self) -> None:
        """Forget during which chunks the engine crashed, so that they may be tried again; start it now if it is to.

        If it still cannot be used, that is reported again.
        """
        with self._lock:
            self._reported = False
            self._requests.crashes.clear()
            if self._channel is None:
                self._start_now.set()

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
            self._restart()

    def move(self, launcher: Launcher) -> None:
        """Start the engine elsewhere, and end the one that is running; requests are kept."""
        with self._lock:
            self._launcher = launcher
            self._reported, self._crashes_in_a_row = False, 0
            self._restart()

    def resolve(self) -> None:
        """Ask what the device and precision come to, which only the process can find out: see `PrecisionResolved`."""
        self._set(messages.Resolve())

    def compute(self, request: messages.Compute | None) -> None:
        """Use a codec on these numbers: see `Computed`. A new engine is asked again, until the next request or None."""
        with self._lock:
            self._settings.pop(messages.Compute, None)
            if request is not None:
                self._set(request)

    def close(self) -> None:
        """Stop the process and the threads; a process that does not exit by itself is killed."""
        self._closing.set()
        self._wake.set()
        self._start_now.set()
        if not self._reader.is_alive():
            return
        self._reader.join(_QUIT_S)
        with self._lock:
            if self._channel is not None:
                self._channel.kill()
        for thread in (self._reader, self._sender):
            thread.join()

    def _set(self, message: messages.ToEngine) -> None:
        with self._lock:
            self._settings[type(message)] = message
            self._wake.set()

    def _restart(self) -> None:
        self._start_now.set()
        if self._channel is not None:
            self._restarting = True
            self._channel.kill()

    # Reader thread

    def _supervise(self) -> None:
        while not self._closing.is_set():
            self._error = None
            ended = Ended()
            try:
                ended = self._run_process()
            except StudioError as error:
                _log.warning("the engine cannot be started: %s", error)
                ended = Ended(error=error, lasting=True)
            except Exception as error:  # out of memory, processes or files: a later attempt may succeed
                _log.warning("the engine process cannot be started", exc_info=True)
                self._error = EngineError(f"it cannot be started: {' '.join(str(error).split())}")
            if not self._closing.is_set():
                self._after_exit(ended)

    def _run_process(self) -> Ended:
        """Start a process and read from it until it ends. Returns how it ended."""
        with self._lock:
            self._start_now.clear()
            if self._closing.is_set():
                return Ended()
            channel = self._channel = self._launcher.launch()
        try:
            self._read_until_closed(channel)
        finally:
            with self._lock:
                self._channel = None
                self._sent_settings = {}
                self._asked, self._under_way = [], []
                self._kernels = SentKernels()
                self._requests.restart()
            ended = channel.end()
        return ended

    def _read_until_closed(self, channel: Channel) -> None:
        try:
            while (received := channel.receive(self._silent_s)) is not None:
                self._handle(channel, *received)
            self._error = EngineError(f"it has sent nothing for {self._silent_s:.0f} s")
            channel.kill()
        except (EOFError, OSError):
            return
        except Exception as error:  # an invalid message: later ones cannot be trusted
            _log.warning("the engine sent an invalid message", exc_info=True)
            self._error = EngineError(f"it sent an invalid message: {str(error).rstrip('.')}")
            channel.kill()

    def _handle(self, channel: Channel, message: messages.FromEngine, arrays: list[Array]) -> None:
        match message:
            case messages.Ready(protocol=protocol, pid=pid):
                if protocol != messages.PROTOCOL:
                    raise EngineError("it belongs to another version of LinCAE Studio", "Restart LinCAE Studio")
                self._deliver(EngineUp(pid))
            case messages.Next():
                with self._lock:
                    self._asked.append(message)
                self._send_pending()
                if self._paused_s():
                    self._wake.set()  # so that the sender answers after the pause
            case messages.Resolved(computation=computation):
                self._deliver(PrecisionResolved(computation))
            case messages.Computed():
                self._crashes_in_a_row, self._reported = 0, False
                self._deliver(Computed(message))
            case messages.Alive():
                figures = channel.figures
                if figures is not None:
                    self._deliver(LinkMeasured(figures))
            case messages.Started(key=key):
                self._current.add(key)
                self._deliver(ChunkStarted(key))
            case messages.Finished(key=key, preview=True):
                with self._lock:
                    self._requests.note_preview(key)
                self._deliver(ChunkPreviewed(Rendered(key, *arrays)))
            case messages.NoPreview(problem=problem, remedy=remedy):
                self._deliver(PreviewUnusable(problem, remedy))
            case messages.Finished(key=key):
                latents, audio = arrays
                self._settle(key)
                self._deliver(ChunkFinished(Rendered(key, latents, audio), message.seconds))
                self._end_request(key)
            case messages.Failed(key=key, message=text):
                self._settle(key)
                self._fail(key, text)
            case messages.Dying(reason=reason):
                self._error = EngineError(reason.rstrip("."))
            case messages.Log(level=level, text=text):
                _log.log(level, "engine: %s", text)

    def _settle(self, key: str) -> None:
        """Note that a chunk was answered."""
        self._crashes_in_a_row, self._reported = 0, False
        self._current.discard(key)
        with self._lock:
            for batch in self._under_way:
                batch.discard(key)
            self._under_way = [batch for batch in self._under_way if batch]
            if self._asked:
                self._wake.set()

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

    def _after_exit(self, ended: Ended) -> None:
        """Blame the chunks that were being rendered, report, and wait longer after each death in a row."""
        with self._lock:
            on_purpose, self._restarting = self._restarting, False
        if on_purpose:
            self._current = set()
            self._deliver(EngineDown(ended.exit_code))
            return
        self._crashes_in_a_row += 1
        guilty = self._error is not None or ended.error is None  # else the link was lost, or there was none
        error = self._error or ended.error or EngineError(f"exit code {ended.exit_code}")
        _log.warning("the engine ended unexpectedly and will be restarted: %s", error.problem)
        blamed, self._current = sorted(self._current), set()
        self._deliver(EngineDown(ended.exit_code))
        for key in blamed if guilty else ():
            with self._lock:
                self._requests.crashes[key] += 1
                failed = self._requests.crashes[key] >= CRASHES_ALLOWED
            if failed:
                self._fail(key, f"the engine ended {CRASHES_ALLOWED} times while rendering this chunk")
        if not self._reported and (ended.lasting or self._crashes_in_a_row >= _CRASHES_REPORTED):
            self._reported = True
            times = "" if not guilty else f"the engine ended {_CRASHES_REPORTED} times in a row: "
            self._deliver(EngineUnusable(f"{times}{error.problem}", error.remedy))
        back_off_s = _BACK_OFF_S[min(self._crashes_in_a_row, len(_BACK_OFF_S)) - 1]
        self._start_now.wait(_LASTING_S if ended.lasting else back_off_s)

    # Sender thread

    def _send_changes(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self._paused_s() or self._silent_s / _CHECKS)
            self._wake.clear()
            self._kill_if_stuck()
            self._send_pending()
        with self._lock:
            channel = self._channel
        if channel is not None:
            self._send(channel, [messages.Quit()])

    def _kill_if_stuck(self) -> None:
        """Kill a process that began a message, or what looks like one, and has not finished it in time."""
        with self._lock:
            since = self._channel.reading_since if self._channel is not None else None
            if self._channel is not None and since is not None and time.monotonic() - since > self._silent_s:
                self._error = EngineError(f"it has not finished a message for {self._silent_s:.0f} s")
                self._channel.kill()

    def _send_pending(self) -> None:
        """Send pending messages, in either thread."""
        with self._sending:
            with self._lock:
                channel, pending = self._channel, self._take_pending()
            if channel is not None:
                self._send(channel, pending)

    def _send(self, channel: Channel, pending: Iterable[messages.ToEngine]) -> None:
        try:
            for message in pending:
                channel.send(message)
        except (OSError, ValueError):
            pass  # the process ended: the reader thread starts another one, and everything is sent again

    def _take_pending(self) -> list[messages.ToEngine]:
        """The messages to send now; they are marked as sent."""
        channel = self._channel
        if channel is None:
            return []
        pending = [message for kind, message in self._settings.items() if self._sent_settings.get(kind) != message]
        self._sent_settings = dict(self._settings)
        while self._asked and len(self._under_way) < channel.ahead and not self._paused_s():
            early = self._requests.take_previews(self._asked[0].previews)
            chunks = () if early else self._requests.take(self._asked[0].batches)
            if early:
                pending.append(self._kernels.render(early, "only"))
            elif chunks:
                self._under_way.append({chunk.key for chunk in chunks})
                pending.append(self._kernels.render(chunks, self._requests.previews_with(chunks)))
            else:
                break
            del self._asked[0]
            self._answered_at = time.monotonic()
        return pending

    def _paused_s(self) -> float:
        """How much longer the engine must wait for an answer; 0 if it may have one, or has not asked."""
        with self._lock:
            waits = bool(self._asked) and not self._requests.is_pending("export")
        return self._pause_s(self._answered_at) if waits else 0.0
