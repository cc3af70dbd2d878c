#!/usr/bin/env bash
# Usage: python.sh DIR [ARGUMENT...]
# Runs DIR/run.py in a virtual environment. It makes the environment with Python
# 3.11 on the first run, and again when requirements.txt has changed. If DIR has a
# requirements.txt, the environment is DIR/.venv; if that file is a link, it is the
# environment beside the file it links to. Folders without such a file share the
# environment beside this script.
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
