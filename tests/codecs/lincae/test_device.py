"""Capabilities of devices."""

from __future__ import annotations

import pytest
import torch

from lincae_studio.codecs.lincae.device import native_bf16


@pytest.mark.parametrize(("bf16", "amx", "native"), [(True, False, True), (False, True, True), (False, False, False)])
def test_a_processor_that_torch_knows_is_asked(
    bf16: bool, amx: bool, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert native_bf16(torch.device("cpu")) is native


def test_without_torchs_private_functions_a_processor_has_no_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not native_bf16(torch.device("cpu"))
