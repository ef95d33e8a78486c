//! Tables for serving: rounding, files, damage.

use std::fs;
use std::path::{Path, PathBuf};

use burn_recsys_embeddings::EmbeddingTableConfig;
use burn_recsys_embeddings::inference::{
    Conversion, InferenceTable, InferenceTableWriter, Precision, TableError,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{device, table, values};

const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::F16, Precision::Int8, Precision::Int4];

fn convert(path: &Path, precision: Precision, rows: &[f32], d: usize) -> Result<Conversion, TableError> {
    InferenceTableWriter::create(path, precision, d)?.write_rows(rows)?.finish()
}

fn all_rows(table: &InferenceTable) -> Vec<f32> {
    let ids: Vec<u32> = (0..table.n_rows() as u32).collect();
    let mut rows = vec![f32::NAN; table.n_rows() * table.d_embedding()];
    table.lookup_into(&ids, &mut rows);
    rows
}

fn read_back(precision: Precision, rows: &[f32], d: usize) -> Vec<f32> {
    all_rows(&InferenceTable::from_rows(precision, rows, d).unwrap())
}

/// What a row may differ from `row` by, as the module's documentation derives it.
fn bound(precision: Precision, row: &[f32]) -> f64 {
    let (min, max) =
        row.iter().fold((f64::MAX, f64::MIN), |(min, max), &x| (min.min(x.into()), max.max(x.into())));
    let largest = min.abs().max(max.abs());
    // The least positive number of f32: half a step may be less than any number that can be stored.
    let rounding = 2f64.powi(-22) * largest + 2f64.powi(-149);
    match precision {
        Precision::F32 => 0.0,
        // Half a unit in the last place of 11 bits, or of the subnormal numbers.
        Precision::F16 => (largest * 2f64.powi(-11)).max(2f64.powi(-25)),
        Precision::Int8 => (max - min) / 255.0 / 2.0 + rounding,
        Precision::Int4 => (max - min) / 15.0 / 2.0 + rounding,
    }
}

/// Values of every magnitude, and rows of like ones.
fn rows(d: usize) -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![
        4 => -1f32..1.0,
        1 => prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
        1 => prop_oneof![Just(f32::MAX), Just(f32::MIN), Just(f32::MIN_POSITIVE), Just(1e-45)],
        1 => 1e6f32..1.00001e6,
    ];
    let mixed = prop::collection::vec(value.clone(), d);
    let near =
        (value, 0f32..1e-3).prop_map(move |(x, step)| (0..d).map(|i| x * (1.0 - step * i as f32)).collect());
    prop::collection::vec(prop_oneof![mixed, near], 1..9).prop_map(|rows| rows.concat())
}

