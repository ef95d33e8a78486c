//! One reading in a process of its own, so that its peak of memory is its own.

use std::path::PathBuf;
use std::time::Instant;

use burn_recsys_data::{InteractionFormat, read_interactions};
use serde_json::Value;

use super::{Contents, Reading};
use crate::Result;
use crate::machine::peak_memory;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A `ratings.csv` of MovieLens.
    path: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Value> {
    let start = Instant::now();
    let table = read_interactions(&arguments.path, &InteractionFormat::movielens_csv())?;
    let seconds = start.elapsed().as_secs_f64();
    let peak_memory = peak_memory().ok_or("this system does not tell the peak of memory")?;
    let weighted = |column: &[u32]| (0..).zip(column).map(|(row, &index)| (row % 7) * u64::from(index)).sum();
    let contents = Contents {
        rows: table.len() as u64,
        users: table.n_users() as u64,
        items: table.n_items() as u64,
        user_sum: weighted(table.users()),
        item_sum: weighted(table.items()),
        rating_sum: table.ratings().unwrap_or_default().iter().map(|rating| (rating * 2.0) as u64).sum(),
        timestamp_sum: table.timestamps().unwrap_or_default().iter().map(|&timestamp| timestamp as u64).sum(),
    };
    Ok(serde_json::to_value(Reading { seconds, peak_memory, contents })?)
}
