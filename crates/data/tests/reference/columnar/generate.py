"""Writes the parquet files beside it, which `tests/columnar.rs` reads.

    python -m pip install -r requirements.txt
    python generate.py

Every file holds the same 60 recommendations, as far as its types allow: row r is of user 7 * (r // 3) - 5 and
of item r % 7 * 1000 + 1; its score is 1 - r / 64, its rank r % 3 + 1, its timestamp 1_600_000_000 + 1.5 * r
seconds. Text ids have "u" or "item-" in front.
"""

import datetime
import decimal
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
ROWS = range(60)
USERS = [7 * (r // 3) - 5 for r in ROWS]
ITEMS = [r % 7 * 1000 + 1 for r in ROWS]
SCORES = [1 - r / 64 for r in ROWS]
RANKS = [r % 3 + 1 for r in ROWS]
MILLIS = [1_600_000_000_000 + 1_500 * r for r in ROWS]
TEXT_USERS = [f"u{user}" for user in USERS]
TEXT_ITEMS = [f"item-{item}" for item in ITEMS]
DAYS = [datetime.date(2020, 9, 13) + datetime.timedelta(days=r) for r in ROWS]


def write(name, columns, **options):
    pq.write_table(pa.table(columns), HERE / name, **options)


def columns():
    return {
        "user_id": pa.array(USERS, pa.int64()),
        "item_id": pa.array(ITEMS, pa.uint32()),
        "score": pa.array(SCORES, pa.float32()),
        "rank": pa.array(RANKS, pa.int32()),
        "timestamp": pa.array(MILLIS, pa.timestamp("ms")),
    }


# Compressions, pages of both versions, encodings, groups of rows.
write("pyarrow_snappy.parquet", columns(), compression="snappy")
write("pyarrow_zstd.parquet", columns(), compression="zstd", row_group_size=13)
write("pyarrow_none.parquet", columns(), compression="none", use_dictionary=False, row_group_size=25)
write("pyarrow_gzip.parquet", columns(), compression="gzip", data_page_version="2.0")
write("pyarrow_lz4.parquet", columns(), compression="lz4", data_page_size=16, write_batch_size=8)
write("pyarrow_brotli.parquet", columns(), compression="brotli")
write(
    "pyarrow_delta.parquet",
    columns() | {"text": pa.array(TEXT_USERS)},
    use_dictionary=False,
    column_encoding={
        "user_id": "DELTA_BINARY_PACKED",
        "score": "BYTE_STREAM_SPLIT",
        "text": "DELTA_BYTE_ARRAY",
    },
)
write(
    "pyarrow_text.parquet",
    {
        "user_id": pa.array(TEXT_USERS).dictionary_encode(),
        "item_id": pa.array(TEXT_ITEMS, pa.large_string()),
        "plain": pa.array(TEXT_ITEMS),
        "digits": pa.array([str(user) for user in USERS]),
    },
    use_dictionary=["user_id", "item_id"],
    row_group_size=20,
)

# Every kind of time.
write(
    "pyarrow_times.parquet",
    {
        "micros": pa.array([1000 * t for t in MILLIS], pa.timestamp("us", tz="UTC")),
        "nanos": pa.array([1_000_000 * t for t in MILLIS], pa.timestamp("ns")),
        "day": pa.array(DAYS, pa.date32()),
        "time_of_day": pa.array(RANKS, pa.time32("ms")),
    },
)
write("pyarrow_int96.parquet", {"timestamp": columns()["timestamp"]}, use_deprecated_int96_timestamps=True)

# What cannot be read, and what is at the edge.
write(
    "pyarrow_odd.parquet",
    {
        "list": pa.array([[1.0]] * 60),
        "map": pa.array([[("a", 1)]] * 60, pa.map_(pa.string(), pa.int64())),
        "struct": pa.array([{"a": 1, "b": 2}] * 60),
        "decimal": pa.array([decimal.Decimal("1.50")] * 60),
        "bool": pa.array([True] * 60),
        "fixed": pa.array([b"abcd"] * 60, pa.binary(4)),
        "half": pa.array(SCORES, pa.float16()),
        "nulls": pa.array([None] * 60),
        "gap": pa.array([None if r == 37 else r for r in ROWS], pa.int64()),
        "text_gap": pa.array([None if r == 0 else "x" for r in ROWS]),
        "empty_text": pa.array(["" if r == 3 else "x" for r in ROWS]),
        "nan": pa.array([float("nan") if r == 41 else 0.5 for r in ROWS]),
        "whole": pa.array([float(user) for user in USERS]),
        "uint64": pa.array([2**64 - 1 - r for r in ROWS], pa.uint64()),
        "int8": pa.array(RANKS, pa.int8()),
        "required": pa.array(USERS, pa.int64()),
        "binary": pa.array([b"\xff\xfe"] * 60, pa.binary()),
    },
    row_group_size=20,
)
schema = pa.schema([pa.field("user_id", pa.int64(), nullable=False), pa.field("name", pa.string(), nullable=False)])
pq.write_table(pa.table([USERS, TEXT_USERS], schema=schema), HERE / "pyarrow_required.parquet")
pq.write_table(pa.table([USERS, USERS], names=["user_id", "user_id"]), HERE / "pyarrow_twice.parquet")
write("pyarrow_no_rows.parquet", {name: values[:0] for name, values in columns().items()})

frame = pd.DataFrame(
    {"user_id": USERS, "item_id": pd.Categorical(TEXT_ITEMS), "score": SCORES, "rank": RANKS},
)
frame["timestamp"] = pd.to_datetime(MILLIS, unit="ms")
# Integers that once had a gap.
frame["user_float"] = frame.user_id.astype("float64")
frame.to_parquet(HERE / "pandas.parquet", index=False)
frame.to_parquet(HERE / "pandas_index.parquet", index=True)

frame = pl.DataFrame(
    {
        "user_id": USERS,
        "item_id": pl.Series(TEXT_ITEMS, dtype=pl.Categorical),
        "text": TEXT_USERS,
        "score": pl.Series(SCORES, dtype=pl.Float32),
        "rank": pl.Series(RANKS, dtype=pl.UInt32),
        "timestamp": pl.Series(MILLIS).cast(pl.Datetime("ms")),
        "day": DAYS,
    }
)
frame.write_parquet(HERE / "polars.parquet")
frame.write_parquet(HERE / "polars_groups.parquet", compression="snappy", row_group_size=17)
frame.write_parquet(HERE / "polars_none.parquet", compression="uncompressed")
