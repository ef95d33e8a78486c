//! What a killed process, a full disk or a careless hand leaves behind.

use std::fs;
use std::path::{Path, PathBuf};

use burn_recsys_training::{Recommender, RunConfig, RunFolder, TestSet, train};

use crate::{config, config_with_search, device, prepared, refused, resume, run, stopped_run};

/// Two epochs of eight steps are done, and a part of the third.
const STEPS: usize = 20;
const NEWEST: &str = "checkpoints/fit-0002";

fn model(path: &Path) -> Vec<u8> {
    fs::read(path.join("model.safetensors")).unwrap()
}

/// Names of the entries of a folder, ascending.
fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_run_folder_holds_what_is_documented() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    run(&path, &config_with_search(false));
    let expected = [
        "best.safetensors",
        "checkpoints",
        "checksums.json",
        "config.toml",
        "ids.json",
        "metrics.jsonl",
        "model.safetensors",
        "seen.safetensors",
        "split.json",
        "titles.json",
    ];
    assert_eq!(names(&path), expected);
    assert_eq!(names(&path.join("checkpoints")), ["search-0003", "search-0004"]);
    let folder = RunFolder::open(&path).unwrap();
    assert_eq!(folder.config().unwrap(), config_with_search(false));
    assert!(folder.is_finished());
    assert_eq!(names(root.path()), ["run"]);
}

#[test]
fn what_was_half_written_is_cleaned_on_resume() {
    let root = tempfile::tempdir().unwrap();
    let (whole, cut) = (root.path().join("whole"), root.path().join("cut"));
    run(&whole, &config());
    stopped_run(&cut, &config(), STEPS);
    fs::write(cut.join(".writing-model"), "half").unwrap();
    let half = cut.join("checkpoints/.writing-fit");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("state.json"), "{").unwrap();
    resume(&cut, &config(), usize::MAX).unwrap();
    assert_eq!(names(&cut), names(&whole));
    assert_eq!(names(&cut.join("checkpoints")), names(&whole.join("checkpoints")));
    assert_eq!(model(&cut), model(&whole));
}

/// Damages the newest checkpoint; checks the error, follows its advice, and compares the end.
fn recovers(file: &str, damage: impl Fn(&Path)) {
    let root = tempfile::tempdir().unwrap();
    let (whole, cut) = (root.path().join("whole"), root.path().join("cut"));
    run(&whole, &config());
    stopped_run(&cut, &config(), STEPS);
    let newest = cut.join(NEWEST);
    let found = names(&newest).into_iter().find(|name| name.starts_with(file)).unwrap();
    damage(&newest.join(&found));
    let message = refused(resume(&cut, &config(), usize::MAX));
    let path = newest.join(file).display().to_string();
    assert!(message.contains(&path), "{path} is not in: {message}");
    assert!(message.contains("delete this checkpoint's folder and resume again"), "{message}");
    assert!(!cut.join("model.safetensors").exists());
    fs::remove_dir_all(&newest).unwrap();
    resume(&cut, &config(), usize::MAX).unwrap();
    assert_eq!(model(&cut), model(&whole), "{file}");
}

#[test]
fn a_cut_model_of_a_checkpoint_is_refused_by_name() {
    recovers("model.safetensors", cut);
}

#[test]
fn garbage_in_the_state_of_a_checkpoint_is_refused_by_name() {
    recovers("state.json", |path| fs::write(path, "{\"n_steps\": 3, ").unwrap());
    recovers("state.json", |path| fs::write(path, [0xff; 64]).unwrap());
}

#[test]
fn a_damaged_sparse_optimizer_is_refused_by_name() {
    recovers("sparse-optimizer.safetensors", cut);
    recovers("sparse-optimizer.safetensors", |path| fs::write(path, "").unwrap());
    // State of other tables: whole, and wrong.
    recovers("sparse-optimizer.safetensors", |path| {
        fs::copy(path.with_file_name("model.safetensors"), path).unwrap();
    });
}

