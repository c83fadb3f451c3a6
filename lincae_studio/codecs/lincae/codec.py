"""A Lin-CAE model as a codec of the studio: numpy at its interface, noise by absolute frame. Engine process."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.device import chosen_device, resolve
from lincae_studio.codecs.lincae.folder import ModelFolder
from lincae_studio.codecs.lincae.gpu import LARGEST_BATCH, fitting_batch
from lincae_studio.codecs.lincae.model import ConsistencyAutoencoder
from lincae_studio.codecs.lincae.pretrained import open_model


class LinCaeCodec:
    """`Codec` implemented with a `ConsistencyAutoencoder`."""

    def __init__(self, info: CodecInfo, model: ConsistencyAutoencoder) -> None:
        self._info = info
        self._model = model
        self._silence: dict[int, Array] = {}

    @property
    def info(self) -> CodecInfo:
        return self._info

    @property
    def batch(self) -> int:
        return self._model.max_batch_size

    @property
    def model(self) -> ConsistencyAutoencoder:
        return self._model

    @torch.no_grad()
    def encode(self, audio: Array) -> Array:
        return self._model.encode(audio).cpu().numpy()

    @torch.no_grad()
    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        return self._model.decode_windows(latents, first_frames, seed).cpu().numpy()

    @torch.no_grad()
    def silence(self, frames: int) -> Array:
        if frames not in self._silence:
            silence = self._model.silence_latent(frames).cpu().numpy()
            silence.setflags(write=False)
            self._silence[frames] = silence
        return self._silence[frames]


def load_codec(folder: ModelFolder, codec_id: str, computation: Computation) -> LinCaeCodec:
    """Load a model for the studio, on the chosen device or the best one available.

    Raises:
        CodecError: when the weights are damaged or do not fit, or the precision needs another device.
        UsageError: when the device does not exist or is not available.
    """
    device = chosen_device(computation.device)
    computation = resolve(computation)
    info = folder.info(codec_id, computation)
    assert folder.scale_factor is not None  # else `info` would have raised an error
    model = open_model(
        ConsistencyAutoencoder,
        folder,
        scale_factor=folder.scale_factor,
        precision=computation.precision,
        tiles=computation.tiles,
        name=codec_id,
    )
    model.to(device)
    model.max_batch_size = _batch(model, info.chunk_frames, device)
    return LinCaeCodec(info, model)


def _batch(model: ConsistencyAutoencoder, frames: int, device: torch.device) -> int:
    """Windows per forward pass. A GPU is faster in batches; a CPU is not (measured), and one window is heard sooner."""
    if device.type != "cuda":
        return 1 if device.type == "cpu" else LARGEST_BATCH
    generator = model.config.generator
    values = generator.widths[0] * 2 * generator.hop * frames * generator.time_factor
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return fitting_batch(free_bytes, values * model.arithmetic("decoder").itemsize)
