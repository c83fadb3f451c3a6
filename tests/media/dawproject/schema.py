"""What the published schema asks of a document, as a table: attributes, order, ids."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np


def document(path: Path, name: str = "project.xml") -> Element:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return ElementTree.fromstring(archive.read(name))


#: Of the elements that are written: attributes that must and that may be there, and children in their order (a
#: group in braces may come in any order), as Project.xsd of the format has them.
REFERENCEABLE = {"id", "name", "color", "comment"}
TIMELINE = REFERENCEABLE | {"timeUnit", "track"}
PARAMETER = REFERENCEABLE | {"parameterID"}
REAL = PARAMETER | {"value", "min", "max", "unit"}
CONTENT: set[str] = {"Lanes", "Clips", "Points", "Audio"}
SCHEMA: dict[str, tuple[set[str], set[str], list[str | set[str]]]] = {
    "Project": ({"version"}, set(), ["Application", "Transport", "Structure", "Arrangement", "Scenes"]),
    "Application": ({"name", "version"}, set(), []),
    "Transport": (set(), set(), ["Tempo", "TimeSignature"]),
    "Tempo": ({"unit"}, REAL, []),
    "TimeSignature": ({"numerator", "denominator"}, PARAMETER, []),
    "Structure": (set(), set(), [{"Track", "Channel"}]),
    "Track": (set(), REFERENCEABLE | {"contentType", "loaded"}, ["Channel", "Track"]),
    "Channel": (
        set(),
        REFERENCEABLE | {"audioChannels", "destination", "role", "solo"},
        ["Devices", "Mute", "Pan", "Sends", "Volume"],
    ),
    "Mute": (set(), PARAMETER | {"value"}, []),
    "Pan": ({"unit"}, REAL, []),
    "Volume": ({"unit"}, REAL, []),
    "Arrangement": (set(), REFERENCEABLE, ["Lanes", "Markers", "TempoAutomation", "TimeSignatureAutomation"]),
    "Lanes": (set(), TIMELINE, [CONTENT]),
    "Clips": (set(), TIMELINE, ["Clip"]),
    "Clip": (
        {"time"},
        {"name", "color", "comment", "duration", "contentTimeUnit", "playStart", "playStop", "loopStart", "loopEnd"}
        | {"fadeTimeUnit", "fadeInTime", "fadeOutTime", "enable", "reference"},
        [CONTENT],
    ),
    "Audio": ({"channels", "sampleRate", "duration"}, TIMELINE | {"algorithm"}, ["File"]),
    "File": ({"path"}, {"external"}, []),
    "Points": (set(), TIMELINE | {"unit"}, ["Target", "RealPoint"]),
    "Target": (set(), {"parameter", "expression"}, []),
    "RealPoint": ({"time", "value"}, {"interpolation"}, []),
    "Markers": (set(), TIMELINE, ["Marker"]),
    "Marker": ({"time"}, {"name", "color", "comment"}, []),
    "Scenes": (set(), set(), []),
}
VALUES = {
    "unit": {"linear", "normalized", "bpm"},
    "timeUnit": {"seconds"},
    "contentTimeUnit": {"seconds"},
    "fadeTimeUnit": {"seconds"},
    "role": {"regular", "master"},
    "interpolation": {"hold", "linear"},
    "expression": {"gain"},
    "contentType": {"audio", "audio notes", "tracks", "audio tracks"},
    **{name: {"true", "false"} for name in ("solo", "loaded", "enable", "external")},
}
NUMBERS = ("time", "duration", "playStart", "fadeInTime", "fadeOutTime", "min", "max")


def check_schema(root: Element) -> None:
    """Check the rules of Project.xsd for written files; ids are unique, and references resolve."""
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII) for name in ids)
    for element in root.iter():
        required, allowed, order = SCHEMA[element.tag]
        assert required <= element.attrib.keys() <= required | allowed, element.tag
        for name, value in element.attrib.items():
            assert value in VALUES.get(name, {value}), (element.tag, name)
            if name in NUMBERS:
                assert np.isfinite(float(value))
            if name in ("destination", "parameter", "track"):
                assert value in ids
        places = [
            next(
                number for number, tags in enumerate(order) if child.tag in ({tags} if isinstance(tags, str) else tags)
            )
            for child in element
        ]
        assert places == sorted(places), element.tag
        if element.tag == "Clip":
            assert len(element) == 1
        if element.tag in ("Points", "Markers", "Audio"):
            assert len(element) >= 1
