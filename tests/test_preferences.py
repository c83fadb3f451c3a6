"""The preferences file: typed, repaired field by field, never lost by an older program."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, strategies as st

from lincae_studio import preferences
from lincae_studio.errors import PreferencesError
from lincae_studio.paths import preferences_file
from lincae_studio.preferences import Preferences

LIGHT = Preferences(theme="light", snap=False, snap_to=("grid",), shortcuts={"split": ("Ctrl+K",), "join": ()})


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    assert preferences.load(tmp_path / "none.json") == Preferences()


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "preferences.json"
    preferences.save(LIGHT, path)
    assert preferences.load(path) == LIGHT
    assert '"theme": "light"' in path.read_text(), "a person can read it"


def test_a_field_that_makes_no_sense_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    content = {"theme": "purple", "wheel": "zoom", "snap": "yes", "shortcuts": {"split": "S"}, "of tomorrow": [1]}
    path.write_text(json.dumps(content))
    assert preferences.load(path) == Preferences(wheel="zoom")


def test_paths_that_no_file_can_have_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    path.write_text(json.dumps({"cache_folder": f"{tmp_path}/a\0b", "recent": ["a\0b"], "wheel": "zoom"}))
    assert preferences.load(path) == Preferences(wheel="zoom")
    with pytest.raises(PreferencesError, match="it is not a valid path"):
        preferences.make_cache_dir(tmp_path / "a\0b")


def test_what_another_version_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    path.write_text(json.dumps({"of tomorrow": [1], "theme": "dark"}))
    preferences.save(LIGHT, path)
    assert json.loads(path.read_text())["of tomorrow"] == [1]
    assert preferences.load(path) == LIGHT


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b"[" * 100_000, b" " * 2_000_000])
def test_a_damaged_file_is_reported_and_kept_until_saving(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "preferences.json"
    path.write_bytes(content)
    with pytest.raises(PreferencesError, match=r"cannot be read.*The defaults are used"):
        preferences.load(path)
    assert path.read_bytes() == content
    preferences.save(LIGHT, path)
    assert preferences.load(path) == LIGHT


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PreferencesError, match="cannot save the preferences"):
        preferences.save(LIGHT, tmp_path / "file" / "preferences.json")


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([field.name for field in msgspec.structs.fields(Preferences)]), _JSON))
def test_whatever_a_file_holds_the_program_starts(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    path = tmp_path_factory.mktemp("any") / "preferences.json"
    path.write_bytes(msgspec.json.encode(content))
    assert isinstance(preferences.load(path), Preferences)


def test_the_file_is_in_the_users_folder(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert preferences_file() == isolated / "config" / "lincae-studio" / "preferences.json"
    monkeypatch.setenv("LINCAE_STUDIO_CONFIG", "/elsewhere")
    assert preferences_file() == Path("/elsewhere/preferences.json")


def test_a_file_that_cannot_be_read_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    path.write_text('{"shortcuts": {"play": ["P"]},}')
    preferences.save(Preferences(seed=3), path)
    assert preferences.load(path).seed == 3
    assert (tmp_path / "preferences.unreadable.json").read_text() == '{"shortcuts": {"play": ["P"]},}'


def test_another_window_keeps_what_it_chose(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    preferences.save(Preferences(), path)
    preferences.save(Preferences(seed=5, theme="light"), path, {"theme"})
    preferences.save(Preferences(seed=7), path, {"seed"})
    assert (preferences.load(path).theme, preferences.load(path).seed) == ("light", 7)
