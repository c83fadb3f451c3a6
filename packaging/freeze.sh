#!/usr/bin/env bash
# Build the program for machines without Python, without torch: the built-in codecs do without.
#
#     bash packaging/freeze.sh [FOLDER]     default: dist
#
# Writes to FOLDER: lincae-studio/ (the program's folder), lincae-studio-VERSION-linux-x86_64.tar.zst, and
# lincae-studio_VERSION_amd64.deb. The program needs a glibc as new as that of the machine it is built on.
set -euo pipefail
# shellcheck source=packaging/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

dist=$(realpath -m "${1:-$root/dist}")
venv=${LINCAE_STUDIO_VENV:-$venv-frozen}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

libraries+=(binutils zstd)
install_system_packages
find_python || fail "Python 3.11 or newer was not found."
make_venv
mapfile -t packages < <("$venv/bin/python" - "$root/pyproject.toml" <<'PYTHON'
import sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
left_out = ("torch", "huggingface_hub")  # what only neural codecs need
print(*(name for name in project["dependencies"] if not name.startswith(left_out)), sep="\n")
PYTHON
)
pip_install "${packages[@]}" pip pyinstaller
cd "$root"
# Compiled convolutions for processors; where they cannot be built, torch computes them.
"$venv/bin/python" -m pip wheel -qq --disable-pip-version-check --no-deps --wheel-dir "$work/kernels" packaging/kernels \
    </dev/null && pip_install --force-reinstall "$work"/kernels/*.whl ||
    say "The compiled convolutions could not be built, and are left out."
version=$("$venv/bin/python" -c 'import lincae_studio; print(lincae_studio.__version__)')

say "Collecting the program"
folder=$dist/lincae-studio
quietly "$venv/bin/pyinstaller" --noconfirm --distpath "$dist" --workpath "$work/build" packaging/lincae-studio.spec ||
    fail "PyInstaller failed."
# Symbols are of no use in the field. Libraries that wheels have rewritten (*.libs) do not survive it.
find "$folder" -type f \( -name '*.so' -o -name '*.so.*' \) -not -path '*.libs/*' -exec strip --strip-unneeded {} + ||
    fail "The symbols could not be removed."
# A program that cannot mix is not packed.
LINCAE_STUDIO_CACHE=$work/cache quietly "$folder/lincae-studio" demo --headless --out "$work/demo" ||
    fail "The built program does not mix the demo."

say "Packing"
epoch=$(git log -1 --format=%ct 2>/dev/null || date +%s)
tar --create --directory "$dist" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" lincae-studio |
    zstd -q -f -T0 -15 -o "$dist/lincae-studio-$version-linux-x86_64.tar.zst"

tree=$work/deb
install -d "$tree"/usr/lib "$tree"/usr/bin "$tree"/DEBIAN "$work/pages"
cp -a "$folder" "$tree/usr/lib/lincae-studio"
ln -s ../lib/lincae-studio/lincae-studio "$tree/usr/bin/lincae-studio"
PYTHONPATH=$root "$venv/bin/python" packaging/command_pages.py "$work/pages"
gzip -9n "$work/pages/lincae-studio.1"
place() { install -Dm644 "$1" "$tree/usr/share/$2"; }
place "$work/pages/lincae-studio.1.gz" man/man1/lincae-studio.1.gz
place "$work/pages/lincae-studio.bash" bash-completion/completions/lincae-studio
place "$work/pages/_lincae-studio" zsh/vendor-completions/_lincae-studio
place "$work/pages/lincae-studio.fish" fish/vendor_completions.d/lincae-studio.fish
place packaging/linux/lincae-studio.desktop applications/lincae-studio.desktop
place packaging/linux/lincae-studio.xml mime/packages/lincae-studio.xml
place resources/icons/lincae-studio.svg icons/hicolor/scalable/apps/lincae-studio.svg
place LICENSE doc/lincae-studio/copyright
sed -e "s/@VERSION@/$version/" -e "s/@DATE@/$(date -u -d "@$epoch" +%F)/" packaging/linux/lincae-studio.metainfo.xml \
    >"$work/pages/metainfo.xml"
place "$work/pages/metainfo.xml" metainfo/studio.lincae.LinCAEStudio.metainfo.xml
# The libraries that the folder does not have: those of the graphics driver, the display, and the sound server.
cat >"$tree/DEBIAN/control" <<CONTROL
Package: lincae-studio
Version: $version
Architecture: amd64
Maintainer: The LinCAE Studio developers <noreply@lincae.studio>
Section: sound
Priority: optional
Installed-Size: $(du -sk "$tree" | cut -f1)
Depends: libc6 (>= $(ldd --version | sed -n '1s/.* //p')), libportaudio2, libgl1, libegl1, libxkbcommon0,
 libxkbcommon-x11-0, libdbus-1-3, libfontconfig1, libxcb-cursor0, libxcb-icccm4, libxcb-image0, libxcb-keysyms1,
 libxcb-randr0, libxcb-render-util0, libxcb-shape0, libxcb-xinerama0, libxcb-xkb1
Recommends: fonts-dejavu-core, shared-mime-info, desktop-file-utils
Description: multitrack editor that mixes in the latent space of an autoencoder
 Stems are dropped on a timeline; gains and sums are computed on the latents of an
 audio autoencoder, and a background process decodes only what an edit touches.
 The built-in codecs are part of the package.
CONTROL
dpkg-deb --root-owner-group -Zzstd --build "$tree" "$dist/lincae-studio_${version}_amd64.deb" >/dev/null

limit_mb=230  # of the folder: what makes it larger should be meant
[[ $(du -sb "$folder" | cut -f1) -lt ${limit_mb}000000 ]] || fail "The folder is larger than $limit_mb MB."
for file in "$folder" "$dist/lincae-studio-$version-linux-x86_64.tar.zst" "$dist/lincae-studio_${version}_amd64.deb"; do
    printf '%6d MB  %s\n' "$(($(du -sb "$file" | cut -f1) / 1000000))" "$file"
done
