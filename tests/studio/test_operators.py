"""Operators in the Python interface: learned from two tracks, and applied to others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio.engine.bundles.operator_files import save_operator
from tests.engine.analysis.test_learning import EQ, dry, filtered, snr_db
from tests.helpers import write_audio


def test_an_operator_is_learned_and_applied(tmp_path: Path) -> None:
    audio = {"dry": dry(1, 6.0), "comb": filtered(dry(1, 6.0), EQ), "other": dry(2, 3.0)}
    song = ls.Session.from_files(*(write_audio(tmp_path / f"{name}.wav", one) for name, one in audio.items()))
    found = song.learn_operator("dry", "comb", past=2, future=2)
    assert found.accepted
    assert found.operator.r2 > 0.99
    heard = song.insert(found.operator, "other")
    assert snr_db(np.asarray(heard["other"].render())[0][: 3 * 44_100], filtered(dry(2, 3.0), EQ)) > 15.0
    assert [track.value.insert for track in heard.tracks] == [0, 0, heard.document.operators[0].id]
    save_operator(found.operator, tmp_path / "comb.safetensors")
    again = heard.insert(tmp_path / "comb.safetensors", "dry")
    assert len(again.document.operators) == 1, "the same weights are the same operator"
    assert again.insert(None, "dry", "other").tracks[0].value.insert == 0
    assert not song.learn_operator("dry", "other").accepted
    with pytest.raises(ls.StudioError, match="same clip"):
        song.learn_operator("dry", "dry")