fn table_of_rows() -> impl Strategy<Value = (usize, Vec<f32>)> {
    (1usize..40).prop_flat_map(|d| (Just(d), rows(d)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn rounding_is_within_the_stated_bounds((d, rows) in table_of_rows()) {
        for precision in PRECISIONS {
            let rows: Vec<f32> = match precision {
                Precision::F16 => rows.iter().map(|x| x.clamp(-65504.0, 65504.0)).collect(),
                _ => rows.clone(),
            };
            let read = read_back(precision, &rows, d);
            for (row, read) in rows.chunks(d).zip(read.chunks(d)) {
                let bound = bound(precision, row);
                for (&x, &y) in row.iter().zip(read) {
                    let error = (f64::from(x) - f64::from(y)).abs();
                    prop_assert!(error <= bound, "{:?}: {} became {}, bound {} of {:?}", precision, x, y, bound, row);
                }
            }
        }
    }

    #[test]
    fn constant_rows_are_exact(x in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, d in 1usize..20) {
        for precision in [Precision::F32, Precision::Int8, Precision::Int4] {
            prop_assert_eq!(read_back(precision, &vec![x; d], d), vec![x; d]);
        }
    }

}

proptest! {
    // Each case syncs files to the disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_file_reads_like_memory((d, rows) in table_of_rows(), n_first in any::<prop::sample::Index>()) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.table");
        for precision in [Precision::F32, Precision::Int8, Precision::Int4] {
            let (first, second) = rows.split_at(n_first.index(rows.len() / d) * d);
            let writer = InferenceTableWriter::create(&path, precision, d).unwrap();
            let conversion = writer.write_rows(first).unwrap().write_rows(second).unwrap().finish().unwrap();
            let (file, memory) =
                (InferenceTable::open(&path).unwrap(), InferenceTable::from_rows(precision, &rows, d).unwrap());
            file.verify().unwrap();
            memory.verify().unwrap();
            prop_assert_eq!((file.precision(), file.n_rows(), file.d_embedding()), (precision, rows.len() / d, d));
            prop_assert_eq!(file.bytes(), fs::metadata(&path).unwrap().len());
            prop_assert_eq!((conversion.bytes, memory.bytes()), (file.bytes(), file.bytes()));
            let read = all_rows(&file);
            prop_assert_eq!(&read, &all_rows(&memory));

            let errors: Vec<f32> = rows.chunks(d).zip(read.chunks(d)).map(|(row, read)| {
                let errors = row.iter().zip(read).map(|(&x, &y)| (f64::from(x) - f64::from(y)).abs() as f32);
                errors.fold(0.0, f32::max)
            }).collect();
            let largest = errors.iter().copied().fold(0.0, f32::max);
            prop_assert_eq!(conversion.largest_error, largest);
            prop_assert_eq!(Some(conversion.largest_error_row), errors.iter().position(|&error| error == largest));
        }
    }

    #[test]
    fn bags_are_pooled_like_a_loop(
        bags in prop::collection::vec(prop::collection::vec(0u32..50, 0..40), 0..120), d in 1usize..20,
    ) {
        let rows: Vec<f32> = (0..50 * d).map(|i| (i as f32 * 0.7).sin()).collect();
        let ids = bags.concat();
        let lengths: Vec<u32> = bags.iter().map(|bag| bag.len() as u32).collect();
        for precision in PRECISIONS {
            let table = InferenceTable::from_rows(precision, &rows, d).unwrap();
            let stored = all_rows(&table);
            let mut sums = vec![0f32; bags.len() * d];
            for (bag, sum) in bags.iter().zip(sums.chunks_mut(d)) {
                for &id in bag {
                    for (sum, x) in sum.iter_mut().zip(&stored[id as usize * d..]) {
                        *sum += x;
                    }
                }
            }
            let mut means = sums.clone();
            for (mean, &length) in means.chunks_mut(d).zip(&lengths) {
                mean.iter_mut().for_each(|x| *x /= length.max(1) as f32);
            }
            let mut out = vec![f32::NAN; sums.len()];
            table.sum_into(&ids, &lengths, &mut out);
            prop_assert_eq!(&out, &sums);
            table.mean_into(&ids, &lengths, &mut out);
            prop_assert_eq!(&out, &means);
        }
    }

    #[test]
    fn a_damaged_file_is_found(at in any::<prop::sample::Index>(), bit in 0u8..8, extra in 1usize..100) {
        let (_folder, path) = small_table(Precision::Int4);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let at = at.index(whole.len());
        flipped[at] ^= 1u8 << bit;
        fs::write(&path, &flipped).unwrap();
        match InferenceTable::open(&path) {
            Err(_) => prop_assert!(at < 64),
            Ok(table) => {
                prop_assert!(at >= 64);
                let is_found = matches!(table.verify(), Err(TableError::Checksum { part: "data", .. }));
                prop_assert!(is_found);
            }
        }
        let longer = [whole.clone(), vec![0; extra]].concat();
        fs::write(&path, &longer).unwrap();
        let error = InferenceTable::open(&path).unwrap_err();
        let TableError::Length { expected, found, .. } = error else { panic!("{error}") };
        prop_assert_eq!((expected, found), (whole.len() as u64, longer.len() as u64));
    }
}

/// 11 rows of 7 columns, in a file.
fn small_table(precision: Precision) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("small.table");
    let rows: Vec<f32> = (0..77).map(|i| (i as f32).cos()).collect();
    convert(&path, precision, &rows, 7).unwrap();
    (folder, path)
}

#[test]
fn rows_at_the_ends_of_f32_stay_finite_and_within_the_bounds() {
    for row in [
        [f32::MIN, f32::MAX, 0.0],
        // Its last code would be infinite with a step rounded to the nearest.
        [f32::MAX, 3.402_47e38, 3.402_5e38],
        [f32::MIN, 0.5 * f32::MAX, -1.0],
        [f32::MIN_POSITIVE, f32::MIN_POSITIVE.next_up(), 0.0],
        // Subnormal numbers, some with steps that are none.
        [1e-45, 0.0, -1e-45],
        [1e-43, 3e-44, -1e-45],
    ] {
        for precision in [Precision::F32, Precision::Int8, Precision::Int4] {
            for (x, y) in row.iter().zip(read_back(precision, &row, 3)) {
                let error = (f64::from(*x) - f64::from(y)).abs();
                assert!(error <= bound(precision, &row), "{precision:?}: {x:e} of {row:?} became {y:e}");
            }
        }
    }
}

