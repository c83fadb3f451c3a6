"""The arrows of the architecture, and what a fresh process loads."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import lincae_studio
from lincae_studio.codecs import registry

PACKAGE = Path(lincae_studio.__file__).parent

QT = ("PySide6", "pyqtgraph", "qtpy", "shiboken6")
#: safetensors reads into numpy, too, and needs no torch then.
TORCH = ("torch", "torchaudio", "lightning", "safetensors")

#: Parts of the package that may be imported by each part, besides itself and the base modules.
BASE = {
    "defaults",
    "export_settings",
    "preference_table",
    "cores",
    "malloc",
    "descriptors",
    "preferences",
    "errors",
    "atomic",
    "bounded",
    "private",
    "jobs",
    "paths",
    "__init__",
}
ALLOWED: dict[str, set[str]] = {
    "session": set(),
    "media": {"session"},
    "codecs": {"session", "media"},
    "baselines": {"codecs"},
    "engine": {"codecs", "media", "session"},
    "playback": {"engine", "codecs", "media", "session"},
    "evaluation": {"engine", "codecs", "media", "session"},
    "datasets": {"evaluation", "engine", "codecs", "media", "session"},
    "studio": {"datasets", "evaluation", "engine", "codecs", "media", "session"},
    "training": {"evaluation", "engine", "codecs", "media", "session"},
    "ui": {"playback", "engine", "codecs", "media", "session", "evaluation", "training", "bench"},
    "bench": {"engine", "codecs", "media", "session", "playback", "ui", "training", "evaluation", "datasets"},
    "cli": {
        *("studio", "engine", "codecs", "media", "session", "playback", "ui", "training", "evaluation", "bench"),
        "datasets",
    },
    "__main__": {"cli"},
}

#: Third-party modules that a part may never import.
BANNED: dict[str, tuple[str, ...]] = {
    "session": (*QT, *TORCH, "numpy", "soundfile", "soxr"),
    "media": (*QT, *TORCH),
    "codecs": QT,
    "baselines": QT,
    "engine": (*QT, *TORCH[:-1]),
    "evaluation": (*QT, *TORCH),
    "datasets": (*QT, *TORCH[1:-1]),
    "studio": (*QT, *TORCH),
    "training": QT,
    "playback": TORCH,
    "ui": TORCH,
    "cli": TORCH,
}


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    """Full names of everything a file imports, at whatever depth; `from a import b` counts as `a.b`."""
    found: set[str] = set()
    package = ["lincae_studio", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return frozenset(found)


#: The rooms of `ui`, from the bottom up; each may import those before it, and itself.
UI_ORDER = (
    {"plain_text"},
    {"theme", "notify"},
    {"model"},
    {"jobs"},
    {"rendering"},
    {"playback"},
    {"timeline"},
    {"panels", "views"},
    {"actions"},
    {"dialogs"},
    {"commands"},
    {"status_bar"},
    {"main_window"},
    {"app"},
)

#: A longer file gives the reason in its docstring.
MOST_LINES = 450

SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "resources" not in path.parts)


def test_the_rules_cover_every_part() -> None:
    assert {part_of(path) for path in SOURCES} - BASE <= ALLOWED.keys()
    assert len(SOURCES) > 30


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    part = part_of(path)
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("lincae_studio.")} - {"__version__"}
    if path == PACKAGE / "__init__.py":
        assert ours <= {"codecs", "studio", "session", "errors"}  # the Python interface, loaded when it is asked for
        return
    if part in BASE:
        assert ours <= BASE
        return
    assert ours <= ALLOWED[part] | BASE | {part}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_part_imports_what_it_may_not(path: Path) -> None:
    part = part_of(path)
    roots = {name.split(".")[0] for name in imports_of(path)}
    assert not roots & set(BANNED.get(part, ()))
    if "torch" in roots:
        of_a_family = part == "codecs" and path.parent != PACKAGE / "codecs"
        of_codecs = [PACKAGE / "codecs" / name for name in ("batches.py", "device.py", "tile_choice.py", "tiles.py")]
        others = (*of_codecs, PACKAGE / "bench" / "codec.py", PACKAGE / "datasets" / "torch_data.py")
        assert part == "training" or of_a_family or path in others


def test_one_module_alone_uses_ray() -> None:
    """Its names are strings there, as it is loaded when a cluster is asked for."""
    for path in SOURCES:
        assert "ray" not in {name.split(".")[0] for name in imports_of(path)}, path
        if path != PACKAGE / "datasets" / "cluster.py":
            assert '"ray' not in path.read_text(encoding="utf-8"), path


def test_nothing_names_a_family_but_the_registry_and_what_trains_one() -> None:
    families = {registry_line.partition(".")[0] for registry_line in registry._FAMILIES}
    assert {"mdct", "lincae"} <= families
    for path in SOURCES:
        relative = path.relative_to(PACKAGE)
        own = relative.parts[0] == "codecs" and relative.parts[1].removesuffix(".py") in families
        if own or relative.parts[0] in ("training", "bench", "__init__.py", "baselines.py"):
            continue
        named = {name.split(".")[2] for name in imports_of(path) if name.startswith("lincae_studio.codecs.")}
        assert not named & families, path


def test_the_document_needs_nothing_but_errors_and_safe_files() -> None:
    for path in (PACKAGE / "session").glob("*.py"):
        ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("lincae_studio.")}
        assert ours <= {"session", "defaults", "errors", "atomic", "bounded", "private"}, path


def test_the_window_reaches_the_engine_only_by_its_client_and_values() -> None:
    """Renderer and worker belong to the engine process (`Rendered`, a value, is theirs to share)."""
    for folder in ("ui", "playback"):
        for path in (PACKAGE / folder).rglob("*.py"):
            assert not {name for name in imports_of(path) if name.startswith("lincae_studio.engine.process.worker")}, (
                path
            )


def test_rooms_of_the_window_import_downwards() -> None:
    level = {room: number for number, rooms in enumerate(UI_ORDER) for room in rooms}
    rooms = {path.stem for path in (PACKAGE / "ui").iterdir() if path.name not in ("__init__.py", "__pycache__")}
    assert rooms == level.keys(), "a room without a place in the order"
    assert len(rooms) <= 16
    for path in (PACKAGE / "ui").rglob("*.py"):
        room = path.relative_to(PACKAGE / "ui").parts[0].removesuffix(".py")
        for name in imports_of(path) if room != "__init__" else ():
            if name.startswith("lincae_studio.ui."):
                other = name.split(".")[2]
                assert other == room or level[other] < level[room], f"{path} imports {name}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports inside functions count, too: a circle is one whenever it is closed."""
    modules = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in SOURCES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    arrows = {}
    for name, path in modules.items():
        found = {one if one in modules else one.rpartition(".")[0] for one in imports_of(path)}
        # The package itself is imported for its version, which its lazy names do not change.
        arrows[name] = (found & modules.keys()) - {name, "lincae_studio"}
    while free := {name for name, others in arrows.items() if not others & arrows.keys()}:
        for name in free:
            del arrows[name]
    assert not arrows, f"these import each other: {sorted(arrows)}"


