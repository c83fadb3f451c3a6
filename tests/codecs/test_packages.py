"""What needs torch or the hub's client says so in one line where they are missing or broken; all else works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lincae_studio.cli import run
from lincae_studio.codecs import packages
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.errors import CodecError
from tests.codecs.hub import import_folder
from tests.codecs.lincae.models import small_model
from tests.helpers import noise, write_audio


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """The id of an installed codec of the neural kind."""
    pretrained.save_official(small_model(), tmp_path / "model")
    import_folder(tmp_path / "model", "mine", scale_factor=1.0)
    return "mine"


@pytest.fixture
def without_torch(installed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize(
    "command",
    [
        "mix STEM --codec mine -o OUT",
        "encode STEM --codec mine -o LATENTS",
        "evaluate mine STEM",
        "codecs download lin-cae",
        "codecs import MODEL --id other --scale-factor 1",
        "codecs convert MODEL OUT --scale-factor 1",
        "train --preset mini --data synth --out OUT",
        "bench codec",
        "bench training",
    ],
)
def test_what_needs_torch_says_so(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stem = write_audio(tmp_path / "stem.wav", noise(1, 9_000))
    names = {"STEM": stem, "MODEL": tmp_path / "model", "OUT": tmp_path / "out.wav"}
    names["LATENTS"] = tmp_path / "out.safetensors"
    assert run([str(names.get(part, part)) for part in command.split()]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: neural codecs need torch, which is not installed. Install it with ")
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.usefixtures("without_torch")
def test_all_else_works_without_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stem = write_audio(tmp_path / "stem.wav", noise(1, 9_000))
    assert run(["mix", str(stem), "-o", str(tmp_path / "mix.wav")]) == 0
    assert run(["codecs", "list"]) == 0
    assert "mine" in capsys.readouterr().out, "its info needs no torch"
    assert run(["codecs", "show", "mine"]) == 0
    assert run(["codecs", "remove", "mine"]) == 0


def test_a_broken_package_is_named_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halfthere.py").write_text("raise OSError('libhalf.so: cannot open shared object file\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CodecError) as caught:
        packages.require("json", "halfthere")
    assert caught.value.problem == (
        "neural codecs need halfthere, which does not work here: libhalf.so: cannot open shared object file"
    )
    packages.require_installed("halfthere")
    with pytest.raises(CodecError, match="need nowhere, which is not installed"):
        packages.require_installed("nowhere")


def test_what_to_do_depends_on_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def remedy() -> str:
        with pytest.raises(CodecError) as caught:
            packages.require("nowhere")
        return caught.value.remedy

    monkeypatch.setattr(sys, "executable", "/opt/python")
    assert remedy().startswith("Install it with /opt/python -m pip install --force-reinstall nowhere")
    monkeypatch.setattr(sys, "prefix", "/home/me/.local/share/uv/tools/lincae-studio")
    assert "uv tool install" in remedy()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "Session > Codec > Add Neural Codecs" in remedy()


def test_what_only_some_codecs_need_is_installed_by_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(CodecError, match="need diffusers, which is not installed") as error:
        packages.require("diffusers")
    assert "-m pip install 'lincae-studio[diffusers]'" in str(error.value.remedy)
