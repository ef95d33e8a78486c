//! Parquet files of pyarrow, pandas and polars; `reference/columnar/generate.py` wrote them and says what they
//! hold.

use std::path::{Path, PathBuf};

use burn_recsys_data::IdMap;
use burn_recsys_data::columnar::{ColumnData, ColumnFile, Request, Table};

const N_ROWS: usize = 60;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/columnar").join(name)
}

fn read(name: &str, requests: &[Request]) -> Table {
    ColumnFile::open(fixture(name)).unwrap().read(requests).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The message of the error without the folder.
fn refusal(name: &str, request: Request) -> String {
    let path = fixture(name);
    let error = ColumnFile::open(&path).unwrap().read(&[request]).unwrap_err();
    error.to_string().replace(&path.display().to_string(), name)
}

fn users() -> Vec<i64> {
    (0..N_ROWS as i64).map(|row| 7 * (row / 3) - 5).collect()
}

fn items() -> Vec<i64> {
    (0..N_ROWS as i64).map(|row| row % 7 * 1000 + 1).collect()
}

fn texts(front: &str, ids: Vec<i64>) -> Vec<String> {
    ids.into_iter().map(|id| format!("{front}{id}")).collect()
}

fn numbers(value: impl Fn(f64) -> f64) -> ColumnData {
    ColumnData::Numbers((0..N_ROWS).map(|row| value(row as f64)).collect())
}

fn scores() -> ColumnData {
    numbers(|row| 1.0 - row / 64.0)
}

fn ranks() -> ColumnData {
    numbers(|row| row % 3.0 + 1.0)
}

fn timestamps() -> ColumnData {
    numbers(|row| 1_600_000_000.0 + 1.5 * row)
}

#[track_caller]
fn assert_integers(column: &ColumnData, expected: Vec<i64>) {
    let column = column.ids().unwrap();
    assert_eq!(column.ids, IdMap::from_integers(expected.iter().copied()));
    let indices: Vec<u32> = expected.iter().map(|&id| column.ids.index_of_integer(id).unwrap()).collect();
    assert_eq!(column.indices, indices);
}

#[track_caller]
fn assert_texts(column: &ColumnData, expected: Vec<String>) {
    let column = column.ids().unwrap();
    assert_eq!(column.ids, IdMap::from_texts(expected.iter().cloned()));
    let indices: Vec<u32> = expected.iter().map(|id| column.ids.index(id).unwrap()).collect();
    assert_eq!(column.indices, indices);
}

#[test]
fn every_compression_encoding_and_grouping_of_pyarrow_gives_the_same_columns() {
    for name in ["snappy", "zstd", "none", "gzip", "lz4", "delta"] {
        let name = format!("pyarrow_{name}.parquet");
        let opened = ColumnFile::open(fixture(&name)).unwrap();
        assert_eq!(opened.names()[..5], ["user_id", "item_id", "score", "rank", "timestamp"]);
        let table = read(
            &name,
            &[
                Request::ids("user_id"),
                Request::ids("item_id"),
                Request::numbers("score"),
                Request::numbers("rank"),
                Request::numbers("timestamp"),
                Request::numbers("item_id"),
            ],
        );
        assert_eq!(table.n_rows(), N_ROWS);
        assert_integers(&table.columns[0], users());
        assert_integers(&table.columns[1], items());
        assert_eq!(table.columns[2], scores(), "{name}");
        assert_eq!(table.columns[3], ranks(), "{name}");
        assert_eq!(table.columns[4], timestamps(), "{name}");
        assert_eq!(table.columns[5], numbers(|row| row % 7.0 * 1000.0 + 1.0), "{name}");
        assert_eq!(table.position(11), "row 12 (the first is 1)");
    }
    assert_texts(&read("pyarrow_delta.parquet", &[Request::ids("text")]).columns[0], texts("u", users()));
}

#[test]
fn text_is_read_from_dictionaries_and_plain_pages() {
    let table = read("pyarrow_text.parquet", &["user_id", "item_id", "plain", "digits"].map(Request::ids));
    assert_texts(&table.columns[0], texts("u", users()));
    assert_texts(&table.columns[1], texts("item-", items()));
    assert_eq!(table.columns[2], table.columns[1]);
    // Text that spells numbers is numbers, as in CSV.
    assert_integers(&table.columns[3], users());
}

#[test]
fn frames_of_pandas_and_polars_are_read() {
    for name in ["pandas.parquet", "pandas_index.parquet"] {
        let table = read(
            name,
            &[
                Request::ids("user_id"),
                Request::ids("user_float"),
                Request::ids("item_id"),
                Request::numbers("score"),
                Request::numbers("rank"),
                Request::numbers("timestamp"),
            ],
        );
        assert_integers(&table.columns[0], users());
        assert_eq!(table.columns[1], table.columns[0]);
        assert_texts(&table.columns[2], texts("item-", items()));
        assert_eq!(table.columns[3..], [scores(), ranks(), timestamps()]);
    }
    for name in ["polars.parquet", "polars_groups.parquet", "polars_none.parquet"] {
        let table = read(
            name,
            &[
                Request::ids("user_id"),
                Request::ids("text"),
                Request::ids("item_id"),
                Request::numbers("score"),
                Request::numbers("rank"),
                Request::numbers("timestamp"),
                Request::numbers("day"),
            ],
        );
        assert_integers(&table.columns[0], users());
        assert_texts(&table.columns[1], texts("u", users()));
        assert_texts(&table.columns[2], texts("item-", items()));
        assert_eq!(table.columns[3..6], [scores(), ranks(), timestamps()]);
        assert_eq!(table.columns[6], days());
    }
}

/// From 2020-09-13, 18518 days after 1970-01-01.
fn days() -> ColumnData {
    numbers(|row| (18_518.0 + row) * 86_400.0)
}

#[test]
fn times_are_seconds_since_1970() {
    let table = read("pyarrow_times.parquet", &["micros", "nanos", "day"].map(Request::numbers));
    assert_eq!(table.columns, [timestamps(), timestamps(), days()]);
    assert_eq!(read("pyarrow_int96.parquet", &[Request::numbers("timestamp")]).columns, [timestamps()]);
}

#[test]
fn unusual_integers_are_read() {
    let table = read(
        "pyarrow_odd.parquet",
        &[Request::ids("whole"), Request::ids("uint64"), Request::ids("int8"), Request::numbers("uint64")],
    );
    assert_integers(&table.columns[0], users());
    // Too long for the integers of `IdMap`.
    assert_texts(&table.columns[1], (0..60).map(|row| (u64::MAX - row).to_string()).collect());
    assert_integers(&table.columns[2], (0..60).map(|row| row % 3 + 1).collect());
    assert_eq!(table.columns[3], numbers(|row| (u64::MAX - row as u64) as f64));
    let table = read("pyarrow_required.parquet", &["user_id", "name"].map(Request::ids));
    assert_integers(&table.columns[0], users());
    assert_texts(&table.columns[1], texts("u", users()));
    let table = read("pyarrow_no_rows.parquet", &[Request::ids("user_id"), Request::numbers("score")]);
    assert_eq!(table.n_rows(), 0);
    assert_eq!(table.columns[1], ColumnData::Numbers(Vec::new()));
}

#[test]
fn what_is_neither_id_nor_number_is_refused_by_name() {
    for (column, found) in [
        ("list", "lists"),
        ("map", "maps"),
        ("struct", "groups of columns"),
        ("decimal", "decimals"),
        ("bool", "true and false"),
        ("fixed", "binary values of one length"),
        ("half", "16-bit floats"),
        ("nulls", "nothing but nulls"),
    ] {
        for (request, wanted) in [
            (Request::numbers(column), "numbers are needed"),
            (Request::ids(column), "ids (whole numbers or text) are needed"),
        ] {
            let expected = format!("pyarrow_odd.parquet: column {column:?}: it holds {found}; {wanted}");
            assert_eq!(refusal("pyarrow_odd.parquet", request), expected);
        }
    }
    for (name, request, expected) in [
        (
            "pyarrow_text.parquet",
            Request::numbers("plain"),
            "column \"plain\": it holds text; numbers are needed",
        ),
        (
            "pyarrow_times.parquet",
            Request::numbers("time_of_day"),
            "column \"time_of_day\": it holds times of day; numbers are needed",
        ),
        (
            "pyarrow_times.parquet",
            Request::ids("nanos"),
            "column \"nanos\": it holds timestamps; ids (whole numbers or text) are needed",
        ),
        (
            "pyarrow_odd.parquet",
            Request::ids("binary"),
            "row 1 (the first is 1): column \"binary\": the bytes are not UTF-8 text",
        ),
        (
            "pyarrow_odd.parquet",
            Request::ids("gap"),
            "row 38 (the first is 1): column \"gap\": the value is null",
        ),
        (
            "pyarrow_odd.parquet",
            Request::numbers("gap"),
            "row 38 (the first is 1): column \"gap\": the value is null",
        ),
        (
            "pyarrow_odd.parquet",
            Request::ids("text_gap"),
            "row 1 (the first is 1): column \"text_gap\": the value is null",
        ),
        (
            "pyarrow_odd.parquet",
            Request::ids("empty_text"),
            "row 4 (the first is 1): column \"empty_text\": the text is empty",
        ),
        (
            "pyarrow_odd.parquet",
            Request::numbers("nan"),
            "row 42 (the first is 1): column \"nan\": NaN is not a finite number",
        ),
        (
            "pyarrow_snappy.parquet",
            Request::ids("score"),
            "row 2 (the first is 1): column \"score\": 0.984375 is not a whole number, as ids are",
        ),
        (
            "pyarrow_snappy.parquet",
            Request::ids("user"),
            "there is no column \"user\"; the columns are \"user_id\", \"item_id\", \"score\", \"rank\", \
             \"timestamp\"",
        ),
        (
            "pyarrow_twice.parquet",
            Request::ids("user_id"),
            "more than one column is called \"user_id\"; rename all but one; the columns are \"user_id\", \
             \"user_id\"",
        ),
    ] {
        assert_eq!(refusal(name, request), format!("{name}: {expected}"));
    }
    let brotli = refusal("pyarrow_brotli.parquet", Request::ids("user_id"));
    assert!(brotli.to_lowercase().contains("brotli"), "{brotli}");
}

#[test]
fn the_number_of_threads_does_not_show() {
    let requests = [Request::ids("text"), Request::ids("item_id"), Request::numbers("score")];
    let read = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| read("polars_groups.parquet", &requests)).columns
    };
    let one = read(1);
    assert_eq!(read(2), one);
    assert_eq!(read(5), one);
}

