//! A writer that is killed leaves the old index or the new one, whole.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use burn_recsys_retrieval::{ExactIndex, ItemFilter, ItemIndex};

/// The folder that the writer, this program again, writes to until it is killed.
const FOLDER: &str = "BURN_RECSYS_TEST_KILLED_WRITER";
const D: usize = 32;

/// The items of a version, of which the number tells which it is.
fn items(version: usize) -> Vec<f32> {
    (0..(3_000 + 500 * version) * D).map(|at| (at as f32).sin()).collect()
}

/// The version of an index that gives an item its own score.
fn check(index: &dyn ItemIndex) -> Option<usize> {
    let version = index.n_items().checked_sub(3_000)? / 500;
    let items = items(version);
    let hits = index.search_one(&items[..D], 1, &ItemFilter::default()).ok()?;
    let hit = hits.first()?;
    let row = &items[hit.item as usize * D..][..D];
    let score = items[..D].iter().zip(row).fold(0f32, |sum, (a, b)| sum + a * b);
    (index.n_items() * D == items.len() && hit.score == score).then_some(version)
}

#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let exact = [0, 1].map(|version| ExactIndex::new(D, items(version)).unwrap());
    #[cfg(feature = "usearch")]
    let graphs = [0, 1].map(|version| {
        let config =
            burn_recsys_retrieval::HnswConfig { expansion_add: 16, recall_queries: 0, ..Default::default() };
        burn_recsys_retrieval::HnswIndex::build(D, &items(version), config).unwrap()
    });
    loop {
        for version in [0, 1] {
            exact[version].write(&folder.join("exact.safetensors")).unwrap();
            #[cfg(feature = "usearch")]
            graphs[version].write(&folder.join("graph.json")).unwrap();
        }
    }
}

#[test]
fn a_killed_writer_leaves_a_whole_index() {
    let folder = tempfile::tempdir().unwrap();
    let exact = folder.path().join("exact.safetensors");
    let graph = folder.path().join("graph.json");
    let mut versions = [0; 2];
    for round in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_writer::writer", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The first write must end; where the later ones are is up to the machine.
        let last = if cfg!(feature = "usearch") { &graph } else { &exact };
        let written = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        let before = written(last);
        while written(last) == before {
            assert!(child.try_wait().unwrap().is_none(), "the writer ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(100 + 13 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        ExactIndex::verify(&exact).unwrap();
        versions[check(&ExactIndex::open(&exact).unwrap()).unwrap()] += 1;
        #[cfg(feature = "usearch")]
        {
            assert!(check(&burn_recsys_retrieval::HnswIndex::open(&graph).unwrap()).is_some());
            assert!(check(&burn_recsys_retrieval::HnswIndex::load(&graph).unwrap()).is_some());
        }
    }
    // Kills that all fell on the same version would have seen no write.
    assert!(versions.iter().all(|&n| n > 0), "{versions:?}");
}
