"""Audio file formats for export: one entry of `FORMATS` per container. No state.

`export_settings.Container` lists the ids, against which preferences and the command line are checked; everything else
about a container is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from lincae_studio.export_settings import AudioFormat, Container, SampleFormat

#: libsndfile's names of the sample formats.
SUBTYPES: dict[SampleFormat, str] = {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}

BYTES_PER_SAMPLE: dict[SampleFormat, int] = {"16": 2, "24": 3, "32f": 4}

SAMPLE_FORMAT_TITLES: dict[SampleFormat, str] = {
    "32f": "32-bit float (lossless, no clipping)",
    "24": "24-bit integer",
    "16": "16-bit integer",
}

#: Sizes in WAV are 32-bit; larger files are written as RF64, which editors read as WAV.
WAV_LIMIT_BYTES = 4_000_000_000


class FileFormat(Struct, frozen=True):
    """A container.

    Attributes:
        endings: file name extensions; the first one is suggested.
        library_name: its name in libsndfile; `large_name` is used for files larger than `WAV_LIMIT_BYTES`.
        sample_formats: the supported ones, the default first; none for a lossy container.
        rates: supported sample rates in Hz; empty for all.
        options: further arguments for `soundfile.SoundFile`.
        most_compression: the largest compression level that libsndfile accepts, for quality 0.
    """

    title: str
    endings: tuple[str, ...]
    library_name: str
    sample_formats: tuple[SampleFormat, ...] = ()
    large_name: str = ""
    rates: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    most_compression: float = 1.0

    @property
    def lossy(self) -> bool:
        return not self.sample_formats

    @property
    def file_filter(self) -> str:
        """The filter for file dialogs."""
        return f"{self.title} audio ({' '.join(f'*{ending}' for ending in self.endings)})"


FORMATS: dict[Container, FileFormat] = {
    "wav": FileFormat("WAV", (".wav", ".wave"), "WAV", ("32f", "24", "16"), large_name="RF64"),
    "flac": FileFormat("FLAC", (".flac",), "FLAC", ("24", "16")),
    "ogg": FileFormat("OGG Vorbis", (".ogg", ".oga"), "OGG", options={"subtype": "VORBIS"}),
    "mp3": FileFormat(
        "MP3",
        (".mp3",),
        "MP3",
        rates=(44_100, 48_000, 32_000, 22_050, 16_000),
        options={"subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE"},
        # LAME's quality scale of variable bit rates is 0 to 9.999: libsndfile refuses 10, which is a level of 1.
        most_compression=0.999,
    ),
}


def container_of(path: Path) -> Container | None:
    """The container for a file's extension, or None."""
    return next((name for name, one in FORMATS.items() if path.suffix.lower() in one.endings), None)


def ending_problem(path: Path, container: Container) -> str:
    """Why the extension of a file name does not fit a container; empty if it does."""
    endings = FORMATS[container].endings
    return "" if path.suffix.lower() in endings else f"the name must end in {endings[0]}"


def is_lossy(audio_format: AudioFormat) -> bool:
    """Whether the format is lossy."""
    return FORMATS[audio_format.container].lossy


def is_limited(audio_format: AudioFormat) -> bool:
    """Whether samples beyond full scale are clipped."""
    return is_lossy(audio_format) or audio_format.sample_format != "32f"


def format_problem(audio_format: AudioFormat) -> str:
    """Why a combination of settings is not possible; empty if it is."""
    one = FORMATS[audio_format.container]
    if not one.lossy and audio_format.sample_format not in one.sample_formats:
        choices = " or ".join(one.sample_formats)
        return f"{one.title} supports {choices} bits, not {audio_format.sample_format}"
    if one.rates and audio_format.sample_rate not in (0, *one.rates):
        return f"{one.title} does not support {audio_format.sample_rate} Hz"
    return ""
