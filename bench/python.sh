#!/usr/bin/env bash
# Usage: python.sh DIR [ARGUMENT...]
# Runs DIR/run.py in a virtual environment beside it, made with Python 3.11 on
# the first run and again when DIR/requirements.txt has changed.
set -euo pipefail
here=$(cd "$1" && pwd)
shift
venv=$here/.venv
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  "${PYTHON:-python3.11}" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
exec "$venv/bin/python" "$here/run.py" "$@"
