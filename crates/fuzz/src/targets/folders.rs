//! Readers of folders.

use std::fs;
use std::path::{Path, PathBuf};

use burn_recsys_data::graph::DescribedGraph;
use burn_recsys_data::protocol::{ItemMeta, LightGcn, Ncf};
use burn_recsys_data::synthetic::SyntheticConfig;
use burn_recsys_data::{SplitConfig, Strategy, movielens};
use burn_recsys_training::{
    DataConfig, Prepared, Recommender, RunConfig, RunFolder, TrainingConfig, device_from_name, train,
};
use sha2::{Digest, Sha256};

use crate::Result;
use crate::targets::Target;

pub(super) fn all(folder: &Path) -> Result<Vec<Target>> {
    let with = |name: &str, files: &[(&str, &str)]| -> Result<PathBuf> {
        let folder = folder.join(format!("{name}-folder"));
        fs::create_dir(&folder)?;
        for (name, text) in files {
            fs::write(folder.join(name), text)?;
        }
        Ok(folder)
    };
    let nothing = |_: &Path| ();
    let lightgcn =
        with("lightgcn", &[("train.txt", "0 1 2\n1 0 2\n2 1\n"), ("test.txt", "0 0\n1 1\n2 2\n")])?;
    let ncf = with(
        "ncf",
        &[
            ("x.train.rating", "0\t1\t5\t1\n1\t2\t3\t2\n"),
            ("x.test.rating", "0\t2\t4\t3\n1\t0\t5\t4\n"),
            ("x.test.negative", "(0,2)\t0\t3\n(1,0)\t1\t3\n"),
        ],
    )?;
    let meta =
        with("item-meta", &[("item_meta.csv", "item_id\ti_category\tr_viewed\n7\t3\t[2, 9]\n2\t0\t[ ]\n")])?;
    let graph = with(
        "graph",
        &[
            ("edges.csv", "source,target,relation,weight\n0,1,bought,1\n1,0,bought,1\n"),
            ("items.csv", "item,title\n0,Tea\n1,Coffee\n"),
        ],
    )?;
    let movies = with(
        "movielens",
        &[
            ("ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n2,1,3.5,1\n"),
            ("movies.csv", "movieId,title,genres\n1,\"Toy Story (1995)\",Adventure|Comedy\n"),
        ],
    )?;
    let run = run(&folder.join("run"))?;
    Ok(vec![
        Target::folder("lightgcn-split", lightgcn, nothing, |path| LightGcn::read(path).map(drop))?,
        Target::folder("ncf-split", ncf, nothing, |path| Ncf::read(path, "x").map(drop))?,
        Target::folder("item-meta", meta, nothing, |path| ItemMeta::read(path).map(drop))?,
        Target::folder("graph-folder", graph, nothing, |path| DescribedGraph::read(path).map(drop))?,
        Target::folder("movielens-folder", movies, nothing, |path| {
            movielens::read_folder("x", path).map(drop)
        })?,
        Target::folder("run-folder", run.clone(), nothing, recommend)?,
        // What the hashes would have caught is read too.
        Target::folder("run-folder-rehashed", run, renew_checksums, recommend)?,
    ])
}

/// A finished run of a minute model.
fn run(path: &Path) -> Result<PathBuf> {
    let generated = SyntheticConfig::default().with_n_users(40).with_n_items(60).with_n_interactions(600);
    let data = generated.generate()?.dataset;
    let config = RunConfig {
        seed: 1,
        data: DataConfig::Named { name: "generated".into() },
        filters: Vec::new(),
        split: SplitConfig::new(Strategy::UserTime { test_fraction: 0.2 }),
        model: Default::default(),
        training: TrainingConfig { n_epochs: 1, ..TrainingConfig::default() },
        validation: None,
        evaluation: Default::default(),
        serving: Default::default(),
    };
    let prepared = Prepared::new(&data, &config)?;
    let folder = RunFolder::create(path, &config, &prepared)?;
    train(&folder, &prepared, &config, &device_from_name("flex")?, &mut ())?;
    Ok(path.to_path_buf())
}

fn recommend(path: &Path) -> burn_recsys_training::Result<()> {
    let recommender = Recommender::load(&RunFolder::open(path)?, &device_from_name("flex")?)?;
    let user = recommender.users().iter().next().map(|id| id.to_string()).unwrap_or_default();
    recommender.recommend(&user, 5).map(drop)
}

/// Puts the right hashes of damaged files into `checksums.json`, unless that is the damaged one.
fn renew_checksums(folder: &Path) {
    let path = folder.join("checksums.json");
    let Ok(text) = fs::read_to_string(&path) else { return };
    let Ok(mut checksums) = serde_json::from_str::<std::collections::BTreeMap<String, String>>(&text) else {
        return;
    };
    for (name, checksum) in &mut checksums {
        if let Ok(bytes) = fs::read(folder.join(name)) {
            *checksum = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        }
    }
    // A folder whose checksums cannot be written is read with the old ones.
    let _ = fs::write(&path, serde_json::to_vec(&checksums).unwrap_or_default());
}
