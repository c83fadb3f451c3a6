"""The values of data sets: jobs, items and records. Nothing here reads or computes anything.

A cluster's workers receive and return them as msgpack; nothing is unpickled.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import AUTO, Computation
from lincae_studio.engine.bundles.latent_files import LatentHeader
from lincae_studio.session.model import MAX_LENGTH

FORMAT = "lincae-studio-dataset"
VERSION = 1

#: The content of a data set: latents of audio, audio of latents, latents of mixtures, or figures of a codec.
Kind = Literal["encode", "decode", "mix", "evaluate"]

#: The files that arrays are kept in: safetensors, or the tar files of WebDataset.
Container = Literal["safetensors", "webdataset"]

#: Most spans of one file: a day in spans of a second.
MAX_SPANS = 100_000

_Key = Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]
#: Names of shards have no folders, so that a data set from others cannot refer to other files.
_Shard = Annotated[str, Meta(pattern=r"^(|[a-z]{1,16}-[0-9a-f]{32}\.(safetensors|tar))$")]
_Samples = Annotated[int, Meta(ge=0, le=MAX_LENGTH)]


class Drawing(Struct, frozen=True, kw_only=True):
    """How mixtures are drawn.

    Attributes:
        stems: the fewest and the most stems of a mixture, each from another file.
        gain_db: the lowest and the highest gain, drawn evenly.
        seconds: about their length, in whole chunks.
        same_folder: the stems of a mixture are from one folder, and start at the same time, as those of a song.
    """

    stems: tuple[int, int] = (2, 4)
    gain_db: tuple[float, float] = (-12.0, 0.0)
    seconds: float = 10.0
    same_folder: bool = False


class Job(Struct, frozen=True, kw_only=True):
    """How a run processes each item. Different jobs make different data sets, unless only the device differs.

    Attributes:
        codec: id of a codec, or the absolute path of its folder. For "decode" and "mix", that of the source.
        rate: sample rate of the audio in Hz, as of sessions.
        from_channels: which channels of files with more than two, as `Media.channel_selection`.
        span_s: files are split into spans of about this length in seconds, on the codec's grid.
        seed: of decoders that start from noise, and of mixtures.
        half: latents are kept as float16.
        container: the files that arrays are kept in.
        computation: device and precision of neural codecs.
        limit: windows of each file that "evaluate" measures.
        drawing: of mixtures.
    """

    kind: Kind
    codec: str
    rate: int = 44_100
    from_channels: str = ""
    span_s: float = 60.0
    seed: int = 0
    half: bool = False
    container: Container = "safetensors"
    computation: Computation = AUTO
    limit: int = 8
    drawing: Drawing | None = None


class Stem(Struct, frozen=True, omit_defaults=True):
    """A part of a mixture: latents of the source data set, a factor, and their first chunk that is used.

    Attributes:
        key: of the source's record; `name`: of its file.
        gain: linear; negative for inverted polarity.
        first: chunk of the record that is the mixture's first one.
    """

    key: _Key
    name: str
    gain: float = 1.0
    first: Annotated[int, Meta(ge=0, le=MAX_LENGTH)] = 0


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the index: one span of a file, or one mixture.

    Attributes:
        key: hash of the source's content, span, codec identity and geometry: equal keys mean equal values.
        name: of the file, relative to the source, or of the mixture.
        stamp: of the file when it was read: it changes when the file does.
        spans: number of records of this file.
        digest: SHA-256 of the file's content, as `Media.digest`; of a mixture the hash of its recipe.
        start, length: the span in samples.
        header: of latents: codec, identity, rate, geometry; None for audio and figures.
        identity: of the codec that decoded audio, or that was measured.
        shard: name of the file with its arrays; empty for figures.
        channels, rate: of audio; in Hz.
        recipe: the stems of a mixture, whose latents are summed about the codec's latents of silence.
        figures: of a codec, by name, as `lincae-studio evaluate` measures them; None where there is nothing to measure.
        same: whether another file has the same content: the arrays are those of the record with this key before it.
    """

    key: _Key
    name: str
    stamp: str
    digest: str
    spans: Annotated[int, Meta(ge=1, le=MAX_SPANS)] = 1
    start: _Samples = 0
    length: _Samples = 0
    header: LatentHeader | None = None
    identity: str = ""
    shard: _Shard = ""
    channels: Annotated[int, Meta(ge=0, le=2)] = 0
    rate: Annotated[int, Meta(ge=0, le=2**20)] = 0
    recipe: tuple[Stem, ...] = ()
    figures: dict[str, float | None] = {}
    same: bool = False

    @property
    def frames(self) -> int:
        """Latent frames, each counted once; 0 if there are no latents."""
        header = self.header
        return 0 if header is None else -(-(header.start + header.length) // header.hop) - header.start // header.hop


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One unit of work: a file, or a mixture.

    Attributes:
        name: for index and report.
        place: path or URL of the file, or of the tar file that contains it; of the source data set for others.
        size: in bytes; 0 where there is no file.
        stamp: changes when the content does.
        offset: where the file begins in a tar file; -1 for a file of its own.
        have: keys of its spans that exist already.
        records: of the source data set: those that are mixed, or the one that is decoded.
        recipe: how they are mixed, in this order; `chunks`: how many chunks of them.
    """

    name: str
    place: str
    stamp: str
    size: int = 0
    offset: int = -1
    have: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    recipe: tuple[Stem, ...] = ()
    chunks: int = 0


class Made(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result for an item or one span of it: a record with its arrays, or a problem.

    Attributes:
        record: its shard is chosen when it is written; None if there is a problem.
        arrays: type, shape and bytes of each array, by name.
    """

    item: str
    record: Record | None = None
    arrays: dict[str, tuple[str, tuple[int, ...], bytes]] = {}
    problem: str = ""

    @property
    def nbytes(self) -> int:
        return sum(len(data) for _, _, data in self.arrays.values())


class Failure(Struct, frozen=True):
    """An item that failed, and why."""

    name: str
    problem: str


def key_of(*content: object) -> str:
    """The hash of what a record depends on, in hexadecimal."""
    return hashlib.blake2b(msgspec.msgpack.encode(content), digest_size=20).hexdigest()


def packed(array: Array, half: bool = False) -> tuple[str, tuple[int, ...], bytes]:
    """An array for `Made`, as float16 if `half`."""
    found = array.astype("float16") if half else array
    return str(found.dtype), tuple(found.shape), found.tobytes()
