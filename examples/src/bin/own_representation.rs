//! A way to know users that the library does not have, in a study beside one that it has.
//!
//! The vector of a user is a row for how active the user is, plus a linear map of the user's features.

#![allow(clippy::print_stdout)]

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use burn_recsys::data::named::{DataFolders, Fetch, NamedDataset};
use burn_recsys::embeddings::dense::seeded_linear;
use burn_recsys::embeddings::{EmbeddingTable, IdEmbedding, Tape};
use burn_recsys::models::UserRepresentation;
use burn_recsys::training::device_from_name;
use burn_recsys::training::study::{Candidate, Study, StudyConfig, StudySizes};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Small, so that it ends in seconds: the most active users, one epoch, two seeds.
const STUDY: &str = r#"
data = { name = "ml-latest-small" }
filters = [{ kind = "min-count-by-user", count = 200 }, { kind = "min-count-by-item", count = 10 }]
split = { strategy = { kind = "user-time", test_fraction = 0.2 }, drop_cold_users = false }
validation = { kind = "user-time", test_fraction = 0.1 }
cold_start = { user_fraction = 0.5 }
seeds = [1, 2]
representations = [{ kind = "id" }]
estimator = { d_user = 16, d_item = 16, d_cross = 16, hidden = [16] }
training = { n_epochs = 1, batch_size = 128, learning_rate = 0.003 }
"#;

/// Users known by their level of activity and by their features, not by their ids.
#[derive(Module, Debug)]
struct Activity {
    levels: EmbeddingTable,
    features: Linear,
    /// The columns of the features that say the level: one of them is 1, the others are 0.
    #[module(skip)]
    columns: Vec<usize>,
}

impl Activity {
    fn new(sizes: &StudySizes, seed: u64, device: &Device) -> Self {
        let names = sizes.user_feature_names.iter().enumerate();
        let columns: Vec<usize> =
            names.filter(|(_, name)| name.starts_with("past_count_")).map(|(at, _)| at).collect();
        Activity {
            levels: sizes.table(columns.len(), sizes.d_user, seed).init(device),
            features: seeded_linear(sizes.n_user_features, sizes.d_user, seed, 1, device),
            columns,
        }
    }
}

impl UserRepresentation for Activity {
    fn d_user(&self) -> usize {
        self.levels.d_embedding()
    }

    fn user_vectors(&self, _ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        let width = features.dims()[1];
        let values: Vec<f32> = features.to_data().iter().collect();
        let level =
            |row: &[f32]| self.columns.iter().position(|&column| row[column] > 0.5).unwrap_or(0) as u64;
        let levels: Vec<u64> = values.chunks(width).map(level).collect();
        self.levels.embed(&levels, tape) + self.features.forward(features.clone())
    }

    fn n_user_features(&self) -> Option<usize> {
        Some(self.features.weight.lazy_shape()[0])
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dataset = NamedDataset::MlLatestSmall.load(&DataFolders::new(None), Fetch::Never, &|_, _| ())?;
    let study = Study::prepare(&dataset, &StudyConfig::parse(STUDY)?)?;
    let mut candidates = study.candidates();
    candidates.push(Candidate::new("activity", Activity::new));

    let report = study.run(&candidates, &[], &device_from_name("flex")?, &mut ())?;
    println!("{:<10} {:>17} {:>17} {:>12}", "AUC", "all users", "without events", "user bytes");
    for candidate in &report.candidates {
        let auc = |slice| candidate.estimate(slice, "AUC").map_or("-".into(), |auc| auc.to_string());
        println!(
            "{:<10} {:>17} {:>17} {:>12}",
            candidate.name,
            auc("all"),
            auc("cold (0)"),
            candidate.user_bytes()
        );
    }
    Ok(())
}
