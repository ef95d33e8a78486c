//! Folders that are whole, and folders that are not.

use std::fs;
use std::path::{Path, PathBuf};

use burn_recsys_serve::{Error, Rows, ServingModel, activate, current_version, prune};
use proptest::prelude::*;

use crate::world::{world, world_named};

/// The folder of the current version.
fn version(folder: &Path) -> PathBuf {
    folder.join("versions").join(current_version(folder).unwrap())
}

fn refused(folder: &Path) -> String {
    ServingModel::open(folder).unwrap_err().to_string()
}

#[test]
fn versions_come_and_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let first = world().write(root).unwrap();
    assert_eq!(ServingModel::open(root).unwrap().version(), first);
    let second = world_named(" again").write(root).unwrap();
    assert_ne!(first, second);
    assert_eq!(world_named(" again").write(root).unwrap(), second, "the same content has the same name");
    let model = ServingModel::open(root).unwrap();
    assert_eq!(model.version(), second);
    activate(root, &first).unwrap();
    assert_eq!(ServingModel::open(root).unwrap().version(), first);
    assert!(activate(root, "0123456789abcdef").is_err());
    assert!(activate(root, "../../etc").is_err());
    assert_eq!(ServingModel::open(&root.join("versions").join(&second)).unwrap().version(), second);
    assert_eq!(prune(root, 1).unwrap(), [""; 0]);
    assert_eq!(prune(root, 0).unwrap(), [second]);
    // What is open is not disturbed.
    assert!(model.user("u0").unwrap().history[0].title.ends_with("again"));
    assert_eq!(fs::read_dir(root.join("versions")).unwrap().count(), 1);
}

#[test]
fn a_version_that_was_damaged_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let name = world().write(folder.path()).unwrap();
    let path = version(folder.path()).join("users.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(ServingModel::open(folder.path()).is_err());
    assert_eq!(world().write(folder.path()).unwrap(), name);
    assert!(ServingModel::open(folder.path()).is_ok());
}

#[test]
fn tables_that_do_not_fit_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |change: &dyn Fn(&mut burn_recsys_serve::ServingTables)| {
        let mut tables = world();
        change(&mut tables);
        let error = tables.write(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Tables { .. }), "{error}");
        assert!(!folder.path().join("versions").exists());
        error.to_string()
    };
    assert!(refused(&|tables| tables.items.ids[3] = "i0".into()).contains("\"i0\" stands twice"));
    assert!(refused(&|tables| tables.items.titles.truncate(2)).contains("item titles: 2, but 8"));
    assert!(refused(&|tables| tables.items.vectors[5] = f32::NAN).contains("row 2 has NaN in column 1"));
    assert!(refused(&|tables| tables.items.vectors.truncate(4)).contains("item vectors: 4, but 16"));
    assert!(refused(&|tables| tables.items.dimension = 0).contains("dimension of 0"));
    assert!(refused(&|tables| tables.items.unavailable = vec![8]).contains("there are 8"));
    assert!(refused(&|tables| tables.users.seen = tables.users.histories.clone()).contains("ascending"));
    assert!(refused(&|tables| tables.users.histories = Rows::from_rows([[9]])).contains("1 rows, but 2"));
    assert!(refused(&|tables| tables.users.gate_weights = Some(vec![0.5, 1.5])).contains("0 to 1"));
    assert!(refused(&|tables| tables.users.cohorts.vectors.clear()).contains("cohort vectors"));
}

#[test]
fn damage_is_refused_with_the_file_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    assert!(refused(root).contains("current"));
    world().write(root).unwrap();
    let at = version(root);
    let check = |name: &str, change: &dyn Fn(&mut Vec<u8>), part: &str| {
        let path = at.join(name);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let message = refused(root);
        assert!(message.contains(name) && message.contains(part), "{name}: {message}");
        fs::write(&path, whole).unwrap();
    };
    for name in
        ["items.safetensors", "item_vectors.safetensors", "users.safetensors", "neighbours.safetensors"]
    {
        check(name, &|bytes| bytes.truncate(100), "100 bytes, but the manifest says");
        check(name, &|bytes| bytes.clear(), "0 bytes");
        check(name, &|bytes| *bytes.last_mut().unwrap() ^= 0x40, "SHA-256");
        check(name, &|bytes| bytes[..8].fill(0xff), "SHA-256");
    }
    check("manifest.json", &|bytes| bytes.truncate(50), "not a manifest");
    check("manifest.json", &|bytes| bytes.resize(2 << 20, b' '), "more than 1048576 bytes");
    let replace = |from: &'static str, to: &'static str| {
        move |bytes: &mut Vec<u8>| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            assert!(text.contains(from));
            *bytes = text.replacen(from, to, 1).into_bytes();
        }
    };
    check("manifest.json", &replace("1700000000", "1700000001"), "is not that of the content");
    check("manifest.json", &replace("\"format\": 1", "\"format\": 2"), "format 2");
    // Two files of one size are swapped.
    let (a, b) = (at.join("user_vectors.safetensors"), at.join("cohort_vectors.safetensors"));
    let whole = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
    fs::write(&a, &whole.1).unwrap();
    fs::write(&b, &whole.0).unwrap();
    assert!(refused(root).contains("vectors.safetensors"));
    fs::write(&a, &whole.0).unwrap();
    fs::write(&b, &whole.1).unwrap();
    fs::remove_file(at.join("users.safetensors")).unwrap();
    assert!(refused(root).contains("cannot open"));
    fs::write(root.join("current"), "../../../etc/passwd\n").unwrap();
    assert!(refused(root).contains("not the name of a version"));
}

