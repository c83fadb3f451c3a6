"""Engines that do what the real one does not do on demand; each is run in a real process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from lincae_studio.codecs import mdct, registry
from lincae_studio.codecs.base import Array
from lincae_studio.codecs.mdct import MdctCodec
from lincae_studio.engine.process import messages, worker
from lincae_studio.engine.process.shared_memory import SharedHandle


def ends_at_once_until_a_file_is_there(
    connection: Connection, cache_dir: str, shared: SharedHandle | None = None
) -> None:
    """The real engine as soon as there is a file called `go`."""
    if not (Path(cache_dir) / "go").exists():
        os._exit(3)
    worker.run(connection, cache_dir, shared)


def comes_from_another_version(connection: Connection, cache_dir: str, shared: SharedHandle | None = None) -> None:
    connection.send_bytes(messages.encode(messages.Ready(messages.PROTOCOL + 1, os.getpid())))
    connection.poll(None)


def talks_nonsense_at_first(connection: Connection, cache_dir: str, shared: SharedHandle | None = None) -> None:
    """Speaks no msgpack, sends an array that is too short, then bytes that are no message; then it is the real one."""
    starts = Path(cache_dir) / "starts"
    with starts.open("a") as file:
        file.write("x")
    match starts.stat().st_size:
        case 1:
            connection.send_bytes(b"\xc1 is no msgpack")
        case 2:
            connection.send_bytes(messages.encode(messages.Finished("key", (1, 2, 3), (1, 4), 0.0)))
            connection.send_bytes(b"1234")
        case 3:
            os.write(connection.fileno(), b"libfoo: warning: this was meant for another file\n")
        case _:
            worker.run(connection, cache_dir, shared)
    connection.poll(None)  # stays until it is killed, or the window goes


def never_ends_a_message(connection: Connection, cache_dir: str, shared: SharedHandle | None = None) -> None:
    os.write(connection.fileno(), (1000).to_bytes(4, "big") + b"abc")
    while True:
        connection.recv_bytes()


def fails_at_every_start(connection: Connection, cache_dir: str, shared: SharedHandle | None = None) -> None:
    vars(worker)["MediaStore"] = None
    worker.run(connection, cache_dir, shared)


def on_a_full_disk(connection: Connection, cache_dir: str, shared: SharedHandle | None = None) -> None:
    """The real engine, in which no file can grow over some kilobytes: the system refuses it."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
    worker.run(connection, cache_dir, shared)


class BatchCodec(MdctCodec):
    """Decodes four chunks at once, but never one that begins at frame 0."""

    @property
    def batch(self) -> int:
        return 4

    def decode(self, latents: Array, *, first_frames: Sequence[int] = (), seed: int = 0) -> Array:
        if 0 in first_frames:
            raise RuntimeError("the first chunk is too much for me")
        return super().decode(latents)


def decodes_four_at_once_but_never_the_first(
    connection: Connection, cache_dir: str, shared: SharedHandle | None = None
) -> None:
    registry.load = lambda *_: BatchCodec(mdct.MDCT_2X, exact=112, lowest_gain=0.5)
    worker.run(connection, cache_dir, shared)
