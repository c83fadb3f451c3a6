"""Looking at an audio file before importing it: what it is, and whether it is whole.

Any thread. Reads headers only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import soundfile as sf

from lincae_studio.atomic import check_ordinary
from lincae_studio.errors import MediaError, os_error_reason

#: Endings of the formats libsndfile reads, for file dialogs and drops. The content decides, not the ending.
EXTENSIONS = (
    "wav",
    "wave",
    "w64",
    "rf64",
    "flac",
    "ogg",
    "oga",
    "opus",
    "mp3",
    "aif",
    "aiff",
    "aifc",
    "au",
    "snd",
    "caf",
)

#: The same for file dialogs.
AUDIO_FILTER = "Audio (" + " ".join(f"*.{ending}" for ending in EXTENSIONS) + ");;All files (*)"

FORMATS_HINT = "Use WAV, AIFF, FLAC, OGG, Opus or MP3"

#: Sizes from here on in a header are placeholders of programs that write to a pipe, not promises.
_STREAMING_SIZE = 0x7FFF_0000

#: Audio chunks whose size libsndfile found wrong: WAV and CAF `data`, AIFF `SSND`, AU `Data Size`, W64 `riff`.
_CHUNK_SIZE = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(\d+)\s*\(should be (\d+)\)", re.MULTILINE)

#: An Ogg page header: capture pattern, version 0, then the flags byte whose bit 2 marks a stream's last page.
_OGG_PAGE = b"OggS\0"
_OGG_END_OF_STREAM = 4
_OGG_LARGEST_PAGE = 65_307


@dataclass(frozen=True)
class FileInfo:
    """What a file's header says: length in samples at the file's own rate, rate in Hz."""

    path: Path
    sample_rate: int
    channels: int
    length: int
    format_name: str


def probe(path: Path, wide: bool = False) -> FileInfo:
    """Read a file's header. More than two channels are let through if `wide`.

    Raises:
        MediaError: when it is missing, not an ordinary file, unreadable, not audio, empty, truncated, has more than two
            channels, or a name that is not valid Unicode.
    """
    try:
        str(path).encode()  # a project file, which is UTF-8, could not name it
    except UnicodeEncodeError as error:
        name = path.name.encode(errors="backslashreplace").decode()
        raise MediaError(
            f"cannot import {name}: its path is not valid Unicode", "Rename the file, or its folder, and try again"
        ) from error
    try:
        check_ordinary(path)
        with open(path, "rb") as file:
            if not file.read(1):
                raise MediaError(f"cannot import {path.name}: the file is empty", "Export it again from its source")
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise MediaError(f"cannot import {path.name}: {reason}", remedy) from error
    try:
        with sf.SoundFile(str(path)) as file:
            info = FileInfo(path, file.samplerate, file.channels, file.frames, file.format)
            log = file.extra_info
    except (sf.LibsndfileError, RuntimeError, TypeError) as error:
        reason = str(getattr(error, "error_string", error)).strip(" .") or "unknown format"
        if "SF_INFO struct incomplete" in reason:
            reason = "its header gives no valid sample rate, channel count or length, such as 0 Hz"
        elif "internal error" in reason:
            reason = "it is damaged"
        problem = f"cannot import {path.name}: it is not a readable audio file ({reason})"
        raise MediaError(problem, FORMATS_HINT) from error
    if info.sample_rate < 1:
        raise MediaError(f"cannot import {path.name}: its sample rate is {info.sample_rate} Hz", "Export it again")
    if info.length < 1:
        raise MediaError(f"cannot import {path.name}: it holds no audio", "Export it again from its source")
    if info.channels > 2 and not wide:
        raise MediaError(
            f"cannot import {path.name}: it has {info.channels} channels",
            "Import it in the window, which asks which to take, or split it into mono or stereo files first",
        )
    _check_whole(path, log)
    return info


def truncated(name: str, share: float | None = None) -> MediaError:
    """The error for a file of which only a share (0 to 1, where it is known) is there."""
    found = "" if share is None else f", {100.0 * share:.0f} % of its audio is there"
    return MediaError(f"cannot import {name}: it is truncated or damaged{found}", "Copy or export the file again")


def _check_whole(path: Path, log: str) -> None:
    """Find missing ends that libsndfile passes over in silence (FLAC and MP3 show theirs while being read)."""
    for promised, present in _CHUNK_SIZE.findall(log):
        if int(present) < int(promised) < _STREAMING_SIZE:
            raise truncated(path.name, int(present) / int(promised))
    with open(path, "rb") as file:
        if file.read(len(_OGG_PAGE)) != _OGG_PAGE:
            return
        size = file.seek(0, 2)
        file.seek(max(0, size - _OGG_LARGEST_PAGE))
        tail = file.read()
    last_page = tail.rfind(_OGG_PAGE)
    flags = tail[last_page + len(_OGG_PAGE) :][:1]
    if last_page < 0 or not flags or not flags[0] & _OGG_END_OF_STREAM:
        raise truncated(path.name)
