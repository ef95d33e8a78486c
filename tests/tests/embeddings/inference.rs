//! Tables for serving, converted from and read to every device.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use burn_recsys::embeddings::inference::{Conversion, InferenceTable, InferenceTableWriter, Precision};
use burn_recsys::embeddings::{EmbeddingTable, EmbeddingTableConfig, TableInitializer};

use crate::{devices, values};

/// The last code of a row of 4-bit codes has a byte of its own.
const D: usize = 5;
const N_ROWS: usize = 11;
const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::F16, Precision::Int8, Precision::Int4];
/// Duplicates, a batch of one, the largest id, all rows.
const BATCHES: [&[u32]; 4] = [&[7, 0, 7, 10], &[3], &[10], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]];

fn table(device: &Device) -> EmbeddingTable {
    EmbeddingTableConfig::new(N_ROWS, D)
        .with_initializer(TableInitializer::Normal { std: 0.5 })
        .with_seed(3)
        .init(device)
}

fn convert(table: &EmbeddingTable, path: &Path, precision: Precision) -> Conversion {
    InferenceTableWriter::create(path, precision, D).unwrap().write_table(table).unwrap().finish().unwrap()
}

/// The largest difference, in double precision.
fn largest_error(actual: &[f32], expected: &[f32]) -> f64 {
    let differences = actual.iter().zip(expected).map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs());
    differences.fold(0.0, f64::max)
}

#[test]
fn lookups_are_the_rows_of_the_trained_table() {
    let folder = tempfile::tempdir().unwrap();
    for (from, source) in devices() {
        for precision in PRECISIONS {
            let path = folder.path().join(format!("{from}-{precision:?}"));
            let trained = table(&source);
            let conversion = convert(&trained, &path, precision);
            assert_eq!((conversion.n_rows, conversion.d_embedding), (N_ROWS, D));
            let serving = InferenceTable::open(&path).unwrap();
            serving.verify().unwrap();
            let vectors = trained.vectors();
            for (to, device) in devices() {
                for ids in BATCHES {
                    let what = format!("{precision:?} from {from} to {to}, {ids:?}");
                    let mut on_host = vec![f32::NAN; ids.len() * D];
                    serving.lookup_into(ids, &mut on_host);
                    let looked_up = serving.lookup(ids, &device);
                    assert_eq!(looked_up.dims(), [ids.len(), D], "{what}");
                    assert!(!looked_up.is_require_grad(), "{what}");
                    assert_eq!(looked_up.device(), Tensor::<1>::zeros([1], &device).device(), "{what}");
                    assert_eq!(values(looked_up), on_host, "{what}");

                    let rows: Vec<f32> =
                        ids.iter().flat_map(|&id| vectors[id as usize * D..][..D].to_vec()).collect();
                    let error = largest_error(&on_host, &rows);
                    // The report is rounded to single precision.
                    let most = f64::from(conversion.largest_error) * (1.0 + f64::from(f32::EPSILON));
                    assert!(error <= most, "{what}: {error}, reported is {most}");
                    if ids.len() == N_ROWS {
                        let least = f64::from(conversion.largest_error) * (1.0 - f64::from(f32::EPSILON));
                        assert!(error >= least, "{what}: {error}, reported is {least}");
                    }
                }
            }
            match precision {
                Precision::F32 => assert_eq!(conversion.largest_error, 0.0, "{from}"),
                _ => assert!(conversion.largest_error > 0.0, "{from}, {precision:?}"),
            }
        }
    }
}

/// First values have the same bits on every device, and so have the files made of them.
#[test]
fn a_table_of_any_device_makes_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    for precision in PRECISIONS {
        let mut files = devices().into_iter().map(|(name, device)| {
            let path = folder.path().join(format!("{name}-{precision:?}"));
            convert(&table(&device), &path, precision);
            (name, std::fs::read(&path).unwrap())
        });
        let (_, first) = files.next().unwrap();
        assert!(first.len() > 64 + N_ROWS * 8, "{precision:?}: {} bytes", first.len());
        for (name, file) in files {
            assert!(file == first, "{name}, {precision:?}");
        }
    }
}
