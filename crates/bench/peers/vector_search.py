"""Vector search by faiss and hnswlib.

The argument is a folder: items.f32 and queries.f32 are the vectors, little-endian. The peer does one unit of work
for every line of standard input and answers with one line of JSON, with seconds; the items found are left in
found.i64 in the folder, `k` for every query.

- `flat batch`: all queries at once through IndexFlatIP
- `flat single`: queries one at a time
- `build NAME`: builds the graph `faiss` or `hnswlib`
- `graph NAME EF`: all queries on one thread; both libraries take them one after the other, so the seconds are
  the number of queries times those of one, without Python's own
"""

import argparse
import json
import sys
import time
from pathlib import Path

import faiss
import hnswlib
import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ["--d", "--k", "--threads", "--singles", "--m", "--ef-construction"]:
        parser.add_argument(name, type=int, required=True)
    arguments = parser.parse_args()
    folder, d, k, threads = arguments.folder, arguments.d, arguments.k, arguments.threads
    items = np.fromfile(folder / "items.f32", dtype="<f4").reshape(-1, d)
    queries = np.fromfile(folder / "queries.f32", dtype="<f4").reshape(-1, d)
    flat = faiss.IndexFlatIP(d)
    flat.add(items)
    graphs = {}

    def build(name):
        if name == "faiss":
            graph = faiss.IndexHNSWFlat(d, arguments.m, faiss.METRIC_INNER_PRODUCT)
            graph.hnsw.efConstruction = arguments.ef_construction
            graph.add(items)
        else:
            graph = hnswlib.Index(space="ip", dim=d)
            graph.init_index(len(items), M=arguments.m, ef_construction=arguments.ef_construction)
            graph.add_items(items, num_threads=threads)
        graphs[name] = graph

    def search(name, ef):
        graph = graphs[name]
        if name == "faiss":
            graph.hnsw.efSearch = ef
            return lambda: graph.search(queries, k)[1]
        graph.set_ef(ef)
        return lambda: graph.knn_query(queries, k=k, num_threads=1)[0]

    for line in sys.stdin:
        words = line.split()
        found = None
        faiss.omp_set_num_threads(1 if words[0] == "graph" else threads)
        if words == ["flat", "single"]:
            seconds, rows = [], []
            for row in range(arguments.singles):
                query = queries[row : row + 1]
                start = time.perf_counter()
                rows.append(flat.search(query, k)[1])
                seconds.append(time.perf_counter() - start)
            found = np.concatenate(rows)
        else:
            if words[0] == "build":
                work = lambda: build(words[1])
            elif words[0] == "flat":
                work = lambda: flat.search(queries, k)[1]
            else:
                work = search(words[1], int(words[2]))
            start = time.perf_counter()
            found = work()
            seconds = [time.perf_counter() - start]
        if found is not None:
            found.astype("<i8").tofile(folder / "found.i64")
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
