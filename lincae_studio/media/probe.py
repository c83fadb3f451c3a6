"""Probing an audio file before importing it: its format, and whether it is complete. Any thread."""

from __future__ import annotations

from pathlib import Path

from lincae_studio.errors import MediaError
from lincae_studio.media.reading.reader import AudioFile, FileInfo

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


def probe(path: Path, wide: bool = False) -> FileInfo:
    """Read a file's headers. Files with more than two channels are accepted only if `wide`.

    Raises:
        MediaError: when the file cannot be read in full as far as its headers say, or has more than two channels.
    """
    with AudioFile(path) as file:
        if not wide:
            check_width(file.info)
        return file.info


class WideFileError(MediaError):
    """A file with more than two channels, of which none were selected; `info` describes it."""

    def __init__(self, info: FileInfo) -> None:
        super().__init__(
            f"cannot import {info.path.name}: it has {info.channels} channels",
            "Choose channels: in the window when importing it, on the command line with --from-channels",
        )
        self.info = info


def check_width(info: FileInfo) -> None:
    """Raise `WideFileError` for a file with more than two channels."""
    if info.channels > 2:
        raise WideFileError(info)
