"""A Ray cluster of this machine for tests: started in a process of its own, and ended with all that belongs to it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from tests.helpers import eventually

#: Where the extra `cluster` is not installed, as on platforms without Ray.
needs_ray = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("ray", "pandas", "pyarrow")),
    reason="needs the extra cluster",
)


@dataclass(frozen=True)
class Cluster:
    """A cluster with an address; `process` is that of its head, `environment` for programs that use it."""

    address: str
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `lincae-studio`, with access to this cluster."""
        return subprocess.Popen(
            [sys.executable, "-m", "lincae_studio", *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def workers(self) -> list[int]:
        """Process ids of the workers that hold a codec, sorted."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                name = " ".join(child.cmdline())
                if name.startswith(("ray::MapWorker", "ray::_ChunkWorker")):
                    found.append(child.pid)
        return sorted(found)


@contextlib.contextmanager
def cluster_of(workers: int) -> Iterator[Cluster]:
    """Start a cluster of this many workers, without dashboard and statistics; nothing of it is left afterwards."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # its sockets need short paths
    port, client_port = _free_port(), _free_port()
    access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    head = subprocess.Popen(
        [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
            *(f"--port={port}", f"--ray-client-server-port={client_port}", "--include-dashboard=false"),
            *(f"--num-cpus={workers}", f"--temp-dir={folder}", "--object-store-memory=209715200"),
        ],
        env={**os.environ, **access},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: head.poll() is not None or _answers(port), 60.0)
        assert head.poll() is None, "the cluster did not start"
        eventually(lambda: any("raylet" in one.name() for one in psutil.Process(head.pid).children()), 60.0)
        yield Cluster(f"127.0.0.1:{port}", head, access)
    finally:
        everything = [*psutil.Process(head.pid).children(recursive=True)] if head.poll() is None else []
        head.kill()
        head.wait()
        for process in everything:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(everything, 30)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False
