"""Files are found whatever way their names are written."""

from __future__ import annotations

import os
import unicodedata
import zipfile
from pathlib import Path

import pytest

from lincae_studio.media.dawproject.names import spellings
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.search import search
from lincae_studio.media.store import MediaStore
from lincae_studio.session import files
from lincae_studio.session.model import MAX_LENGTH, Media, Session
from tests.helpers import noise, write_audio
from tests.media.dawproject.texts import RATE, Read, file_of, lane_of, packed, project_of, wav

NAME = "audio/Gitarr\u00e9 \u00e5.wav"
APART = unicodedata.normalize("NFD", NAME)


def without_flags(path: Path) -> Path:
    """Clear the flag that says that names are UTF-8."""
    data = bytearray(path.read_bytes())
    for sign, place in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        at = data.find(sign)
        while at >= 0:
            data[at + place] &= ~0x08
            at = data.find(sign, at + 4)
    path.write_bytes(bytes(data))
    return path


def clips_of(*names: str, external: bool = False, more: str = "") -> str:
    """A second of each file, one after another."""
    audio = (file_of(name, 'external="true"' if external else more) for name in names)
    clips = (f'<Clip time="{number}" duration="1">{one}</Clip>' for number, one in enumerate(audio))
    return project_of(lane_of("".join(clips)), unit="seconds")


@pytest.mark.parametrize("flagged", [True, False])
@pytest.mark.parametrize("member", [NAME, APART])
@pytest.mark.parametrize("said", [NAME, APART, "audio/Gitarr%C3%A9%20%C3%A5.wav", NAME.upper().replace("/", "\\")])
def test_members_of_the_archive(store: MediaStore, tmp_path: Path, flagged: bool, member: str, said: str) -> None:
    path = packed(tmp_path / "in.dawproject", clips_of(said), {member: wav(1, RATE)})
    session, notes = read_dawproject(path if flagged else without_flags(path), tmp_path / "audio", store)
    assert [clip.length for clip in session.clips()] == [RATE]
    assert notes == []


def test_an_exact_name_comes_first(store: MediaStore, tmp_path: Path) -> None:
    members = {"a%20b.wav": wav(1, RATE), "a b.wav": wav(2, RATE), "A B.wav": wav(3, RATE)}
    path = packed(tmp_path / "in.dawproject", clips_of(*members), members)
    session, _ = read_dawproject(path, tmp_path / "audio", store)
    assert len(session.media) == 3
    with zipfile.ZipFile(path) as archive:
        assert [len(archive.read(name)) for name in members] == [media.size for media in session.media]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///home/me/a%20b.wav", "/home/me/a b.wav"),
        ("file://localhost/home/me/a.wav", "/home/me/a.wav"),
        ("FILE:/home/me/a.wav", "/home/me/a.wav"),
        ("file:///C:/my%20audio/a.wav", "C:/my audio/a.wav"),
        ("file:///C|/a.wav", "C:/a.wav"),
        ("file://C:\\a.wav", "C:/a.wav"),
        ("file://server/share/a.wav", "//server/share/a.wav"),
        ("file:///C%3A/a.wav", "C:/a.wav"),
        ("..\\audio\\a.wav", "../audio/a.wav"),
        ("100%.wav", "100%.wav"),
    ],
)
def test_paths_and_urls(text: str, expected: str) -> None:
    assert spellings(text)[0] == expected


def test_files_outside_the_archive(read: Read, tmp_path: Path) -> None:
    places = ["media/ext 1.wav", "media/100%25.wav", "Loops/Gitarr\u00e9.wav"]
    for number, place in enumerate(places):
        write_audio(tmp_path / place, noise(number, RATE))
    url = (tmp_path / "media" / "ext 1.wav").as_uri()
    names = [
        (url, 0),
        (url.replace("file://", "file://localhost"), 0),
        (str(tmp_path / "media" / "ext%201.wav"), 0),
        ("media\\ext 1.wav", 0),
        ("Media/Ext 1.WAV", 0),
        ("media/100%25.wav", 1),
        ("loops/" + unicodedata.normalize("NFD", "gitarr\u00e9.wav"), 2),
    ]
    session, notes = read(clips_of(*(name for name, _ in names), external=True))
    by_digest = {media.digest: Path(media.path) for media in session.media}
    assert [by_digest[clip.media] for clip in session.clips()] == [tmp_path / places[number] for _, number in names]
    assert notes == []
    session, _ = read(clips_of(url, more='external="false"'))
    assert [Path(media.path) for media in session.media] == [tmp_path / places[0]], "a URL is never in the archive"


def missing(read: Read, name: str, facts: str, duration: str = "1") -> tuple[Session, Media, list[str]]:
    audio = f'<Audio {facts}><File path="{name}" external="true"/></Audio>'
    clip = f'<Clip time="1" duration="{duration}" playStart="0.5" name="Riff">{audio}</Clip>'
    session, notes = read(project_of(lane_of(clip), unit="seconds"))
    (media,) = session.media
    return session, media, notes


def test_a_path_that_no_file_can_have_is_cut_to_its_name(read: Read, tmp_path: Path) -> None:
    _, media, notes = missing(read, "a/" * 200_000 + "riff.wav", "")
    assert media.path == str(tmp_path / "riff.wav")
    assert max(map(len, notes)) == 1001


def test_notes_on_many_files_are_cut_short(read: Read) -> None:
    _, notes = read(clips_of(*(f"{number}.wav" for number in range(600))))
    assert len(notes) == 501
    assert notes[-1].startswith("and 1")
    assert notes[-1].endswith(" more notes")


def test_clips_of_missing_files_are_kept(read: Read, store: MediaStore, tmp_path: Path) -> None:
    facts = 'channels="2" duration="2.0" sampleRate="48000"'
    session, media, notes = missing(read, "file:///nowhere/my%20riff.wav", facts)
    (clip,) = session.clips()
    assert (clip.name, clip.start, clip.offset, clip.length) == ("Riff", RATE, RATE // 2, RATE)
    assert (media.path, media.channels, media.length) == (os.path.normpath("/nowhere/my riff.wav"), 2, 2 * RATE)
    assert any("is missing; its clips are silent" in note for note in notes)
    assert store.file_state(media) == "missing"
    files.save(session, tmp_path / "a.lincae")
    assert list(files.load(tmp_path / "a.lincae").clips()) == [clip]
    found = write_audio(tmp_path / "moved" / "my riff.wav", noise(1, 2 * 48_000, 2), rate=48_000)
    assert search(tmp_path / "moved", [media])[media.digest].path == found


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ("", (1, RATE * 3 // 2, "")),
        ('channels="6" duration="3"', (1, 3 * RATE, "mix")),
        ('channels="x" duration="-1" sampleRate="0"', (1, RATE * 3 // 2, "")),
        ('channels="2" duration="1e99" sampleRate="1e99"', (2, MAX_LENGTH, "")),
    ],
)
def test_missing_files_of_which_little_is_said(read: Read, facts: str, expected: tuple[int, int, str]) -> None:
    _, media, _ = missing(read, "C:\\audio\\x.wav", facts)
    assert (media.channels, media.length, media.channel_selection) == expected
