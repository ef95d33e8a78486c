//! What diversity costs on recommendations and brings on pages, as tables and plots, or as JSON.

mod plots;

use burn_recsys_baselines::ImplicitAlsConfig;
use burn_recsys_data::Filter;
use burn_recsys_training::protocol::{
    DiversityPoint, PageOutcome, PageSimulation, TimeSplit, diversity_curve, simulate_pages,
};
use burn_recsys_training::{Error, Result, write_atomic};
use serde_json::json;

use crate::arguments::{Common, DiversityProtocol};
use crate::data::{load, named_or_path, print_json};
use crate::output::line;
use crate::table::Table;

/// Training rows from here on are what a user likes.
const LIKED: f32 = 4.0;

/// `protocol diversity`.
pub(super) fn run(common: &Common, arguments: &DiversityProtocol) -> Result<()> {
    let k = arguments.k;
    let dataset = load(common, &named_or_path("--data", &arguments.data)?)?;
    let split = TimeSplit::new(&dataset)?;
    let liked = Filter::RatingAtLeast { rating: LIKED }.apply(&split.train)?;
    let model = ImplicitAlsConfig::default().fit(&liked.items_by_user(), split.train.n_items())?;
    let simulation = PageSimulation { page: k, ..PageSimulation::default() };
    let betas: Vec<f32> = (0..10).map(|tenth| tenth as f32 / 10.0).collect();
    let points = diversity_curve(&split, &model, "genres", &betas, k)?;
    let pages = simulate_pages(&simulation)?;
    if let Some(folder) = &arguments.plots {
        std::fs::create_dir_all(folder).map_err(|error| Error::Config {
            key: "--plots",
            message: format!("cannot create {}: {error}", folder.display()),
        })?;
        for (name, svg) in
            [("diversity.svg", plots::diversity(&points, k)?), ("pages.svg", plots::pages(&pages)?)]
        {
            write_atomic(&folder.join(name), svg.as_bytes())?;
        }
    }
    if common.json {
        return print_json(&json!({
            "protocol": "diversity", "k": k, "dataset": dataset.name, "users": split.n_test_users(), "lists": points,
            "simulation": simulation, "pages": pages,
        }));
    }
    line(format_args!(
        "implicit ALS on {}, {} users by time, {} of them tested",
        dataset.name,
        split.train.n_users(),
        split.n_test_users()
    ));
    lists(&points, k).print();
    let PageSimulation { n_users, n_interests, .. } = simulation;
    line(format_args!("\n{n_users} simulated users of {n_interests} interests each"));
    table_of_pages(&pages).print();
    Ok(())
}

fn lists(points: &[DiversityPoint], k: usize) -> Table {
    let names = ["beta".into(), format!("NDCG@{k}"), format!("IntraListDiversity(genres)@{k}")];
    let mut table = Table::new(names);
    for point in points {
        let ndcg = with_interval(point.ndcg, point.ndcg_interval);
        let diversity = with_interval(point.diversity, point.diversity_interval);
        table.push([format!("{:.1}", point.beta), ndcg, diversity]);
    }
    table
}

fn table_of_pages(pages: &[PageOutcome]) -> Table {
    let mut table = Table::new(["beta", "pages clicked", "items clicked", "categories a page"]);
    for page in pages {
        table.push([
            format!("{:.2}", page.beta),
            with_interval(page.page_click_through, page.page_interval),
            with_interval(page.item_click_through, page.item_interval),
            format!("{:.2}", page.n_categories),
        ]);
    }
    table
}

fn with_interval(value: f64, interval: Option<[f64; 2]>) -> String {
    match interval {
        Some([lower, upper]) => format!("{value:.4} ({lower:.4} to {upper:.4})"),
        None => format!("{value:.4}"),
    }
}
