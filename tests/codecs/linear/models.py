"""Linear codecs and previews with random weights, through which every path of the decoder is heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import AUTO
from lincae_studio.codecs.linear.codec import LinearCodec, load_codec
from lincae_studio.codecs.linear.config import LinearConfig, decoder_shapes, shapes
from lincae_studio.codecs.linear.folder import LinearFolder, save_folder
from lincae_studio.codecs.linear.preview import PreviewConfig, install, save_preview

SMALL = LinearConfig(hop=64, exact=6, sketched=4, width=16, blocks=2, kernel=3, pairs=8, level_frames=5)


def random_weights(config: LinearConfig, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    weights = {name: rng.normal(0.0, 0.3, shape).astype(np.float32) for name, shape in shapes(config).items()}
    if config.blocks:
        weights["scale"] = np.abs(weights["scale"]) + np.float32(0.1)
        weights["hardness"] = np.abs(weights["hardness"])
    return weights


def save(folder: Path, config: LinearConfig = SMALL, seed: int = 0) -> LinearFolder:
    folder.mkdir(exist_ok=True)
    return save_folder(folder, config, random_weights(config, seed), title="Small", description="Random weights")


def small_codec(folder: Path, config: LinearConfig = SMALL, seed: int = 0) -> LinearCodec:
    return load_codec(save(folder, config, seed), "small", AUTO)


def preview_config(info: CodecInfo, bins: int, **sizes: int) -> PreviewConfig:
    model = LinearConfig(
        sample_rate=info.sample_rate, hop=info.hop, exact=0, sketched=info.dim,
        **{"width": 16, "blocks": 1, "kernel": 3, "pairs": 8, "level_frames": 5, **sizes},
    )  # fmt: skip
    return PreviewConfig(space=info.latent_space, window_extra=info.window_extra, bins=bins, model=model)


def weights_for(config: PreviewConfig, seed: int = 0) -> dict[str, Array]:
    weights = random_weights(config.model, seed)
    return {name: weights[name] for name in decoder_shapes(config.model)}


def save_preview_for(info: CodecInfo, folder: Path, bins: int = 64) -> Path:
    folder.mkdir(exist_ok=True)
    config = preview_config(info, bins)
    save_preview(folder, config, weights_for(config))
    return folder


def install_preview_for(info: CodecInfo, folder: Path) -> Path:
    """Save a preview to a folder, and install it. Returns the place where it is now."""
    return install(save_preview_for(info, folder))
