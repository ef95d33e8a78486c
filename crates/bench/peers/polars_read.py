"""Reads a ratings.csv of MovieLens with Polars, encodes both id columns as ranks among their ids, and
prints one line of JSON.

Two encodings, the fastest found in Polars: a search of every id among the sorted distinct ids, which
works for any ids, and a table indexed by id, which works where ids are small whole numbers. Ranking
(`rank("dense")`), joining and `replace_strict` took longer than the search.
"""

import argparse
import json
import time

import polars as pl

IDS = ["userId", "movieId"]


def by_search(column):
    ids = column.unique().sort()
    return ids.search_sorted(column).cast(pl.UInt32)


def by_table(column):
    ids = column.unique().sort()
    ranks = pl.int_range(len(ids), dtype=pl.UInt32, eager=True)
    table = pl.zeros(ids[-1] + 1, dtype=pl.UInt32, eager=True).scatter(ids, ranks)
    return table.gather(column)


def peak_memory():
    with open("/proc/self/status") as status:
        kib = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(kib) * 1024


def main():
    encodings = {"search": by_search, "table": by_table}
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--encoding", choices=list(encodings), required=True)
    arguments = parser.parse_args()
    encode = encodings[arguments.encoding]

    start = time.perf_counter()
    types = {"userId": pl.UInt32, "movieId": pl.UInt32, "rating": pl.Float32, "timestamp": pl.Int64}
    table = pl.read_csv(arguments.path, schema_overrides=types)
    # Column by column, so that the intermediates of one are gone before the next.
    for name in IDS:
        table = table.with_columns(encode(table[name]).alias(name))
    seconds = time.perf_counter() - start
    peak = peak_memory()

    row = pl.int_range(pl.len()) % 7
    sums = table.select(
        (pl.col("userId").cast(pl.Int64) * row).sum().alias("user_sum"),
        (pl.col("movieId").cast(pl.Int64) * row).sum().alias("item_sum"),
        (pl.col("rating") * 2).cast(pl.Int64).sum().alias("rating_sum"),
        pl.col("timestamp").sum().alias("timestamp_sum"),
    )
    counts = {"rows": table.height, "users": table["userId"].max() + 1, "items": table["movieId"].max() + 1}
    print(json.dumps({"seconds": seconds, "peak_memory": peak, **counts, **sums.row(0, named=True)}))


if __name__ == "__main__":
    main()
