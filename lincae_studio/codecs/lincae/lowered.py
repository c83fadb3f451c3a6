"""A network's copy in fewer bits, and whether it still has the weights that it was made from."""

from __future__ import annotations

import torch
from torch import nn

from lincae_studio.codecs.lincae.unet import UNet


class Lowered:
    """The generator's copy in fewer bits, and what it was made from."""

    def __init__(self, network: UNet, dtype: torch.dtype, weights: list[nn.Parameter]) -> None:
        self.network = network
        self._weights = weights  # kept, so that no other tensor gets the identity of one of them
        self._made_from = self._state(dtype, weights)

    def is_of(self, dtype: torch.dtype, weights: list[nn.Parameter]) -> bool:
        return self._made_from == self._state(dtype, weights)

    @staticmethod
    def _state(dtype: torch.dtype, weights: list[nn.Parameter]) -> object:
        return dtype, [(id(weight), weight.data_ptr(), _version(weight)) for weight in weights]


def _version(weight: nn.Parameter) -> object:
    """Differs after every change in place. Where torch does not count them, no two calls agree: copies are remade."""
    if weight.is_inference():  # has no version
        return None
    return getattr(weight, "_version", object())
