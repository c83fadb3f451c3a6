"""torch, diffusers and the hub's client in a folder of their own, for installations that come without: added, removed.

pip chooses wheels, in the versions that the program is tested with; `wheels` downloads and checks them; pip
installs the files. The engine process and the command line look there when torch is missing (`codecs.packages`); the
window's process loads none of it. No Qt; any thread.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from lincae_studio import paths, private
from lincae_studio.codecs import library
from lincae_studio.errors import CodecError, os_error_reason
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress

#: The packages to install; pip adds their dependencies.
PACKAGES = ("torch", "huggingface_hub", "diffusers")

#: For the user.
NAMES = "torch, diffusers and the Hub’s client"

#: Written last, so that a folder with it is complete.
_MARKER = "complete"

#: torch's own index of builds without CUDA, which are a tenth of the size of those of PyPI for Linux.
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

#: Size of the download in MB, until pip has chosen, and how many times larger it is when it is installed (209 MB become
#: 908 without a GPU, bytecode included). With a GPU of NVIDIA, and without.
_DOWNLOAD_MB = {True: 3_000, False: 210}
_UNPACKED = {True: 3, False: 5}

#: How often a cancelled job is noticed, in seconds.
_POLL_S = 0.1


def folder() -> Path:
    return paths.data_dir() / "neural"


def torch_included() -> bool:
    """Whether the installation itself has torch. Does not load it."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ValueError:  # how it answers if the import is blocked
        return False


def installed() -> bool:
    """Whether the folder is complete."""
    return (folder() / _MARKER).exists()


def download_kept() -> bool:
    """Whether an attempt to install the packages has left files from which the next one goes on."""
    return (folder().with_name("neural.cache") / "wheels").exists()


def has_nvidia_gpu() -> bool:
    """Whether a driver of NVIDIA is running on this machine."""
    return os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi") is not None


def machine() -> str:
    """The device that neural codecs will use, in words."""
    if has_nvidia_gpu():
        return "NVIDIA GPU (CUDA)"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "Apple GPU (MPS)"
    return "the processor: no supported GPU was found"


def download_mb() -> int:
    """About how much is downloaded, in MB."""
    return _DOWNLOAD_MB[has_nvidia_gpu()]


def space_mb() -> int:
    """About how much free space installing needs, in MB: for the downloads, and what is in them."""
    return download_mb() * (1 + _UNPACKED[has_nvidia_gpu()])


def install(progress: ReportProgress = no_progress, cancel: CancelToken | None = None) -> None:
    """Install the packages. The download of an earlier attempt is resumed, even within a file.

    Args:
        progress: called with the bytes of all files; while files are chosen and unpacked, with a total of 0.

    Raises:
        CodecError: when they cannot be downloaded, the disk is too full, or they are being installed elsewhere.
        Cancelled: after `cancel` was set.
    """
    place = folder()
    staging, cache = place.with_name("neural.part"), place.with_name("neural.cache")
    try:
        private.make(place.parent)
        with library.alone("neural-codecs"):
            if installed():
                return
            for remains in (staging, place):  # of attempts that were killed, before their space is counted as taken
                shutil.rmtree(remains, ignore_errors=True)
            try:
                (staging / "tmp").mkdir(parents=True)
                _install(staging, cache, progress, cancel or CancelToken())
                shutil.rmtree(staging / "tmp")
                (staging / _MARKER).touch()
                staging.rename(place)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            shutil.rmtree(cache, ignore_errors=True)
    except OSError as error:
        reason, remedy = os_error_reason(error, place)
        raise CodecError(f"neural codecs cannot be installed: {reason}", remedy) from error


def disable() -> None:
    """Let no process load the packages any more, as before they are removed; those that have loaded them keep them.

    Raises:
        CodecError: when they are being installed, or the folder cannot be written.
    """
    with _alone_to_delete():
        (folder() / _MARKER).unlink(missing_ok=True)


