//! What is in a data set.

use std::collections::BTreeMap;
use std::path::Path;

use burn_recsys_data::{ColumnValues, FeatureTable, Interactions};
use burn_recsys_training::{DataConfig, Result, RunConfig};
use serde_json::{Value, json};

use crate::arguments::Common;
use crate::data;
use crate::output::line;

/// `data describe`.
pub(crate) fn run(common: &Common, source: &str) -> Result<()> {
    let (config, filters) = if source.ends_with(".toml") {
        let config = RunConfig::read(Path::new(source))?;
        (config.data, config.filters)
    } else {
        (DataConfig::Named { name: source.into() }, Vec::new())
    };
    let dataset = data::load(common, &config)?;
    let mut interactions = dataset.interactions.clone();
    for filter in &filters {
        interactions = filter.apply(&interactions)?;
    }
    let interactions = interactions.compact();
    let description = json!({
        "name": dataset.name,
        "filters": filters.iter().map(|filter| filter.to_string()).collect::<Vec<_>>(),
        "interactions": interactions.len(),
        "users": interactions.n_users(),
        "items": interactions.n_items(),
        "density": interactions.len() as f64 / (interactions.n_users() as f64 * interactions.n_items() as f64),
        "interactions_per_user": quartiles(interactions.user_counts()),
        "interactions_per_item": quartiles(interactions.item_counts()),
        "ratings": ratings(&interactions),
        "timestamps": interactions.timestamps().map(|times| json!([times.iter().min(), times.iter().max()])),
        "user_features": features(&dataset.users),
        "item_features": features(&dataset.items),
    });
    if common.json {
        return data::print_json(&description);
    }
    if let Value::Object(description) = description {
        let width = description.keys().map(String::len).max().unwrap_or(0);
        for (key, value) in description {
            line(format_args!("{key:<width$}  {}", text(&value)));
        }
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".into(),
        Value::Array(values) if values.is_empty() => "none".into(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(values) => {
            values.iter().map(|(key, value)| format!("{key}: {}", text(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) if number.is_f64() => format!("{:.6}", number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}

fn quartiles(mut counts: Vec<u32>) -> Value {
    counts.sort_unstable();
    let at = |part: usize| counts.get((counts.len().saturating_sub(1)) * part / 4).copied();
    json!({"min": at(0), "quarter": at(1), "median": at(2), "three_quarters": at(3), "max": at(4)})
}

fn ratings(interactions: &Interactions) -> Option<BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for rating in interactions.ratings()? {
        *counts.entry(rating.to_string()).or_default() += 1;
    }
    Some(counts)
}

fn features(table: &FeatureTable) -> Vec<String> {
    let kind = |values: &ColumnValues| match values {
        ColumnValues::Categorical { vocabulary, .. } => format!("{} categories", vocabulary.len()),
        ColumnValues::MultiCategorical { vocabulary, .. } => {
            format!("lists of {} categories", vocabulary.len())
        }
        ColumnValues::Dense(_) => "number".into(),
        _ => "text".into(),
    };
    table.columns().iter().map(|column| format!("{} ({})", column.name, kind(&column.values))).collect()
}
