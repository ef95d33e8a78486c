//! From a log of your own to recommendations, with the library alone.
//!
//! Writes a small log first, so that the program is complete; put your file's path and columns there.

#![allow(clippy::print_stdout)]

use std::path::Path;

use burn_recsys::data::{Dataset, FeatureTable, Filter, InteractionFormat, read_interactions};
use burn_recsys::training::{
    Prepared, Recommender, RunConfig, RunFolder, Seen, device_from_name, evaluate, train,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONFIG: &str = r#"
seed = 7
data = { path = "log.csv", format = { user = "who", item = "what", timestamp = "when" } }
split = { strategy = { kind = "leave-last-n", n = 1 } }
model = { d_embedding = 8 }
training = { n_epochs = 30, batch_size = 64, learning_rate = 0.02 }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = tempfile::tempdir()?;
    let log = place.path().join("log.csv");
    write_log(&log)?;

    // Read, keep users with enough history, hold out everybody's last item.
    let format =
        InteractionFormat { timestamp: Some("when".into()), ..InteractionFormat::csv("who", "what") };
    let interactions = Filter::MinCountByUser { count: 3 }.apply(&read_interactions(&log, &format)?)?;
    let (n_users, n_items) = (interactions.n_users(), interactions.n_items());
    let (users, items) = (FeatureTable::new(n_users), FeatureTable::new(n_items));
    let dataset = Dataset { name: "log".into(), interactions, users, items };
    let config = RunConfig::parse(CONFIG)?;
    let prepared = Prepared::new(&dataset, &config)?;

    // Train into a folder that survives a crash, and measure.
    let device = device_from_name("flex")?;
    let folder = RunFolder::create(&place.path().join("run"), &config, &prepared)?;
    train(&folder, &prepared, &config, &device, &mut ())?;
    let recommender = Recommender::load(&folder, &device)?;
    let report = evaluate(recommender.scorer(), &prepared.test_set()?, &[10], Seen::Removed)?.report;
    println!("NDCG@10 {:?} over {} users", report.summary("NDCG@10")?.value, report.n_users());

    // What a service does with the folder.
    for item in recommender.recommend("user-17", 3)? {
        println!("{}  {:.3}", item.item, item.score);
    }
    Ok(())
}

/// 200 users who each like one of two kinds of items.
fn write_log(path: &Path) -> std::io::Result<()> {
    let mut text = String::from("who,what,when\n");
    for user in 0..200 {
        for step in 0..8 {
            let item = (user * 7 + step * 3) % 20 + 20 * (user % 2);
            text += &format!("user-{user},item-{item},{}\n", 1_700_000_000 + step * 86_400 + user);
        }
    }
    std::fs::write(path, text)
}
