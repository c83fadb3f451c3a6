"""Files of latents for use outside the studio: safetensors, or NumPy's npz. Any thread.

`latents` is float32 `(chunks, buses, dim, frames)`; `audible` is uint8 `(chunks,)`, with 0 for chunks of digital
silence, which hold the codec's latents of silence. Chunk `i` is the grid's chunk `first_chunk + i`; its window starts
at timeline sample `((first_chunk + i) * (frames - overlap) - lead_frames) * hop`; neighbours overlap. The header, JSON,
is in the metadata `header` of safetensors, or in the byte array `header` of npz.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Struct
from safetensors import safe_open
from safetensors.numpy import save

from lincae_studio import atomic, bounded
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.engine.bundles.writer import Render
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Chunks, CodecRef, Plan
from lincae_studio.engine.planning.probes import latents_only, silence_of
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.streams import Stream, rendered
from lincae_studio.errors import ExportError, MediaError, os_error_reason
from lincae_studio.export_settings import LatentFormat
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.finite import REMEDY, first_not_finite
from lincae_studio.session.model import MAX_FRAMES, MAX_LENGTH
from lincae_studio.session.times import format_time

FORMAT = "lincae-studio-chunks"
VERSION = 1

#: Chunks whose latents are requested at once.
_BATCH = 32

#: Files larger than this are not read: an hour of stereo from the largest built-in codec takes about a tenth.
_MAX_BYTES = 16 * 2**30

_HEADER = "header"

#: Largest header of latents in an npz file: a few hundred bytes of JSON.
_MAX_HEADER_BYTES = 1 << 16

_Positive = Annotated[int, Meta(ge=1, le=2**20)]


class LatentHeader(Struct, frozen=True, kw_only=True):
    """The description of the latents in a file.

    Attributes:
        codec: id of the codec; `identity` is the identity of its latents.
        window_extra: `edge` in files.
        start, length: position and length of the audio, in timeline samples.
        context: the first and last frames of each chunk that are unreliable, where neighbours have reliable ones.
    """

    format: str = FORMAT
    version: int = VERSION
    codec: str
    identity: str
    sample_rate_hz: _Positive
    hop: _Positive
    window_extra: Annotated[int, Meta(ge=0, le=2**20)] = msgspec.field(name="edge")
    frames: Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
    overlap: Annotated[int, Meta(ge=0, le=MAX_FRAMES)]
    lead_frames: Annotated[int, Meta(ge=0, le=MAX_FRAMES)]
    dim: _Positive
    channels: Annotated[int, Meta(ge=1, le=2)]
    first_chunk: Annotated[int, Meta(ge=0, le=MAX_LENGTH)]
    start: Annotated[int, Meta(ge=0, le=MAX_LENGTH)]
    length: Annotated[int, Meta(ge=1, le=MAX_LENGTH)]
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    context: Annotated[int, Meta(ge=0, le=MAX_FRAMES)] = 0

    @property
    def grid(self) -> Grid:
        return Grid(self.hop, self.window_extra, self.frames, self.overlap, self.context)


class Latents(Struct, frozen=True):
    """The content of a file: see the module."""

    header: LatentHeader
    latents: Array
    audible: np.ndarray[Any, np.dtype[np.uint8]]


def latents_of(
    plan: Plan,
    start: int,
    end: int,
    render: Render,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> Latents:
    """The latents of the mix of a plan, for the chunks that are heard in samples `[start, end)`.

    Raises:
        ExportError: when nothing is heard there, or latents are NaN or infinite.
        StudioError: when a chunk cannot be encoded.
        Cancelled: when `cancel` was set.
    """
    cancel = cancel or CancelToken()
    heard = [index for index in plan.grid.heard(start, min(end, plan.length)) if index < len(plan.chunks)]
    chunks = [chunk for index in heard if (chunk := plan.chunks[index]) is not None]
    if not chunks:
        raise ExportError("there are no latents to export", "Make sure that at least one clip can be heard")
    latents = np.empty((len(heard), plan.channels, plan.codec.dim, plan.grid.frames), np.float32)
    latents[:] = render([silence_of(chunks[0])])[0].latents
    audible = np.zeros(len(heard), np.uint8)
    for at in range(0, len(chunks), _BATCH):
        cancel.check()
        batch = chunks[at : at + _BATCH]
        for chunk, found in zip(batch, render([latents_only(chunk) for chunk in batch]), strict=True):
            place = first_not_finite(found.latents)
            if place is not None:
                sample = max(0, plan.grid.window_start(chunk.index) + place * plan.grid.hop)
                seconds = sample / plan.codec.sample_rate
                raise ExportError(f"the latents are NaN or infinite at {format_time(seconds)}", REMEDY)
            latents[chunk.index - heard[0]] = found.latents  # a single bus is copied to both
            audible[chunk.index - heard[0]] = 1
        progress(Progress(at + len(batch), len(chunks), "latents"))
    header = LatentHeader(
        codec=plan.codec.id,
        identity=plan.codec.latent_identity,
        sample_rate_hz=plan.codec.sample_rate,
        hop=plan.grid.hop,
        window_extra=plan.grid.window_extra,
        context=plan.grid.context,
        frames=plan.grid.frames,
        overlap=plan.grid.overlap,
        lead_frames=plan.grid.lead_frames,
        dim=plan.codec.dim,
        channels=plan.channels,
        first_chunk=heard[0],
        start=start,
        length=min(end, plan.length) - start,
        seed=next((chunk.seed for chunk in chunks), 0),
    )
    return Latents(header, latents, audible)


def format_of(path: Path) -> LatentFormat:
    """The format chosen by a file name. Raises `ExportError` if its ending is unknown."""
    endings: dict[str, LatentFormat] = {".safetensors": "safetensors", ".npz": "npz"}
    found = endings.get(path.suffix.lower())
    if found is None:
        raise ExportError(f"cannot tell the format of {path.name}", "Choose a name that ends in .safetensors or .npz")
    return found


def save_latents(content: Latents, path: Path) -> None:
    """Write a file, which replaces an older one only when complete. Raises `ExportError`."""
    header = msgspec.json.encode(content.header)
    arrays: dict[str, Any] = {"latents": content.latents, "audible": content.audible}
    try:
        if format_of(path) == "safetensors":
            atomic.write_bytes(path, save(arrays, {_HEADER: header.decode()}))
        else:
            arrays[_HEADER] = np.frombuffer(header, np.uint8)
            with atomic.replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                for name, array in arrays.items():
                    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                        np.lib.format.write_array(file, array, allow_pickle=False)
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot write {path}: {reason}", remedy) from error


def load_latents(path: Path) -> Latents:
    """Read and verify a file; nothing in it is executed.

    Raises:
        MediaError: when it cannot be read, does not contain latents, or is damaged.
    """
    kind = format_of(path)
    remedy = "Encode the audio again, or choose another file"
    try:
        if atomic.check_ordinary(path).st_size > _MAX_BYTES:
            raise MediaError(f"{path} is too large for a file of latents", remedy)
        header_bytes, arrays = _read_safetensors(path) if kind == "safetensors" else _read_npz(path)
        header = msgspec.json.decode(header_bytes, type=LatentHeader)
        latents, audible = arrays["latents"], arrays["audible"]
    except OSError as error:
        reason, advice = os_error_reason(error, path)
        raise MediaError(f"cannot read {path}: {reason}", advice) from error
    except MediaError:
        raise
    except Exception as error:  # an untrusted file can make the readers of zip, npy and safetensors raise anything
        raise MediaError(f"{path} is damaged or not a file of latents ({error})", remedy) from error
    if header.format != FORMAT or header.version > VERSION:
        raise MediaError(
            f"{path} contains latents in a format that this version does not support", "Update LinCAE Studio"
        )
    problem = "its latents are not float32" if latents.dtype != np.float32 else mismatch(header, latents, audible)
    if problem:
        raise MediaError(f"{path} is damaged: {problem}", remedy)
    return Latents(header, latents, audible)


def mismatch(header: LatentHeader, latents: Array, audible: np.ndarray[Any, Any]) -> str:
    """What is wrong with arrays that a file has for a header; empty if nothing is."""
    shape = (len(audible), header.channels, header.dim, header.frames)
    if audible.dtype != np.uint8 or latents.shape != shape or not len(audible):
        return "its arrays do not match its header"
    if not np.isfinite(latents).all():
        return "it contains NaN or infinite latents"
    grid = header.grid
    fits = grid.fade >= 0 and grid.step >= grid.overlap and header.lead_frames == grid.lead_frames
    heard = grid.heard(header.start, header.start + header.length) if fits else range(0)
    if not fits or (heard.start, len(heard)) != (header.first_chunk, len(audible)):
        return "its chunks do not match its header"
    return ""


def frames_of(content: Latents) -> Array:
    """The frames of latents in a row, without those that chunks share: float32 `(channels, D, T)`.

    The first one begins at sample `start // hop * hop` of the timeline.
    """
    header, grid = content.header, content.header.grid
    owned = content.latents[:, :, :, grid.lead_frames : grid.lead_frames + grid.step]
    joined = owned.transpose(1, 2, 0, 3).reshape(owned.shape[1], owned.shape[2], -1)
    before = header.first_chunk * grid.step
    first, end = header.start // grid.hop, -(-(header.start + header.length) // grid.hop)
    return np.ascontiguousarray(joined[:, :, first - before : end - before])


def decoded(content: Latents, codec: Codec) -> Stream:
    """A stream that decodes latents, with the same timeline as these.

    Raises:
        MediaError: when they were made by another codec, or their geometry is not the codec's.
    """
    header = content.header
    if codec.info.latent_identity != header.identity:
        raise MediaError(
            f"the latents were made by another version of {header.codec} than the one installed",
            "Install the codec that made them",
        )
    info = codec.info
    fits = (header.dim, header.sample_rate_hz) == (info.dim, info.sample_rate) and header.grid.is_of(info)
    if not fits or header.grid.problem(info):
        raise MediaError(f"the latents do not have the shape of those of {header.codec}", "Encode the audio again")
    plan = _plan_of(content, info)

    def provide(chunk: Chunk) -> Rendered:
        latents = content.latents[chunk.index - header.first_chunk]
        frames = [chunk.first_frame] * len(latents)
        return Rendered(chunk.key, latents, codec.decode(latents, first_frames=frames, seed=header.seed))

    return rendered(plan, provide)


def _plan_of(content: Latents, info: CodecInfo) -> Plan:
    """A plan whose chunks have no terms, as their sums are known."""
    header, grid = content.header, content.header.grid
    codec = CodecRef(header.codec, info.identity, info.sample_rate)

    first, end = header.first_chunk, header.first_chunk + len(content.audible)
    numbers = (number for number in range(first, end) if content.audible[number - first])
    chunks = Chunks(
        (Chunk(str(number), number, codec, grid, header.seed, header.channels, ()) for number in numbers), end
    )
    return Plan(info, grid, header.channels, header.start + header.length, chunks)


def _read_safetensors(path: Path) -> tuple[bytes, dict[str, Any]]:
    opened: Any = safe_open  # its methods have no types
    with opened(path, framework="numpy") as file:
        metadata: dict[str, str] = file.metadata() or {}
        return metadata[_HEADER].encode(), {name: file.get_tensor(name) for name in ("latents", "audible")}


def _read_npz(path: Path) -> tuple[bytes, dict[str, Any]]:
    with bounded.open_regular(path) as file, bounded.open_archive(file) as archive:
        members = archive.infolist()
        if sum(info.file_size for info in members) > _MAX_BYTES or any(info.compress_type for info in members):
            raise ValueError("it is compressed or too large")
        if archive.getinfo(f"{_HEADER}.npy").file_size > _MAX_HEADER_BYTES:
            raise ValueError("its header is too large")
        arrays = {name: read_npy(archive.read(f"{name}.npy")) for name in (_HEADER, "latents", "audible")}
    return arrays.pop(_HEADER).tobytes(), arrays


def read_npy(data: bytes) -> Any:
    """The array in a npy file. `numpy.load` could unpickle, and would allocate any shape that is claimed.

    Raises:
        ValueError: for another type than float32, float16 or uint8, or a shape that does not fit the data.
    """
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("its arrays have another version of the npy format")
    shape, by_columns, kind = np.lib.format.read_array_header_1_0(file)
    if kind not in (np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.uint8)):
        raise ValueError(f"its arrays have the type {kind}")
    if any(size < 0 for size in shape) or math.prod(shape) * kind.itemsize != len(data) - file.tell():
        raise ValueError("an array does not have the size of its data")
    return np.frombuffer(data, kind, offset=file.tell()).reshape(shape, order="F" if by_columns else "C")