def test_no_file_is_long_without_a_reason() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > MOST_LINES:
            assert "long because" in (ast.get_docstring(ast.parse(text)) or "").lower(), path


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = set(done.stdout.split())
    return names | {name.split(".")[0] for name in names}


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import lincae_studio") & {"numpy", "PySide6", "torch", "soundfile", "msgspec"}


def test_the_window_process_never_loads_torch() -> None:
    loaded = modules_after("import lincae_studio, lincae_studio.cli, lincae_studio.engine.process.client")
    assert "lincae_studio" in loaded
    assert "torch" not in loaded
    assert "PySide6" not in loaded


def test_the_window_starts_without_modules_for_downloads() -> None:
    """HTTP and TLS, with the mail headers that they need, take a tenth of a second."""
    loaded = modules_after("import lincae_studio.ui.app, lincae_studio.ui.main_window, lincae_studio.codecs.neural")
    assert "PySide6" in loaded
    assert not loaded & {"torch", "ssl", "http", "email"}


def test_the_window_starts_without_defining_frozen_dataclasses() -> None:
    """Defining one takes half a millisecond, 40 times as long as a struct."""
    loaded = modules_after("import lincae_studio.ui.app, lincae_studio.ui.main_window")
    ours = [
        path
        for path in SOURCES
        if ".".join(("lincae_studio", *path.relative_to(PACKAGE).with_suffix("").parts)) in loaded
    ]
    assert len(ours) > 200
    assert not [path for path in ours if "@dataclass(frozen=True" in path.read_text(encoding="utf-8")]


def test_a_built_in_codec_loads_no_other_family() -> None:
    loaded = modules_after("from lincae_studio.codecs import registry\nregistry.load('mdct-2x')")
    assert "numpy" in loaded
    assert not loaded & {"lincae_studio.codecs.lincae.family", "lincae_studio.codecs.linear.family"}


def test_the_subcommands_load_neither_torch_nor_qt() -> None:
    parts = ("cli.app", "cli.mixing", "engine.process.worker", "engine.bundles.decode")
    families = "from lincae_studio.codecs import registry\nregistry.families()"
    loaded = modules_after("import " + ", ".join(f"lincae_studio.{part}" for part in parts) + f"\n{families}")
    assert "lincae_studio.codecs.lincae.family" in loaded
    assert not loaded & {"torch", "PySide6", "pyqtgraph"}


def test_the_document_loads_no_numpy() -> None:
    parts = "edits, files, history, levels, model"
    assert not modules_after(f"from lincae_studio.session import {parts}") & {"numpy", "PySide6", "torch"}
