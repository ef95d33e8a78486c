//! The best items for a user.

use burn_recsys_training::{Recommendation, Recommender, Result, RunFolder, device_from_name};
use serde_json::json;

use crate::arguments::{Common, Recommend};
use crate::data::print_json;
use crate::table::Table;

/// `recommend`.
pub(crate) fn run(common: &Common, arguments: &Recommend) -> Result<()> {
    let folder = RunFolder::open(&arguments.run)?;
    let recommender = Recommender::load(&folder, &device_from_name(&common.device)?)?;
    let items = recommender.recommend(&arguments.user, arguments.k)?;
    if common.json {
        return print_json(&json!({"user": arguments.user, "items": items}));
    }
    print(&items);
    Ok(())
}

/// A numbered list with titles where they are known.
pub(crate) fn print(items: &[Recommendation]) {
    let mut table = Table::new(["title", "item", "score"]);
    for (rank, item) in items.iter().enumerate() {
        let title = item.title.as_deref().unwrap_or("(no title)");
        table.push([format!("{:>3}. {title}", rank + 1), item.item.clone(), format!("{:.3}", item.score)]);
    }
    table.print();
}
