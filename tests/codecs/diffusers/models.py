"""Autoencoders of diffusers with random weights, saved by diffusers itself: real strides and kernels, narrow layers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import msgspec
import torch

from lincae_studio.codecs.diffusers.config import CLASSES
from lincae_studio.codecs.diffusers.network import build

_OOBLECK: dict[str, Any] = {
    "encoder_hidden_size": 8,
    "channel_multiples": [1, 1, 1, 2, 2],
    "decoder_channels": 4,
    "decoder_input_channels": 4,
}

#: Class and options of each: those of the public models, with narrow layers.
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "stable-audio": ("AutoencoderOobleck", _OOBLECK),
    "ace-step": (
        "AutoencoderOobleck",
        {**_OOBLECK, "downsampling_ratios": [2, 4, 4, 6, 10], "sampling_rate": 48_000},
    ),
    "kvae": (
        "AutoencoderKLKVAEAudio",
        {"encoder_dim": 2, "latent_dim": 16, "codebook_dim": 4, "decoder_dim": 32, "attn_num_heads": 2},
    ),
    "same": (
        "AutoencoderSAME",
        {"encoder_channels": 16, "encoder_c_mults": [2], "latent_dim": 8, "dim_heads": 16, "ff_mult": 2},
    ),
}


def small_network(name: str, seed: int = 0) -> Any:
    """One of `OPTIONS` as a network of diffusers, every branch of which can be heard."""
    kind, options = OPTIONS[name]
    torch.manual_seed(seed)
    network: Any = build(msgspec.convert(options, CLASSES[kind]))
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if key.endswith(("to_out.weight", "proj_out.weight")):  # these start as zero
                torch.nn.init.xavier_uniform_(parameter)
            elif key.endswith(("weight_g", "weight.original0")):  # otherwise biases drown the signal
                parameter.mul_(1.3)
    return network.eval()


def save(folder: Path, name: str, seed: int = 0) -> Path:
    """Write one of `OPTIONS` as diffusers does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small_network(name, seed).save_pretrained(folder, safe_serialization=True)
    return folder
