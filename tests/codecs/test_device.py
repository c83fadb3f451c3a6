"""Capabilities of devices."""

from __future__ import annotations

import pytest
import torch

from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.device import decoder_arithmetic, default_device, native_bf16, resolve


@pytest.mark.parametrize(("bf16", "amx", "native"), [(True, False, True), (False, True, True), (False, False, False)])
def test_a_processor_that_torch_knows_is_asked(
    bf16: bool, amx: bool, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    _unlimited(monkeypatch)
    assert native_bf16(torch.device("cpu")) is native


def _unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("capability", "variable", "limit", "native"),
    [
        ("AVX2", "ONEDNN_MAX_CPU_ISA", "", False),
        ("AVX512", "ONEDNN_MAX_CPU_ISA", "avx512_core_bf16", True),
        ("AVX512", "ONEDNN_MAX_CPU_ISA", "AVX512_CORE", False),
        ("AVX512", "DNNL_MAX_CPU_ISA", "AVX2", False),
    ],
)
def test_limits_of_the_environment_are_those_of_the_processor(
    capability: str, variable: str, limit: str, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    _unlimited(monkeypatch)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setenv(variable, limit)
    assert native_bf16(torch.device("cpu")) is native


def test_without_torchs_private_functions_a_processor_has_no_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not native_bf16(torch.device("cpu"))


def test_what_auto_comes_to_is_known_with_the_kind_of_device() -> None:
    """Both are part of identities: results of two kinds of devices differ in their last bits."""
    auto = Computation()
    assert (auto.arithmetic, auto.device_kind, auto.summary) == (None, None, "")
    found, device = resolve(auto), default_device()
    assert found.device_kind == device.type
    assert found.arithmetic == decoder_arithmetic(device, "auto")
    assert found.summary == f"{found.arithmetic} on {device.type}"
    assert found.requested == auto


@pytest.mark.parametrize(
    ("capability", "allowed", "expected"), [((8, 0), True, "tf32"), ((8, 0), False, "fp32"), ((7, 5), True, "fp32")]
)
def test_tf32_is_a_precision_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], allowed: bool, expected: str
) -> None:
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_options: False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    assert decoder_arithmetic(gpu, "fp32") == decoder_arithmetic(gpu, "auto") == expected
    assert decoder_arithmetic(gpu, "fp16") == "fp16"
    assert decoder_arithmetic(torch.device("cpu"), "fp32") == "fp32"
