#!/usr/bin/env bash
here=$(dirname "$0")
exec "$here/../python.sh" "$here" "$@"