#[test]
fn the_bytes_of_a_file_are_as_documented() {
    for (precision, row) in [
        (Precision::F32, [1f32, 2.0, 0.5].map(f32::to_le_bytes).concat()),
        (Precision::F16, vec![0x00, 0x3C, 0x00, 0x40, 0x00, 0x38]),
        // scale (2 - 0.5) / 255, rounded up, and offset 1.25; the middle value is 85 steps above the least.
        (
            Precision::Int8,
            [&(1.5f32 / 255.0).to_le_bytes()[..], &1.25f32.to_le_bytes(), &[85, 255, 0]].concat(),
        ),
        (Precision::Int4, [&0.1f32.to_le_bytes()[..], &1.25f32.to_le_bytes(), &[0xF5, 0x00]].concat()),
    ] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.table");
        convert(&path, precision, &[1.0, 2.0, 0.5], 3).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes[..8], *b"\x89BRTBL\r\n");
        assert_eq!(bytes[64..], row, "{precision:?}");
    }
}

#[test]
fn a_file_cut_short_is_refused_at_every_length() {
    for precision in PRECISIONS {
        let (_folder, path) = small_table(precision);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let error = InferenceTable::open(&path).unwrap_err();
            let TableError::Length { expected, found, .. } = error else { panic!("{length}: {error}") };
            let promised = if length < 64 { 64 } else { whole.len() };
            assert_eq!((expected, found), (promised as u64, length as u64));
        }
    }
}

#[test]
fn errors_say_where_what_and_what_to_do() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("items.table");
    let message = |error: TableError| {
        error.to_string().replace(&format!("{}", folder.path().display()), "F").replace('\\', "/")
    };

    fs::write(&path, b"PK\x03\x04 and so on").unwrap();
    assert_eq!(
        message(InferenceTable::open(&path).unwrap_err()),
        r#"F/items.table: not an inference table, it begins with "PK/x03/x04 and"; give a file that InferenceTableWriter wrote"#
    );
    let mut row = vec![0.25; 10];
    row[7] = f32::NAN;
    assert_eq!(
        message(convert(&path, Precision::F32, &row, 4).unwrap_err()),
        "F/items.table: 10 values are not rows of 4; write whole rows"
    );
    assert_eq!(
        message(convert(&path, Precision::F32, &row, 5).unwrap_err()),
        "F/items.table: row 1, column 2 is NaN; repair the row or train it again"
    );
    row[7] = 65505.0;
    assert_eq!(
        message(convert(&path, Precision::F16, &row, 5).unwrap_err()),
        "F/items.table: row 1, column 2 is 65505, and f16 ends at 65504; choose another precision"
    );
    assert_eq!(
        InferenceTable::from_rows(Precision::Int8, &[], 3).unwrap_err().to_string(),
        "in-memory table: a table of shape [0, 3]; it needs 1 to 2^32 rows of at least one column, and this machine must be able to address it"
    );
    let missing = InferenceTable::open(folder.path().join("missing")).unwrap_err();
    assert!(message(missing).starts_with("F/missing: cannot open the table: "));
}

#[test]
fn values_that_cannot_be_stored_are_named_by_their_place_in_the_table() {
    let folder = TempDir::new().unwrap();
    for precision in PRECISIONS {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let writer = InferenceTableWriter::create(folder.path().join("x"), precision, 2).unwrap();
            let writer = writer.write_rows(&[1.0; 6]).unwrap();
            let error = writer.write_rows(&[1.0, 1.0, 1.0, wrong, f32::NAN, 1.0]).unwrap_err();
            let TableError::NotFinite { row: 4, column: 1, value, .. } = error else { panic!("{error}") };
            assert_eq!(value.to_bits(), wrong.to_bits());
        }
    }
    let error = InferenceTable::from_rows(Precision::F16, &[0.0, 65504.0, -65504.0, -1e5], 2).unwrap_err();
    assert!(matches!(error, TableError::TooLargeForF16 { row: 1, column: 1, value: -1e5, .. }), "{error}");
}

#[test]
fn nothing_is_written_over_unless_the_new_table_is_whole() {
    let (folder, path) = small_table(Precision::Int8);
    let whole = fs::read(&path).unwrap();
    let open = InferenceTable::open(&path).unwrap();
    let rows = all_rows(&open);
    let begin = || InferenceTableWriter::create(&path, Precision::F32, 3).unwrap();

    begin().write_rows(&[1.0, 2.0, f32::NAN]).unwrap_err();
    begin().write_rows(&[1.0; 6]).unwrap().write_rows(&[1.0; 4]).unwrap_err();
    begin().write_table(&table(5, 4, 1)).unwrap_err();
    // No rows at all, and a writer that is given up.
    assert!(matches!(begin().finish(), Err(TableError::Shape { n_rows: 0, d_embedding: 3, .. })));
    drop(begin().write_rows(&[1.0; 6]).unwrap());
    assert!(matches!(
        InferenceTableWriter::create(&path, Precision::F32, 0),
        Err(TableError::Shape { d_embedding: 0, .. })
    ));

    assert_eq!(fs::read(&path).unwrap(), whole);
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["small.table"], "temporary files are gone");

    // A whole table takes its place; whoever has the old one open keeps it (but for Windows).
    if cfg!(unix) {
        begin().write_rows(&[1.0; 6]).unwrap().finish().unwrap();
        assert_eq!(all_rows(&InferenceTable::open(&path).unwrap()), [1.0; 6]);
        assert_eq!(all_rows(&open), rows);
    }
}

