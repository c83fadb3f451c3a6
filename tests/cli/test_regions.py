"""Regions of latents on the command line: listed by `info`, and named where an export lacks them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.media.dawproject.export import _notes
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, regions
from lincae_studio.session.model import MASTER, Region
from tests.cli.test_mix import lincae
from tests.helpers import import_audio, made_up_media, noise, read_audio, session_of

REGION = Region(id=1, name="Hum", start=4410, end=44_100, low=3, high=9, gain=0.5, space="mdct-1x/1", codec="mdct-1x")


@pytest.fixture
def project(tmp_path: Path, store: MediaStore) -> Path:
    """A project of one file, with a region in the mix, made with MDCT 1x."""
    session = session_of(import_audio(store, tmp_path / "a.wav", noise(1, 88_200)), codec="mdct-1x")
    files.save(regions.add(session, MASTER, REGION), tmp_path / "song.lincae")
    return tmp_path / "song.lincae"


def test_projects_list_their_regions(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = json.loads(lincae(capsys, "info", project, "--json"))["regions"]
    assert (found["in"], found["name"], found["channels"], found["gain"]) == ("Mix", "Hum", "3-9", "-6.0 dB")
    assert (found["start_s"], found["end_s"]) == (0.1, 1.0)
    assert "name Hum" in lincae(capsys, "info", project)


def test_rendering_applies_them_and_says_where_it_cannot(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.wav"
    assert run(["render", str(project), "-o", str(out)]) == 0
    assert "warning" not in capsys.readouterr().err
    plain, heard = noise(1, 88_200)[:, 0], read_audio(out)[0]
    assert np.abs(plain - heard)[8000:40_000].max() > 0.01
    assert np.abs(plain - heard)[50_000:].max() < 1e-3
    assert run(["render", str(project), "-o", str(out), "--codec", "mdct-2x"]) == 0
    assert "made with mdct-1x cannot be applied" in capsys.readouterr().err


def test_a_dawproject_says_that_it_has_none() -> None:
    session = edits.set_codec(session_of(made_up_media(1, 40_000)), "mdct-1x")
    assert not any("regions" in note for note in _notes(session))
    assert any("regions" in note for note in _notes(regions.add(session, MASTER, REGION)))
