"""`lincae-studio evaluate --html`: the page of a comparison, read by a parser that knows nothing of how it is made."""

from __future__ import annotations

import base64
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from lincae_studio.cli import run
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.evaluation.figures import FIGURES
from tests.codecs.lincae.models import NARROW, small_model
from tests.helpers import noise, write_audio

#: Elements without an end.
VOID = {"meta", "img", "line", "rect", "polyline", "br"}


class Page(HTMLParser):
    """A page: elements with their attributes and text, all of them closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.cells: dict[tuple[str, str], str] = {}
        self.text = ""
        self._open: list[str] = []
        self._cell: tuple[str, str] | None = None
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if "data-figure" in found:
            self._cell = found["data-codec"], found["data-figure"]
            self.cells[self._cell] = ""
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag
        if tag == "td":
            self._cell = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell is not None:
            self.cells[self._cell] += data

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for one, attributes in self.elements if one == tag]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two random Lin-CAEs of 44.1 and 48 kHz, with short chunks."""
    monkeypatch.setattr("lincae_studio.codecs.lincae.folder._STEP_S", 0.3)
    options = {**NARROW, "base_channels": 4, "bottleneck_base_channels": 16, "layers_list": (1,) * 5}
    folders = []
    for name, rate in (("usual", 44_100), ("fast", 48_000)):
        folder = tmp_path / name
        pretrained.save_own(small_model(options, frontend={"sample_rate": rate}), folder, title=name, linear=True)
        folders.append(str(folder))
    return folders


@pytest.mark.slow
def test_a_page_plays_and_shows_what_was_measured(
    tmp_path: Path, models: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 70_000))) for seed in (1, 2, 3)]
    path = tmp_path / "report.html"
    codecs = ["mdct-2x", "mdct-4x", *models]
    command = ["evaluate", *codecs, *stems, "--stems", "--limit", "1", "--excerpt", "1.5", "--json"]
    assert run([*command, "--html", str(path)]) == 0
    figures = {one["codec"]: one for one in json.loads(capsys.readouterr().out)["codecs"]}
    page = Page(path)

    for (codec, figure), text in page.cells.items():
        value = figures[codec][figure]
        exact = figures[codec]["statistics"].get(figure, {}).get("limited") and value == 160.0
        expected = "–" if value is None else "exact" if exact else f"{value:.4g}".replace("-", "−")
        assert text.split(" ± ")[0] == expected, (codec, figure)
    assert page.cells.keys() == {(codec, figure) for codec in codecs for figure in FIGURES}

    for figure, best in (("mix_si_sdr_db", max), ("mel_db", min)):
        bold = re.findall(rf'data-figure="{figure}" data-codec="([^"]+)"><b>', path.read_text(encoding="utf-8"))
        assert bold == [best(codecs, key=lambda codec: figures[codec][figure])]

    lengths: Counter[int] = Counter()
    for attributes in page.attributes("audio"):
        kind, data = attributes["src"].split(";base64,")
        assert kind == "data:audio/ogg"
        samples, rate = sf.read(io.BytesIO(base64.b64decode(data)))
        assert len(samples) == int(attributes["data-samples"])
        assert len(samples) / rate == pytest.approx(1.5, abs=1e-4)
        assert np.abs(samples).max() > 0.01
        lengths[rate] += 1
    # Of each codec four demonstrations, and two of signals that are only coded; the true signals at the highest rate.
    assert lengths == {44_100: 3 * 6, 48_000: 6 + 4}

    pictures = page.attributes("img")
    assert len(pictures) == 4 * 6 + 4 + 4 * 2
    for attributes in pictures:
        assert attributes["alt"]
        assert base64.b64decode(attributes["src"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
    assert len(page.attributes("svg")) == 1 + 4
    assert "44,100, 48,000 Hz" in page.text
    assert "--stems --limit 1 --seeds 1 --excerpt 1.5 --html" in page.text
    order = [page.text.index(text) for text in ("against the true signals", "against latents", "against decoded audio")]
    assert order == sorted(order)


def check_is_safe(page: Page) -> None:
    """The page needs nothing else, and runs nothing but its own script."""
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:"), tag
    counts = Counter(tag for tag, _ in page.elements)
    assert counts["script"] == counts["style"] == 1
    assert not {"link", "iframe", "object", "base", "form", "a"} & counts.keys()
    policies = [one["content"] for one in page.attributes("meta") if one.get("http-equiv")]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")


def test_names_of_strangers_are_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ['<img src=x onerror="alert(1)">', "' onload='alert(2)", "&lt;b&gt;\u202egpj"]
    stems = [str(write_audio(tmp_path / f"{name}.wav", noise(k, 60_000))) for k, name in enumerate(names, 1)]
    codec = tmp_path / "<script>alert(3)<" / "script>"
    codec.mkdir(parents=True)
    path = tmp_path / "report.html"
    command = ["evaluate", "mdct-4x", str(codec), *stems, "--stems", "--limit", "1", "--excerpt", "1"]
    assert run([*command, "--html", str(path)]) == 2
    assert f"error: {codec}" in capsys.readouterr().err
    page = Page(path)
    check_is_safe(page)
    for name in names[:2]:
        assert f"{name}.wav" in page.text
    assert "&lt;b&gt;\\u202egpj" in page.text
    assert f"Failed: {codec} is not a model" in page.text
    assert "\u202e" not in page.text


@pytest.mark.parametrize("audio", ["synth", "files"])
def test_pages_of_other_audio(audio: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = ["synth"] if audio == "synth" else [str(write_audio(tmp_path / "a.wav", noise(1, 200_000)))]
    path = tmp_path / "report.html"
    command = ["evaluate", "mdct-4x", *inputs, "--limit", "1", "--excerpt", "1", "--lossless", "--html", str(path)]
    assert run(command) == 0
    page = Page(path)
    check_is_safe(page)
    assert capsys.readouterr().err == f"{path}\n"
    for attributes in page.attributes("audio"):
        kind, data = attributes["src"].split(";base64,")
        assert kind == "data:audio/flac"
        assert len(sf.read(io.BytesIO(base64.b64decode(data)))[0]) == 44_100
    assert ("procedural songs" if audio == "synth" else "a, second half") in page.text


def test_sounds_of_a_loud_mix_do_not_clip(tmp_path: Path) -> None:
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 60_000, level=0.9))) for seed in (1, 2)]
    path = tmp_path / "report.html"
    command = ["evaluate", "mdct-1x", *stems, "--stems", "--limit", "1", "--excerpt", "1", "--lossless"]
    assert run([*command, "--html", str(path)]) == 0
    sounds = [one["src"].split(";base64,")[1] for one in Page(path).attributes("audio")]
    peaks = [np.abs(sf.read(io.BytesIO(base64.b64decode(data)))[0]).max() for data in sounds]
    assert max(peaks) == pytest.approx(0.98, abs=0.01)


def test_a_page_without_a_codec_says_why(tmp_path: Path) -> None:
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 60_000))) for seed in (1, 2)]
    path = tmp_path / "report.html"
    assert run(["evaluate", "lin-cae", *stems, "--stems", "--html", str(path)]) == 2
    page = Page(path)
    assert "Failed: the codec “lin-cae” is not installed" in page.text
    assert not page.attributes("audio")


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "mdct-4x", "synth", "--limit", "1", "--excerpt", "1", "--html"]
    assert run([*command, str(tmp_path / "nowhere" / "report.html")]) == 2
    assert re.search("error: cannot write .*report.html", capsys.readouterr().err)
