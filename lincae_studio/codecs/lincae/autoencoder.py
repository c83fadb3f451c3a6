"""`Autoencoder`, the public Python class, and loading it by id or from a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from os import PathLike
from typing import Self

import torch

from lincae_studio.codecs.lincae.model import ConsistencyAutoencoder
from lincae_studio.codecs.lincae.pretrained import load_pretrained
from lincae_studio.codecs.lincae.public import LAST
from lincae_studio.codecs.lincae.unet import Encoder
from lincae_studio.preferences import Precision


class NoAverage:
    """Stands for the moving average of a training module's weights where there is none."""

    @contextlib.contextmanager
    def average_parameters(self) -> Iterator[None]:
        """A context that changes nothing."""
        yield


class Autoencoder(ConsistencyAutoencoder):
    """The model with the interface of the reference package `linear-cae` 0.1.4; switching takes one import line.

    The manual ("Lin-CAE models in Python") has a table of its names, and of what differs on purpose.
    """

    #: For code that also evaluates training modules of the reference.
    ema = NoAverage()

    @property
    def encoder(self) -> Encoder:
        """The encoder, without frontend and scale factor."""
        return self.generator.encoder

    @classmethod
    def from_pretrained(
        cls,
        model_id: str | PathLike[str],
        ckpt_type: str = LAST,
        *,
        max_batch_size: int = 1,
        diffusion_steps: int = 1,
        mixed_precision: bool = False,
        enable_grad_denoise: bool = False,
        max_chunk_size: int | None = None,
        overlap_percentage: float = 0.25,
        scale_factor: float | None = None,
        precision: Precision = "fp32",
        device: str | torch.device | None = None,
        revision: str | None = None,
    ) -> Self:
        """Load a public model by id, or a local folder, in the official or the studio's format.

        A public model is loaded from the studio's codecs if installed, else from the hub's cache or the hub.

        Args:
            model_id: `m2l`, `lin-cae`, `lin-cae-2`, the name of a model's folder on the hub, or a local folder.
            ckpt_type: checkpoint of an official folder to load.
            scale_factor: overrides that of the model; required for official folders, which have none.
            device: `cpu`, `cuda` or `mps`; None for the CPU.
            revision: revision of the hub repository.

        The other options are those of the class. In particular it computes in 32 bits unless `precision` allows less.

        Raises:
            CodecError: for an unknown id, a missing file, weights that do not fit, a hub that cannot be reached, a
                device that is not available, or an option out of range.
        """
        return load_pretrained(
            cls,
            model_id,
            ckpt_type,
            revision,
            device,
            scale_factor,
            max_batch_size=max_batch_size,
            diffusion_steps=diffusion_steps,
            mixed_precision=mixed_precision,
            enable_grad_denoise=enable_grad_denoise,
            max_chunk_size=max_chunk_size,
            overlap_percentage=overlap_percentage,
            precision=precision,
        )
