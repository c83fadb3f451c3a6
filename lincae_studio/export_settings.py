"""Export settings, as values. Used by the preferences and the command line; imports nothing of this package."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

#: Ids of the containers, which `media.formats` describes.
Container = Literal["wav", "flac", "ogg", "mp3"]

SampleFormat = Literal["16", "24", "32f"]

#: Available sample rates, in Hz; 0 is that of the session.
Rate = Literal[0, 44100, 48000, 88200, 96000, 176400, 192000, 32000, 22050, 16000]

#: Channels of a file: those of the mix, or always one or two.
Channels = Literal["mix", "mono", "stereo"]

#: The content of a file: the mix from latents, the dry mix without a codec, their difference, each track on its own, or
#: the latents of the mix.
Content = Literal["mix", "dry", "difference", "tracks", "latents"]

LatentFormat = Literal["safetensors", "npz"]

#: Most decodes that are averaged: each takes as long as the first, and halving the rest takes four times as many.
MAX_DECODES = 64

Decibels = Annotated[float, Meta(ge=-70.0, le=0.0)]


class AudioFormat(Struct, frozen=True, kw_only=True):
    """The format of an audio file.

    Attributes:
        sample_rate: in Hz; 0 for that of the session.
        dither: add TPDF dither of one step when rounding to 16 bits.
        quality: quality of a lossy format, from 0 (smallest file) to 1 (best).
    """

    container: Container = "wav"
    sample_format: SampleFormat = "32f"
    sample_rate: Rate = 0
    channels: Channels = "mix"
    dither: bool = True
    quality: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.7

    def rate_of(self, session_rate: int) -> int:
        """The sample rate of a file of a session with this rate, in Hz."""
        return self.sample_rate or session_rate


class Level(Struct, frozen=True, kw_only=True):
    """Level normalisation: none, to a peak level, or to an integrated loudness.

    Attributes:
        target_db: target of the sample peak in dBFS, or of the loudness in LUFS.
        true_peak_db: true peak limit in dBTP, if the level is normalised or limited: no file is made louder, and a
            louder one is turned down.
        limiter: keep the true peak limit by a limiter, which lowers the peaks only, instead of turning the file down.
        together: apply the same gain to all files of an export at each moment, so that stems still add up to the mix.
    """

    normalize: Literal["none", "peak", "loudness"] = "none"
    target_db: Decibels = -1.0
    true_peak_db: Decibels = -1.0
    limiter: bool = False
    together: bool = True


class ExportSettings(Struct, frozen=True, kw_only=True):
    """All settings of an export except file names.

    Attributes:
        stems: for `tracks`: audible tracks only, or all; or groups, each as one file, and the tracks that are in none.
        span: range of the timeline: all of it, the loop, what is selected, or each section, to files of its own.
        tail_s: seconds to add after the end: the decay of the codec's output, then silence.
        artist: for the tags of the files.
        decodes: decodes that are averaged, each from another seed, if the codec decodes from noise.
    """

    format: AudioFormat = AudioFormat()
    level: Level = Level()
    contents: Annotated[tuple[Content, ...], Meta(max_length=5)] = ("mix",)
    stems: Literal["heard", "all", "groups"] = "heard"
    span: Literal["all", "loop", "selection", "sections"] = "all"
    tail_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 0.0
    artist: Annotated[str, Meta(max_length=200)] = ""
    latents: LatentFormat = "safetensors"
    decodes: Annotated[int, Meta(ge=1, le=MAX_DECODES)] = 1


#: Built-in presets, by name.
PRESETS: dict[str, ExportSettings] = {
    "Mix, 32-bit float": ExportSettings(),
    "Mix, 16-bit for CD": ExportSettings(format=AudioFormat(sample_format="16", sample_rate=44100)),
    "Mix for streaming, -14 LUFS": ExportSettings(
        format=AudioFormat(sample_format="24"), level=Level(normalize="loudness", target_db=-14.0)
    ),
    "Mix for streaming, -14 LUFS, with limiter": ExportSettings(
        format=AudioFormat(sample_format="24"), level=Level(normalize="loudness", target_db=-14.0, limiter=True)
    ),
    "Mix and stems, 24-bit": ExportSettings(format=AudioFormat(sample_format="24"), contents=("mix", "tracks")),
    "Mix, dry and difference": ExportSettings(contents=("mix", "dry", "difference")),
}
