//! The rows that both sides train on.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use burn_recsys_data::movielens;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_models::Examples;
use burn_recsys_training::study::{Study, StudyConfig, StudySizes};
use serde_json::json;

use crate::Result;
use crate::zipf::Zipf;

/// Rows, and how many users and items there are.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    pub(super) rows: Examples,
    pub(super) n_users: usize,
    pub(super) n_items: usize,
}

/// The features of a row, as many as a study of ml-1m has.
const N_USER_FEATURES: usize = 70;
const N_ITEM_FEATURES: usize = 23;
const N_CROSS_FEATURES: usize = 8;
const N_TASKS: usize = 3;

/// `n_rows` rows of users and items with Zipf's law, features uniform in `±sqrt(3)` (a variance of 1), and
/// labels that follow features and ids: a function of the sizes alone.
pub(super) fn generated(n_rows: usize, n_users: u32, n_items: u32) -> Result<Rows> {
    let random = Random::new(1, Stream::Synthetic, 0);
    let (users, items) = (Zipf::new(n_users), Zipf::new(n_items));
    let (mut user_ids, mut item_ids) = (Vec::with_capacity(n_rows), Vec::with_capacity(n_rows));
    let [mut user_features, mut item_features, mut cross_features] =
        [N_USER_FEATURES, N_ITEM_FEATURES, N_CROSS_FEATURES].map(|n| Vec::with_capacity(n_rows * n));
    let mut labels = Vec::with_capacity(n_rows * N_TASKS);
    for row in 0..n_rows {
        let mut draws = random.row(row as u64);
        let (user, item) = (users.draw(&mut draws), items.draw(&mut draws));
        user_ids.push(u64::from(user));
        item_ids.push(u64::from(item));
        let mut feature = || ((2.0 * draws.uniform() - 1.0) * 3f64.sqrt()) as f32;
        user_features.extend((0..N_USER_FEATURES).map(|_| feature()));
        item_features.extend((0..N_ITEM_FEATURES).map(|_| feature()));
        cross_features.extend((0..N_CROSS_FEATURES).map(|_| feature()));
        let [of_user, of_item] =
            [user_features.len() - N_USER_FEATURES, item_features.len() - N_ITEM_FEATURES];
        for task in 0..N_TASKS {
            let taste =
                |id: u32, kind: u64| random.row(1 << 40 | kind << 36 | u64::from(id)).uniform() as f32 - 0.5;
            let known = user_features[of_user + task] * item_features[of_item + task];
            let logit = known + 3.0 * (taste(user, task as u64) + taste(item, 8 + task as u64)) - task as f32;
            let is_liked = draws.uniform() < 1.0 / (1.0 + f64::from(-logit).exp());
            labels.push(f32::from(u8::from(is_liked)));
        }
    }
    let rows = Examples::new(user_ids, item_ids)?
        .with_user_features(user_features, N_USER_FEATURES)?
        .with_item_features(item_features, N_ITEM_FEATURES)?
        .with_cross_features(cross_features, N_CROSS_FEATURES)?
        .with_labels(labels, N_TASKS)?;
    Ok(Rows { rows, n_users: n_users as usize, n_items: n_items as usize })
}

/// The training rows of the study of MovieLens 1M, from the ratings in `path`.
pub(super) fn of_study(path: &Path) -> Result<Rows> {
    let config = StudyConfig::parse(include_str!("../../../../examples/studies/ml-1m.toml"))?;
    let study = Study::prepare(&movielens::read_ratings("ml-1m", path)?, &config)?;
    let StudySizes { n_users, n_items, .. } = *study.sizes();
    Ok(Rows { rows: study.rows().train.clone(), n_users, n_items })
}

/// Writes `rows` for a peer: a file of little-endian numbers for each column, and their widths in
/// `shape.json`.
pub(super) fn write(rows: &Examples, folder: &Path) -> Result<()> {
    let shape = json!({
        "n_rows": rows.n_rows(),
        "user_features": rows.n_user_features(),
        "item_features": rows.n_item_features(),
        "cross_features": rows.n_cross_features(),
        "labels": rows.n_tasks(),
    });
    std::fs::write(folder.join("shape.json"), shape.to_string())?;
    for (name, ids) in [("user_ids", rows.user_ids()), ("item_ids", rows.item_ids())] {
        column(folder, name, ids.iter().map(|id| id.to_le_bytes()))?;
    }
    for (name, values) in [
        ("user_features", rows.user_features()),
        ("item_features", rows.item_features()),
        ("cross_features", rows.cross_features()),
        ("labels", rows.labels()),
    ] {
        column(folder, name, values.iter().map(|value| value.to_le_bytes()))?;
    }
    Ok(())
}

fn column<const N: usize>(folder: &Path, name: &str, values: impl Iterator<Item = [u8; N]>) -> Result<()> {
    let mut out = BufWriter::new(File::create(folder.join(name))?);
    for value in values {
        out.write_all(&value)?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_can_be_learned_from_and_reach_the_peer_whole() {
        let made = generated(2_000, 50, 60).unwrap();
        assert_eq!(made, generated(2_000, 50, 60).unwrap());
        assert_eq!((made.n_users, made.n_items), (50, 60));
        let rows = made.rows;
        assert!(rows.user_ids().iter().all(|&id| id < 50) && rows.item_ids().iter().all(|&id| id < 60));
        // Liked pairs of the first task have a larger product of the features that decide on it.
        let product = |row: usize| {
            rows.user_features()[row * N_USER_FEATURES] * rows.item_features()[row * N_ITEM_FEATURES]
        };
        let mean = |label: f32| {
            let of_label: Vec<f32> =
                (0..2_000).filter(|row| rows.labels()[row * N_TASKS] == label).map(product).collect();
            of_label.iter().sum::<f32>() / of_label.len() as f32
        };
        assert!(mean(1.0) > mean(0.0) + 0.3, "{} {}", mean(1.0), mean(0.0));

        let folder = tempfile::tempdir().unwrap();
        write(&rows, folder.path()).unwrap();
        let bytes = std::fs::read(folder.path().join("cross_features")).unwrap();
        let values: Vec<f32> = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        assert_eq!(values, rows.cross_features());
        assert_eq!(std::fs::metadata(folder.path().join("user_ids")).unwrap().len(), 8 * 2_000);
    }
}
