"""Previews of codecs: the decoder of linear codecs, trained on the latents of another codec. numpy only; any thread.

A preview decodes all latents of a frame of the codec, taken about its origin, to as many bins as the frame has samples:
those of several frames of the lapped transform, one after the other. Like a linear codec's decoder it is homogeneous
and odd by construction.

They are kept in the user's data, in a folder that is named by the codec's latent space (`CodecInfo.latent_space`), so
that a preview is only ever found by a codec with the weights that it was trained for. Its files are untrusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from lincae_studio import atomic, bounded, cores, paths, private
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.codecs.folders import MAX_CONFIG_BYTES
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.linear.config import LinearConfig, decoder_shapes
from lincae_studio.codecs.linear.decoder import Decoder
from lincae_studio.codecs.linear.folder import WEIGHTS_NAME, checked_weights, save_weights
from lincae_studio.codecs.linear.transform import basis, overlapped
from lincae_studio.errors import CodecError, os_error_reason

FORMAT = "lincae-studio-preview"
FORMAT_VERSION = 1

_AGAIN = "Train it again with lincae-studio distill"


class PreviewConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a preview is for, and its sizes.

    Attributes:
        space: latent space of the codec.
        window_extra: of the codec, in samples.
        bins: samples from one frame of the lapped transform to the next; divides the hop.
        model: sizes of the decoder; rate, hop and latents are those of the codec, none of them exact.
    """

    space: str
    window_extra: int
    bins: int
    model: LinearConfig

    def __post_init__(self) -> None:
        if self.model.exact:
            raise ValueError("a preview cannot have exact bins")
        if self.bins < 2 or self.bins % 2 or self.model.hop % self.bins:
            raise ValueError(f"bins must be even and divide {self.model.hop}, but is {self.bins}")
        if not 0 <= self.window_extra <= 1 << 24:
            raise ValueError(f"window_extra must be between 0 and {1 << 24}, but is {self.window_extra}")

    @property
    def lead(self) -> int:
        """Samples from the start of a window to that of the first frame of the transform; may be negative.

        Both are centred on the same sample.
        """
        return (self.window_extra - self.bins) // 2


class _Saved(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config.json`."""

    format: str
    version: int
    weights_sha256: str
    preview: PreviewConfig


class Preview(Struct, frozen=True):
    """A codec that decodes with a preview."""

    codec: Codec
    config: PreviewConfig
    _decoder: Decoder
    _basis: Array

    @classmethod
    def of(cls, codec: Codec, config: PreviewConfig, weights: Mapping[str, Array]) -> Preview:
        """Raises `CodecError` when the preview is that of another codec."""
        info, model = codec.info, config.model
        ours = config.space, model.sample_rate, model.hop, model.dim, config.window_extra
        if ours != (info.latent_space, info.sample_rate, info.hop, info.dim, info.window_extra):
            raise CodecError(f"the preview is not one of {info.title}", _AGAIN)
        return cls(codec, config, Decoder(model, weights), basis(config.bins))

    @property
    def info(self) -> CodecInfo:
        """That of the codec."""
        return self.codec.info

    @property
    def batch(self) -> int:
        return 1

    def encode(self, audio: Array) -> Array:
        """As the codec."""
        return self.codec.encode(audio)

    def silence(self, frames: int) -> Array:
        """As the codec."""
        return self.codec.silence(frames)

    def decode(self, latents: Array, *, first_frames: Sequence[int] = (), seed: int = 0) -> Array:
        """`(B, D, T)` to windows `(B, T*hop + window_extra)`; deterministic."""
        origin = self.codec.silence(latents.shape[2])

        def frames(item: Array) -> Array:
            bins = self._decoder.bins(np.ascontiguousarray((item - origin).T, np.float32))
            return bins.reshape(-1, self.config.bins) @ self._basis.T

        audio = overlapped(np.stack(cores.on_all(frames, list(latents))))
        windows = np.zeros((len(latents), self.info.window_samples(latents.shape[2])), np.float32)
        cut, before = max(0, -self.config.lead), max(0, self.config.lead)
        heard = audio[:, cut : cut + windows.shape[1] - before]
        windows[:, before : before + heard.shape[1]] = heard
        return windows


def folder_of(info: CodecInfo) -> Path:
    """Where the preview of a codec is, or would be."""
    return _place_of(info.latent_space)


def load_preview(codec: Codec, folder: Path) -> Preview:
    """The preview of a codec in a folder. Raises `CodecError` naming what is damaged."""
    return Preview.of(codec, *_read(folder))


def save_preview(folder: Path, config: PreviewConfig, weights: Mapping[str, Array]) -> None:
    """Write a preview to a folder, which exists. Raises `OSError`."""
    (folder / CONFIG_NAME).unlink(missing_ok=True)  # written last: with it, the preview is complete
    digest = save_weights(folder / WEIGHTS_NAME, weights)
    saved = _Saved(format=FORMAT, version=FORMAT_VERSION, weights_sha256=digest, preview=config)
    atomic.write_bytes(folder / CONFIG_NAME, msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n")


def install(folder: Path) -> Path:
    """Install the preview in a folder for the codec that it was trained for, replacing its last one.

    Returns:
        The folder where it is now.

    Raises:
        CodecError: when it is damaged, or cannot be written.
    """
    config, weights = _read(folder)
    target = _place_of(config.space)
    try:
        save_preview(private.make(target), config, weights)
    except OSError as error:
        reason, remedy = os_error_reason(error, target)
        raise CodecError(f"the preview cannot be written to {target}: {reason}", remedy) from error
    return target


def _place_of(space: str) -> Path:
    return paths.previews_dir() / hashlib.sha256(space.encode()).hexdigest()[:32]


def _read(folder: Path) -> tuple[PreviewConfig, dict[str, Array]]:
    """What a preview is for, and its weights, checked."""
    path = folder / CONFIG_NAME
    try:
        saved = msgspec.json.decode(bounded.read(path, MAX_CONFIG_BYTES), type=_Saved)
        if saved.format != FORMAT or saved.version != FORMAT_VERSION:
            raise CodecError(f"{path} has another format or version")
        model = saved.preview.model
        weights = checked_weights(folder / WEIGHTS_NAME, model, decoder_shapes(model), saved.weights_sha256)
    except OSError as error:
        reason, _ = os_error_reason(error, folder)
        raise CodecError(f"the preview in {folder} cannot be read: {reason}", _AGAIN) from error
    except CodecError as error:
        raise CodecError(f"the preview cannot be used: {error.problem}", _AGAIN) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"the preview cannot be used: {path}: {error}", _AGAIN) from error
    return saved.preview, weights
