"""Folders of linear codecs: `config.json` and one file of weights, `model.safetensors`. Untrusted; numpy only."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lincae_studio import atomic, bounded
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.folders import MAX_CONFIG_BYTES, one_line
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.linear.config import LinearConfig, shapes
from lincae_studio.errors import CodecError

WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "README.md"
FORMAT = "lincae-studio-linear"
FORMAT_VERSION = 1

#: Part of every identity: increased when equal weights and input give a different result.
ARITHMETIC_VERSION = 1

#: Step from one chunk to the next, in seconds, and frames in which neighbours, equal there, are crossfaded.
_STEP_S = 2.0
_FADE_FRAMES = 1

#: Limit for the names and places of the weights in their file.
_MAX_HEADER_BYTES = 1 << 20

_AGAIN = "Export or download the codec again"

#: Names and shapes of weights.
Shapes = Mapping[str, tuple[int, ...]]


class _Saved(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config.json`."""

    format: str
    version: int
    title: str
    description: str = ""
    weights_sha256: str
    model: LinearConfig


class _Head(Struct, frozen=True):
    """The fields common to all versions of `config.json`."""

    format: str
    version: int


class LinearFolder(Struct, frozen=True):
    """A folder that contains a linear codec, read except for its weights."""

    path: Path
    title: str
    description: str
    weights_sha256: str
    config: LinearConfig

    @property
    def weights_files(self) -> tuple[Path, ...]:
        return (self.path / WEIGHTS_NAME,)

    def details(self) -> Mapping[str, object]:
        return {"parameters": _size(shapes(self.config)), "weights_sha256": self.weights_sha256}

    def info(self, codec_id: str, computation: Computation) -> CodecInfo:
        """The codec info, which no device or precision changes."""
        config = self.config
        overlap = 2 * config.context + 1 + _FADE_FRAMES
        identity = _digest(ARITHMETIC_VERSION, self.weights_sha256, config)
        return CodecInfo(
            id=codec_id,
            title=self.title,
            description=self.description,
            identity=identity,
            space=_digest(self.weights_sha256, "space"),
            sample_rate=config.sample_rate,
            hop=config.hop,
            dim=config.dim,
            window_extra=config.hop,
            context=config.context,
            chunk_frames=max(round(_STEP_S * config.sample_rate / config.hop), overlap) + overlap,
            overlap_frames=overlap,
            linearity="trained" if config.blocks else "exact",
            stochastic=False,
            quick=True,
        )


def recognises(config: Mapping[str, object]) -> bool:
    """Whether a folder contains a linear codec, by its `config.json`."""
    return config.get("format") == FORMAT


def open_folder(path: Path) -> LinearFolder:
    """Read a folder, except for its weights. Raises `CodecError` naming what is damaged, or `OSError`."""
    place = path / CONFIG_NAME
    try:
        data = bounded.read(place, MAX_CONFIG_BYTES)
        head = msgspec.json.decode(data, type=_Head)
        if head.format != FORMAT or head.version != FORMAT_VERSION:
            raise CodecError(f"{place} has another format or version", "Update LinCAE Studio")
        saved = msgspec.json.decode(data, type=_Saved)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"{place} cannot be read: {error}", _AGAIN) from error
    if not os.path.isfile(path / WEIGHTS_NAME):
        raise CodecError(f"{path} is not a codec: {WEIGHTS_NAME} missing", _AGAIN)
    title, description = one_line(saved.title), one_line(saved.description)
    return LinearFolder(path, title, description, saved.weights_sha256, saved.model)


def save_folder(
    path: Path, config: LinearConfig, weights: Mapping[str, Array], *, title: str, description: str = ""
) -> LinearFolder:
    """Write a codec to a folder, which exists. Raises `OSError`."""
    describe(path, config, title, description, save_weights(path / WEIGHTS_NAME, weights))
    return open_folder(path)


def describe(path: Path, config: LinearConfig, title: str, description: str, weights_sha256: str) -> None:
    """Write `config.json` next to existing weights. Raises `OSError`."""
    saved = _Saved(
        format=FORMAT,
        version=FORMAT_VERSION,
        title=one_line(title),
        description=one_line(description),
        weights_sha256=weights_sha256,
        model=config,
    )
    atomic.write_bytes(path / CONFIG_NAME, msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n")


def read_weights(folder: LinearFolder) -> dict[str, Array]:
    """The weights in a folder, checked. Raises `CodecError`, or `OSError`."""
    return checked_weights(folder.path / WEIGHTS_NAME, folder.config, shapes(folder.config), folder.weights_sha256)


def checked_weights(path: Path, config: LinearConfig, shapes: Shapes, sha256: str) -> dict[str, Array]:
    """The weights in a file, checked: at least a decoder's. Raises `CodecError`, or `OSError`."""
    data = bounded.read(path, 4 * _size(shapes) + _MAX_HEADER_BYTES)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CodecError(f"{path} is damaged: its checksum is not that in {CONFIG_NAME}", _AGAIN)
    try:
        weights = load(data)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:  # for instance of an unknown type of number
        raise CodecError(f"{path} cannot be read: {error}", _AGAIN) from error
    for name, shape in shapes.items():
        value = weights.get(name)
        if value is None or value.shape != shape or value.dtype != np.float32 or not np.isfinite(value).all():
            raise CodecError(f"{path} does not fit {CONFIG_NAME}: {name} is missing or not valid", _AGAIN)
    if config.blocks and not ((weights["scale"] > 0.0).all() and (weights["hardness"] >= 0.0).all()):
        raise CodecError(f"{path} is not valid: scale must be positive, and hardness not negative", _AGAIN)
    return weights


def save_weights(path: Path, weights: Mapping[str, Array]) -> str:
    """Write weights to a file. Returns its SHA-256; raises `OSError`."""
    data = save({name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()})
    atomic.write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def _size(shapes: Shapes) -> int:
    """Number of weights."""
    return sum(math.prod(shape) for shape in shapes.values())


def _digest(*parts: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()
