"""The engine on another machine: `ssh HOST lincae-studio engine --stdio`, with the system's ssh and its keys.

No port is opened, and nothing but that command runs there. Three threads for each connection: one reads from ssh, one
writes to it, audio after messages, and one keeps what ssh prints. The client's threads never wait for the link.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Any

import numpy as np

from lincae_studio import __version__
from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.channel import Ended, LinkFigures, Received
from lincae_studio.engine.process.frames import Frames, NoiseError
from lincae_studio.engine.process.machine import Machine
from lincae_studio.engine.process.packing import unpack
from lincae_studio.engine.process.ssh_errors import how_it_ended, no_engine, other_version
from lincae_studio.engine.process.supplier import Supplier
from lincae_studio.errors import EngineError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.store import MediaStore
from lincae_studio.paths import cache_dir

_log = logging.getLogger(__name__)

#: How often the round trip is measured, and how long an answer may take.
_PING_S, _PONG_S = 2.0, 20.0

#: How long ssh may take to end by itself, and what it prints to come.
_QUIT_S, _PRINT_S = 2.0, 0.5

#: How much of ssh's error output is kept, in bytes.
_PRINTED_BYTES = 1 << 13

_GREETING_BYTES = 1 << 12

#: Names that an engine may have asked for and not got: it asks for a few at a time.
_MOST_NEEDED = 1 << 12

#: How long a test of a connection may take (the engine loads torch), and how often it is seen that it was cancelled.
_CHECK_S, _CANCEL_S = 60.0, 0.1

#: Bounds of the number of pending batches.
_LEAST_AHEAD, _MOST_AHEAD = 2, 8

#: Round trip assumed until it is known, and the shortest time for a chunk, in seconds.
_ASSUMED_S, _SHORTEST_S = 0.05, 0.001


class SshLauncher:
    """Starts engines on another machine."""

    def __init__(self, machine: Machine, store: MediaStore) -> None:
        """`store` has the audio that the engine will ask for."""
        self._machine = machine
        self._store = store

    def launch(self) -> SshChannel:
        command = self._machine.command()
        separate: dict[str, Any] = {"start_new_session": True}  # Ctrl+C in a terminal is for the window
        if sys.platform == "win32":
            separate = {"creationflags": subprocess.CREATE_NO_WINDOW}
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, **separate)
        except FileNotFoundError as error:
            remedy = "Install OpenSSH, or set the ssh command in Edit > Preferences > Engine"
            raise EngineError(f"the program {command[0]} was not found", remedy) from error
        except PermissionError as error:
            remedy = "Correct the ssh command in Edit > Preferences > Engine"
            raise EngineError(f"{command[0]} cannot be started: permission denied", remedy) from error
        return SshChannel(self._machine.host, process, Supplier(self._store))


def check(machine: Machine, computation: Computation, cancel: CancelToken) -> str:
    """Start an engine on a machine, and end it; what it says of itself, in words, with how long it takes to answer.

    Raises:
        EngineError: when no engine answers; Cancelled.
    """
    channel = SshLauncher(machine, MediaStore(cache_dir())).launch()
    try:
        resolved = _what_it_computes(channel, computation, cancel)
    except (EOFError, OSError):
        ended = channel.end()
        raise ended.error or EngineError(f"the engine on {machine.host} ended: exit code {ended.exit_code}") from None
    finally:
        channel.kill()
        channel.end()
    greeting, trip_s = channel.greeting, channel.figures.round_trip_s if channel.figures else None
    assert greeting is not None
    answers = f"{machine.host} answers in {1e3 * (trip_s or 0.0):.0f} ms"
    neural = resolved.summary or "not available with this device and precision"
    return f"{answers}: LinCAE Studio {greeting.version} on {greeting.platform}. Neural codecs: {neural}."


def _what_it_computes(channel: SshChannel, computation: Computation, cancel: CancelToken) -> Computation:
    """What device and precision come to there. Raises `EOFError`, `OSError` if it ends, `EngineError` if it is slow."""
    channel.send(messages.Configure(computation))
    channel.send(messages.Resolve())
    deadline = time.monotonic() + _CHECK_S
    while time.monotonic() < deadline:
        cancel.check()
        match channel.receive(_CANCEL_S):
            case messages.Resolved(computation=resolved), _:
                return resolved
            case messages.Dying(reason=reason), _:
                raise EngineError(f"the engine ends: {reason.rstrip('.')}")
    raise EngineError(f"no answer came within {_CHECK_S:.0f} s", "Try again")


class SshChannel:
    """A connection to an engine on another machine.

    Attributes:
        greeting: what the engine there has said of itself; None until then.
    """

    reading_since = None

    def __init__(self, host: str, process: subprocess.Popen[bytes], supplier: Supplier) -> None:
        self._host = host
        self._process = process
        self._supplier = supplier
        assert process.stdin is not None
        assert process.stdout is not None
        self._frames = Frames(process.stdout, process.stdin)  # type: ignore[arg-type]  # unbuffered
        self.greeting: messages.Greeting | None = None
        self._inbox: queue.SimpleQueue[Received | Exception] = queue.SimpleQueue()
        self._changed = threading.Condition()
        #: Messages to send, and names of what the engine asks for.
        self._outbox: deque[messages.ToEngine] = deque()
        self._needed: deque[str] = deque()
        self._ended = False
        self._error: EngineError | None = None
        #: What came on standard output instead of an engine, and what ssh prints.
        self._noise = ""
        self._printed = bytearray()
        #: The question that is not answered: its number, and when it was sent.
        self._ping: tuple[int, float] | None = None
        self._round_trip_s: float | None = None
        #: Seconds for a chunk, to render or to come, whichever is longer: a moving average.
        self._chunk_s = 0.0
        self._figures = LinkFigures()
        self._counted_at, self._counted = time.monotonic(), (0, 0)
        self._raw_bytes = self._packed_bytes = self._media_bytes = 0
        self._threads = [
            threading.Thread(target=work, name=f"engine-link-{name}", daemon=True)
            for name, work in (("reader", self._read), ("writer", self._write), ("errors", self._keep_printed))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def ahead(self) -> int:
        """As many as are rendered or come during a round trip, so that the engine never waits for the link."""
        trip_s = self._round_trip_s or _ASSUMED_S
        return min(_MOST_AHEAD, max(_LEAST_AHEAD, 1 + math.ceil(trip_s / max(self._chunk_s, _SHORTEST_S))))

    @property
    def figures(self) -> LinkFigures | None:
        return self._figures

    def send(self, message: messages.ToEngine) -> None:
        """Send a message; never waits."""
        with self._changed:
            if self._ended:
                raise OSError("the connection has ended")
            self._outbox.append(message)
            self._changed.notify_all()

    def receive(self, timeout_s: float) -> Received | None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                received = self._inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                deadline = self._frames.received_at + timeout_s
                if deadline <= time.monotonic():  # nothing has come, not even a part of a long message
                    return None
                continue
            if isinstance(received, Exception):
                raise received
            return received

    def kill(self) -> None:
        """Kill ssh, and what a command of the user's has started instead."""
        if self._process.poll() is None:
            self._kill_group()
            self._process.kill()

    def _kill_group(self) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> Ended:
        process = self._process
        try:
            process.wait(_QUIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            process.wait()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        reader, writer, errors = self._threads
        reader.join(_PRINT_S)
        if reader.is_alive():  # a command instead of ssh has ended before what it started
            self._kill_group()
        errors.join(_PRINT_S)  # a process that ssh leaves behind for later connections may keep it open
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            if stream is not process.stderr or not errors.is_alive():
                stream.close()
        reader.join()
        writer.join()
        if self._error is not None:
            return Ended(process.returncode, self._error, lasting=True)
        printed = self._printed.decode(errors="replace")
        return how_it_ended(self._host, process.returncode, printed, self.greeting is not None, self._noise)

    # Threads

    def _read(self) -> None:
        try:
            self._greet()
            while True:
                message = messages.decode_from_engine(self._frames.recv_bytes())
                match message:
                    case messages.Pong(number=number):
                        self._note_pong(number)
                    case messages.Need(names=names):
                        with self._changed:
                            self._needed.extend(names)
                            self._changed.notify_all()
                        if len(self._needed) > _MOST_NEEDED:
                            raise ValueError("it asks for too much at once")
                    case messages.Finished():
                        self._inbox.put((message, self._receive_arrays(message)))
                    case _:
                        self._inbox.put((message, []))
        except Exception as error:  # the boundary of the thread: the client's gets it
            self._inbox.put(error)

    def _greet(self) -> None:
        """Wait for an engine of this version. Raises `EOFError` if none answers; `_error`, `_noise` may say more."""
        try:
            self._frames.find_beginning()
        except NoiseError as error:
            self._noise = str(error)
            if not error.ended:
                self._error = no_engine(self._host, self._noise)
                self.kill()
            raise EOFError from error
        greeting = messages.decode_greeting(self._frames.recv_bytes(_GREETING_BYTES))
        if (greeting.version, greeting.protocol) != (__version__, messages.PROTOCOL):
            self._error = other_version(self._host, f"LinCAE Studio {greeting.version}")
            self.kill()
            raise EOFError
        self.greeting = greeting
        _log.info("the engine on %s is LinCAE Studio %s on %s", self._host, greeting.version, greeting.platform)
        with self._changed:
            self._changed.notify_all()

    def _receive_arrays(self, message: messages.Finished) -> list[Array]:
        """The arrays of a render. Raises `ValueError` if they cannot be used."""
        arrays, coming_s = [], 0.0
        for shape in (message.latents_shape, message.audio_shape):
            data = self._frames.recv_bytes()
            array = unpack(data, shape)
            if not np.isfinite(array).all():
                raise ValueError("an array is NaN or infinite")
            arrays.append(array)
            coming_s += self._frames.frame_s
            self._raw_bytes += array.nbytes
            self._packed_bytes += len(data)
        chunk_s = max(message.seconds, coming_s)
        self._chunk_s = 0.5 * (self._chunk_s + chunk_s) if self._chunk_s else chunk_s
        return arrays

    def _note_pong(self, number: int) -> None:
        ping, now = self._ping, time.monotonic()
        if ping is None or ping[0] != number:
            return
        self._ping, self._round_trip_s = None, now - ping[1]
        seconds, (received, sent) = now - self._counted_at, self._counted
        self._counted_at, self._counted = now, (self._frames.received, self._frames.sent)
        self._figures = LinkFigures(
            self._round_trip_s,
            (self._frames.received - received) / max(seconds, _SHORTEST_S),
            (self._frames.sent - sent) / max(seconds, _SHORTEST_S),
            self._packed_bytes / self._raw_bytes if self._raw_bytes else 1.0,
            self._media_bytes,
        )

    def _write(self) -> None:
        """Send messages as they come, between them what the engine asks for, and a question now and then."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self.greeting is not None)
        number, next_ping = 0, 0.0
        try:
            if not self._ended:
                ours = messages.Greeting(__version__, messages.PROTOCOL, host=self._host)
                self._frames.send_bytes(messages.encode(ours))
            while self._wait_to_write(next_ping):
                now = time.monotonic()
                if now >= next_ping:
                    next_ping = now + _PING_S
                    ping = self._ping  # which the reader forgets when it is answered
                    if ping is None or now - ping[1] > _PONG_S:
                        number += 1
                        self._ping = number, now
                        self._send(messages.Ping(number))
                while self._outbox:
                    self._send(self._outbox.popleft())
                if self._needed:
                    item = self._supplier.answer(self._needed.popleft())
                    self._media_bytes += len(item.data)
                    self._send(item)
        except OSError as error:  # ssh has ended, or does soon, and says why
            if not self._ended:
                _log.info("nothing more can be sent to %s: %s", self._host, error)
        except Exception as error:  # the boundary of the thread: an engine that receives nothing is useless
            if not self._ended:
                _log.warning("nothing more can be sent to %s: %s", self._host, error)
                self.kill()

    def _wait_to_write(self, until: float) -> bool:
        """Wait for something to send; False once the connection has ended."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or self._outbox or self._needed, max(0.0, until - time.monotonic())
            )
            return not self._ended

    def _send(self, message: messages.ToEngine) -> None:
        match message:
            case messages.Attach(files=files):
                message = messages.Offer(self._supplier.attach(files))
            case messages.Render(chunks=chunks):
                self._supplier.note(chunks)
        self._frames.send_bytes(messages.encode(message))

    def _keep_printed(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        try:
            while data := stream.read(_PRINTED_BYTES):
                self._printed = (self._printed + data)[-_PRINTED_BYTES:]
        except (OSError, ValueError):
            pass  # closed
