"""An audio autoencoder of diffusers as a codec of the studio: numpy at its interface. Engine process.

Nothing is drawn at random: the latents are the mode of the posterior, as the encoder gives them, without the factor
with which diffusion models scale them. A codec for stereo gets a mono signal as two equal channels, and the result is
the mean of the two channels that it decodes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.batches import in_batches
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.device import chosen_device, resolve
from lincae_studio.codecs.diffusers import network
from lincae_studio.codecs.diffusers.folder import DiffusersFolder

#: Windows per forward pass, halved where memory runs out. A CPU gains nothing from more, and one is heard sooner.
_CPU_BATCH, _GPU_BATCH = 1, 8

_DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class DiffusersCodec:
    """`Codec` implemented with a network of diffusers."""

    def __init__(
        self, info: CodecInfo, encoder: nn.Module, decoder: nn.Module, *, channels: int, device: torch.device
    ) -> None:
        """`encoder`, `decoder`: whole networks, which may differ in precision; `channels`: of their audio."""
        self._info = info
        self._encoder: Any = encoder
        self._decoder: Any = decoder
        self._device = device
        self.channels = channels
        self._silence: dict[int, Array] = {}

    @property
    def info(self) -> CodecInfo:
        return self._info

    @property
    def batch(self) -> int:
        return _CPU_BATCH if self._device.type == "cpu" else _GPU_BATCH

    def encode(self, audio: Array) -> Array:
        """Windows `(B, T*hop)` to latents `(B, D, T)`."""
        return self.encode_channels(np.repeat(audio[:, None], self.channels, axis=1))

    def decode(self, latents: Array, *, first_frames: Sequence[int] = (), seed: int = 0) -> Array:
        """Latents `(B, D, T)` to windows `(B, T*hop)`; deterministic, so frame numbers and seed have no effect."""
        return self.decode_channels(latents).mean(axis=1)

    def silence(self, frames: int) -> Array:
        if frames not in self._silence:
            silence = self.encode(np.zeros((1, self._info.window_samples(frames)), np.float32))[0]
            silence.setflags(write=False)
            self._silence[frames] = silence
        return self._silence[frames]

    def encode_channels(self, audio: Array) -> Array:
        """Windows `(B, C, T*hop)` with the channels of the network to latents `(B, D, T)`."""
        return self._in_batches(audio, lambda batch: network.mode(self._encoder.encode(batch.to(self._encoder.dtype))))

    def decode_channels(self, latents: Array) -> Array:
        """Latents `(B, D, T)` to windows `(B, C, T*hop)` with the channels of the network."""
        return self._in_batches(latents, lambda batch: self._decoder.decode(batch.to(self._decoder.dtype)).sample)

    @torch.no_grad()
    def _in_batches(self, values: Array, forward: Callable[[Tensor], Tensor]) -> Array:
        rows = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        parts = in_batches(
            len(rows), self.batch, lambda part: forward(rows[part.start : part.stop].to(self._device)), self._device
        )
        return torch.cat([part.float().cpu() for _, part in parts]).numpy()


def load_codec(folder: DiffusersFolder, codec_id: str, computation: Computation) -> DiffusersCodec:
    """Load a model for the studio, on the chosen device or the best one available.

    Raises:
        CodecError: when the weights are damaged or do not fit, or the precision needs another device.
        UsageError: when the device does not exist or is not available.
    """
    computation = resolve(computation)
    info = folder.info(codec_id, computation)
    assert computation.arithmetic is not None
    device, dtype = chosen_device(computation.device), _DTYPES[computation.arithmetic]
    decoder = encoder = network.load(folder)
    if dtype is not torch.float32:
        # As with all codecs, the encoder computes in 32 bits unless less is asked for.
        decoder = network.cast(copy.deepcopy(encoder), dtype)
        encoder = encoder if computation.precision == "auto" else decoder
    return DiffusersCodec(info, encoder.to(device), decoder.to(device), channels=folder.config.channels, device=device)
