"""An ssh server of the test's own on the loopback, and a proxy in front of it that delays, stalls and cuts."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import lincae_studio
from lincae_studio.engine.process.machine import Machine
from tests.helpers import eventually

#: Where Debian has the server, which is not on every user's path.
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

TIMEOUT_S = 60.0

HOST = "gpu-box"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        folder: with its keys and settings.
        port: where it listens on 127.0.0.1.
        home: the home of the program there, with its cache and codecs.
    """

    folder: Path
    port: int
    home: Path

    @property
    def cache_dir(self) -> Path:
        """The cache of engines on this server."""
        return self.home / "cache"

    @property
    def codecs_dir(self) -> Path:
        """The codecs that are installed there."""
        return self.home / "codecs"

    @property
    def program(self) -> str:
        """The command of the program there."""
        variables = {
            "LINCAE_STUDIO_CACHE": str(self.cache_dir),
            "LINCAE_STUDIO_CODECS": str(self.codecs_dir),
            "HOME": str(self.home),
            "PYTHONPATH": str(Path(lincae_studio.__file__).parent.parent),
        }
        env = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        return f"env {env} {shlex.quote(sys.executable)} -m lincae_studio"

    def machine(self, port: int | None = None, **settings: str) -> Machine:
        """This server as the window knows it, perhaps by way of a proxy. `settings`: lines of ssh's own settings."""
        lines = {
            "HostName": "127.0.0.1",
            "Port": str(port or self.port),
            "IdentityFile": f'"{self.folder / "user_key"}"',
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": f'"{self.folder / "known_hosts"}"',
            "HostKeyAlias": HOST,
            "StrictHostKeyChecking": "yes",
        } | settings
        config = self.folder / f"config_{port or self.port}_{'_'.join(settings)}"
        config.write_text(f"Host {HOST}\n" + "".join(f"    {name} {value}\n" for name, value in lines.items()))
        return Machine(HOST, self.program, f"ssh -F {shlex.quote(str(config))}")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server that runs as this user and knows one key. It listens on the loopback only."""
    assert SSHD is not None, "openssh-server is not installed"
    folder.mkdir(parents=True)
    for name in ("host_key", "user_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"{HOST} {key}")
    if os.getuid() == 0:  # the server of the system has it, if that was ever started
        Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)
    port = _free_port()
    (folder / "sshd_config").write_text(
        f"""
        Port {port}
        ListenAddress 127.0.0.1
        HostKey "{folder / "host_key"}"
        PidFile none
        AuthorizedKeysFile "{folder / "user_key.pub"}"
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PermitRootLogin prohibit-password
        PrintMotd no
        MaxStartups 100
        {_arithmetic()}
        PerSourcePenalties no
        """.replace("PerSourcePenalties no\n", _newer_settings())
    )
    log = folder / "log"
    with log.open("wb") as file:  # its sessions keep it open, too
        server = subprocess.Popen([SSHD, "-f", str(folder / "sshd_config"), "-D", "-e"], stderr=file)
    try:
        eventually(lambda: b"Server listening" in log.read_bytes() or server.poll() is not None)
        assert server.poll() is None, log.read_text()
        yield Server(folder, port, folder)
    finally:
        server.terminate()
        server.wait(TIMEOUT_S)


def _arithmetic() -> str:
    """The variables that choose how products are computed, which other processors would round differently."""
    prefixes = ("OPENBLAS_", "MKL_", "OMP_", "ATEN_", "ONEDNN_")
    chosen = [f'"{name}={value}"' for name, value in os.environ.items() if name.startswith(prefixes)]
    return f"SetEnv {' '.join(chosen)}" if chosen else ""


def _newer_settings() -> str:
    """Settings that only newer servers know: connections that are cut count as attacks there."""
    assert SSHD is not None
    found = subprocess.run([SSHD, "-V"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    version = (found.stderr + found.stdout).partition("OpenSSH_")[2].partition(".")[0]
    minor = (found.stderr + found.stdout).partition("OpenSSH_")[2].partition(".")[2][:1]
    known = version.isdecimal() and minor.isdecimal() and (int(version), int(minor)) >= (9, 8)
    return "PerSourcePenalties no\n" if known else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Proxy:
    """Passes connections on to a port, later by `delay_s` in each direction.

    Attributes:
        stalled: while it is set, nothing is passed on.
    """

    target: int
    delay_s: float = 0.0
    _pairs: list[_Pair] = field(default_factory=list)
    _closing: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._flows.set()
        with socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes the thread that waits for connections
        self._thread.join(TIMEOUT_S)
        self._listener.close()
        self.cut()

    def stall(self) -> None:
        """Pass nothing on any more, and keep the connections."""
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    def cut(self) -> bool:
        """Reset all connections, as when a cable is pulled and plugged in again. Whether there were any."""
        with self._lock:  # a connection that is being made is cut, too
            pairs, self._pairs = self._pairs, []
        alive = [pair.alive for pair in pairs]
        for pair in pairs:
            pair.cut()
        return any(alive)

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if self._closing:
                near.close()
                return
            self.connections += 1
            with self._lock:
                try:
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    near.close()
                    continue
                self._pairs.append(_Pair(near, far, self.delay_s, self._flows))


class _Pair:
    """Two connections, with two threads in each direction: one receives, one sends what is old enough."""

    def __init__(self, near: socket.socket, far: socket.socket, delay_s: float, flows: threading.Event) -> None:
        self._sockets = (near, far)
        self._delay_s = delay_s
        self._flows = flows
        self._ended = threading.Event()
        self._threads = []
        for incoming, outgoing in ((near, far), (far, near)):
            line: deque[tuple[float, bytes]] = deque()
            changed = threading.Condition()
            for work, end in ((self._receive, incoming), (self._send, outgoing)):
                self._threads.append(threading.Thread(target=work, args=(end, line, changed), daemon=True))
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        """Reset both."""
        self._ended.set()
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes its threads
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        for end in self._sockets:
            end.close()

    @property
    def alive(self) -> bool:
        """Whether both still pass something on."""
        return all(thread.is_alive() for thread in self._threads)

    def _receive(self, end: socket.socket, line: deque[tuple[float, bytes]], changed: threading.Condition) -> None:
        data = b"first"
        while data:
            try:
                data = end.recv(1 << 16)
            except OSError:
                data = b""
            with changed:
                line.append((time.monotonic() + self._delay_s, data))
                changed.notify_all()

    def _send(self, end: socket.socket, line: deque[tuple[float, bytes]], changed: threading.Condition) -> None:
        while True:
            with changed:
                changed.wait_for(lambda: line)
                due, data = line.popleft()
                changed.wait_for(lambda: self._ended.is_set(), max(0.0, due - time.monotonic()))
            while not self._flows.wait(0.05):
                if self._ended.is_set():
                    break
            try:
                if not data:
                    end.shutdown(socket.SHUT_WR)
                    return
                if not self._ended.is_set():
                    end.sendall(data)
            except OSError:
                return