/// Reads all columns both ways; whether any of it failed.
fn fails(path: &Path) -> bool {
    let Ok(file) = ColumnFile::open(path) else { return true };
    let requests = file.names().iter().flat_map(|name| [Request::ids(name), Request::numbers(name)]);
    requests.map(|request| file.read(&[request])).any(|table| match table {
        Ok(table) => table.n_rows() != N_ROWS,
        Err(error) => {
            assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
            true
        }
    })
}

const DAMAGED: [&str; 6] =
    ["pyarrow_snappy", "pyarrow_gzip", "pyarrow_lz4", "pyarrow_delta", "pyarrow_text", "polars_groups"];

#[test]
fn a_file_that_was_cut_off_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.parquet");
    for name in DAMAGED {
        let whole = std::fs::read(fixture(&format!("{name}.parquet"))).unwrap();
        for length in (4..whole.len()).step_by(7) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(ColumnFile::open(&path).is_err(), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn no_damage_makes_it_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    // `DAMAGE_STEP=1` damages every byte.
    let step = std::env::var("DAMAGE_STEP").map_or(23, |step| step.parse().unwrap());
    for name in DAMAGED {
        let whole = std::fs::read(fixture(&format!("{name}.parquet"))).unwrap();
        for place in (0..whole.len()).step_by(step) {
            for mask in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] ^= mask;
                std::fs::write(&path, &bytes).unwrap();
                fails(&path);
            }
        }
    }
}
