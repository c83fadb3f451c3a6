# shellcheck shell=bash
# Sourced by run.sh and test.sh: finds Python, installs missing system libraries, creates the virtual environment.
#
# Sets $root (the checkout) and $venv, which is ready after `set_up EXTRA`. Works without root: it then lists the system
# packages to install. LINCAE_STUDIO_VENV overrides the path of the virtual environment; by default it is next to the
# checkout.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${LINCAE_STUDIO_VENV:-$(dirname "$root")/$(basename "$root")-venv}
[[ $venv == /* ]] || venv=$PWD/$venv
python=

# System libraries for Qt's xcb, offscreen and Wayland platforms, OpenGL, audio output and text.
libraries=(
    libportaudio2 libgl1 libegl1 libxkbcommon0 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libxcb-cursor0
    libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0
    libxcb-xkb1 libglib2.0-0 fonts-dejavu-core
)

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# Run a command and show its output only if it fails.
quietly() {
    local output
    output=$("$@" 2>&1 </dev/null) || {
        say "$output"
        return 1
    }
}

find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            python=$name
            return 0
        fi
    done
    return 1
}

# Whether a Debian package is installed; Debian 13 renamed some libraries with the suffix t64.
installed() {
    local name
    for name in "$1" "$1t64"; do
        # shellcheck disable=SC2016  # dpkg-query expands the format
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed && return 0
    done
    return 1
}

apt_install() {
    local as_root=()
    if [[ $(id -u) != 0 ]]; then
        if ! sudo -n true >/dev/null 2>&1; then
            say "Some system packages are missing. Install them with: sudo apt-get install --no-install-recommends $*"
            return 0
        fi
        as_root=(sudo -n)
    fi
    say "Installing system packages: $*"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120)
    # An old package list may be good enough, so a failed update is shown but does not stop the installation.
    quietly ${as_root[@]+"${as_root[@]}"} "${apt[@]}" update || true
    quietly ${as_root[@]+"${as_root[@]}"} "${apt[@]}" install -y --no-install-recommends "$@" ||
        say "Some system packages could not be installed: $*"
}

install_system_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        [[ $(uname -s) != Linux ]] ||
            say "This is not a Debian-based system. Make sure that these are installed: PortAudio, OpenGL, EGL," \
                "xkbcommon, D-Bus, fontconfig, GLib, the xcb-util libraries (with xcb-cursor) and a font."
        return 0
    fi
    local missing=() name
    for name in "${libraries[@]}"; do
        installed "$name" || missing+=("$name")
    done
    if ! find_python; then
        command -v python3 >/dev/null || missing+=(python3 python3-venv)
    elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        missing+=("$python-venv")
    fi
    [[ ${#missing[@]} == 0 ]] || apt_install "${missing[@]}"
}

# Keep a working virtual environment, recreate a broken one, and never touch any other folder.
make_venv() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return 0
    if [[ -d $venv && ! -e $venv/pyvenv.cfg && -n $(ls -A "$venv") ]]; then
        fail "$venv is not a virtual environment; choose another folder with LINCAE_STUDIO_VENV."
    fi
    quietly "$python" -m venv --clear "$venv" ||
        fail "$python cannot create a virtual environment in $venv; on Debian, install $python-venv."
}

# Everything an installation depends on, as one line: while it stays the same, nothing has to be installed.
fingerprint() {
    "$venv/bin/python" - "$root" "$1" <<'PYTHON'
import hashlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
recipe = b"".join(
    (root / name).read_bytes() for name in ("pyproject.toml", "packaging/constraints.txt", "packaging/setup.sh")
)
print(hashlib.sha256(recipe).hexdigest(), sys.version.split()[0], *sys.argv[1:])
PYTHON
}

# The exact versions are those of constraints.txt; pyproject.toml has ranges only.
pip_install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --constraint "$root/packaging/constraints.txt" \
        "$@" </dev/null
}

# set_up EXTRA: install everything; EXTRA is an extra of pyproject.toml (optional-dependencies), or empty.
set_up() {
    local extra=$1 torch stamp
    # An independent audio reader that the export tests compare with, the server of the engine on another machine, and
    # the shells whose completion is tested.
    [[ $extra != test ]] || libraries+=(sox libsox-fmt-mp3 openssh-server zsh fish)
    install_system_packages
    find_python || fail "Python 3.11 or newer was not found. Install it (on Debian 12 or later: python3 python3-venv)."
    make_venv
    stamp=$venv/.lincae-studio-${extra:-app}
    if [[ -e $stamp && $(<"$stamp") == "$(fingerprint "$extra")" ]]; then
        return 0
    fi
    say "Installing LinCAE Studio into $venv. The first time, this takes a few minutes."
    rm -f "$venv"/.lincae-studio-*
    # torch in a call of its own: where a local CPU build is offered, it is found for exactly this requirement.
    torch=$(grep '^torch==' "$root/packaging/constraints.txt") ||
        fail "packaging/constraints.txt names no version of torch."
    pip_install "$torch"
    pip_install --editable "$root${extra:+[$extra]}"
    # The reference that parity tests compare with; it asks for an older numpy than it needs.
    [[ $extra != test ]] || pip_install --no-deps linear-cae==0.1.4
    # An installation with an extra includes the plain one.
    fingerprint "" >"$venv/.lincae-studio-app"
    [[ -z $extra ]] || fingerprint "$extra" >"$stamp"
}
