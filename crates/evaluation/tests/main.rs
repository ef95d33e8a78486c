//! Files in, numbers out; and files that must be refused.

#![cfg(test)]
// clippy.toml allows this inside `#[test]` functions; here all functions are test code.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod options;
#[cfg(feature = "parquet")]
mod reference;

use std::path::PathBuf;

use burn_recsys_evaluation::{Evaluation, EvaluationConfig, EvaluationFiles};
use tempfile::TempDir;

/// Files of one test.
struct Files {
    folder: TempDir,
}

const LISTS: &str = "user_id,item_id,score\nann,tea,0.9\nann,milk,0.2\nbob,tea,0.7\nbob,rice,0.1\n";
const TRUTH: &str = "user_id,item_id\nann,milk\nbob,tea\ncid,tea\n";

impl Files {
    fn new() -> Self {
        let files = Files { folder: tempfile::tempdir().unwrap() };
        files.write("lists.csv", LISTS);
        files.write("truth.csv", TRUTH);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn evaluation_files(&self) -> EvaluationFiles {
        EvaluationFiles::new(self.path("lists.csv"), self.path("truth.csv"))
    }
}

fn value(evaluation: &Evaluation, label: &str) -> Option<f64> {
    evaluation.report.summary(label).unwrap().value
}

fn at(cutoffs: &[usize]) -> EvaluationConfig {
    EvaluationConfig { cutoffs: cutoffs.to_vec(), ..EvaluationConfig::default() }
}