def remove() -> None:
    """Delete the packages and the remains of attempts to install them.

    Raises:
        CodecError: when they cannot be deleted, or are being installed.
    """
    with _alone_to_delete():
        (folder() / _MARKER).unlink(missing_ok=True)
        for place in (folder(), folder().with_name("neural.part"), folder().with_name("neural.cache")):
            if place.exists():
                shutil.rmtree(place)


@contextlib.contextmanager
def _alone_to_delete() -> Iterator[None]:
    try:
        with library.alone("neural-codecs"):
            yield
    except OSError as error:
        reason, remedy = os_error_reason(error, folder())
        raise CodecError(f"neural codecs cannot be removed: {reason}", remedy) from error


def _install(target: Path, cache: Path, progress: ReportProgress, cancel: CancelToken) -> None:
    from lincae_studio.codecs import wheels  # and with it HTTP and TLS, only now

    progress(Progress(0, 0, "Looking for packages"))
    report = target / "tmp" / "report.json"
    options = ["--dry-run", "--report", str(report), "--constraint", str(paths.constraints())]
    if not has_nvidia_gpu() and sys.platform != "darwin":
        options += ["--extra-index-url", _CPU_INDEX]
    _run_pip(target, cancel, *options, "--cache-dir", str(cache / "pip"), "--retries", "2", *PACKAGES)
    chosen = wheels.chosen(report.read_bytes(), cancel)
    if not has_nvidia_gpu() and any(wheel.package.startswith("nvidia") for wheel in chosen):
        raise CodecError(f"torch without CUDA was not found at {_CPU_INDEX}", "Try again later")
    _check_space(cache, wheels.missing_bytes(chosen, cache / "wheels"), sum(wheel.size for wheel in chosen))
    files = wheels.fetch(chosen, cache / "wheels", progress, cancel)
    progress(Progress(0, 0, "Installing"))
    _run_pip(target, cancel, "--no-index", "--no-deps", "--no-cache-dir", *map(str, files))


def _check_space(cache: Path, missing_bytes: int, packed_bytes: int) -> None:
    """`missing_bytes`: to download; `packed_bytes`: of all wheels."""
    needed = (missing_bytes + packed_bytes * _UNPACKED[has_nvidia_gpu()]) // 1_000_000
    free = shutil.disk_usage(cache.parent).free // 1_000_000
    if free < needed:
        raise CodecError(
            f"neural codecs need {needed:,} MB in {cache.parent}, but only {free:,} MB are free",
            "Free some space there, and try again",
        )


def _run_pip(target: Path, cancel: CancelToken, *arguments: str) -> None:
    """Run `pip install` in a process of its own. Raises `CodecError` with its first error, or `Cancelled`."""
    command = [*paths.pip_command(), "install", "--target", str(target), "--only-binary", ":all:"]
    process = subprocess.Popen(
        [*command, "--no-input", "--disable-pip-version-check", "--progress-bar", "off", *arguments],
        env={**os.environ, "TMPDIR": str(target / "tmp"), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    problem, last = "", ""
    try:
        for line in _lines(process, cancel):
            if "connection broken by" in line:
                problem = "the package index cannot be reached"
            elif line.startswith("ERROR: "):
                problem = problem or line.removeprefix("ERROR: ").strip().rstrip(".")
            last = line.strip().rstrip(".") or last
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    if process.returncode:
        raise CodecError(
            f"neural codecs cannot be installed: {problem or last or f'pip ended with code {process.returncode}'}",
            "Check the network connection and the free space, and try again: what has been downloaded is kept",
        )


def _lines(process: subprocess.Popen[str], cancel: CancelToken) -> Iterator[str]:
    """The output of the process, line by line. Raises `Cancelled` also while it writes nothing."""
    waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError):  # closed after a cancelled job
            for line in process.stdout:
                waiting.put(line)
        waiting.put(None)

    threading.Thread(target=read, name="pip-reader", daemon=True).start()
    while True:
        cancel.check()
        try:
            line = waiting.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            return
        yield line
