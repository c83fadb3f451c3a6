"""A Ray cluster of this machine for tests: started in a process of its own, and ended with all that belongs to it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

#: Where the extra `cluster` is not installed, as on platforms without Ray.
needs_ray = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("ray", "pandas", "pyarrow")),
    reason="needs the extra cluster",
)


#: Starts a cluster of so many cores with its files in a folder, prints its address, and waits. `ray start` would also
#: start a server that fails where the path of Python has spaces.
_HEAD = """
import sys
import ray
cluster = ray.init(
    num_cpus=int(sys.argv[1]), _temp_dir=sys.argv[2], include_dashboard=False, object_store_memory=200 << 20
)
print(cluster.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster with an address; `process` is that of its head, `environment` for programs that use it."""

    address: str
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `lincae-studio`, with access to this cluster; it can be interrupted even if the tests ignore that."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored here is ignored there
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "lincae_studio", *arguments],
                env={**os.environ, **self.environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)

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
    access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    head = subprocess.Popen(
        [sys.executable, "-c", _HEAD, str(workers), folder],
        env={**os.environ, **access},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert head.stdin is not None
    assert head.stdout is not None
    try:
        address = head.stdout.readline().decode().strip()
        assert address, "the cluster did not start"
        yield Cluster(address, head, access)
    finally:
        everything = [*psutil.Process(head.pid).children(recursive=True)] if head.poll() is None else []
        head.kill()
        head.wait()
        head.stdin.close()
        head.stdout.close()
        for process in everything:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(everything, 30)
        shutil.rmtree(folder, ignore_errors=True)
