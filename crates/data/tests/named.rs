//! Where named data sets are found, and what is said when they are not.

use std::fs;
use std::path::Path;

use burn_recsys_data::named::{DataFolders, Fetch, NamedDataset};
use burn_recsys_data::{Dataset, Error};

use crate::readers::{folder, real_data};

fn load(dataset: NamedDataset, folders: &DataFolders) -> Result<Dataset, Error> {
    dataset.load(folders, Fetch::Never, &|_, _| {})
}

/// As `==`, but an unknown number equals an unknown number.
#[cfg(feature = "embedded")]
fn same(a: &Dataset, b: &Dataset) -> bool {
    use burn_recsys_data::ColumnValues;

    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
    let same_column = |(a, b): (&ColumnValues, &ColumnValues)| match (a, b) {
        (ColumnValues::Dense(a), ColumnValues::Dense(b)) => bits(a) == bits(b),
        _ => a == b,
    };
    a.name == b.name
        && a.interactions == b.interactions
        && [(&a.users, &b.users), (&a.items, &b.items)].into_iter().all(|(a, b)| {
            let (a, b) = (a.columns(), b.columns());
            a.iter().map(|column| &column.name).eq(b.iter().map(|column| &column.name))
                && a.iter().map(|c| &c.values).zip(b.iter().map(|c| &c.values)).all(same_column)
        })
}

/// `root/ml-100k/u.data` with so many rows.
fn put_100k(root: &Path, n_rows: usize) {
    let folder = root.join("ml-100k");
    fs::create_dir(&folder).unwrap();
    let rows: String = (0..n_rows).map(|row| format!("{row}\t1\t3\t5\n")).collect();
    fs::write(folder.join("u.data"), rows).unwrap();
}

