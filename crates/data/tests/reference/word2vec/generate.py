"""Writes the vectors beside it, which `tests/item_vectors.rs` reads, with gensim and safetensors.

    python -m pip install -r requirements.txt
    python generate.py

`python generate.py check TEXT BINARY SAFETENSORS` compares files of the same vectors with them, as gensim and
safetensors read them: binary and safetensors to the bit, text to one part in a million.
"""

import sys
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
# Neither in the order of text nor of numbers.
IDS = ["B07", "10", "9", "Pok\u00e9mon", "\u65e5\u672c", "007", "it's", "a"]
ROWS = len(IDS)
VALUES = np.random.default_rng(7).normal(size=(ROWS, 5)).astype(np.float32)
VALUES[0] = [0.1, -0.0, 1 / 3, np.finfo(np.float32).max, np.finfo(np.float32).tiny]
VALUES[1, 0] = 1e-40


def generate():
    vectors = KeyedVectors(VALUES.shape[1])
    vectors.add_vectors(IDS, VALUES)
    vectors.save_word2vec_format(HERE / "gensim.txt", binary=False)
    vectors.save_word2vec_format(HERE / "gensim.bin", binary=True)
    encoded = [id.encode() for id in IDS]
    save_file(
        {
            "vectors": VALUES,
            "id_bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8),
            "id_offsets": np.cumsum([0] + [len(id) for id in encoded]).astype(np.int64),
        },
        HERE / "text_ids.safetensors",
    )
    save_file({"vectors": VALUES, "ids": np.arange(ROWS, dtype=np.int64)[::-1].copy()}, HERE / "integer_ids.safetensors")


def check(text, binary, safetensors):
    bits = lambda values: np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    read = KeyedVectors.load_word2vec_format(binary, binary=True)
    assert sorted(read.index_to_key) == sorted(IDS), read.index_to_key
    assert all((bits(read[id]) == bits(row)).all() for id, row in zip(IDS, VALUES))
    read = KeyedVectors.load_word2vec_format(text, binary=False)
    assert sorted(read.index_to_key) == sorted(IDS), read.index_to_key
    worst = max(np.max(np.abs(read[id] - row) / np.maximum(np.abs(row), 1e-37)) for id, row in zip(IDS, VALUES))
    assert worst <= 1e-6, worst
    tensors = load_file(safetensors)
    text, offsets = tensors["id_bytes"].tobytes(), tensors["id_offsets"]
    ids = [text[start:end].decode() for start, end in zip(offsets, offsets[1:])]
    assert sorted(ids) == sorted(IDS), ids
    assert all((bits(tensors["vectors"][ids.index(id)]) == bits(row)).all() for id, row in zip(IDS, VALUES))
    print(f"equal; text differs by {worst:.1e} at most")


if sys.argv[1:2] == ["check"]:
    check(*sys.argv[2:])
else:
    generate()
