"""An engine for a window on another machine: `lincae-studio engine --stdio`, which ssh starts.

Entry point of a process. Standard input and output carry frames, and nothing else: what prints goes to standard error.
It reads no path that the window names, and does nothing but what the messages say. It ends with its input, and when the
window is silent.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from lincae_studio import __version__, cores
from lincae_studio.codecs import library, registry
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.planning.plan import CodecRef
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.frames import Frames
from lincae_studio.engine.process.packing import pack
from lincae_studio.engine.process.supplies import Supplies, sent_media_database
from lincae_studio.engine.process.worker import Engine, Parts, Window, prepare
from lincae_studio.engine.rendering.disk import open_disk
from lincae_studio.errors import CodecError, StudioError
from lincae_studio.session.times import count_of

#: A window that has sent nothing for this long is gone: it asks for a sign of life every other second.
_SILENT_S = 60.0

#: How often to look.
_CHECK_S = 5.0

_GREETING_BYTES = 1 << 12


def serve(cache_dir: Path) -> NoReturn:
    """Render for the window at the other end of standard input and output, until that ends."""
    frames = _standard_streams()
    host = _greet(frames)
    prepare()
    window = Window(frames)
    try:
        threading.Thread(target=_end_when_silent, args=(frames,), name="engine-watch", daemon=True).start()
        supplies = Supplies(
            lambda names: window.send(messages.Need(names)),
            open_disk(sent_media_database(cache_dir), messages.Limits(0, 0, 0).media),
        )
        Engine(window, frames, cache_dir, Parts(_packed, partial(_load, host), supplies)).run()
    except BaseException as error:  # the boundary of the process
        window.die(error)


def _greet(frames: Frames) -> str:
    """Exchange greetings. Returns the name by which the window knows this machine."""
    try:
        frames.begin()
        frames.send_bytes(messages.encode(messages.Greeting(__version__, messages.PROTOCOL, _platform())))
        return messages.decode_greeting(frames.recv_bytes(_GREETING_BYTES)).host
    except (EOFError, OSError):  # there is no window, or one of another version
        os._exit(0)


def _standard_streams() -> Frames:
    """Take standard input and output for frames; what other code reads or prints goes elsewhere."""
    sys.stdout.flush()
    incoming, outgoing = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.stdout = sys.stderr
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (incoming, outgoing):
            msvcrt.setmode(descriptor, os.O_BINARY)
    return Frames(open(incoming, "rb", buffering=0), open(outgoing, "wb", buffering=0))


def _platform() -> str:
    return f"{platform.system()} {platform.machine()}, {count_of(cores.count(), 'core')}"


def _end_when_silent(frames: Frames) -> NoReturn:
    while time.monotonic() - frames.received_at < _SILENT_S:
        time.sleep(_CHECK_S)
    os._exit(0)


def _packed(arrays: Sequence[Array]) -> tuple[None, list[bytes]]:
    return None, [pack(array) for array in arrays]


def _load(host: str, ref: CodecRef, computation: Computation) -> Codec:
    """The codec of a chunk, if it is installed here: by its id, or for a folder of the window's computer by what it is.

    Raises:
        CodecError: when it is not, or another one has its id.
        UsageError: when the device does not exist or is not available.
    """
    name = ref.id if library.CODEC_ID.fullmatch(ref.id) else _installed_as(ref, computation)
    if name is None or name not in registry.ids():
        shown = os.path.basename(ref.id.replace("\\", "/").rstrip("/"))
        command = f"codecs download {name}" if name and registry.download(name) else "codecs import FOLDER"
        raise CodecError(f"the codec “{shown}” is not on {host}", f"Run: ssh {host} lincae-studio {command}")
    codec = registry.load(name, computation, ref.rate)
    if not codec.info.matches(ref.identity):
        remedy = "Download or import the same one on both computers"
        raise CodecError(f"the codec “{name}” on {host} differs from the one on your computer", remedy)
    return codec


def _installed_as(ref: CodecRef, computation: Computation) -> str | None:
    """The id of the installed codec that computes what this one does."""
    for name in library.installed():
        try:
            info = registry.for_session(name, registry.resolved(name, computation), ref.rate)
        except StudioError:
            continue
        if info.matches(ref.identity):
            return name
    return None
