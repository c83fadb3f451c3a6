"""The interface of Music2Latent-type models to the codec registry. Loads torch only with a model."""

from __future__ import annotations

from lincae_studio.codecs.base import Codec
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae.folder import ModelFolder, open_folder
from lincae_studio.codecs.lincae.public import PUBLIC_MODELS
from lincae_studio.codecs.packages import require

__all__ = ["PUBLIC_MODELS", "ModelFolder", "load", "open_folder", "resolved"]


def resolved(computation: Computation) -> Computation:
    """With the arithmetic that the device and precision come to. Raises like `load`."""
    require("torch")
    from lincae_studio.codecs.lincae.codec import resolve

    return resolve(computation)


def load(folder: ModelFolder, codec_id: str, computation: Computation) -> Codec:
    """Load the codec in a model folder. Raises `CodecError` when its weights are damaged, or torch is missing."""
    require("torch")
    from lincae_studio.codecs.lincae.codec import load_codec

    return load_codec(folder, codec_id, computation)
