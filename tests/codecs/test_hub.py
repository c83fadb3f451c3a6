"""Downloading the codecs of any family: folders of repositories, licences, tokens, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lincae_studio.cli import run
from lincae_studio.codecs import hub, install, library, registry
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.family import CodecFamily, Download
from lincae_studio.codecs.mdct import MDCT_1X
from lincae_studio.errors import CodecError
from tests.codecs.hub import LocalHub

DOWNLOAD = Download(
    id="parts",
    title="Parts",
    description="A codec in parts",
    repository="someone/parts",
    subfolder="vae",
    files=("config.json", "shards/weights.bin"),
    bytes=3 << 20,
    sample_rate=44_100,
    hop=256,
    dim=256,
    linearity="none",
    licence="Community License",
    licence_url="https://example.org/licence",
    accept=True,
    gated=True,
)


@dataclass
class PartsFolder:
    path: Path

    @property
    def weights_files(self) -> Sequence[Path]:
        return [self.path / "shards" / "weights.bin"]

    def info(self, codec_id: str, computation: Computation) -> CodecInfo:
        return replace(MDCT_1X, id=codec_id, identity="parts/1")

    def details(self) -> Mapping[str, object]:
        return {"parts": 1}


class PartsFamily(CodecFamily[PartsFolder]):
    name = "parts"
    downloads = (DOWNLOAD,)

    def recognises(self, names: frozenset[str], config: Mapping[str, Any]) -> bool:
        return config.get("kind") == "parts"

    def open(self, path: Path) -> PartsFolder:
        return PartsFolder(path)


@pytest.fixture(autouse=True)
def family(monkeypatch: pytest.MonkeyPatch) -> None:
    families = (*registry.families(packages=False), PartsFamily())
    monkeypatch.setattr(registry, "_ours", lambda: families)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalHub]:
    place = tmp_path / "hub" / "vae"
    (place / "shards").mkdir(parents=True)
    (place / "config.json").write_text(json.dumps({"kind": "parts"}))
    (place / "shards" / "weights.bin").write_bytes(b"weights" * 1000)
    with LocalHub(tmp_path / "hub").running() as running:
        running.token = "secret"
        yield running


def test_a_folder_of_a_gated_repository_is_downloaded_with_a_token(
    server: LocalHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    place = install.install_download("parts", endpoint=server.endpoint)
    assert (place / "shards" / "weights.bin").stat().st_size == 7000
    assert library.installed() == ("parts",)
    assert registry.family_of("parts").name == "parts"
    assert run(["codecs", "show", "parts"]) == 0
    assert "parts: 1" in capsys.readouterr().out
    asked = len(server.starts)
    assert install.install_download("parts", endpoint=server.endpoint) == place
    assert len(server.starts) == asked


@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_access_it_says_where_to_get_it(
    server: LocalHub, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(CodecError, match="only accounts that have accepted the licence") as caught:
        install.install_download("parts", endpoint=server.endpoint)
    assert "https://huggingface.co/someone/parts" in caught.value.remedy
    assert "hf auth login" in caught.value.remedy
    assert "config.json, shards/weights.bin" in caught.value.remedy
    assert "secret" not in str(caught.value)
    assert library.installed() == ()


def test_a_token_is_sent_to_gated_repositories_only(server: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    public = replace(DOWNLOAD, gated=False)
    with pytest.raises(CodecError, match="cannot be downloaded"):
        hub.fetch(public, library.download_folder("parts"), endpoint=server.endpoint)


def test_the_licence_is_shown_and_has_to_be_accepted(
    server: LocalHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    assert run(["codecs", "download", "parts"]) == 2
    err = capsys.readouterr().err
    assert "Community License; see https://example.org/licence" in err
    assert "--accept-licence" in err
    assert server.starts == []


def test_where_the_publisher_sets_the_licence_its_page_is_shown() -> None:
    [lin_cae, *_] = registry.downloads()
    assert lin_cae.terms == f"Set by the publisher; see https://huggingface.co/{lin_cae.repository}"
    assert not lin_cae.accept


def test_downloads_are_listed_with_size_and_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["codecs", "list", "--json"]) == 0
    [row] = [row for row in json.loads(capsys.readouterr().out) if row["id"] == "parts"]
    assert (row["installed"], row["bytes"], row["licence"], row["gated"]) == (False, 3 << 20, "Community License", True)
    assert "codecs download parts" in row["description"]
