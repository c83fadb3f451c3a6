"""Writes the man page of `lincae-studio` and its completion in bash, zsh and fish from the commands themselves.

    python packaging/command_pages.py FOLDER

writes FOLDER/lincae-studio.1, and lincae-studio.bash, _lincae-studio (zsh) and lincae-studio.fish there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from lincae_studio import __version__
from lincae_studio.cli.app import app

_BASH = """\
# bash completion of lincae-studio; bash reads it from /usr/share/bash-completion/completions.
_lincae_studio() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]-}} choices=
    [[ $COMP_CWORD -lt 3 || $command != @(codecs|bench|cache|dataset|operator) ]] || command+=" ${{COMP_WORDS[2]}}"
    if [[ $COMP_CWORD -gt 1 ]]; then
        case $command in
{cases}
        esac
    else
        choices={commands}
    fi
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word"; [[ $word == -* ]] || compgen -f -- "$word")
}}
complete -F _lincae_studio lincae-studio
"""

_ZSH = """\
#compdef lincae-studio
local command=$words[2]
[[ $CURRENT -lt 4 || $command != (codecs|bench|cache|dataset|operator) ]] || command+=" $words[3]"
local -a choices
if [[ $CURRENT -gt 2 ]]; then
    case $command in
{cases}
    esac
else
    choices=({commands})
fi
compadd -- $choices
[[ $PREFIX == -* ]] || _files
"""

_FISH = """\
# fish completion of lincae-studio; fish reads it from /usr/share/fish/vendor_completions.d.
complete -c lincae-studio -n __fish_is_first_token -a "{commands}"
{cases}
"""


def commands() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Every command by its name, subcommands as `codecs list`."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            for inner, subcommand in command.commands.items():
                assert isinstance(subcommand, typer.core.TyperCommand)
                yield f"{name} {inner}", subcommand
        else:
            assert isinstance(command, typer.core.TyperCommand)
            yield name, command


def man_page() -> str:
    """The page in troff."""
    lines = [
        f'.TH LINCAE\\-STUDIO 1 "" "LinCAE Studio {__version__}" "User Commands"',
        ".SH NAME",
        "lincae\\-studio \\- multitrack editor that mixes in the latent space of an autoencoder",
        ".SH SYNOPSIS",
        ".B lincae\\-studio",
        "[\\fIPROJECT\\fR | \\fIAUDIO\\fR...]",
        ".br",
        ".B lincae\\-studio",
        "\\fICOMMAND\\fR [\\fIOPTIONS\\fR]",
        ".SH DESCRIPTION",
        "Without a command it opens the window, with a project or audio files. The manual is under Help there.",
        ".SH COMMANDS",
    ]
    for name, command in commands():
        lines += [".TP", f".B {_troff(name)}", _troff(command.help or "")]
        for parameter in command.params:
            described = _troff(getattr(parameter, "help", None) or "")
            if parameter.opts[0].startswith("-"):
                names = ", ".join(f"\\fB{_troff(text)}\\fR" for text in (*parameter.opts, *parameter.secondary_opts))
                lines += [".RS", ".TP", names, described, ".RE"]
    lines += [
        ".SH EXIT STATUS",
        "0 on success, 1 for an internal error, 2 for bad input or options, 130 when interrupted.",
        ".SH FILES",
        "Preferences, installed codecs, cache and log are in the folders that",
        ".B lincae\\-studio cache info",
        "and Edit > Preferences show.",
    ]
    return "\n".join(lines) + "\n"


def completions() -> dict[str, str]:
    """The script of each shell, by its file name: commands, then the options of the command, then files."""
    options: dict[str, list[str]] = {}
    for name, command in commands():
        group, _, inner = name.partition(" ")
        if inner:
            options.setdefault(group, []).append(inner)
        options[name] = [*(text for found in command.params for text in found.opts if text.startswith("--")), "--help"]
    first = " ".join(dict.fromkeys(name.partition(" ")[0] for name in options)) + " --help --version"
    lines = {name: " ".join(words) for name, words in options.items()}
    bash = [f'            "{name}") choices="{words}" ;;' for name, words in lines.items()]
    zsh = [f'        "{name}") choices=({words}) ;;' for name, words in lines.items()]
    fish = [f'complete -c lincae-studio -n "{_seen(name)}" -a "{words}"' for name, words in lines.items()]
    return {
        "lincae-studio.bash": _BASH.format(cases="\n".join(bash), commands=f'"{first}"'),
        "_lincae-studio": _ZSH.format(cases="\n".join(zsh), commands=first),
        "lincae-studio.fish": _FISH.format(cases="\n".join(fish), commands=first),
    }


def _seen(name: str) -> str:
    """The condition of fish that a command has been typed."""
    return "; and ".join(f"__fish_seen_subcommand_from {word}" for word in name.split())


def _troff(text: str) -> str:
    """Text with what troff would interpret escaped, on one line."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "lincae-studio.1").write_text(man_page(), encoding="utf-8")
    for script, text in completions().items():
        (folder / script).write_text(text, encoding="utf-8")
