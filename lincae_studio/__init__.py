"""LinCAE Studio: a multitrack editor whose mixer works in the latent space of an audio autoencoder.

Importing the package alone loads none of Qt, torch and numpy; `from lincae_studio import Autoencoder` loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lincae_studio.codecs.lincae.autoencoder import Autoencoder

__all__ = ["Autoencoder", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load the Python interface on first access (PEP 562)."""
    if name == "Autoencoder":
        from lincae_studio.codecs.lincae.autoencoder import Autoencoder

        return Autoencoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
