"""Untrusted files are read, or refused, quickly."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from lincae_studio.errors import Cancelled, MediaError, ProjectError
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media.dawproject import audio as audio_module, timeline
from lincae_studio.media.dawproject.export import write_dawproject
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Marker, Media, Point, Tempo
from lincae_studio.session.rules import validated
from tests.helpers import FullDisk, files_below, noise, session_of, write_audio
from tests.media.dawproject.schema import SCHEMA
from tests.media.dawproject.texts import RATE, Read, channel, file_of, lane_of, packed, placed, project_of, wav


@pytest.fixture
def refused(store: MediaStore, tmp_path: Path) -> Callable[[Path], str]:
    """Read a file that must be refused, and leaves nothing: returns the message."""

    def run(path: Path) -> str:
        folder = tmp_path / "new" / "audio"
        before = files_below(tmp_path / "work") if (tmp_path / "work").exists() else []
        with pytest.raises(ProjectError) as caught:
            read_dawproject(path, folder, store)
        assert str(path) in caught.value.problem
        assert caught.value.remedy
        assert not (tmp_path / "new").exists()
        assert (files_below(tmp_path / "work") if (tmp_path / "work").exists() else []) == before
        return caught.value.problem

    return run


BOMB = """<!DOCTYPE Project [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Project version="1.0"><Application name="&b;" version="1"/></Project>"""
OUTSIDE = """<!DOCTYPE Project [<!ENTITY x SYSTEM "file:///etc/passwd">]><Project version="&x;"/>"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid XML"),
        ("<Project", "not valid XML"),
        ("<Project><a></Project>", "not valid XML"),
        ("<Song/>", "not that of a DAWproject"),
        ('<?xml version="1.0" encoding="klingon"?><Project/>', "not valid XML"),
        (BOMB, "not valid XML"),
        (OUTSIDE, "not valid XML"),
        ("<!DOCTYPE Project SYSTEM 'http://example.org/x.dtd'><Project/>", "not valid XML"),
        ("<Project>" + "<Lanes>" * 100_000, "nested more than 64"),
        ("<Project>" + "<Notes/>" * 500_001, "more than 500,000"),
    ],
    ids=range(10),
)
@pytest.mark.slow
def test_broken_and_malicious_documents(tmp_path: Path, refused: Any, text: str, reason: str) -> None:
    assert reason in refused(packed(tmp_path / "a.dawproject", text))


def test_other_encodings_are_read(store: MediaStore, tmp_path: Path) -> None:
    text = project_of("").replace("Vox", "Blåsare").replace('encoding="UTF-8"', "")
    for number, encoding in enumerate(("utf-8-sig", "utf-16")):
        path = packed(tmp_path / f"{number}.dawproject", text.encode(encoding))
        assert read_dawproject(path, tmp_path / "x", store)[0].tracks[0].name == "Blåsare"


def test_a_document_that_is_too_large(tmp_path: Path, refused: Any) -> None:
    text = project_of("").encode() + b" " * (64 * 1024 * 1024)
    assert "larger than 64 MiB" in refused(packed(tmp_path / "a.dawproject", text))