/// A version folder whose manifest says of a changed file what it now is: only the tables' own checks are left.
fn forge(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    use sha2::Digest;
    let at = version(folder);
    fs::write(at.join(name), bytes).unwrap();
    let path = at.join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let hash = sha2::Sha256::digest(bytes);
    manifest["files"][name]["bytes"] = bytes.len().into();
    manifest["files"][name]["sha256"] =
        hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    // The version is told by the error.
    fs::write(&path, manifest.to_string()).unwrap();
    let message = match ServingModel::open(folder) {
        Err(error) => error.to_string(),
        // Nothing was changed after all.
        Ok(_) => return at,
    };
    let version = message.split("the content, ").nth(1).unwrap()[..16].to_string();
    manifest["version"] = version.into();
    fs::write(&path, manifest.to_string()).unwrap();
    at
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_flipped_bit_is_found(file in 0usize..7, at: prop::sample::Index, bit in 0u8..8) {
        let folder = tempfile::tempdir().unwrap();
        world().write(folder.path()).unwrap();
        let mut files: Vec<PathBuf> = fs::read_dir(version(folder.path())).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort_unstable();
        let path = &files[file % files.len()];
        let mut bytes = fs::read(path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(path, &bytes).unwrap();
        let opened = ServingModel::open(folder.path());
        // White space in the manifest and letters of keys aside, nothing passes.
        if let Ok(model) = opened {
            prop_assert!(path.ends_with("manifest.json"));
            prop_assert_eq!(model.version(), current_version(folder.path()).unwrap());
        }
    }

    #[test]
    fn a_cut_is_found(file in 0usize..7, at: prop::sample::Index) {
        let folder = tempfile::tempdir().unwrap();
        world().write(folder.path()).unwrap();
        let mut files: Vec<PathBuf> = fs::read_dir(version(folder.path())).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort_unstable();
        let path = &files[file % files.len()];
        let bytes = fs::read(path).unwrap();
        // The last byte of the manifest is the end of its last line.
        fs::write(path, &bytes[..at.index(bytes.len() - 1)]).unwrap();
        prop_assert!(ServingModel::open(folder.path()).is_err());
    }

    #[test]
    fn forged_tables_do_not_panic(
        file in 0usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        world().write(folder.path()).unwrap();
        let names = ["items", "item_vectors", "users", "user_vectors", "popular", "neighbours"];
        let name = format!("{}.safetensors", names[file]);
        let mut bytes = fs::read(version(folder.path()).join(&name)).unwrap();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for (at, byte) in changes {
            // Mostly in the numbers: a header is refused by the manifest's shapes.
            let at = header + at.index(bytes.len() - header);
            bytes[at] = byte;
        }
        let at = forge(folder.path(), &name, &bytes);
        if let Ok(model) = ServingModel::open(&at) {
            for user in ["u0", "u1", "nobody"] {
                let request = burn_recsys_serve::RecommendRequest { user: Some(user.into()), ..Default::default() };
                let _ = model.recommend(&request);
                let _ = model.user(user);
            }
            let _ = model.similar("i3", 5);
            let _ = model.users("", 100);
        }
    }
}

#[test]
fn a_huge_header_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    world().write(folder.path()).unwrap();
    let name = "popular.safetensors";
    let mut bytes = fs::read(version(folder.path()).join(name)).unwrap();
    bytes[..8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    let at = forge(folder.path(), name, &bytes);
    let message = refused(&at);
    assert!(message.contains("a header of 1099511627776 bytes, at most 65536"), "{message}");
}