#[test]
fn garbage_in_the_dense_optimizer_is_refused_by_name() {
    recovers("dense-optimizer", |path| fs::write(path, "no optimizer at all").unwrap());
}

#[test]
fn a_missing_file_of_a_checkpoint_is_refused_by_name() {
    for file in ["model.safetensors", "state.json", "sparse-optimizer.safetensors", "dense-optimizer"] {
        recovers(file, |path| fs::remove_file(path).unwrap());
    }
}

#[test]
fn a_run_without_any_checkpoint_starts_over() {
    let root = tempfile::tempdir().unwrap();
    let (whole, cut) = (root.path().join("whole"), root.path().join("cut"));
    run(&whole, &config());
    stopped_run(&cut, &config(), STEPS);
    fs::remove_dir_all(cut.join("checkpoints/fit-0001")).unwrap();
    fs::remove_dir_all(cut.join(NEWEST)).unwrap();
    resume(&cut, &config(), usize::MAX).unwrap();
    assert_eq!(model(&cut), model(&whole));
}

fn load(path: &Path) -> burn_recsys_training::Result<Recommender> {
    Recommender::load(&RunFolder::open(path)?, &device())
}

#[test]
fn a_cut_model_is_refused_and_made_again() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    run(&path, &config());
    let whole = model(&path);
    cut(&path.join("model.safetensors"));
    let message = refused(load(&path));
    assert!(message.starts_with(&path.join("model.safetensors").display().to_string()), "{message}");
    assert!(message.contains("not a whole safetensors file") && message.contains("--resume"), "{message}");
    resume(&path, &config(), 1).unwrap();
    assert_eq!(model(&path), whole);
    load(&path).unwrap();
}

/// Flips the lowest bit of the last byte: a file of weights is still one, with another weight.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_changed_weight_is_found_and_a_finished_run_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    run(&path, &config());
    let whole = model(&path);
    // The newest checkpoint of a finished run does not matter any more.
    let newest = names(&path.join("checkpoints")).pop().unwrap();
    flip(&path.join("checkpoints").join(&newest).join("model.safetensors"));
    resume(&path, &config(), 1).unwrap();
    assert_eq!(model(&path), whole);
    // The weights do, and then the changed checkpoint is refused too.
    flip(&path.join("model.safetensors"));
    let message = refused(load(&path));
    assert!(message.contains("model.safetensors: was changed after the run wrote it"), "{message}");
    let message = refused(resume(&path, &config(), 1));
    assert!(message.contains(&newest) && message.contains("was changed after it was written"), "{message}");
    fs::remove_dir_all(path.join("checkpoints").join(newest)).unwrap();
    resume(&path, &config(), usize::MAX).unwrap();
    assert_eq!(model(&path), whole);
}

#[test]
fn missing_and_damaged_files_of_a_run_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    run(&path, &config());
    for file in ["config.toml", "ids.json", "titles.json", "seen.safetensors"] {
        let file = path.join(file);
        let bytes = fs::read(&file).unwrap();
        cut(&file);
        let message = refused(load(&path));
        assert!(message.contains(&file.display().to_string()), "{message}");
        fs::remove_file(&file).unwrap();
        let message = refused(load(&path));
        assert!(message.contains(file.file_name().unwrap().to_str().unwrap()), "{message}");
        fs::write(&file, bytes).unwrap();
        load(&path).unwrap();
    }
    fs::write(path.join("split.json"), "{}").unwrap();
    let message = refused(resume(&path, &config(), 1));
    assert!(message.contains("split.json") && message.contains("train into a new folder"), "{message}");
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    run(&path, &config());
    let titles = fs::read(path.join("titles.json")).unwrap();
    fs::write(path.join("titles.json"), "[\"one\"]").unwrap();
    let message = refused(load(&path));
    assert!(message.contains("was changed after the run wrote it"), "{message}");
    // Both edited: what is inside still has to fit together.
    let checksums = fs::read(path.join("checksums.json")).unwrap();
    fs::write(path.join("checksums.json"), "{}").unwrap();
    let message = refused(load(&path));
    assert!(message.contains("60 items but 1 titles"), "{message}");
    fs::write(path.join("checksums.json"), checksums).unwrap();
    fs::write(path.join("titles.json"), titles).unwrap();

    // Weights of another size, and of another model.
    let wide = root.path().join("wide");
    let mut other = config();
    other.model.d_embedding = 12;
    run(&wide, &other);
    fs::copy(wide.join("model.safetensors"), path.join("model.safetensors")).unwrap();
    let message = refused(load(&path));
    assert!(message.contains("model.safetensors") && message.contains("12"), "{message}");
    let sparse = path.join("checkpoints/fit-0004/sparse-optimizer.safetensors");
    fs::copy(sparse, path.join("model.safetensors")).unwrap();
    refused(load(&path));
}

