"""Which instruction set the benchmark of codecs names."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lincae_studio.bench.codec import limited_isa
from lincae_studio.bench.machine import machine

LIMITED = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}


@pytest.mark.parametrize(
    ("processor", "used", "expected"),
    [
        ("avx512 bf16 amx", "AVX512", "avx512 bf16 amx"),
        ("avx512 bf16 amx", "AVX2", "avx2"),
        ("avx512", "AVX512", "avx512"),
        ("avx2", "AVX2", "avx2"),
        ("avx2", "DEFAULT", "generic"),
        ("neon bf16", "DEFAULT", "neon bf16"),
        ("arm64", "DEFAULT", "arm64"),
    ],
)
def test_it_is_the_processors_unless_torch_uses_less(
    processor: str, used: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    assert limited_isa(processor, used) == expected


@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
def test_it_has_no_bfloat16_where_convolutions_may_not_use_it(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "avx512_core")
    assert limited_isa("avx512 bf16 amx", "AVX512") == "avx512"
    assert limited_isa("avx512", "AVX512") == "avx512"
    monkeypatch.setenv(variable, "AVX512_CORE_AMX")
    assert limited_isa("avx512 bf16 amx", "AVX512") == "avx512 bf16 amx"


def test_the_benchmark_names_the_limited_set() -> None:
    if not str(machine()["isa"]).startswith("avx"):
        pytest.skip("only processors of Intel's kind can be limited")
    code = "import json; from lincae_studio.bench.codec import measure_codec as m; "
    code += "print(json.dumps(m(device='cpu', seconds=0.1, repeats=1, base_channels=8)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **LIMITED},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["isa"] == "avx2"
    assert figures["auto_decoder"] == "float32"
