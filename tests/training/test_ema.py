"""The average of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lincae_studio.training.ema import Ema


def test_it_follows_by_its_decay_which_rises_from_little() -> None:
    net = nn.Linear(3, 2)
    ema = Ema(net, decay=0.5)
    expected = net.weight.detach().clone()
    for updates, decay in enumerate((2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15, 7 / 16, 8 / 17, 9 / 18, 0.5, 0.5)):
        with torch.no_grad():
            net.weight.add_(1.0)
        ema.update(net, updates)
        expected = decay * expected + (1 - decay) * net.weight.detach()
    torch.testing.assert_close(ema.net.weight, expected)


def test_it_is_a_copy_that_does_not_learn() -> None:
    net = nn.Linear(3, 2)
    ema = Ema(net, decay=0.9)
    assert ema.net.weight is not net.weight
    assert not any(parameter.requires_grad for parameter in ema.parameters())
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert ema.state_dict().keys() == {"net.weight", "net.bias"}


@pytest.mark.parametrize("updates", [0, 5, 100_000])
def test_equal_weights_stay_as_they_are(updates: int) -> None:
    net = nn.Linear(3, 2)
    ema = Ema(net, decay=0.9999)
    ema.update(net, updates)
    assert torch.equal(ema.net.weight, net.weight)
