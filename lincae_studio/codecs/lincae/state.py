"""State dicts of the reference package, which contain the encoder twice once a model has encoded something."""

from __future__ import annotations

from collections.abc import MutableMapping

import torch
from torch import Tensor, nn

from lincae_studio.errors import CodecError

_COPY = "encoder."
_ORIGINAL = "generator.encoder."


def drop_duplicates(state: MutableMapping[str, Tensor], prefix: str = "") -> None:
    """Remove the keys `encoder.*` that repeat `generator.encoder.*`, where all elements of both are in memory.

    Raises:
        CodecError: when they have other values, so that it is not clear which ones to use.
    """
    for key in [key for key in state if key.startswith(prefix + _COPY)]:
        original = prefix + _ORIGINAL + key.removeprefix(prefix + _COPY)
        if original not in state or not _is_stored(state[key]) or not _is_stored(state[original]):
            continue
        if not torch.equal(state[key].cpu(), state[original].cpu()):
            raise CodecError(f"the weights {key} and {original} differ", "Save the model again, or remove one of them")
        del state[key]


def _is_stored(value: Tensor) -> bool:
    """Whether all elements are in memory; an expanded tensor repeats a few."""
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def drop_duplicates_hook(module: nn.Module, state: MutableMapping[str, Tensor], prefix: str, *_: object) -> None:
    """`drop_duplicates` for `register_load_state_dict_pre_hook`."""
    drop_duplicates(state, prefix)
