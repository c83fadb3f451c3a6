"""Projects that a stranger might send."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.hostile.case import DEEP, SECRET, case


def _media(**values: object) -> dict[str, object]:
    return {
        "digest": "0" * 64,
        "path": "gone.wav",
        "sample_rate_hz": 44_100,
        "channels": 1,
        "length_samples": 44_100,
        **values,
    }


def _clip(number: int, **values: object) -> dict[str, object]:
    return {
        "id": number,
        "name": "one",
        "media": "0" * 64,
        "start_samples": 0,
        "offset_samples": 0,
        "length_samples": 44_100,
        **values,
    }


def _track(number: int, *clips: dict[str, object], name: str = "one") -> dict[str, object]:
    return {"id": number, "name": name, "color": "#4fb3bf", "clips": clips}


def _project(place: Path, media: list[dict[str, Any]], tracks: list[dict[str, Any]], **values: object) -> Path:
    session = {"media": media, "tracks": tracks, "next_id": 1_000_000, **values}
    manifest = {"format": "lincae-studio-project", "version": 7, "session": session}
    path = place / "song.lincae"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path


def song_of(place: Path, path: str, **values: object) -> Path:
    track = _track(1, _clip(2))
    return _project(place, [_media(path=path, **values)], [track])


def _text(place: Path, text: str | bytes, name: str = "song.lincae") -> Path:
    path = place / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@case("project")
def nested_deeply(place: Path) -> Path:
    return _text(place, '{"format": "lincae-studio-project", "version": 6, "session": ' + "[" * DEEP + "]" * DEEP + "}")


@case("project")
def a_number_of_many_digits(place: Path) -> Path:
    return _text(place, '{"format": "lincae-studio-project", "version": ' + "9" * 100_000 + "}")


@case("project")
def numbers_that_are_none(place: Path) -> Path:
    return _text(place, song_of(place, "a.wav").read_text().replace("44100", "NaN"))


@case("project")
def a_rate_that_no_file_has(place: Path) -> Path:
    return song_of(place, "a.wav", sample_rate_hz=100_000_001)


@case("project")
def a_length_that_no_memory_holds(place: Path) -> Path:
    return song_of(place, "a.wav", length_samples=2**62)


@case("project")
def five_thousand_empty_tracks(place: Path) -> Path:
    return _project(place, [], [_track(number + 1) for number in range(5_000)])


@case("project")
def five_thousand_missing_clips(place: Path) -> Path:
    clips = [_clip(number + 2, start_samples=number * 44_100) for number in range(5_000)]
    return _project(place, [_media()], [_track(1, *clips)])


@case("project")
def a_thousand_tracks_with_a_missing_clip_each(place: Path) -> Path:
    media = [_media(digest=f"{number:064x}", path=f"gone/{number}.wav") for number in range(1_000)]
    tracks = [_track(2 * number + 1, _clip(2 * number + 2, media=media[number]["digest"])) for number in range(1_000)]
    return _project(place, media, tracks)


@case("project")
def a_path_of_many_folders(place: Path) -> Path:
    return song_of(place, "a/" * 200_000 + "a.wav")


@case("project")
def a_path_out_of_its_folder(place: Path) -> Path:
    return song_of(place, f"../{SECRET}")


@case("project")
def a_path_with_a_nul(place: Path) -> Path:
    return song_of(place, "a\0.wav")


@case("project")
def a_path_on_another_machine(place: Path) -> Path:
    return song_of(place, "\\\\server\\share\\a.wav")


@case("project")
def media_without_an_end(place: Path) -> Path:
    return song_of(place, "/dev/zero")


@case("project")
def media_that_is_a_pipe(place: Path) -> Path:
    os.mkfifo(place / "pipe.wav")
    return song_of(place, "pipe.wav")


@case("project")
def media_of_the_kernel(place: Path) -> Path:
    return song_of(place, "/proc/self/pagemap")


@case("project")
def names_with_markup(place: Path) -> Path:
    os.mkfifo(place / "pipe.png")
    name = f'<img src="{place}/pipe.png"><h1>one</h1>'
    return _project(place, [_media(path=f"{name}.wav")], [_track(1, _clip(2), name=name[:200])])


@case("project")
def names_that_steer_the_terminal(place: Path) -> Path:
    name = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eone"
    return _project(place, [_media(path=f"{name}.wav")], [_track(1, _clip(2), name=name)])


@case("project")
def a_codec_by_a_path(place: Path) -> Path:
    return _project(place, [], [_track(1)], codec="../../../../dev")


@case("project")
def one_id_for_all(place: Path) -> Path:
    return _project(place, [_media()], [_track(1, _clip(1), _clip(1))])


@case("project")
def not_a_file(place: Path) -> Path:
    os.mkfifo(place / "song.lincae")
    return place / "song.lincae"


@case("project")
def a_link_to_itself(place: Path) -> Path:
    (place / "song.lincae").symlink_to("song.lincae")
    return place / "song.lincae"


@case("project")
def a_link_to_no_end(place: Path) -> Path:
    (place / "song.lincae").symlink_to("/dev/zero")
    return place / "song.lincae"


@case("project")
def utf_16(place: Path) -> Path:
    return _text(place, song_of(place, "a.wav").read_text().encode("utf-16"))
