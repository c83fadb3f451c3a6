"""Stands for ssh in a benchmark: starts the command here, and passes on all data after a delay. A process.

What a real connection costs besides its delay, encryption and a limited rate, is not part of it.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from typing import NoReturn

_PART = 1 << 16


def figures(_folder: Path, delay_ms: str, *command: str) -> NoReturn:
    """Run the last of the arguments, as ssh does, until it ends; each way takes `delay_ms`."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(command[-1], shell=True, bufsize=0, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    ends = ((0, process.stdin.fileno()), (process.stdout.fileno(), 1))
    threads = [_Delayed(incoming, outgoing, float(delay_ms) / 1e3) for incoming, outgoing in ends]
    threads[1].join()
    os._exit(process.wait())


class _Delayed:
    """Passes bytes from one descriptor on to another, in two threads: one reads, one writes what is old enough."""

    def __init__(self, incoming: int, outgoing: int, delay_s: float) -> None:
        self._line: deque[tuple[float, bytes]] = deque()
        self._changed = threading.Condition()
        self._delay_s = delay_s
        threading.Thread(target=self._read, args=(incoming,), daemon=True).start()
        self._writer = threading.Thread(target=self._write, args=(outgoing,), daemon=True)
        self._writer.start()

    def join(self) -> None:
        """Wait until the incoming end is closed, and everything is passed on."""
        self._writer.join()

    def _read(self, incoming: int) -> None:
        data = b"first"
        while data:
            try:
                data = os.read(incoming, _PART)
            except OSError:
                data = b""
            with self._changed:
                self._line.append((time.monotonic() + self._delay_s, data))
                self._changed.notify()

    def _write(self, outgoing: int) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._line)
                due, data = self._line.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(outgoing, view) :]
                if not data:
                    os.close(outgoing)
                    return
            except OSError:
                return
