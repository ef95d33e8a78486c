//! Published splits: what is read, and what is refused with file and line.

use std::path::Path;

use burn_recsys_data::protocol::{LightGcn, Ncf};
use proptest::prelude::*;
use tempfile::TempDir;

const LIGHTGCN: [&str; 2] = ["train.txt", "test.txt"];
const NCF: [&str; 3] = ["x.train.rating", "x.test.rating", "x.test.negative"];

fn folder(names: &[&str], texts: &[&[u8]]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in names.iter().zip(texts) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn lightgcn(train: &str, test: &str) -> Result<LightGcn, String> {
    let folder = folder(&LIGHTGCN, &[train.as_bytes(), test.as_bytes()]);
    LightGcn::read(folder.path()).map_err(|error| error.to_string())
}

fn ncf(train: &str, test: &str, negative: &str) -> Result<Ncf, String> {
    let folder = folder(&NCF, &[train.as_bytes(), test.as_bytes(), negative.as_bytes()]);
    Ncf::read(folder.path(), "x").map_err(|error| error.to_string())
}

fn ids(map: &burn_recsys_data::IdMap) -> Vec<String> {
    map.iter().map(|id| id.to_string()).collect()
}

#[test]
fn lightgcn_keeps_ids_and_merges_lines() {
    // Gaps in ids, a user without items, one on two lines, a pair twice, tabs, no line end at the end.
    let split = lightgcn("7 30 10\n9\n\n2\t10  20\r\n7 40 10 ", "9 10\n2 99\n5 30").unwrap();
    assert_eq!(ids(&split.users), ["2", "5", "7", "9"]);
    assert_eq!(ids(&split.items), ["10", "20", "30", "40", "99"]);
    assert_eq!(split.train.rows().collect::<Vec<_>>(), [&[0u32, 1][..], &[], &[0, 2, 3], &[]]);
    assert_eq!(split.test.rows().collect::<Vec<_>>(), [&[4u32][..], &[2], &[], &[0]]);
    assert_eq!(split.n_repeated, 1);
}

#[test]
fn lightgcn_names_the_line() {
    for (train, test, parts) in [
        ("0 1\n1 x\n", "0 2\n", &["train.txt line 2", "item \"x\" is not a whole number"][..]),
        ("0 1\n-1 2\n", "0 2\n", &["train.txt line 2", "user \"-1\""]),
        ("0 1\n1 99999999999999999999\n", "0 2\n", &["train.txt line 2", "99999999999999999999"]),
        ("0 1\n", "0 2\n0 2.5\n", &["test.txt line 2", "\"2.5\""]),
        ("0 1 4\n1 2\n", "1 1\n\n0 3 04\n", &["test.txt line 3", "item 4 of user 0 is in train.txt too"]),
        ("0\n1\n", "0 2\n", &["train.txt", "holds no pair"]),
        ("0 1\n", "", &["test.txt", "holds no pair"]),
    ] {
        let message = lightgcn(train, test).unwrap_err();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message}");
        }
    }
    let message = LightGcn::read(Path::new("nowhere")).unwrap_err().to_string();
    assert!(message.contains("cannot read nowhere"), "{message}");
}

#[test]
fn ncf_candidates_are_a_set_and_the_last_row_is_the_latest() {
    let split = ncf(
        "4\t10\t5\t300\n4\t20\t3\t300\n4\t30\t0\t900\n8\t20\t1\t5\n8\t10\t1\t4\n8\t20\t1\t3\n6\t10\t2\t0\n",
        "8\t50\t4\t9\n4\t40\t4\t9\n",
        "(8,50)\t30\t40\t\n(4,40)\t40\t60\n",
    )
    .unwrap();
    assert_eq!(ids(&split.users), ["4", "6", "8"]);
    assert_eq!(ids(&split.items), ["10", "20", "30", "40", "50", "60"]);
    // A rating of 0 is no interaction; of equal times the last row counts.
    assert_eq!(split.train.rows().collect::<Vec<_>>(), [&[0u32, 1][..], &[0], &[0, 1]]);
    assert_eq!(split.last, [Some(1), Some(0), Some(1)]);
    assert_eq!(split.n_repeated, 1);
    assert_eq!((split.test.users, split.test.positives), (vec![0, 2], vec![3, 4]));
    let candidates: Vec<_> = split.test.candidates.rows().collect();
    assert_eq!(candidates, [&[3u32, 5][..], &[2, 3, 4]]);
    assert_eq!(split.test.n_positive_among_negatives, 1);
}

