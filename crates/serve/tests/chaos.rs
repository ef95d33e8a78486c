//! Writers that are killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use burn_recsys_retrieval::{ExactIndex, MappedFile};
use burn_recsys_serve::{ServingModel, ServingTables};

use crate::world::world_named;

/// Where the process to be killed writes.
const FOLDER: &str = "RECSYS_CHAOS_FOLDER";
/// How many kills; 20 if it is not set.
const KILLS: &str = "RECSYS_CHAOS_KILLS";

/// The small world with more items, so that writing takes a while.
fn tables(number: usize) -> ServingTables {
    let mut tables = world_named(&format!(" of {number}"));
    let n_items = 3_000;
    let items = &mut tables.items;
    items.ids = (0..n_items).map(|item| format!("i{item}")).collect();
    items.titles = (0..n_items).map(|item| format!("Item {item} of {number}")).collect();
    items.categories = burn_recsys_serve::Rows::from_rows((0..n_items as u32).map(|item| [item % 2]));
    items.vectors = items.vectors.iter().copied().cycle().take(2 * n_items).collect();
    tables.neighbours = None;
    tables
}

/// Not a test: the process that [`a_killed_writer_leaves_a_whole_version`] starts and kills.
#[test]
#[ignore = "writes until it is killed"]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    // Counting goes on where the last writer was.
    let mut number = std::process::id() as usize * 1_000;
    loop {
        number += 1;
        let tables = tables(number);
        ExactIndex::new(2, tables.items.vectors.clone()).unwrap().write(&folder.join("index")).unwrap();
        tables.write(folder).unwrap();
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["chaos::writes_until_it_is_killed", "--exact", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_writer_leaves_a_whole_version() {
    let kills: u64 = std::env::var(KILLS).map_or(20, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut before = tables(0).write(root).unwrap();
    let mut n_versions = 1;
    for kill in 0..kills {
        let mut writer = start(root);
        // Until it has written one version more, then to some moment of the next.
        let start = Instant::now();
        while burn_recsys_serve::current_version(root).unwrap() == before {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is written");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(kill * 7_919 % 40_000));
        writer.kill().unwrap();
        writer.wait().unwrap();

        // What a server that starts now finds.
        let model = ServingModel::open(root).unwrap();
        assert_ne!(model.version(), before);
        n_versions += 1;
        before = model.version().into();
        // All of one version: every title ends like the first.
        let similar = model.similar("i0", 50).unwrap();
        let end = similar.item.title.split(" of ").nth(1).unwrap();
        assert!(similar.items.iter().all(|place| place.item.title.split(" of ").nth(1) == Some(end)));
        ExactIndex::verify(&root.join("index")).unwrap();
        assert!(!MappedFile::open(&root.join("index")).unwrap().is_empty());
    }
    assert_eq!(n_versions, kills + 1);
}