#[test]
fn a_trained_table_is_converted_in_blocks() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("items.table");
    // Two blocks of 2^20 values and some.
    let trained = EmbeddingTableConfig::new(2_100_000, 1).with_seed(5).init(&device());
    let vectors = trained.vectors();
    let writer = InferenceTableWriter::create(&path, Precision::F16, 1).unwrap();
    let conversion = writer.write_table(&trained).unwrap().finish().unwrap();
    assert_eq!((conversion.n_rows, conversion.d_embedding), (2_100_000, 1));
    assert_eq!((conversion.bytes, conversion.bytes_f32), (64 + 4_200_000, 8_400_000));
    let served = InferenceTable::open(&path).unwrap();
    served.verify().unwrap();
    assert_eq!(all_rows(&served), read_back(Precision::F16, &vectors, 1));
}

#[test]
fn a_large_batch_has_the_rows_of_many_small_ones() {
    let d = 33;
    let rows: Vec<f32> = (0..700 * d).map(|i| (i as f32 * 0.3).sin()).collect();
    let ids: Vec<u32> = (0..20_000u32).map(|i| i.wrapping_mul(2_654_435_761) % 700).collect();
    for precision in PRECISIONS {
        let table = InferenceTable::from_rows(precision, &rows, d).unwrap();
        let stored = all_rows(&table);
        let expected: Vec<f32> = ids.iter().flat_map(|&id| stored[id as usize * d..][..d].to_vec()).collect();
        // Every thread reads the same table.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut out = vec![f32::NAN; ids.len() * d];
                    table.lookup_into(&ids, &mut out);
                    assert_eq!(out, expected, "{precision:?}");
                });
            }
        });
        assert_eq!(values(table.lookup(&ids, &device())), expected);

        // Bags of 0, 1, 2, 3, 0, ... ids, enough for several tasks.
        let lengths: Vec<u32> = (0..)
            .map(|i| i % 4)
            .scan(0, |n, length| {
                *n += length;
                (*n <= 20_000).then_some(length)
            })
            .collect();
        let n_ids = lengths.iter().sum::<u32>() as usize;
        let mut sums = vec![f32::NAN; lengths.len() * d];
        table.sum_into(&ids[..n_ids], &lengths, &mut sums);
        let mut rest = &expected[..];
        for (sum, &length) in sums.chunks(d).zip(&lengths) {
            let (bag, after) = rest.split_at(length as usize * d);
            rest = after;
            let mut by_hand = vec![0f32; d];
            bag.chunks(d).for_each(|row| by_hand.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
            assert_eq!(sum, by_hand);
        }
    }
}

#[test]
fn an_empty_batch_is_empty() {
    let table = InferenceTable::from_rows(Precision::Int4, &[1.0, 2.0, 3.0], 3).unwrap();
    table.lookup_into(&[], &mut []);
    table.sum_into(&[], &[], &mut []);
    let mut means = [f32::NAN; 6];
    table.mean_into(&[], &[0, 0], &mut means);
    assert_eq!(means, [0.0; 6]);
}

fn three_rows() -> InferenceTable {
    InferenceTable::from_rows(Precision::Int8, &[0.5; 6], 2).unwrap()
}

#[test]
#[should_panic(expected = "id 3 is not in an inference table of 3 rows")]
fn an_id_outside_the_table_panics() {
    three_rows().lookup_into(&[0, 3, 1], &mut [0.0; 6]);
}

#[test]
#[should_panic(expected = "2 ids of width 2 do not fill a slice of 5 values")]
fn a_slice_of_another_size_panics() {
    three_rows().lookup_into(&[0, 1], &mut [0.0; 5]);
}

#[test]
#[should_panic(expected = "the lengths of the bags sum to 3, but there are 2 ids")]
fn lengths_that_do_not_sum_to_the_ids_panic() {
    three_rows().sum_into(&[0, 1], &[1, 2], &mut [0.0; 4]);
}
