#!/usr/bin/env bash
# Usage: python.sh DIR [ARGUMENT...]
# Runs DIR/run.py in a virtual environment, made with Python 3.11 on the first
# run and again when its requirements.txt has changed: that in DIR, or else the
# one beside this script, whose environment those without their own share. If it
# is a link to that of another folder, they share the other's environment.
set -euo pipefail
bench=$(cd "$(dirname "$0")" && pwd)
here=$(cd "$1" && pwd)
shift
home=$here
[ -e "$home/requirements.txt" ] || home=$bench
home=$(dirname "$(realpath "$home/requirements.txt")")
venv=$home/.venv
if ! cmp -s "$home/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  "${PYTHON:-python3.11}" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$home/requirements.txt"
  cp "$home/requirements.txt" "$venv/installed.txt"
fi
PYTHONPATH=$bench exec "$venv/bin/python" "$here/run.py" "$@"
