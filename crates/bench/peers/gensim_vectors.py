"""Trains gensim's skip-gram on the sequences of a file, one a line, and writes the vectors in word2vec's binary
format. Prints one line of JSON: the seconds of training."""

import argparse
import json
import time

from gensim.models import Word2Vec

parser = argparse.ArgumentParser()
parser.add_argument("sequences")
parser.add_argument("vectors")
parser.add_argument("--d", type=int, default=128)
parser.add_argument("--window", type=int, default=5)
parser.add_argument("--negatives", type=int, default=5)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seed", type=int, default=1)
arguments = parser.parse_args()

with open(arguments.sequences) as file:
    sequences = [line.split() for line in file]

start = time.perf_counter()
model = Word2Vec(
    sequences,
    vector_size=arguments.d,
    window=arguments.window,
    sg=1,
    negative=arguments.negatives,
    ns_exponent=0.75,
    sample=0,
    min_count=1,
    alpha=0.025,
    min_alpha=0.0001,
    epochs=arguments.epochs,
    workers=arguments.threads,
    seed=arguments.seed,
)
seconds = time.perf_counter() - start
model.wv.save_word2vec_format(arguments.vectors, binary=True)
print(json.dumps({"seconds": seconds}))
