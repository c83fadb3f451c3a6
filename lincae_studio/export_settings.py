"""What an export is asked for, as values: the preferences keep them, the command line makes them. Nothing of ours is
imported."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

#: Formats of files, by their endings.
Container = Literal["wav", "flac", "ogg", "mp3"]

SampleFormat = Literal["16", "24", "32f"]

#: Rates that are offered, in Hz; the first is that of a session.
Rate = Literal[44100, 48000, 88200, 96000, 176400, 192000, 32000, 22050, 16000]

#: Of a file: as many as the mix has, or always one or two.
Channels = Literal["mix", "mono", "stereo"]

#: Which audio is written: the mix from latents, the mix with no codec, what they differ by, each track by itself; and
#: the latents of the mix, as numbers.
Content = Literal["mix", "dry", "difference", "tracks", "latents"]

LatentFormat = Literal["safetensors", "npz"]

Decibels = Annotated[float, Meta(ge=-70.0, le=0.0)]

#: What the containers can hold; lossy ones have no sample format.
SAMPLE_FORMATS: dict[Container, tuple[SampleFormat, ...]] = {"wav": ("32f", "24", "16"), "flac": ("24", "16")}

#: MPEG audio knows these rates only.
_MP3_RATES = (44_100, 48_000, 32_000, 22_050, 16_000)


class AudioFormat(Struct, frozen=True, kw_only=True):
    """How samples are written.

    Attributes:
        sample_rate: in Hz.
        dither: TPDF noise of one step where samples are rounded to 16 bits.
        quality: of a lossy format: 0 is small, 1 is good.
    """

    container: Container = "wav"
    sample_format: SampleFormat = "32f"
    sample_rate: Rate = 44100
    channels: Channels = "mix"
    dither: bool = True
    quality: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.7

    @property
    def lossy(self) -> bool:
        """Whether the format keeps less than the samples."""
        return self.container not in SAMPLE_FORMATS

    @property
    def limited(self) -> bool:
        """Whether samples beyond full scale are cut off."""
        return self.lossy or self.sample_format != "32f"

    @property
    def problem(self) -> str:
        """Why no file can be so; empty when one can."""
        if not self.lossy and self.sample_format not in SAMPLE_FORMATS[self.container]:
            choices = " or ".join(SAMPLE_FORMATS[self.container])
            return f"{self.container.upper()} holds {choices} bits, not {self.sample_format}"
        if self.container == "mp3" and self.sample_rate not in _MP3_RATES:
            return f"MP3 cannot have {self.sample_rate} Hz"
        return ""


class Level(Struct, frozen=True, kw_only=True):
    """How loud files are made: as they are, to a peak, or to an integrated loudness.

    Attributes:
        target_db: of the highest sample in dBFS, or of the loudness in LUFS.
        true_peak_db: in dBTP: no file is made louder than that; one that is louder already is turned down.
        together: all files of an export are changed alike, so that stems still add up to the mix.
    """

    normalize: Literal["none", "peak", "loudness"] = "none"
    target_db: Decibels = -1.0
    true_peak_db: Decibels = -1.0
    together: bool = True


class ExportSettings(Struct, frozen=True, kw_only=True):
    """All that an export dialog asks for but names.

    Attributes:
        stems: of `tracks`: those that are heard, or all.
        span: of the timeline: all of it, the loop, or from the first to the last selected clip.
        tail_s: seconds after the end that are written, too; what the codec rings out with, and silence.
        artist: for the tags of files.
    """

    format: AudioFormat = AudioFormat()
    level: Level = Level()
    contents: Annotated[tuple[Content, ...], Meta(max_length=5)] = ("mix",)
    stems: Literal["heard", "all"] = "heard"
    span: Literal["all", "loop", "selection"] = "all"
    tail_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 0.0
    artist: Annotated[str, Meta(max_length=200)] = ""
    latents: LatentFormat = "safetensors"


#: Settings with names, which the program brings along.
PRESETS: dict[str, ExportSettings] = {
    "Mix, 32-bit float": ExportSettings(),
    "Mix, 16-bit for CD": ExportSettings(format=AudioFormat(sample_format="16")),
    "Mix for streaming, -14 LUFS": ExportSettings(
        format=AudioFormat(sample_format="24"), level=Level(normalize="loudness", target_db=-14.0)
    ),
    "Mix and stems, 24-bit": ExportSettings(format=AudioFormat(sample_format="24"), contents=("mix", "tracks")),
    "Mix, dry and difference": ExportSettings(contents=("mix", "dry", "difference")),
}
