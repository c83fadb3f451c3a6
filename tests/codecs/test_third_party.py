"""Codecs of packages: what they add, and that nothing they do wrong stops more than themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.codecs import library, registry, third_party
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.install import import_folder
from lincae_studio.codecs.mdct import MDCT_2X
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.errors import Cancelled, CodecError
from lincae_studio.media.store import MediaStore
from tests.codecs.packaged import install, on_path
from tests.helpers import import_audio, new_renderer, noise, plan_of, read_audio, render_plan, session_of, write_audio


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A folder whose packages are installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    with on_path(folder):
        yield folder


def test_a_package_adds_its_codec_after_ours(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(site)
    assert registry.ids()[-1] == "raw"
    assert "raw" not in registry.ids(packages=False)
    assert registry.info("raw").hop == 128
    assert registry.family_of("raw").package == "raw-codec 1.0"
    assert registry.package_errors() == {}
    assert run(["codecs", "list", "--json"]) == 0
    [row] = [row for row in json.loads(capsys.readouterr().out) if row["id"] == "raw"]
    assert (row["family"], row["package"]) == ("raw", "raw-codec 1.0")
    assert run(["codecs", "list"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("raw ")]
    assert "raw-codec 1.0" in line
    stem = write_audio(tmp_path / "stem.wav", noise(1, 50_000))
    assert run(["mix", str(stem), "-o", str(tmp_path / "mix.wav"), "--codec", "raw"]) == 0
    np.testing.assert_allclose(read_audio(tmp_path / "mix.wav"), read_audio(stem), atol=1e-6)


@pytest.mark.parametrize("codec_id", ["mdct-2x", "lin-cae", "mine"])
def test_an_id_that_is_taken_stays_that_of_the_other_codec(site: Path, codec_id: str) -> None:
    place = library.place_of("mine")
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    install(site, codec_id=codec_id)
    [error] = registry.package_errors().values()
    assert f"“{codec_id}”" in str(error)
    assert "raw-codec 1.0" in str(error)
    assert registry.ids().count(codec_id) == (codec_id != "lin-cae")
    if codec_id == "mdct-2x":
        assert registry.info("mdct-2x") == MDCT_2X
    else:
        with pytest.raises(CodecError, match=r"not installed|describes an unknown kind of model"):
            registry.info(codec_id)


def test_of_two_packages_with_one_id_the_first_has_it(site: Path) -> None:
    install(site, "a-codec")
    install(site, "b-codec")
    assert registry.family_of("raw").package == "a-codec 1.0"
    assert list(registry.package_errors()) == ["b-codec 1.0"]


@pytest.mark.parametrize(
    "line",
    ["raise RuntimeError('out of\\norder')", "import a_module_that_is_missing", "sys.exit(3)", "raise SystemExit"],
)
@pytest.mark.parametrize(
    ("mark", "when"), [("at_import", "when it was loaded"), ("at_codecs", "when it was asked for its codecs")]
)
def test_a_family_that_raises_before_it_has_codecs(
    site: Path, capsys: pytest.CaptureFixture[str], mark: str, when: str, line: str
) -> None:
    install(site, **{mark: line})
    install(site, "good-codec", "good")
    [(package, error)] = registry.package_errors().items()
    assert package == "raw-codec 1.0"
    assert str(error).startswith(f"the package raw-codec 1.0 failed {when}: ")
    assert "pip uninstall raw-codec" in error.remedy
    assert "good" in registry.ids()
    with pytest.raises(CodecError, match=r"there is no codec “raw”; the package raw-codec 1\.0 failed"):
        registry.info("raw")
    assert run(["codecs", "list"]) == 0
    listed = capsys.readouterr().out
    assert "the package raw-codec 1.0 failed" in listed
    assert "mdct-2x" in listed


@pytest.mark.parametrize(
    ("mark", "line", "what"),
    [
        ("at_load", "raise KeyError('weights')", "failed when it loaded raw: KeyError: 'weights'"),
        ("at_load", "self.info = INFO.hop", "gave int as the info of a codec instead of a CodecInfo"),
        ("at_load", "self.info = replace(INFO, hop=64)", "has loaded a codec that differs from the info of raw"),
        ("at_load", "self.info = replace(INFO, any_rate=True)", "has loaded a codec that differs from the info of raw"),
        ("at_encode", "raise ValueError('no')", "failed when raw encoded: ValueError: no"),
        ("at_encode", "raise SystemExit(1)", "failed when raw encoded: SystemExit: 1"),
        ("at_encode", "latents = latents[:, :-1]", "encoding by raw gave the shape (1, 127, 690) instead of"),
        ("at_encode", "latents = latents.astype(float)", "encoding by raw gave float64 instead of float32"),
        ("at_encode", "latents = latents * np.nan", "encoding by raw gave NaN or infinite values"),
        ("at_encode", "latents = latents.tolist()", "encoding by raw gave list instead of an array"),
        ("at_decode", "raise MemoryError", "failed when raw decoded: MemoryError"),
        ("at_decode", "audio = audio[:, 1:]", "decoding by raw gave the shape (1, 88319) instead of (1, 88320)"),
        ("at_decode", "audio = audio.astype(np.float16)", "decoding by raw gave float16 instead of float32"),
        ("at_decode", "audio = audio / 0", "decoding by raw gave NaN or infinite values"),
    ],
)
def test_a_codec_that_does_something_wrong(
    site: Path, store: MediaStore, tmp_path: Path, mark: str, line: str, what: str
) -> None:
    install(site, **{mark: f"with np.errstate(all='ignore'): {line}"})
    session = session_of(import_audio(store, tmp_path / "a.wav", noise(1, 50_000)), codec="raw")
    plan, renderer = plan_of(session, "raw"), new_renderer(StoreReader(store))
    with pytest.raises(CodecError) as caught:
        render_plan(plan, renderer)
    assert str(caught.value).startswith("the package raw-codec 1.0 ")
    assert what in str(caught.value)
    assert "pip uninstall raw-codec" in caught.value.remedy
    render_plan(plan_of(session, "mdct-2x"), renderer)


def test_the_identity_of_its_codec_holds_what_a_precision_comes_to(site: Path) -> None:
    install(site)
    module = site / "raw_codec.py"
    text = module.read_text().replace(
        "return [Entry(INFO, Raw)]",
        "asked = f'raw on {computation.device} in {computation.precision}'\n"
        "        known = computation.arithmetic and f'raw {computation.summary}'\n"
        "        info = msgspec.structs.replace(INFO, identity=known or asked, requested=asked)\n"
        "        return [Entry(info, lambda: Raw(info))]",
    )
    text = text.replace("def __init__(self):", "def __init__(self, info):\n        self.info = info").replace(
        "import numpy as np", "import msgspec\nimport numpy as np"
    )
    module.write_text(text)
    asked = Computation("cpu", "auto")
    assert registry.info("raw", asked).provisional
    loaded = registry.load("raw", asked).info
    assert not loaded.provisional
    assert loaded == registry.info("raw", registry.resolved("raw", asked))
    assert registry.load("raw", Computation("cpu", "fp32")).info.identity == "raw fp32 on cpu"


def test_a_family_that_raises_at_a_folder(site: Path, tmp_path: Path) -> None:
    install(site, at_folder="if 'odd' in names: raise OSError('disk')")
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(CodecError, match="is not a model"):
        registry.info(str(folder))
    (folder / "odd").touch()
    with pytest.raises(
        CodecError, match=r"the package raw-codec 1\.0 failed when it was shown a folder: OSError: disk"
    ):
        registry.info(str(folder))
    (folder / "odd").unlink()
    (folder / "raw.model").touch()
    with pytest.raises(
        CodecError, match=f"the package raw-codec 1.0 failed when it opened {folder}: ValueError: no idea"
    ):
        registry.info(str(folder))


def test_a_family_that_raises_at_a_folder_of_another_does_not_hide_it(site: Path, tmp_path: Path) -> None:
    install(site, "a-codec", at_folder="raise OSError('disk')")
    install(site, "b-codec", "other")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "raw.model").touch()
    assert registry.recognise(folder).package == "b-codec 1.0"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("FAMILY = RawFamily()", "FAMILY = RawFamily", "has type as its family instead of a CodecFamily"),
        ("hop=128", "hop=0", "a number is too small"),
        ("hop=128", "hop='128'", "Expected `int`, got `str`"),
        ("overlap_frames=2", "overlap_frames=2, context=3", "overlap too little"),
        ('id="raw"', 'id="../raw"', "not a valid id"),
        ("[Entry(INFO, Raw)]", "[Raw]", "gave type instead of Entry"),
    ],
)
def test_a_family_that_is_not_valid(site: Path, old: str, new: str, what: str) -> None:
    install(site)
    module = site / "raw_codec.py"
    text = module.read_text()
    assert old in text
    module.write_text(text.replace(old, new))
    [error] = registry.package_errors().values()
    assert what in str(error)
    assert "raw-codec 1.0" in str(error)


DOWNLOADS = """
from lincae_studio.codecs.family import Download
RawFamily.downloads = (
    Download(id="../raw", title="Raw", description="", repository="", files=(), bytes=0, sample_rate=1, hop=1, dim=1,
    linearity="none"),
)
"""


def test_a_download_without_a_valid_id_is_refused(site: Path) -> None:
    """Its files would go elsewhere than into the library."""
    install(site)
    module = site / "raw_codec.py"
    module.write_text(module.read_text().replace("FAMILY =", f"{DOWNLOADS}\nFAMILY ="))
    [error] = registry.package_errors().values()
    assert str(error).startswith("the package raw-codec 1.0 has a codec “../raw”, which is not a valid id")
    assert "../raw" not in [download.id for download in registry.downloads()]


FOLDER = """
import types
def opened(self, path):
    info = lambda codec_id, computation: msgspec.structs.replace(INFO, id=GIVEN)
    return types.SimpleNamespace(path=path, weights_files=(), info=info)
