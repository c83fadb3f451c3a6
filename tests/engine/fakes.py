"""Engines that do what the real one does not do on demand; each is run in a real process of its own."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

from lincae_studio.engine import messages, worker


def ends_at_once_until_a_file_is_there(connection: Connection, cache_dir: str) -> None:
    """The real engine as soon as there is a file called `go`."""
    if not (Path(cache_dir) / "go").exists():
        os._exit(3)
    worker.run(connection, cache_dir)


def comes_from_another_version(connection: Connection, cache_dir: str) -> None:
    connection.send_bytes(messages.encode(messages.Ready(messages.PROTOCOL + 1, os.getpid())))
    connection.poll(None)


def talks_nonsense_at_first(connection: Connection, cache_dir: str) -> None:
    """Speaks no msgpack, then sends an array that is too short; the third time it is the real engine."""
    starts = Path(cache_dir) / "starts"
    with starts.open("a") as file:
        file.write("x")
    match starts.stat().st_size:
        case 1:
            connection.send_bytes(b"\xc1 is no msgpack")
        case 2:
            connection.send_bytes(messages.encode(messages.Finished("key", (1, 2, 3), (1, 4), 0.0)))
            connection.send_bytes(b"1234")
        case _:
            worker.run(connection, cache_dir)
    connection.poll(None)  # stays until it is killed, or the window goes
