#!/usr/bin/env bash
# Install missing packages and start LinCAE Studio, with the demo song or with the given arguments.
#
#     bash packaging/run.sh                 the demo song
#     bash packaging/run.sh FILE...         a project or audio files
#     bash packaging/run.sh codecs list     any command of lincae-studio
set -euo pipefail
# shellcheck source=packaging/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

set_up ""
[[ $# != 0 ]] || set -- demo
exec "$venv/bin/lincae-studio" "$@"
