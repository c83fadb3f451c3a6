"""Texts of DAWprojects as other programs write them, and archives of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import soundfile as sf

from lincae_studio.session.model import (
    DEFAULT_RATE,
    Clip,
    Session,
)
from tests.helpers import noise

RATE = DEFAULT_RATE


@cache
def wav(seed: int, samples: int, channels: int = 1, rate: int = RATE) -> bytes:
    """Noise as a WAV; made once, because libsndfile writes the time of day into the PEAK chunk of float files."""
    data = io.BytesIO()
    sf.write(data, noise(seed, samples, channels), rate, format="WAV", subtype="FLOAT")
    return data.getvalue()


def packed(path: Path, project: str | bytes, members: Mapping[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.xml", project)
        for name, data in (members or {}).items():
            archive.writestr(name, data)
    return path


def channel(number: int, extra: str = "", attributes: str = "", volume: str = "1.0") -> str:
    return f"""<Channel audioChannels="2" role="regular" solo="false" id="c{number}" {attributes}>{extra}
      <Pan max="1.000000" min="0.000000" unit="normalized" value="0.500000" id="p{number}"/>
      <Volume max="2.000000" min="0.000000" unit="linear" value="{volume}" id="v{number}"/></Channel>"""


def project_of(
    lanes: str,
    *,
    unit: str = "beats",
    structure: str | None = None,
    transport: str = '<Tempo unit="bpm" value="120.0"/><TimeSignature numerator="4" denominator="4"/>',
    more: str = "",
) -> str:
    """One audio track "t1", or another structure, with lanes."""
    tracks = structure or f'<Track contentType="audio" id="t1" name="Vox" color="#b53bba">{channel(1)}</Track>'
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Project version="1.0"><Application name="Some DAW" version="5.0"/><Transport>{transport}</Transport>
<Structure>{tracks}</Structure>
<Arrangement id="a"><Lanes timeUnit="{unit}" id="l">{lanes}</Lanes>{more}</Arrangement><Scenes/></Project>"""


def file_of(name: str = "audio/one.wav", external: str = "") -> str:
    return f'<Audio channels="1" duration="2.0" sampleRate="44100"><File path="{name}" {external}/></Audio>'


def lane_of(clips: str, track: str = "t1") -> str:
    return f'<Lanes track="{track}"><Clips>{clips}</Clips></Lanes>'


Read = Callable[..., tuple[Session, list[str]]]


def only(session: Session) -> Clip:
    (clip,) = session.clips()
    return clip


def placed(session: Session) -> list[tuple[int, int, int]]:
    return [(clip.start, clip.offset, clip.length) for clip in session.clips()]
