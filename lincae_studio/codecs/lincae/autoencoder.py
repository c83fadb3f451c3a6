"""`Autoencoder`, the public Python class, and loading it by id or from a folder."""

from __future__ import annotations

from os import PathLike
from typing import Self

import torch

from lincae_studio.codecs.lincae.model import ConsistencyAutoencoder
from lincae_studio.codecs.lincae.pretrained import load_pretrained
from lincae_studio.codecs.lincae.public import LAST
from lincae_studio.preferences import Precision


class Autoencoder(ConsistencyAutoencoder):
    """The model with the interface of the reference package `linear-cae` 0.1.4; switching takes one import line."""

    @classmethod
    def from_pretrained(
        cls,
        model_id_or_path: str | PathLike[str],
        ckpt_type: str = LAST,
        *,
        scale_factor: float | None = None,
        max_chunk_size: int | None = None,
        overlap_percentage: float = 0.25,
        max_batch_size: int = 1,
        device: str | torch.device | None = None,
        precision: Precision = "auto",
        mixed_precision: bool = False,
        revision: str | None = None,
    ) -> Self:
        """Load a public model by id, or a local folder, in the official or the studio's format.

        A public model is loaded from the studio's codecs if installed, else from the hub's cache or the hub.

        Args:
            model_id_or_path: `m2l`, `lin-cae`, `lin-cae-2`, or a folder.
            ckpt_type: checkpoint of an official folder to load.
            scale_factor: overrides that of the model; required for official folders, which have none.
            device: `cuda`, `mps` or `cpu`; None for the first of them that is available.
            revision: revision of the hub repository.

        The other options are those of the class.

        Raises:
            CodecError: for an unknown id, a missing file, weights that do not fit, a hub that cannot be reached, a
                device that is not available, or an option out of range.
        """
        return load_pretrained(
            cls,
            model_id_or_path,
            ckpt_type,
            revision,
            device,
            scale_factor,
            max_chunk_size=max_chunk_size,
            overlap_percentage=overlap_percentage,
            max_batch_size=max_batch_size,
            precision=precision,
            mixed_precision=mixed_precision,
        )
