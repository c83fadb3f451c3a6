"""The exponential moving average of a network's weights: what is evaluated and exported."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

Net = TypeVar("Net", bound=nn.Module)


class Ema(nn.Module, Generic[Net]):
    """A copy of a network that follows it. It is a submodule, so it is saved, loaded and moved with its owner."""

    def __init__(self, net: Net, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.net: Net = copy.deepcopy(net).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, net: Net, updates: int) -> None:
        """Move towards `net` after `updates` updates before: the decay rises as (2 + updates) / (11 + updates), so that
        the random start is soon forgotten."""
        decay = min(self.decay, (2 + updates) / (11 + updates))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(list(self.net.parameters()), list(net.parameters()), updates)
