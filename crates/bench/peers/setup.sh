#!/bin/sh
# Makes the virtual environment .venv beside this script, in which the Python peers run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"${PYTHON:-python3}" -m venv "$here/.venv"
"$here/.venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