RawFamily.open = opened
"""


@pytest.mark.parametrize("right", [True, False])
def test_a_folder_is_described_under_the_id_that_was_asked_for(site: Path, tmp_path: Path, right: bool) -> None:
    install(site)
    module, folder = site / "raw_codec.py", tmp_path / "model"
    opened = "import msgspec\n" + FOLDER.replace("GIVEN", "codec_id" if right else "'other'")
    module.write_text(module.read_text().replace("FAMILY =", f"{opened}\nFAMILY ="))
    folder.mkdir()
    (folder / "raw.model").touch()
    if right:
        assert registry.info(str(folder)).id == str(folder)
    else:
        with pytest.raises(CodecError, match=f"described {folder} as the codec “other” instead of “{folder}”"):
            registry.info(str(folder))


@pytest.mark.parametrize(
    ("line", "error", "what"),
    [
        ("raise OSError(28, 'No space left on device')", CodecError, "^copy cannot be installed: .*(?i:space|full)"),
        ("raise errors.Cancelled", Cancelled, None),
        ("1 / 0", CodecError, r"^the package raw-codec 1\.0 failed when it imported .*: ZeroDivisionError"),
    ],
    ids=["full disk", "cancelled", "its own"],
)
def test_a_full_disk_and_cancelling_are_not_blamed_on_a_package(
    site: Path, tmp_path: Path, line: str, error: type[Exception], what: str | None
) -> None:
    install(site)
    module, folder = site / "raw_codec.py", tmp_path / "model"
    family = "import msgspec\nfrom lincae_studio import errors\n" + FOLDER.replace("GIVEN", "codec_id")
    family += f"def install(*_):\n    {line}\nRawFamily.install = install\n"
    module.write_text(module.read_text().replace("FAMILY =", f"{family}\nFAMILY ="))
    folder.mkdir()
    (folder / "raw.model").touch()
    with pytest.raises(error, match=what):
        import_folder(folder, "copy")
    assert library.installed() == ()


OPTIONS = """
from lincae_studio.codecs.family import ImportOption
RawFamily.import_options = (ImportOption(name="gain_db", title="Gain", help="Gain", kind="number", suggestion=0.0),)
def install(self, folder, target, settings, progress, cancel):
    (target / "config.json").write_text(str(sorted(settings.items())))