#[test]
fn ncf_names_the_line() {
    let (train, test, negative) =
        ("0\t1\t5\t9\n1\t2\t5\t9\n", "0\t2\t5\t9\n1\t3\t5\t9\n", "(0,2)\t3\t4\n(1,3)\t1\t4\n");
    assert!(ncf(train, test, negative).is_ok());
    for (train, test, negative, parts) in [
        ("0\t1\t5\t9\n1\t2\n", test, negative, &["x.train.rating line 2", "2 fields"][..]),
        ("0\t1\t5\t9\n1\t2\t5\n", test, negative, &["x.train.rating line 2", "line 1 has 4", "cut off"]),
        ("0\t1\t5\t9\n1\tb\t5\t9\n", test, negative, &["x.train.rating line 2", "item \"b\""]),
        ("0\t1\tNaN\t9\n", test, negative, &["x.train.rating line 1", "rating \"NaN\""]),
        ("0\t1\t0\t9\n", test, negative, &["x.train.rating", "no row with a rating above 0"]),
        (train, "0\t2\t5\t9\n1\t4\t5\t9\n", negative, &["x.test.negative line 2", "x.test.rating line 2"]),
        (train, "0\t2\t5\t9\n", negative, &["x.test.negative line 2", "has 1 lines", "has 2"]),
        (train, test, "(0,2)\t3\t4\n", &["x.test.rating line 2", "has 2 lines", "has 1"]),
        (train, test, "(0,2)\t3\t4\n(1,3)\t1\n", &["x.test.negative line 2", "1 negatives", "line 1 has 2"]),
        (train, test, "(0,2)\t3\t4\n1,3\t1\t4\n", &["x.test.negative line 2", "(0,25)"]),
        (train, test, "(0,2)\n(1,3)\n", &["x.test.negative line 1", "no negative"]),
        (train, "0\t2\t5\t9\n0\t3\t5\t9\n", "(0,2)\t3\n(0,3)\t1\n", &["x.test.rating line 2", "line 1 too"]),
        (
            train,
            "0\t2\t5\t9\n1\t2\t5\t9\n",
            "(0,2)\t3\n(1,2)\t1\n",
            &["x.test.rating line 2", "training part"],
        ),
    ] {
        let message = ncf(train, test, negative).unwrap_err();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any bytes, most of them such as the files have.
    #[test]
    fn no_bytes_make_a_reader_panic(
        texts in prop::array::uniform3(prop::collection::vec(
            prop_oneof![8 => prop::sample::select(b"0123 \t\n(,).-".to_vec()), 1 => any::<u8>()],
            0..60,
        )),
    ) {
        let [a, b, c] = &texts;
        let of_lightgcn = folder(&LIGHTGCN, &[a, b]);
        if let Ok(split) = LightGcn::read(of_lightgcn.path()) {
            prop_assert!(split.train.n_values() > 0 && split.test.n_values() > 0);
        }
        let of_ncf = folder(&NCF, &[a, b, c]);
        if let Ok(split) = Ncf::read(of_ncf.path(), "x") {
            prop_assert_eq!(split.test.users.len(), split.test.candidates.n_rows());
        }
    }

    /// A file of negatives that was cut off within its last line.
    #[test]
    fn a_cut_file_is_refused(cut in 1usize..12) {
        let negative = "(0,2)\t3\t4\t5\n(1,3)\t1\t4\t5\n";
        let message = ncf("0\t1\t5\t9\n1\t2\t5\t9\n", "0\t2\t5\t9\n1\t3\t5\t9\n", &negative[..negative.len() - 1 - cut]);
        prop_assert!(message.is_err());
    }
}

/// The published files, where they are on this machine.
#[test]
fn published_splits_are_read_as_they_are() {
    let Some(data) = std::env::var_os("BURN_RECSYS_DATA").map(std::path::PathBuf::from) else { return };
    if data.join("gowalla").is_dir() {
        let split = LightGcn::read(&data.join("gowalla")).unwrap();
        assert_eq!([split.users.len(), split.items.len()], [29_858, 40_981]);
        assert_eq!([split.train.n_values(), split.test.n_values(), split.n_repeated], [810_128, 217_242, 0]);
    }
    if data.join("ncf-ml-1m").is_dir() {
        let split = Ncf::read(&data.join("ncf-ml-1m"), "ml-1m").unwrap();
        assert_eq!([split.users.len(), split.items.len(), split.train.n_values()], [6_040, 3_706, 994_169]);
        assert_eq!(split.test.n_positive_among_negatives, 156);
        assert_eq!(split.test.candidates.n_values(), 6_040 * 100 - 156);
    }
}
