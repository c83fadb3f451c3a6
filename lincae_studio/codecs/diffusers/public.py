"""Autoencoders on the Hugging Face hub whose folder, licence and size are known. No torch.

From the pages of the repositories. Stable Audio 3 (`AutoencoderSAME`) is not published in diffusers' format: its
checkpoints have to be converted with diffusers' own script, and imported.
"""

from __future__ import annotations

from lincae_studio.codecs.diffusers.config import Config, KvaeAudio, Oobleck
from lincae_studio.codecs.diffusers.folder import WEIGHTS_NAME
from lincae_studio.codecs.family import Download
from lincae_studio.codecs.library import CONFIG_NAME


def _download(codec_id: str, config: Config, **fields: object) -> Download:
    return Download(
        id=codec_id,
        files=(CONFIG_NAME, WEIGHTS_NAME),
        sample_rate=config.sample_rate,
        hop=config.hop,
        dim=config.dim,
        linearity="none",
        **fields,  # type: ignore[arg-type]
    )


DOWNLOADS = (
    _download(
        "stable-audio-open",
        Oobleck(),
        title="Stable Audio Open",
        description="The autoencoder of Stable Audio Open 1.0, for stereo",
        repository="stabilityai/stable-audio-open-1.0",
        subfolder="vae",
        bytes=624_000_000,
        licence="Stability AI Community License",
        licence_url="https://huggingface.co/stabilityai/stable-audio-open-1.0/blob/main/LICENSE.md",
        accept=True,
        gated=True,
    ),
    _download(
        "ace-step",
        Oobleck(downsampling_ratios=(2, 4, 4, 6, 10), sample_rate=48_000),
        title="ACE-Step 1.5",
        description="The autoencoder of ACE-Step 1.5, for stereo at 48 kHz",
        repository="ACE-Step/Ace-Step1.5",
        subfolder="vae",
        bytes=337_431_813,
        licence="MIT",
    ),
    _download(
        "kvae-audio",
        KvaeAudio(),
        title="KVAE-Audio",
        description="Autoencoder for mono at 48 kHz that attends over its whole window",
        repository="kandinskylab/KVAE-Audio",
        subfolder="diffusers",
        bytes=668_000_000,
        licence="MIT",
    ),
)
