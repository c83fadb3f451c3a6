"""LinCAE Studio: a multitrack editor whose mixer works in the latent space of an audio autoencoder.

Importing the package alone loads none of Qt, torch and numpy. The Python interface is loaded when it is first used:
sessions (`import lincae_studio as ls`, `ls.open`, `ls.Session`) load numpy, and `Autoencoder` torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lincae_studio.codecs.lincae.autoencoder import Autoencoder, Autoencoder as AutoencoderInferenceModel
    from lincae_studio.codecs.lincae.diffusion import Diffusion
    from lincae_studio.codecs.lincae.unet import UNet
    from lincae_studio.errors import StudioError
    from lincae_studio.session.levels import db_to_gain, gain_to_db
    from lincae_studio.studio.audio import Audio
    from lincae_studio.studio.dataset import Dataset, open_dataset
    from lincae_studio.studio.engine import Engine, StudioWarning
    from lincae_studio.studio.figures import Evaluation, Linearity
    from lincae_studio.studio.latents import Latents, load_latents
    from lincae_studio.studio.session import Session
    from lincae_studio.studio.tracks import Clip, Track

    open = Session.open

__all__ = [
    "Audio",
    "Autoencoder",
    "AutoencoderInferenceModel",
    "Clip",
    "Dataset",
    "Diffusion",
    "Engine",
    "Evaluation",
    "Latents",
    "Linearity",
    "Session",
    "StudioError",
    "StudioWarning",
    "Track",
    "UNet",
    "__version__",
    "db_to_gain",
    "gain_to_db",
    "load_latents",
    "open",
    "open_dataset",
]

__version__ = "0.1.0"

#: Names of the Python interface: module and name there.
_INTERFACE = {
    "Autoencoder": ("codecs.lincae.autoencoder", "Autoencoder"),
    "AutoencoderInferenceModel": ("codecs.lincae.autoencoder", "Autoencoder"),
    "Diffusion": ("codecs.lincae.diffusion", "Diffusion"),
    "UNet": ("codecs.lincae.unet", "UNet"),
    "Audio": ("studio.audio", "Audio"),
    "Clip": ("studio.tracks", "Clip"),
    "Dataset": ("studio.dataset", "Dataset"),
    "Engine": ("studio.engine", "Engine"),
    "Evaluation": ("studio.figures", "Evaluation"),
    "Latents": ("studio.latents", "Latents"),
    "Linearity": ("studio.figures", "Linearity"),
    "Session": ("studio.session", "Session"),
    "StudioError": ("errors", "StudioError"),
    "StudioWarning": ("studio.engine", "StudioWarning"),
    "Track": ("studio.tracks", "Track"),
    "db_to_gain": ("session.levels", "db_to_gain"),
    "gain_to_db": ("session.levels", "gain_to_db"),
    "load_latents": ("studio.latents", "load_latents"),
    "open": ("studio.session", "Session.open"),
    "open_dataset": ("studio.dataset", "open_dataset"),
}


def __getattr__(name: str) -> Any:
    """Load a name of the Python interface on first access (PEP 562)."""
    if name in _INTERFACE:
        module, path = _INTERFACE[name]
        found: Any = importlib.import_module(f"lincae_studio.{module}")
        for part in path.split("."):
            found = getattr(found, part)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
