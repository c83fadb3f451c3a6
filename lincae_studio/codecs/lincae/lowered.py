"""A network in another arithmetic: a copy that can tell whether its weights have changed, or one with gradients.

A copy, since autocast would convert all weights in every call and run norms in float32, limited by memory. A copy in
float32 shares its weights with the network.
"""

from __future__ import annotations

import torch
from torch import nn

from lincae_studio.codecs.lincae.blocks import GroupNorm, Upsample
from lincae_studio.codecs.lincae.gpu import Graphs
from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.codecs.tiles import Conv2d, has_library

#: Transformed weights of convolutions that a copy keeps, in values; those of others are transformed in each call.
_MOST_POINTS = 1 << 26


class Lowered:
    """A copy of a network in reduced precision or by tiles, and the state of the weights that it was made from.

    Args:
        tiles: channels from which on convolutions are computed by tiles, or 0.
        kernels: whether norms are computed by kernels of our own; on CUDA, runs are recorded, too: see `gpu`.

    Attributes:
        graphs: what runs it on CUDA; None if it just runs. They refer to its weights, and go with it.
    """

    def __init__(
        self, network: UNet, dtype: torch.dtype, weights: list[nn.Parameter], tiles: int = 0, kernels: bool = False
    ) -> None:
        with torch.device("meta"):
            copy = UNet(network.config)
        lowered = {key: weight.to(dtype) for key, weight in network.state_dict().items()}
        copy.load_state_dict(lowered, assign=True)
        self.network = copy.requires_grad_(False).eval()
        left = _MOST_POINTS
        of_squares = {module.c for module in copy.modules() if isinstance(module, Upsample) and not has_library()}
        for module in copy.modules():
            if isinstance(module, Conv2d):
                module.by_tiles = 0 < tiles <= min(module.in_channels, module.out_channels)
                points = 4 * module.weight.numel() * (4 if module in of_squares else 1)
                module.keeps_points = module.by_tiles and points <= left
                left -= points if module.keeps_points else 0
            elif isinstance(module, GroupNorm):
                module.by_kernels = kernels
        self.graphs = Graphs() if kernels and weights[0].device.type == "cuda" else None
        self._weights = weights  # kept alive, so that no other tensor gets the id of one of them
        self._made_from = self._state(weights)

    def is_of(self, weights: list[nn.Parameter]) -> bool:
        """Whether the copy was made from these weights, with the values that they have now."""
        return self._made_from == self._state(weights)

    @staticmethod
    def _state(weights: list[nn.Parameter]) -> object:
        return [(id(weight), weight.data_ptr(), _version(weight)) for weight in weights]


def with_gradients(network: UNet, dtype: torch.dtype) -> UNet:
    """A network that computes with the weights rounded to `dtype`; its gradients reach the original weights."""
    with torch.device("meta"):
        copy = UNet(network.config)
    for name, weight in network.named_parameters():
        owner, _, own_name = name.rpartition(".")
        module = copy.get_submodule(owner)
        delattr(module, own_name)
        setattr(module, own_name, weight.to(dtype))
    return copy.train(network.training)


def _version(weight: nn.Parameter) -> object:
    """Changes with every in-place modification. Always differs if torch does not track them, so copies are remade."""
    if weight.is_inference():  # these have no version
        return None
    return getattr(weight, "_version", object())
