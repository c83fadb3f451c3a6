"""A reduced-precision copy of a network, which can tell whether its original weights have changed."""

from __future__ import annotations

import torch
from torch import nn

from lincae_studio.codecs.lincae.unet import UNet


class Lowered:
    """A copy of the generator in reduced precision, and the state of the weights it was made from."""

    def __init__(self, network: UNet, dtype: torch.dtype, weights: list[nn.Parameter]) -> None:
        self.network = network
        self._weights = weights  # kept alive, so that no other tensor gets the id of one of them
        self._made_from = self._state(dtype, weights)

    def is_of(self, dtype: torch.dtype, weights: list[nn.Parameter]) -> bool:
        return self._made_from == self._state(dtype, weights)

    @staticmethod
    def _state(dtype: torch.dtype, weights: list[nn.Parameter]) -> object:
        return dtype, [(id(weight), weight.data_ptr(), _version(weight)) for weight in weights]


def _version(weight: nn.Parameter) -> object:
    """Changes with every in-place modification. Always differs if torch does not track them, so copies are remade."""
    if weight.is_inference():  # these have no version
        return None
    return getattr(weight, "_version", object())
