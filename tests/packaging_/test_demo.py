"""The demo song is counted as it was played."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from lincae_studio.session import files
from tests.helpers import DEMO


def test_the_tempo_of_the_demo_is_that_of_its_drums() -> None:
    """The strength of onsets is periodic with the sixteenths of the tempo, more than with any other near it."""
    tempo = files.load(DEMO / "paper_lanterns.lincae").tempo
    assert tempo is not None
    assert (tempo.start, tempo.beats, tempo.unit) == (0, 4, 4)
    audio, rate = sf.read(DEMO / "drums.ogg", always_2d=True)
    hop = 512
    blocks = audio.mean(1)[: len(audio) // hop * hop].reshape(-1, hop)
    spectra = np.log1p(100.0 * np.abs(np.fft.rfft(blocks * np.hanning(hop))))
    onsets = np.maximum(np.diff(spectra, axis=0), 0.0).sum(1)
    onsets -= onsets.mean()
    seconds = np.arange(len(onsets)) * hop / rate
    tempos = np.arange(60.0, 180.0, 0.1)
    strength = [abs(np.sum(onsets * np.exp(-2j * np.pi * seconds * bpm / 60.0 * 4.0))) for bpm in tempos]
    assert tempos[np.argmax(strength)] == pytest.approx(tempo.bpm, abs=0.11)
