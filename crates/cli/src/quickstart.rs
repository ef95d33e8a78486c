//! From nothing to recommendations with one command.

use burn_recsys_data::named::NamedDataset;
use burn_recsys_data::{Filter, RowOrder, SplitConfig, Strategy};
use burn_recsys_training::{
    DataConfig, EvaluationConfig, ModelConfig, Prepared, Recommender, Result, RunConfig, RunFolder,
    TrainingConfig, ValidationConfig, device_from_name,
};

use crate::arguments::{Common, Quickstart};
use crate::output::line;
use crate::recommend;
use crate::train::{prepare, train_and_measure};

/// Ratings from here on say that a user liked an item.
const LIKED: f32 = 4.0;
/// Where the run goes unless told otherwise.
const FOLDER: &str = "runs/quickstart";

/// `quickstart`.
pub(crate) fn run(common: &Common, arguments: &Quickstart) -> Result<()> {
    let config = config(arguments.data, arguments.seed);
    config.validate()?;
    // Refused before any work is done.
    device_from_name(&common.device)?;
    let prepared = prepare(common, &config)?;
    if !common.json {
        print_data(&prepared);
    }
    let path = arguments.out.clone().unwrap_or_else(|| FOLDER.into());
    if arguments.out.is_none() {
        RunFolder::delete(&path)?;
    }
    let folder = RunFolder::create(&path, &config, &prepared)?;
    let outcome = train_and_measure(common, &config, &prepared, &folder)?;
    if common.json {
        return outcome.print_json();
    }
    outcome.print_table();
    print_examples(common, &folder, &prepared)?;
    line(format_args!("\nrun folder: {0}  (loss curve: {0}/loss.svg)", path.display()));
    line(format_args!("more:       burn-recsys recommend --run {} --user ID", path.display()));
    line(format_args!("            burn-recsys serve --run {}", path.display()));
    Ok(())
}

/// The configuration of quickstart for a data set.
///
/// The values were chosen on held-out rows of the training part; docs/decisions.md says how.
fn config(dataset: NamedDataset, seed: u64) -> RunConfig {
    let is_small = dataset == NamedDataset::MlLatestSmall;
    let strategy = |test_fraction| match is_small {
        // A global moment would leave 28 users to test on.
        true => Strategy::UserTime { test_fraction },
        false => Strategy::GlobalTime { test_fraction },
    };
    let split = match is_small {
        // Ties and cold items as in the reference figures that README compares with.
        true => {
            SplitConfig::new(strategy(0.2)).with_row_order(RowOrder::NewestFirst).with_drop_cold_items(false)
        }
        false => SplitConfig::new(strategy(0.2)),
    };
    RunConfig {
        seed,
        data: DataConfig::Named { name: dataset.name().into() },
        filters: vec![Filter::MinCountByUser { count: 20 }],
        split,
        model: ModelConfig { d_embedding: 32, ..ModelConfig::default() },
        training: TrainingConfig {
            n_epochs: 60,
            learning_rate: 0.003,
            weight_decay: 0.5,
            ..TrainingConfig::default()
        },
        validation: Some(ValidationConfig {
            strategy: strategy(0.2),
            metric: "NDCG@10".into(),
            patience: 6,
            refit: true,
        }),
        evaluation: EvaluationConfig { relevant_rating: Some(LIKED), k: vec![10] },
        serving: Default::default(),
    }
}

fn print_data(prepared: &Prepared) {
    let [interactions, users, items] = prepared.counts;
    line(format_args!(
        "{}: {interactions} interactions of {users} users with {items} items",
        prepared.dataset
    ));
    line(format_args!(
        "train on {}; test on {} of {} later ones, those rated {LIKED} or more\n",
        prepared.train.len(),
        prepared.test.len(),
        prepared.manifest.test.interactions
    ));
}

/// Three users' recent likes and what is recommended to them.
fn print_examples(common: &Common, folder: &RunFolder, prepared: &Prepared) -> Result<()> {
    let recommender = Recommender::load(folder, &device_from_name(&common.device)?)?;
    let train = &prepared.train;
    let rows = train.rows_by_user();
    let n_users = train.n_users() as u32;
    for user in [1, 2, 3].map(|part| n_users * part / 4) {
        let Some(id) = train.user_ids().external(user) else { continue };
        line(format_args!("\nuser {id} liked, last first:"));
        let liked = |&&row: &&u32| train.ratings().is_none_or(|ratings| ratings[row as usize] >= LIKED);
        for &row in rows.row(user).iter().rev().filter(liked).take(5) {
            line(format_args!("       {}", title(prepared, train.items()[row as usize])));
        }
        line(format_args!("and is recommended:"));
        recommend::print(&recommender.recommend(&id.to_string(), 10)?);
    }
    Ok(())
}

fn title(prepared: &Prepared, item: u32) -> String {
    match prepared.titles.get(item as usize).filter(|title| !title.is_empty()) {
        Some(title) => title.clone(),
        None => {
            let id = prepared.train.item_ids().external(item).map(|id| id.to_string()).unwrap_or_default();
            format!("item {id} of {}", prepared.dataset)
        }
    }
}
