#!/bin/sh
# Makes the virtual environment .venv beside this script, in which the Python peers run, and .venv-replay for
# replay_evaluate.py, replay_metrics.py and sklearn_auc.py: RePlay wants an older Polars; and .venv-gensim for
# gensim_vectors.py; and .venv-search for vector_search.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"${PYTHON:-python3}" -m venv "$here/.venv"
"$here/.venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
"${PYTHON:-python3}" -m venv "$here/.venv-replay"
"$here/.venv-replay/bin/python" -m pip install --quiet --requirement "$here/requirements-replay.txt"
"${PYTHON:-python3}" -m venv "$here/.venv-gensim"
"$here/.venv-gensim/bin/python" -m pip install --quiet --requirement "$here/requirements-gensim.txt"
"${PYTHON:-python3}" -m venv "$here/.venv-search"
"$here/.venv-search/bin/python" -m pip install --quiet --requirement "$here/requirements-search.txt"