fn zip_100k(path: &Path) {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    let rows: String = (0..3000).map(|row| format!("{row}\t{}\t3\t5\n", row * row % 997)).collect();
    for (name, content) in [("ml-100k/u.data", rows.as_str()), ("ml-100k/old/u.data", "no\n")] {
        zip.start_file(name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn folders_are_searched_in_order() {
    let (first, second) = (folder(&[]), folder(&[]));
    put_100k(second.path(), 2);
    let folders = DataFolders::of(Some(first.path()), [second.path().to_path_buf()]);
    assert_eq!(load(NamedDataset::Ml100k, &folders).unwrap().interactions.len(), 2);
    assert_eq!(NamedDataset::Ml100k.locate(&folders).unwrap(), Some(second.path().join("ml-100k")));
    put_100k(first.path(), 1);
    assert_eq!(load(NamedDataset::Ml100k, &folders).unwrap().interactions.len(), 1);
}

#[test]
fn a_folder_without_ratings_is_passed_over_or_named() {
    let (first, second) = (folder(&[]), folder(&[]));
    let incomplete = first.path().join("ml-100k");
    fs::create_dir(&incomplete).unwrap();
    fs::write(incomplete.join("u.item"), "").unwrap();
    let folders = DataFolders::of(Some(first.path()), [second.path().to_path_buf()]);
    let error = load(NamedDataset::Ml100k, &folders).unwrap_err().to_string();
    assert!(error.starts_with(&incomplete.join("u.data").display().to_string()), "{error}");
    assert!(error.contains("this file is not"), "{error}");

    put_100k(second.path(), 2);
    assert_eq!(load(NamedDataset::Ml100k, &folders).unwrap().interactions.len(), 2);
}

#[test]
fn an_archive_is_read_where_it_lies() {
    let root = folder(&[]);
    zip_100k(&root.path().join("ml-100k.zip"));
    let folders = DataFolders::of(Some(root.path()), []);
    let data = load(NamedDataset::Ml100k, &folders).unwrap();
    assert_eq!((data.name.as_str(), data.interactions.len()), ("ml-100k", 3000));
}

#[test]
fn a_corrupt_archive_is_refused() {
    let root = folder(&[]);
    let path = root.path().join("ml-100k.zip");
    zip_100k(&path);
    let whole = fs::read(&path).unwrap();
    let folders = DataFolders::of(Some(root.path()), []);
    let mut flipped = whole.clone();
    flipped[60] ^= 0xff;
    for damaged in [&whole[..whole.len() / 2], b"", b"<html>", &flipped] {
        fs::write(&path, damaged).unwrap();
        let error = load(NamedDataset::Ml100k, &folders).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains("this is not a whole zip archive"), "{error}");
        assert!(error.contains("fetch it again"), "{error}");
    }
}

#[test]
fn an_absent_data_set_has_an_address_and_a_folder() {
    let (first, second) = (folder(&[]), folder(&[]));
    let folders = DataFolders::of(Some(first.path()), [second.path().to_path_buf()]);
    let error = load(NamedDataset::Ml25m, &folders).unwrap_err();
    assert!(matches!(error, Error::Absent { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "data set ml-25m is not on this machine: nothing may be fetched. Fetch \
             https://files.grouplens.org/datasets/movielens/ml-25m.zip by hand and put ml-25m.zip into {}",
            first.path().display()
        )
    );
    assert_eq!(NamedDataset::Ml25m.locate(&folders).unwrap(), None);
    assert!(load(NamedDataset::Ml25m, &DataFolders::of(None, [])).is_err());
}

#[cfg(not(feature = "download"))]
#[test]
fn without_the_download_feature_nothing_is_fetched() {
    let root = folder(&[]);
    let folders = DataFolders::of(Some(root.path()), []);
    let error = NamedDataset::Ml100k.fetch(&folders, &|_, _| {}).unwrap_err().to_string();
    assert!(error.contains("this build has no `download` feature"), "{error}");
}

#[cfg(not(feature = "embedded"))]
#[test]
fn without_the_embedded_feature_latest_small_must_lie_somewhere() {
    let root = folder(&[]);
    let folders = DataFolders::of(Some(root.path()), []);
    for error in [
        load(NamedDataset::MlLatestSmall, &folders).unwrap_err().to_string(),
        NamedDataset::MlLatestSmall.fetch(&folders, &|_, _| {}).unwrap_err().to_string(),
    ] {
        assert!(error.contains("this build has no `embedded` feature"), "{error}");
        assert!(error.contains(&root.path().display().to_string()), "{error}");
    }
}

#[cfg(feature = "embedded")]
#[test]
fn latest_small_is_embedded() {
    let nowhere = DataFolders::of(None, []);
    let data = load(NamedDataset::MlLatestSmall, &nowhere).unwrap();
    let table = &data.interactions;
    assert_eq!((table.len(), table.n_users(), table.n_items()), (100_836, 610, 9_724));
    assert_eq!(data.items.text("title", 0), Some("Toy Story (1995)"));

    // Unpacked, it is the same.
    let root = folder(&[]);
    let folders = DataFolders::of(Some(root.path()), []);
    let path = NamedDataset::MlLatestSmall.fetch(&folders, &|_, _| {}).unwrap();
    assert_eq!(path, root.path().join("ml-latest-small"));
    assert!(same(&load(NamedDataset::MlLatestSmall, &folders).unwrap(), &data));

    // The folder that the caller named goes first, one that was merely found does not.
    fs::write(path.join("ratings.csv"), "userId,movieId,rating,timestamp\n1,1,1,1\n").unwrap();
    assert_eq!(load(NamedDataset::MlLatestSmall, &folders).unwrap().interactions.len(), 1);
    let found = DataFolders::of(None, [root.path().to_path_buf()]);
    assert!(same(&load(NamedDataset::MlLatestSmall, &found).unwrap(), &data));
}

#[test]
fn real_latest_small_is_as_described() {
    let Some(data) = real_data("ml-latest-small/ratings.csv") else { return };
    let folders = DataFolders::of(Some(&data), []);
    let read = load(NamedDataset::MlLatestSmall, &folders).unwrap();
    let table = &read.interactions;
    assert_eq!((table.len(), table.n_users(), table.n_items()), (100_836, 610, 9_724));
    #[cfg(feature = "embedded")]
    assert!(same(&load(NamedDataset::MlLatestSmall, &DataFolders::of(None, [])).unwrap(), &read));
}

#[cfg(feature = "download")]
#[test]
fn an_archive_put_there_by_hand_must_be_the_published_one() {
    let root = tempfile::tempdir().unwrap();
    let archive = root.path().join("ml-100k.zip");
    std::fs::write(&archive, "hi").unwrap();
    let folders = DataFolders::of(Some(root.path()), []);
    let message = NamedDataset::Ml100k.fetch(&folders, &|_, _| {}).unwrap_err().to_string();
    assert!(message.contains("ml-100k.zip: is not the published archive"), "{message}");
    assert!(message.contains("expected 0e33842e24a9c977be4e0107933c0723"), "{message}");
    assert!(archive.is_file(), "it is the user's file");
}
