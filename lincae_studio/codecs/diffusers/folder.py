"""Model folders of diffusers, as far as they can be read without torch and diffusers: files, options, codec info.

A folder has `config.json` and the weights as safetensors, in one file or in several with an index; that of a pipeline
has both in its subfolder `vae`. An installed one has a third file, `lincae-studio.json`, with title and checksum.
Weights that are pickled, which could run code, are never loaded.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from lincae_studio import atomic, bounded, jobs
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.diffusers.config import CLASSES, Config, parse_config
from lincae_studio.codecs.folders import MAX_CONFIG_BYTES, file_sha256, one_line, read_config
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.errors import CodecError

WEIGHTS_NAME = "diffusion_pytorch_model.safetensors"
INDEX_NAME = f"{WEIGHTS_NAME}.index.json"
PICKLE_NAME = "diffusion_pytorch_model.bin"
NOTE_NAME = "lincae-studio.json"

#: The folder of the autoencoder within that of a pipeline, and the file that makes a folder one of a pipeline.
VAE_FOLDER, PIPELINE_NAME = "vae", "model_index.json"

#: Part of every identity: increased when equal weights and input give a different result.
ARITHMETIC_VERSION = 1

#: Step from one chunk to the next, in seconds, unless the context is so long that most of what is computed would be
#: thrown away: then the step is four contexts, which costs 1.5 times the mere step, but not longer than this maximum,
#: since an edit is heard only after its chunk has been decoded.
_STEP_S, _LONGEST_STEP_S = 2.0, 5.0

#: Minimum length of the crossfade between chunks, in seconds: what it joins is equal, apart from rounding.
_FADE_S = 0.03

#: Length of all windows of a codec that attends over its window, and of the crossfade of what differs there, in
#: seconds.
#: With random weights and music-like tones, latents of a window differ from those of 30 s by -3 dB (1 s), -4 dB (2 s),
#: -7 dB (4 s) and -10 dB (8 s), or -12, -13, -14 and -17 dB where attention is sharp: less with each doubling.
_FIXED_WINDOW_S, _FIXED_FADE_S = 8.0, 0.1

#: Longest window: one that is longer could not be computed on most machines, and comes from an odd configuration.
_LONGEST_WINDOW_S = 60.0


class Note(Struct, frozen=True, kw_only=True):
    """`lincae-studio.json`.

    Attributes:
        weights_sha256: digest of the checksums of all files of weights.
    """

    title: str
    description: str = ""
    weights_sha256: str = ""


class DiffusersFolder(Struct, frozen=True):
    """A folder that contains an audio autoencoder of diffusers.

    Attributes:
        path: the folder of `config.json`.
        weights_files: its files of safetensors.
    """

    path: Path
    config: Config
    weights_files: tuple[Path, ...]
    note: Note

    def info(self, codec_id: str, computation: Computation) -> CodecInfo:
        """The codec info. For a folder that is not installed this reads the weights, once per process.

        Raises:
            CodecError: when chunks would be too long.
            OSError: when the weights cannot be read.
        """
        config = self.config
        overlap, chunk = self._chunks()
        sha256 = self.note.weights_sha256 or known_checksum(self.weights_files)
        common = (ARITHMETIC_VERSION, config.class_name, config, sha256)
        precision, arithmetic = computation.precision, computation.arithmetic
        encoder = ("encoder", "fp32" if precision == "auto" else precision)
        requested = f"requested {_digest(*common, computation.device, precision)}"
        identity = _digest(*common, encoder, "decoder", arithmetic, computation.device_kind)
        return CodecInfo(
            id=codec_id,
            title=self.note.title,
            description=self.note.description or f"{config.class_name} in {self.path.name}",
            identity=requested if arithmetic is None else identity,
            requested=requested,
            latents=_digest(*common, encoder),
            space=_digest(sha256, "space"),
            arithmetic=f"{computation.summary}, version {ARITHMETIC_VERSION}" if arithmetic else "",
            sample_rate=config.sample_rate,
            hop=config.hop,
            dim=config.dim,
            window_extra=0,
            context=config.context,
            fixed_window=config.fixed_window,
            chunk_frames=chunk,
            overlap_frames=overlap,
            linearity="none",
            stochastic=False,
        )

    def details(self) -> Mapping[str, object]:
        return {"class": self.config.class_name, "audio_channels": self.config.channels}

    def _chunks(self) -> tuple[int, int]:
        """Overlap and length of chunks, in frames."""
        config = self.config
        frames_per_s = config.sample_rate / config.hop
        fade_s = _FIXED_FADE_S if config.fixed_window else _FADE_S
        overlap = 2 * config.context + math.ceil(fade_s * frames_per_s)
        long = min(4 * config.context, round(_LONGEST_STEP_S * frames_per_s))
        chunk = max(round(_STEP_S * frames_per_s), long, overlap) + overlap
        if config.fixed_window:
            chunk = max(round(_FIXED_WINDOW_S * frames_per_s), 2 * overlap)
        if chunk > _LONGEST_WINDOW_S * frames_per_s:
            raise CodecError(
                f"{self.path / CONFIG_NAME}: a chunk would have {chunk / frames_per_s:.0f} s",
                f"Chunks of up to {_LONGEST_WINDOW_S:.0f} s can be computed",
            )
        return overlap, chunk


def recognises(names: frozenset[str], config: Mapping[str, object]) -> bool:
    """Whether a folder is that of a pipeline or a class of diffusers, by its files and its `config.json`."""
    name = config.get("_class_name")
    return {PIPELINE_NAME, VAE_FOLDER} <= names if not config else isinstance(name, str) and name in CLASSES


def open_folder(path: Path) -> DiffusersFolder:
    """Read a folder, or the autoencoder of a pipeline's, except for its weights.

    Raises:
        CodecError: naming what is missing or damaged.
        OSError: when a file cannot be read.
    """
    title = one_line(path.name)
    if not os.path.isfile(path / CONFIG_NAME):
        path = path / VAE_FOLDER
    config = parse_config(read_config(path), path / CONFIG_NAME)
    note = _read_note(path / NOTE_NAME) if os.path.isfile(path / NOTE_NAME) else Note(title=title)
    return DiffusersFolder(path, config, _weights(path), note)


def describe(folder: DiffusersFolder, title: str, description: str, cancel: jobs.CancelToken | None) -> None:
    """Write `lincae-studio.json`. Raises `OSError`, or `Cancelled`."""
    sha256 = checksum(folder.weights_files, cancel)
    note = Note(title=one_line(title), description=one_line(description), weights_sha256=sha256)
    atomic.write_bytes(folder.path / NOTE_NAME, msgspec.json.format(msgspec.json.encode(note), indent=2))


def checksum(files: Iterable[Path], cancel: jobs.CancelToken | None = None) -> str:
    """Digest of the checksums of files. Raises `OSError`, or `Cancelled`."""
    return _combined(file_sha256(path, cancel) for path in files)


def known_checksum(files: Iterable[Path]) -> str:
    """`checksum` of files, which are read again only after they have changed."""
    stats = ((str(path), os.stat(path)) for path in files)
    return _combined(_known_sha256(name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats)


@functools.lru_cache(maxsize=64)
def _known_sha256(name: str, *state: int) -> str:
    return file_sha256(Path(name))


def _combined(checksums: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(checksums).encode()).hexdigest()


def _weights(folder: Path) -> tuple[Path, ...]:
    if os.path.isfile(folder / WEIGHTS_NAME):
        return (folder / WEIGHTS_NAME,)
    if os.path.isfile(folder / INDEX_NAME):
        return _weights_of_index(folder)
    if os.path.isfile(folder / PICKLE_NAME):
        raise CodecError(
            f"{folder / PICKLE_NAME} is a pickle, which can run code and is never loaded",
            "Convert it to safetensors with diffusers: load the model, then call save_pretrained",
        )
    raise CodecError(f"{folder} is not a model: {WEIGHTS_NAME} missing", "Copy or download it again")


def _weights_of_index(folder: Path) -> tuple[Path, ...]:
    path = folder / INDEX_NAME
    try:
        index = msgspec.json.decode(bounded.read(path, MAX_CONFIG_BYTES), type=_Index)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"{path} cannot be read: {error}", "Copy or download it again") from error
    names = sorted(set(index.weight_map.values()))
    for name in names:
        if name != Path(name).name or Path(name).suffix != ".safetensors" or not name.isprintable():
            raise CodecError(f"{path} names weights that are not in its folder", "Copy or download it again")
        if not os.path.isfile(folder / name):
            raise CodecError(f"{folder} is not a model: {name} missing", "Copy or download it again")
    if not names:
        raise CodecError(f"{path} names no weights", "Copy or download it again")
    return tuple(folder / name for name in names)


class _Index(Struct):
    weight_map: dict[str, str]


def _read_note(path: Path) -> Note:
    try:
        note = msgspec.json.decode(bounded.read(path, MAX_CONFIG_BYTES), type=Note)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"{path} cannot be read: {error}", "Remove the codec, and install it again") from error
    return Note(title=one_line(note.title), description=one_line(note.description), weights_sha256=note.weights_sha256)


def _digest(*parts: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()