def test_circles_and_too_many_clips(tmp_path: Path, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    circle = '<Clip time="0" duration="1"><Clips id="x"><Clip time="0" duration="1" reference="x"/></Clips></Clip>'
    assert "refer to themselves" in refused(packed(tmp_path / "a.dawproject", project_of(lane_of(circle))))
    loop = f'<Clip time="0" duration="9000" loopStart="0" loopEnd="0.001">{file_of()}</Clip>'
    assert "more than 100,000 clips" in refused(packed(tmp_path / "a.dawproject", project_of(lane_of(loop))))
    monkeypatch.setattr(timeline, "MAX_STEPS", 2_000)
    doubling = '<Clip time="0" duration="1"><Clips id="x0"/></Clip>'
    for number in range(1, 30):
        twice = f'<Clip time="0" duration="1" reference="x{number - 1}"/>' * 2
        doubling += f'<Clip time="0" duration="1"><Clips id="x{number}">{twice}</Clips></Clip>'
    assert "more than 2,000 clips" in refused(packed(tmp_path / "a.dawproject", project_of(lane_of(doubling))))


def test_files_that_are_not_archives(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "a.dawproject"
    assert "no such file" in refused(path)
    path.mkdir()
    assert "it is a folder" in refused(path)
    path.rmdir()
    path.write_bytes(b"")
    assert "damaged or not a DAWproject" in refused(path)
    path.write_text("<Project/>")
    assert "damaged or not a DAWproject" in refused(path)
    whole = packed(path, project_of("")).read_bytes()
    at = whole.index(b"PK\x05\x06") + 16  # where the directory begins: now beyond the end
    path.write_bytes(whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :])
    assert "damaged" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("song/project.xml", "<Project/>")
    assert "no project.xml" in refused(path)


def test_damaged_and_encrypted_members(tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "a.dawproject"
    clips = f'<Clip time="0" duration="1">{file_of("audio/two.wav")}</Clip>'
    text = project_of(lane_of(clips + f'<Clip time="1" duration="1">{file_of()}</Clip>'))
    sound = wav(1, RATE)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("project.xml", text)
        archive.writestr("audio/two.wav", wav(2, RATE))
        archive.writestr("audio/one.wav", sound)
    whole = path.read_bytes()
    at = whole.index(sound) + 5000
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert "Bad CRC" in refused(path), "the first file was written before, and is gone again"
    flags = [found.start() + 8 for found in re.finditer(rb"PK\x01\x02", whole)]
    locked = bytearray(whole)
    for place in flags:
        locked[place] |= 1
    for found in re.finditer(rb"PK\x03\x04", whole):
        locked[found.start() + 6] |= 1
    path.write_bytes(bytes(locked))
    assert "encrypted" in refused(path)


def test_audio_that_would_fill_the_disk(store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_of(lane_of(f'<Clip time="0" duration="1">{file_of()}</Clip>'))
    path = packed(tmp_path / "a.dawproject", project, {"audio/one.wav": bytes(5_000_000)})
    monkeypatch.setattr(audio_module, "_EXPANDED_BYTES", 4_000_000)
    with pytest.raises(ProjectError, match="would expand to"):
        read_dawproject(path, tmp_path / "audio", store)
    assert not (tmp_path / "audio").exists()
    packed(path, project, {"audio/one.wav": wav(1, 1_100_000)})
    assert len(list(read_dawproject(path, tmp_path / "audio", store)[0].clips())) == 1, "noise is as long as it is"


def test_a_disk_without_room(store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(
        tmp_path / "a.dawproject",
        project_of(lane_of(f'<Clip time="0" duration="1">{file_of()}</Clip>')),
        {"audio/one.wav": wav(1, RATE)},
    )
    folder = tmp_path / "new" / "audio"
    monkeypatch.setattr(audio_module, "open", disk := FullDisk(1000), raising=False)
    with pytest.raises(ProjectError, match="disk is full"):
        read_dawproject(path, folder, store)
    assert disk.refused
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(audio_module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 0, 1000))  # type: ignore[attr-defined]
    with pytest.raises(ProjectError, match="its audio needs"):
        read_dawproject(path, folder, store)
    (tmp_path / "new").write_text("a file")


def test_a_store_that_cannot_be_written_is_not_blamed_on_the_file(
    store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = f'<Clip time="0" duration="1">{file_of()}</Clip>'
    path = packed(tmp_path / "a.dawproject", project_of(lane_of(clip)), {"audio/one.wav": wav(1, RATE)})
    monkeypatch.setattr("lincae_studio.media.conformed.open", FullDisk(1000), raising=False)
    with pytest.raises(MediaError, match="disk is full"):
        read_dawproject(path, tmp_path / "new" / "audio", store)
    assert not (tmp_path / "new").exists()


def test_a_target_that_is_not_a_folder(store: MediaStore, tmp_path: Path) -> None:
    path = packed(
        tmp_path / "a.dawproject",
        project_of(lane_of(f'<Clip time="0" duration="1">{file_of()}</Clip>')),
        {"audio/one.wav": wav(1, RATE)},
    )
    (tmp_path / "new").write_text("a file")
    for folder in (tmp_path / "new", tmp_path / "new" / "audio"):
        with pytest.raises(ProjectError, match="cannot write audio"):
            read_dawproject(path, folder, store)
    assert (tmp_path / "new").read_text() == "a file"


@pytest.mark.parametrize("existing", [False, True])
def test_cancelling_leaves_nothing(store: MediaStore, tmp_path: Path, existing: bool) -> None:
    names = [f"audio/{number}.wav" for number in range(3)]
    clips = "".join(f'<Clip time="0" duration="1">{file_of(name)}</Clip>' for name in names)
    path = packed(
        tmp_path / "a.dawproject", project_of(lane_of(clips)), {name: wav(n, RATE) for n, name in enumerate(names)}
    )
    folder = tmp_path / "new" / "audio"
    if existing:
        write_audio(folder / "mine.wav", noise(5, 10))
    token = CancelToken()
    seen = []

    def stop(progress: Progress) -> None:
        seen.append(len(files_below(folder)) if folder.exists() else 0)
        if progress.done == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        read_dawproject(path, folder, store, stop, token)
    assert seen == [existing, 1 + existing, 2 + existing]
    assert (tmp_path / "new").exists() == existing
    assert not existing or [file.name for file in files_below(folder)] == ["mine.wav"]


WORDS = [
    "",
    "-1",
    "0",
    "nan",
    "inf",
    "-inf",
    "1e308",
    "-1e308",
    "true",
    "beats",
    "seconds",
    "id22",
    "t1",
    "../x",
    "\ud7ff",
]


def mutated(draw: Callable[[st.SearchStrategy[Any]], Any], whole: bytes) -> bytes:
    """An archive with damaged bytes, or a sound one whose document says other things."""
    if draw(st.booleans()):
        data = bytearray(whole)
        for _ in range(draw(st.integers(1, 8))):
            at = draw(st.integers(0, len(data) - 1))
            kind = draw(st.sampled_from(["flip", "cut", "repeat", "end"]))
            if kind == "flip":
                data[at] = draw(st.integers(0, 255))
            elif kind == "cut":
                del data[at : at + min(draw(st.integers(1, 50)), len(data) - 1)]
            elif kind == "repeat":
                data[at:at] = data[at : at + 50]
            else:
                del data[max(1, at) :]
        return bytes(data)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    root = ElementTree.fromstring(members["project.xml"])
    for _ in range(draw(st.integers(1, 6))):
        elements = list(root.iter())
        element = elements[draw(st.integers(0, len(elements) - 1))]
        kind = draw(st.sampled_from(["attribute", "attribute", "attribute", "tag", "move", "drop"]))
        if kind == "attribute" and element.attrib:
            name = draw(st.sampled_from(sorted(element.attrib)))
            element.set(name, draw(st.one_of(st.sampled_from(WORDS), st.floats().map(str))))
        elif kind == "tag":
            element.tag = draw(st.sampled_from(sorted(SCHEMA)))
        elif kind == "move" and len(element):
            element.append(element[0])
        elif kind == "drop" and len(element):
            del element[draw(st.integers(0, len(element) - 1))]
    members["project.xml"] = ElementTree.tostring(root)
    data_out = io.BytesIO()
    with zipfile.ZipFile(data_out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data_out.getvalue()


@settings(max_examples=300)
@given(data=st.data())
def test_mutated_archives_are_read_or_refused(
    store: MediaStore, media: list[Media], tmp_path: Path, data: st.DataObject
) -> None:
    base = tmp_path / "base.dawproject"
    if not base.exists():
        session = session_of(*media)
        points = (Point(0, 1.0), Point(500, 0.3))
        first = replace(session.tracks[0], gain_points=points, pan_points=points)
        clip = replace(first.clips[0], gain=0.5, fade_in=10, color="#123456")
        session = replace(session, tracks=(replace(first, clips=(clip,)), *session.tracks[1:]), tempo=Tempo(bpm=100.0))
        session = replace(session, markers=(Marker(id=session.next_id, at=7, name="x"),), next_id=session.next_id + 1)
        write_dawproject(validated(session), store, base, "base")
    work = tmp_path / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    path = work / "in.dawproject"
    path.write_bytes(mutated(data.draw, base.read_bytes()))
    folder = work / "audio"
    try:
        session, _ = read_dawproject(path, folder, store)
    except (ProjectError, MediaError):
        assert list(work.iterdir()) == [path]
        return
    assert validated(session) is session
    assert set(work.iterdir()) <= {path, folder}
    assert all(file.parent == folder for file in files_below(work) if file != path)


class Countdown(CancelToken):
    """Is cancelled after this number of checks."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self._left = checks

    def check(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.cancel()
        super().check()


_TO = 'destination="c{}"'


def chained(count: int) -> str:
    """Tracks that lead each into the next."""
    return "".join(
        f'<Track contentType="audio" id="t{n}">{channel(n, attributes=_TO.format(n + 1))}</Track>' for n in range(count)
    )


def warped_and_looped(warps: int, loops: int, every_s: float = 1.0) -> str:
    points = "".join(f'<Warp time="{n * every_s}" contentTime="{n * every_s}"/>' for n in range(warps))
    clip = f'''<Clip time="0" duration="{loops}" loopStart="0" loopEnd="1" playStart="0">
      <Warps contentTimeUnit="seconds" timeUnit="seconds">{points}{file_of()}</Warps></Clip>'''
    return project_of(lane_of(clip), unit="seconds")


def test_a_long_way_to_the_master_is_cut_short(read: Read) -> None:
    session, notes = read(project_of("", structure=chained(3000)))
    assert len(session.tracks) == 3000
    assert "channels routed through more than 64 others are cut short" in notes


def test_content_that_is_repeated_without_end_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MAX_WORK", 10_000)
    with pytest.raises(ProjectError, match="repeat too much content"):
        read(warped_and_looped(200, 60, every_s=0.005))
    session, _ = read(warped_and_looped(100, 3))
    assert len(list(session.clips())) == 3


def test_a_loop_reads_only_what_is_heard_of_a_long_recording(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MAX_WORK", 10_000)
    session, notes = read(warped_and_looped(2_000, 400))
    assert placed(session)[::399] == [(0, 0, RATE), (399 * RATE, 0, RATE)]
    assert not any("stretched" in note for note in notes)


@pytest.mark.parametrize("text", [project_of("", structure=chained(500)), warped_and_looped(50, 500)])
def test_a_cancelled_import_ends_while_it_reads_the_structure(store: MediaStore, tmp_path: Path, text: str) -> None:
    path = packed(tmp_path / "in.dawproject", text, {"audio/one.wav": wav(1, 2 * RATE)})
    with pytest.raises(Cancelled):
        read_dawproject(path, tmp_path / "in audio", store, cancel=Countdown(100))
    assert not (tmp_path / "in audio").exists()