#[test]
fn an_unfinished_run_answers_nothing() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    stopped_run(&path, &config(), STEPS);
    let message = refused(load(&path));
    assert!(message.contains("training is not finished") && message.contains("--resume"), "{message}");
}

#[test]
fn no_folder_is_overwritten_or_taken_for_a_run() {
    let root = tempfile::tempdir().unwrap();
    let (config, prepared) = (config(), prepared(&config()));
    let create = |path: PathBuf| RunFolder::create(&path, &config, &prepared);
    fs::create_dir(root.path().join("folder")).unwrap();
    fs::write(root.path().join("file"), "mine").unwrap();
    for name in ["folder", "file"] {
        let message = refused(create(root.path().join(name)));
        assert!(message.contains("is there already; name another folder"), "{message}");
        let message = refused(RunFolder::open(&root.path().join(name)));
        assert!(message.contains("has no config.toml"), "{message}");
        refused(RunFolder::delete(&root.path().join(name)));
    }
    // A file where a folder should be: nobody can write there, not even root.
    let message = refused(create(root.path().join("file/run")));
    assert!(message.contains(&root.path().join("file").display().to_string()), "{message}");
    assert_eq!(fs::read_to_string(root.path().join("file")).unwrap(), "mine");
    assert_eq!(names(root.path()), ["file", "folder"]);

    let run = create(root.path().join("new/deep/run")).unwrap();
    assert!(!run.is_finished());
    RunFolder::delete(run.path()).unwrap();
    assert!(!run.path().exists());
    RunFolder::delete(run.path()).unwrap();
}

#[test]
fn a_run_of_other_data_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    run(&path, &config());
    let mut other = config();
    other.filters.push(burn_recsys_data::Filter::MinCountByUser { count: 12 });
    let folder = RunFolder::open(&path).unwrap();
    let message = refused(train(&folder, &prepared(&other), &other, &device(), &mut ()));
    assert!(message.contains("was trained on other data"), "{message}");
    folder.check(&prepared(&config())).unwrap();
}

#[test]
fn a_checkpoint_that_cannot_be_written_stops_training() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    stopped_run(&path, &config(), STEPS);
    // Something that is no folder of ours stands where the next checkpoint goes.
    fs::write(path.join("checkpoints/fit-0003"), "in the way").unwrap();
    let message = refused(resume(&path, &config(), usize::MAX));
    assert!(message.contains("fit-0003"), "{message}");
    assert!(!path.join("model.safetensors").exists());
}

#[test]
fn rows_that_overlap_are_refused_before_training() {
    let config: RunConfig = config();
    let prepared = prepared(&config);
    let message = refused(TestSet::new(&prepared.train, &prepared.train));
    let expected = format!("{0} of {0} test interactions are in the training part", prepared.train.len());
    assert!(message.starts_with(&expected), "{message}");
}