RawFamily.install = install
def convert(self, source, target, to, given, title):
    target.write_text(str(given))
    return "raw"
RawFamily.convert = convert
"""


def test_options_of_a_package_are_given_on_the_command_line(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site)
    module, folder, converted = site / "raw_codec.py", tmp_path / "model", tmp_path / "converted"
    family = "import msgspec\n" + FOLDER.replace("GIVEN", "codec_id") + OPTIONS
    module.write_text(module.read_text().replace("FAMILY =", f"{family}\nFAMILY ="))
    folder.mkdir()
    (folder / "raw.model").touch()
    assert run(["codecs", "import", str(folder), "--id", "copy", "--set", "gain-db=-3"]) == 0
    assert (library.place_of("copy") / "config.json").read_text() == "[('gain_db', -3.0), ('title', 'model')]"
    assert run(["codecs", "convert", str(folder), str(converted), "--set", "gain_db=-6"]) == 0
    assert converted.read_text() == "{'gain_db': -6.0}", "without those of other families"
    assert run(["codecs", "convert", str(folder), str(converted), "--set", "colour=red"]) == 2
    assert "Choose one of gain_db" in capsys.readouterr().err


def test_only_what_is_looked_for_loads_packages(site: Path) -> None:
    """Neither our codecs by id nor lists without packages look for any."""
    install(site)
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(site)!r})\n"
        "from lincae_studio import errors\n"
        "from lincae_studio.codecs import registry\n"
        "registry.info('mdct-2x'), registry.load('mdct-1x'), registry.by_path('mdct-2x')\n"
        "registry.ids(packages=False), registry.info_and_errors(packages=False), registry.downloads(packages=False)\n"
        "try: registry.info('lin-cae')\n"
        "except errors.CodecError: pass\n"
        "print('raw_codec' in sys.modules, end=' ')\n"
        "registry.info('raw')\n"
        "print('raw_codec' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_infos_of_ours_are_valid() -> None:
    for info in registry.all_info(packages=False):
        assert third_party.info_problem(info) == ""
