"""The autoencoder of Stable Audio Open with the interface of the reference package's `baselines.StableAudioVAE`."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from lincae_studio.codecs import library
from lincae_studio.codecs.device import checked_device
from lincae_studio.codecs.diffusers import network
from lincae_studio.codecs.diffusers.folder import open_folder
from lincae_studio.errors import CodecError

#: Id of the installed codec that is loaded.
CODEC_ID = "stable-audio-open"


class StableAudioVAE(nn.Module):
    """Batches of mono audio `(B, N)` to latents `(B, D, T)`, and back to the first decoded channel.

    Differences from `linear-cae` 0.1.4: latents are the mode of the posterior instead of a sample of it; they are
    float32 with mixed precision, too; weights are those of the installed codec `stable-audio-open`, or of a folder.
    """

    name = "stable-audio-vae"

    def __init__(
        self,
        device: str | torch.device = "cuda",
        max_batch_size: float = math.inf,
        mixed_precision: bool = False,
        *,
        folder: str | PathLike[str] | None = None,
    ) -> None:
        """Load the weights.

        Args:
            device: `cpu`, `cuda` or `mps`.
            max_batch_size: windows that are decoded at once; default: all.
            mixed_precision: whether to compute in float16.
            folder: one that diffusers wrote, with `AutoencoderOobleck` or another supported class.

        Raises:
            CodecError: when the codec is not installed, its weights are damaged, or the device is not available.
        """
        super().__init__()
        path = library.codec_folder(CODEC_ID) if folder is None else Path(folder)
        if path is None:
            remedy = f"Download it with lincae-studio codecs download {CODEC_ID}, or pass a folder"
            raise CodecError(f"the codec “{CODEC_ID}” is not installed", remedy)
        place = checked_device(device)
        opened = open_folder(path)
        self.max_batch_size = max_batch_size
        self.mixed_precision = mixed_precision
        self.model: Any = network.cast(network.load(opened), torch.float16 if mixed_precision else torch.float32)
        self.model.to(place)
        self._channels = opened.config.channels
        self._sample_rate = opened.config.sample_rate

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self._sample_rate

    def encode(self, x: Tensor, extract_features: bool = False) -> Tensor:
        """Audio `(N,)`, `(B, N)` or `(B, C, N)` within ±1 to latents `(B, D, T)`; mono is given as equal channels.

        Raises:
            ValueError: with `extract_features`, as this model has none.
        """
        if extract_features:
            raise ValueError("the autoencoder of Stable Audio has no features to extract")
        if x.dim() == 1:
            x = x[None]
        if x.dim() == 2:
            x = x[:, None].expand(-1, self._channels, -1)
        return network.mode(self.model.encode(x.to(self.device, self.model.dtype))).float()

    def decode(self, z: Tensor, **_: object) -> Tensor:
        """Latents `(B, D, T)` to the first channel `(B, N)`. Further arguments have no effect."""
        size = min(len(z), self.max_batch_size)
        parts = torch.split(z.to(self.device, self.model.dtype), max(1, int(size)))
        return torch.cat([cast(Tensor, self.model.decode(part).sample[:, 0]).float() for part in parts])
