"""Options of `codecs import` that come from the families of codecs."""

from __future__ import annotations

import pytest

from lincae_studio.cli import run
from lincae_studio.cli.import_options import parse_settings
from lincae_studio.codecs import registry
from lincae_studio.codecs.family import ImportOption
from lincae_studio.errors import UsageError

OPTIONS = (
    ImportOption(name="gain_db", title="Gain", help="Gain", kind="number", suggestion=0.0),
    ImportOption(name="fast", title="Fast", help="Fast", kind="flag", suggestion=False),
    ImportOption(name="label", title="Label", help="Label", kind="text", suggestion=""),
)


def test_the_commands_have_the_options_of_our_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert [option.name for option in registry.import_options()][:2] == ["scale_factor", "linear"]
    for command in ("import", "convert"):
        assert run(["codecs", command, "--help"]) == 0
        out = capsys.readouterr().out
        assert "--scale-factor" in out
        assert "--not-linear" in out


def test_settings_are_read_by_name_and_type() -> None:
    given = parse_settings(["gain-db=-3.5", "fast=true", "label=a=b"], OPTIONS)
    assert given == {"gain_db": -3.5, "fast": True, "label": "a=b"}
    assert parse_settings([], ()) == {}


@pytest.mark.parametrize(
    ("setting", "problem", "remedy"),
    [
        ("colour=red", "no such option", "gain_db, fast, label"),
        ("gain_db=loud", "not valid", "a number"),
        ("fast", "not valid", "true or false"),
    ],
)
def test_settings_that_are_not_valid_are_refused(setting: str, problem: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=f"--set {setting}: .*{problem}") as caught:
        parse_settings([setting], OPTIONS)
    assert remedy in caught.value.remedy
