#!/usr/bin/env bash
# Install missing packages, then run every check: format, lint, types, tests. Arguments are passed to pytest.
#
# All checks run even if one fails. The last line is pytest's summary unless a check failed.
set -euo pipefail
# shellcheck source=packaging/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

PIP_NO_COMPILE=1 set_up test  # what the tests import is compiled when they do
cd "$root"
export QT_QPA_PLATFORM=offscreen
export LINCAE_STUDIO_PARITY=required  # a missing reference is a failure here

failed=()
check() {
    local name=$1
    shift
    "$@" || failed+=("$name")
}

run_tests() {
    local log color=no status=0
    log=$(mktemp)
    [[ ! -t 1 ]] || color=yes
    # Each file is one process's, since its tests may share what they made.
    "$venv/bin/python" -m pytest -q --color="$color" -n "$(nproc)" --maxprocesses=4 --dist=loadfile "$@" 2>&1 | tee "$log" || status=1
    # pytest succeeds when every test is skipped; this script does not.
    grep -Eq '[1-9][0-9]* passed' "$log" || status=1
    rm -f "$log"
    return "$status"
}

check "ruff check" "$venv/bin/ruff" check --quiet
check "ruff format" "$venv/bin/ruff" format --check --quiet
check "mypy" "$venv/bin/mypy"
check "pytest" run_tests "$@"

if [[ ${#failed[@]} != 0 ]]; then
    printf 'failed:' >&2
    printf ' [%s]' "${failed[@]}" >&2
    printf '\n' >&2
    exit 1
fi
