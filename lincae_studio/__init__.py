"""LinCAE Studio: a multitrack editor whose mixer works in the latent space of an audio autoencoder.

Importing the package alone loads none of Qt, torch and numpy; the Python interface (`from lincae_studio import
Autoencoder`) loads torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lincae_studio.codecs.lincae.autoencoder import Autoencoder, Autoencoder as AutoencoderInferenceModel
    from lincae_studio.codecs.lincae.diffusion import Diffusion
    from lincae_studio.codecs.lincae.unet import UNet

__all__ = ["Autoencoder", "AutoencoderInferenceModel", "Diffusion", "UNet", "__version__"]

__version__ = "0.1.0"

#: Modules in `codecs.lincae` and the names there.
_INTERFACE = {
    "Autoencoder": ("autoencoder", "Autoencoder"),
    "AutoencoderInferenceModel": ("autoencoder", "Autoencoder"),
    "Diffusion": ("diffusion", "Diffusion"),
    "UNet": ("unet", "UNet"),
}


def __getattr__(name: str) -> Any:
    """Load the Python interface on first access (PEP 562)."""
    if name in _INTERFACE:
        module, own_name = _INTERFACE[name]
        return getattr(importlib.import_module(f"lincae_studio.codecs.lincae.{module}"), own_name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
