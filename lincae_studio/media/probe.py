"""Probing an audio file before importing it: its format, and whether it is complete.

Any thread. Reads headers only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import soundfile as sf

from lincae_studio.atomic import check_ordinary
from lincae_studio.errors import MediaError, os_error_reason

#: Extensions of the formats that libsndfile reads, for file dialogs and drops. The content decides, not the extension.
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

#: Header sizes from here on are placeholders of programs that write to a pipe.
_STREAMING_SIZE = 0x7FFF_0000

#: Audio chunks whose size libsndfile reports as wrong: WAV and CAF `data`, AIFF `SSND`, AU `Data Size`, W64 `riff`.
_CHUNK_SIZE = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(\d+)\s*\(should be (\d+)\)", re.MULTILINE)

#: An Ogg page header: capture pattern, version 0, then the flags byte whose bit 2 marks a stream's last page.
_OGG_PAGE = b"OggS\0"
_OGG_END_OF_STREAM = 4
_OGG_LARGEST_PAGE = 65_307


@dataclass(frozen=True)
class FileInfo:
    """Properties from a file's header: length in samples at the file's own rate, rate in Hz."""

    path: Path
    sample_rate: int
    channels: int
    length: int
    format_name: str


def probe(path: Path, wide: bool = False) -> FileInfo:
    """Read a file's header. Files with more than two channels are accepted only if `wide`.

    Raises:
        MediaError: when the file is missing, not a regular file, unreadable, not audio, empty or truncated, or has more
            than two channels or a path that is not valid Unicode.
    """
    try:
        str(path).encode()  # it must be possible to write the path to a project file, which is UTF-8
    except UnicodeEncodeError as error:
        name = path.name.encode(errors="backslashreplace").decode()
        raise MediaError(
            f"cannot import {name}: its path is not valid Unicode", "Rename the file or its folder, and try again"
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
            reason = "the sample rate, channel count or length in its header is not valid"
        elif "internal error" in reason:
            reason = "it is damaged"
        problem = f"cannot import {path.name}: it is not a readable audio file ({reason})"
        raise MediaError(problem, FORMATS_HINT) from error
    if info.sample_rate < 1:
        raise MediaError(f"cannot import {path.name}: its sample rate is {info.sample_rate} Hz", "Export it again")
    if info.length < 1:
        raise MediaError(f"cannot import {path.name}: it contains no audio", "Export it again from its source")
    if info.channels > 2 and not wide:
        raise MediaError(
            f"cannot import {path.name}: it has {info.channels} channels",
            "Import it in the window, where you can choose channels, or split it into mono or stereo files first",
        )
    _check_whole(path, log)
    return info


def truncated(name: str, share: float | None = None) -> MediaError:
    """The error for an incomplete file; `share`: how much of its audio is present, from 0 to 1, if known."""
    found = "" if share is None else f", {100.0 * share:.0f} % of its audio is present"
    return MediaError(f"cannot import {name}: it is truncated or damaged{found}", "Copy or export the file again")


def _check_whole(path: Path, log: str) -> None:
    """Detect truncation that libsndfile does not report (truncated FLAC and MP3 files fail while being read)."""
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
