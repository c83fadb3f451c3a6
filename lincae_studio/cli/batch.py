"""Processing folders: one output per input; errors are reported per file, and the rest are still processed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from lincae_studio.cli.text import show, show_error, show_figures
from lincae_studio.errors import StudioError, UsageError, os_error_reason

#: Converts an input file to an output file; returns figures.
Make = Callable[[Path, Path], dict[str, object]]


def run_all(
    source: Path,
    output: Path,
    suffixes: Collection[str],
    ending: str,
    make: Make,
    summarize: Callable[[dict[str, object]], Sequence[str]],
    as_json: bool,
) -> int:
    """Convert `source` to `output`, or all files with these suffixes if it is a folder; print the results.

    `summarize` gives the lines to print for a file, from its figures.

    Returns the exit code: 2 when a file of a folder failed. Each error is reported on standard error.

    Raises:
        StudioError: when a single file fails, or a folder cannot be used.
    """
    if not os.path.isdir(source):
        if os.path.isdir(output):
            output = output / f"{source.stem}{ending}"
        figures = make(source, output)
        show_figures(figures, () if as_json else summarize(figures), as_json)
        return 0
    inputs = inputs_in(source, suffixes)
    if os.path.exists(output) and not os.path.isdir(output):
        raise UsageError(f"{source} is a folder, but {output} is a file", "Give a folder for the output")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason, remedy = os_error_reason(error, output)
        raise StudioError(f"cannot create the folder {output}: {reason}", remedy) from error
    rows: list[dict[str, object]] = []
    failed = 0
    for path in inputs:
        try:
            rows.append({"input": str(path)} | make(path, output / f"{path.stem}{ending}"))
            if not as_json:
                show(*summarize(rows[-1]))
        except StudioError as error:
            failed += 1
            rows.append({"input": str(path), "error": str(error)})
            show_error(f"error: {path}: {error}")
    if as_json:
        print(json.dumps(rows, indent=2))
    return 2 if failed else 0


def inputs_in(folder: Path, suffixes: Collection[str]) -> Sequence[Path]:
    """The files of a folder with these suffixes, sorted. Raises `UsageError` for none, or two with the same stem."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise UsageError(f"cannot read the folder {folder}: {reason}", remedy) from error
    if not found:
        raise UsageError(
            f"there is nothing to do in {folder}", f"Give a folder with files ending in {', '.join(suffixes)}"
        )
    stems: dict[str, Path] = {}
    for path in found:
        if path.stem.casefold() in stems:
            other = stems[path.stem.casefold()]
            raise UsageError(f"{other.name} and {path.name} would have the same output", "Rename one of them")
        stems[path.stem.casefold()] = path
    return found
