"""The usage examples of the reference package's README, with only the import line changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lincae_studio import Autoencoder  # the changed line
from lincae_studio.codecs.lincae import pretrained
from tests.codecs.hub import import_folder
from tests.codecs.lincae.models import small_model


@pytest.fixture(autouse=True)
def _public_models(tmp_path: Path) -> None:
    """Small models under the public ids, as if they had been downloaded."""
    pretrained.save_official(small_model(), tmp_path / "official")
    for model_id in ("lin-cae", "lin-cae-2"):
        import_folder(tmp_path / "official", model_id)


def test_loading_a_pretrained_model() -> None:
    model_id = "lin-cae"
    model = Autoencoder.from_pretrained(model_id)

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.eval().to(device)

    assert model.scale_factor == 33.0
    assert model.device.type == device.type


def test_another_scale_factor() -> None:
    model = Autoencoder.from_pretrained("lin-cae-2", scale_factor=20.0)

    assert model.scale_factor == 20.0


def test_encoding_and_decoding_audio() -> None:
    model = Autoencoder.from_pretrained("lin-cae")
    device = model.device
    audio_tensor = torch.randn(1, 44100 * 2).to(device)

    z = model.encode(audio_tensor)
    reconstructed_audio = model.decode(z, full_length=audio_tensor.shape[-1])

    assert z.shape == (1, 64, model.get_latent_size(44100 * 2))
    assert reconstructed_audio.shape == audio_tensor.shape


@pytest.mark.slow
def test_long_files_and_batches() -> None:
    model = Autoencoder.from_pretrained("lin-cae", max_chunk_size=44100 * 10, overlap_percentage=0.25, max_batch_size=8)
    device = torch.device("cpu")
    model.to(device)

    long_audio_tensor_1 = torch.randn(1, 44100 * 12).to(device)
    long_audio_tensor_2 = torch.randn(1, 44100 * 12).to(device)
    z_chunked_1 = model.encode(long_audio_tensor_1)
    z_chunked_2 = model.encode(long_audio_tensor_2)

    assert z_chunked_1.ndim == 4

    z_chunked = z_chunked_1 + z_chunked_2

    reconstructed_mix = model.decode(z_chunked, full_length=long_audio_tensor_1.shape[-1])

    assert reconstructed_mix.shape == long_audio_tensor_1.shape
    assert torch.isfinite(reconstructed_mix).all()
