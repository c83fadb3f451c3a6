"""`baselines.StableAudioVAE` against that of the reference package, with the same weights."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lincae_studio.baselines import StableAudioVAE
from lincae_studio.errors import CodecError
from tests.codecs.diffusers.models import save, small_network
from tests.codecs.hub import import_folder
from tests.parity.reference import load_reference

SAMPLES = 6 * 2048


class Pretransform(nn.Module):
    """Stands for the model of stable-audio-tools, which is not installed: the same network, with its interface."""

    def __init__(self) -> None:
        super().__init__()
        self.network = small_network("stable-audio")

    def encode(self, audio: Tensor) -> Tensor:
        latents: Tensor = self.network.encode(audio).latent_dist.mode()
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        audio: Tensor = self.network.decode(latents).sample
        return audio


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    tools: Any = ModuleType("stable_audio_tools")
    tools.get_pretrained_model = lambda _name: (SimpleNamespace(pretransform=Pretransform()), {})
    monkeypatch.setitem(sys.modules, "stable_audio_tools", tools)
    return load_reference("linear_cae.baselines").StableAudioVAE(device="cpu", max_batch_size=2)


@pytest.fixture
def ours(tmp_path: Path) -> StableAudioVAE:
    return StableAudioVAE("cpu", 2, folder=save(tmp_path / "vae", "stable-audio"))


@pytest.mark.parametrize("shape", [(SAMPLES,), (1, SAMPLES), (3, SAMPLES), (3, 2, SAMPLES)])
@torch.no_grad()
def test_the_same_calls_give_the_same_numbers(reference: Any, ours: StableAudioVAE, shape: tuple[int, ...]) -> None:
    audio = 0.2 * torch.randn(shape, generator=torch.Generator().manual_seed(1))
    latents = ours.encode(audio)
    assert torch.allclose(latents, reference.encode(audio), atol=1e-5)
    assert latents.shape == (shape[0] if len(shape) > 1 else 1, 4, 6)
    decoded = ours.decode(latents, full_length=SAMPLES)
    assert torch.allclose(decoded, reference.decode(latents, full_length=SAMPLES), atol=1e-5)
    assert (ours.name, ours.sample_rate, ours.device) == (reference.name, reference.sample_rate, reference.device)
    with pytest.raises(ValueError, match="feature"):
        reference.encode(audio, extract_features=True)
    with pytest.raises(ValueError, match="feature"):
        ours.encode(audio, extract_features=True)


def test_the_installed_codec_is_loaded_by_default(tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="not installed"):
        StableAudioVAE("cpu")
    import_folder(save(tmp_path / "vae", "stable-audio"), "stable-audio-open")
    model = StableAudioVAE("cpu")
    assert model.max_batch_size == math.inf
    assert model.decode(model.encode(torch.zeros(2, SAMPLES))).shape == (2, SAMPLES)


def test_gradients_reach_the_audio(ours: StableAudioVAE) -> None:
    audio = torch.zeros(1, SAMPLES).requires_grad_()
    ours.decode(ours.encode(audio)).square().sum().backward()
    assert audio.grad is not None
    assert audio.grad.abs().max() > 0.0
