//! What a study found, as tables for people: on standard output and in Markdown.

use burn_recsys_training::study::{CandidateReport, Estimate, SliceOutcome, StudyReport};

use crate::output::line;
use crate::table::Table;

/// The slice of all rows.
pub(crate) const ALL: &str = "all";

/// A table with a heading and what a reader needs to know of it.
pub(crate) struct Section {
    heading: String,
    notes: Vec<String>,
    table: Table,
}

impl Section {
    pub(crate) fn print(&self) {
        line(format_args!("{}", self.heading));
        self.notes.iter().for_each(|note| line(format_args!("{note}")));
        self.table.print();
        line(format_args!(""));
    }

    pub(crate) fn markdown(&self) -> String {
        let notes: String = self.notes.iter().map(|note| format!("{note}\n\n")).collect();
        format!("## {}\n\n{notes}{}", self.heading, self.table.markdown())
    }
}

/// The candidates that are not of the memory study.
pub(crate) fn representations(report: &StudyReport) -> Vec<&CandidateReport> {
    report.candidates.iter().filter(|candidate| candidate.budget.is_none()).collect()
}

/// The tables, in the order of reading; those without content are left out.
pub(crate) fn sections(report: &StudyReport) -> Vec<Section> {
    let mut sections = vec![overall(report), by_slice(report, "AUC", &all_slices(report))];
    for metric in ["LogLoss", "NDCG@10"] {
        sections.push(by_slice(report, metric, &user_slices(report)));
    }
    sections.extend([differences(report), gate(report), memory(report)].into_iter().flatten());
    sections
}

/// The number of seeds and what follows "±".
fn of_seeds(report: &StudyReport) -> String {
    match report.candidates.first().map_or(0, |candidate| candidate.seeds.len()) {
        1 => "1 seed".into(),
        n => format!("mean ± half of the 95% interval, {n} seeds"),
    }
}

fn cell(estimate: Option<Estimate>) -> String {
    estimate.map_or("-".into(), |estimate| estimate.to_string())
}

fn overall(report: &StudyReport) -> Section {
    let of_tasks = report.tasks.iter().map(|task| format!("AUC {task}"));
    let metrics: Vec<String> =
        ["AUC", "LogLoss", "ECE", "NDCG@10"].map(String::from).into_iter().chain(of_tasks).collect();
    let sizes = ["parameters", "user bytes", "ms/step"].map(String::from);
    let mut table =
        Table::new(["representation".to_string()].into_iter().chain(metrics.iter().cloned()).chain(sizes));
    for candidate in representations(report) {
        let metrics = metrics.iter().map(|metric| cell(candidate.estimate(ALL, metric)));
        let n_parameters = candidate.seeds.first().map_or(0, |outcome| outcome.n_parameters);
        let milliseconds = candidate.mean(|outcome| 1e3 * outcome.step_seconds);
        let milliseconds = milliseconds.map_or("-".into(), |estimate| format!("{:.2}", estimate.mean));
        let sizes = [n_parameters.to_string(), candidate.user_bytes().to_string(), milliseconds];
        table.push([candidate.name.clone()].into_iter().chain(metrics).chain(sizes));
    }
    let [train, test, users, items] = report.counts;
    Section {
        heading: format!("{}: all test rows ({})", report.dataset, of_seeds(report)),
        notes: vec![
            format!("{train} training rows, {test} test rows of {users} users, {items} items."),
            "AUC, LogLoss and ECE are means over the tasks; NDCG@10 is of the value score over a user's test \
             rows."
                .into(),
        ],
        table,
    }
}

/// The slices, as the first outcome has them: they are the same in all.
fn all_slices(report: &StudyReport) -> Vec<&SliceOutcome> {
    let first = report.candidates.first().and_then(|candidate| candidate.seeds.first());
    first.map_or_else(Vec::new, |outcome| outcome.slices.iter().collect())
}

/// The slices that hold whole users.
fn user_slices(report: &StudyReport) -> Vec<&SliceOutcome> {
    let slices = all_slices(report).into_iter();
    slices.filter(|slice| !["head items", "tail items"].contains(&slice.slice.as_str())).collect()
}

fn by_slice(report: &StudyReport, metric: &str, slices: &[&SliceOutcome]) -> Section {
    let names = slices.iter().map(|slice| slice.slice.as_str());
    let mut table = Table::new(["representation"].into_iter().chain(names));
    for candidate in representations(report) {
        let cells = slices.iter().map(|slice| cell(candidate.estimate(&slice.slice, metric)));
        table.push([candidate.name.clone()].into_iter().chain(cells));
    }
    Section {
        heading: format!("{}: {metric} by slice ({})", report.dataset, of_seeds(report)),
        notes: vec![sizes(slices)],
        table,
    }
}

/// How many rows and users each slice has.
fn sizes(slices: &[&SliceOutcome]) -> String {
    let of_slice = |slice: &&SliceOutcome| {
        let users = if slice.n_users == 1 { "user" } else { "users" };
        format!("{}: {} of {} {users}", slice.slice, slice.n_rows, slice.n_users)
    };
    format!("Test rows: {}.", slices.iter().map(of_slice).collect::<Vec<_>>().join("; "))
}

/// AUC less that of the id table, or of the first representation where there is none.
fn differences(report: &StudyReport) -> Option<Section> {
    let representations = representations(report);
    let base = representations.iter().find(|candidate| candidate.name == "id");
    let base = *base.or(representations.first())?;
    let slices: Vec<&str> = [ALL]
        .into_iter()
        .chain(all_slices(report).iter().map(|slice| slice.slice.as_str()).filter(|s| s.starts_with("cold")))
        .collect();
    let mut table = Table::new(["representation"].into_iter().chain(slices.iter().copied()));
    let others: Vec<_> =
        representations.into_iter().filter(|candidate| candidate.name != base.name).collect();
    for candidate in &others {
        let cells = slices.iter().map(|slice| {
            let difference = candidate.difference(base, slice, "AUC");
            difference.map_or("-".into(), |difference| match difference.half_width {
                Some(half_width) => format!("{:+.4} ± {half_width:.4}", difference.mean),
                None => format!("{:+.4}", difference.mean),
            })
        });
        table.push([candidate.name.clone()].into_iter().chain(cells));
    }
    (!others.is_empty()).then(|| Section {
        heading: format!(
            "{}: AUC less that of {}, seed by seed ({})",
            report.dataset,
            base.name,
            of_seeds(report)
        ),
        notes: Vec::new(),
        table,
    })
}

/// The weight of the first representation of every mixture by the activity of users.
fn gate(report: &StudyReport) -> Option<Section> {
    let mixtures: Vec<&CandidateReport> =
        representations(report).into_iter().filter(|candidate| !candidate.gates().is_empty()).collect();
    let deciles = &mixtures.first()?.gates().first()?.deciles.clone();
    let names = mixtures.iter().map(|mixture| mixture.name.as_str());
    let mut table = Table::new(["decile", "users", "training events"].into_iter().chain(names));
    for (at, decile) in deciles.iter().enumerate() {
        let weights = mixtures.iter().map(|mixture| cell(gate_weight(mixture, at)));
        let known = [(at + 1).to_string(), decile.n_users.to_string(), format!("{:.1}", decile.activity)];
        table.push(known.into_iter().chain(weights));
    }
    let of_mixture = |mixture: &&CandidateReport| {
        let values: Vec<f64> = mixture.gates().iter().filter_map(|gate| gate.spearman).collect();
        let value = Estimate::of(&values).map_or("undefined".into(), |estimate| estimate.to_string());
        format!("{} {value}", mixture.name)
    };
    let spearman = mixtures.iter().map(of_mixture).collect::<Vec<_>>().join("; ");
    Some(Section {
        heading: format!("{}: gate, weight of the first expert ({})", report.dataset, of_seeds(report)),
        notes: vec![
            "Test users in ten groups by their training events.".into(),
            format!("Spearman correlation of activity and weight over the groups: {spearman}."),
        ],
        table,
    })
}

/// The mean weight over seeds in a decile, counted from 0.
pub(crate) fn gate_weight(mixture: &CandidateReport, decile: usize) -> Option<Estimate> {
    Estimate::of(
        &mixture
            .gates()
            .iter()
            .filter_map(|gate| gate.deciles.get(decile).map(|decile| decile.weight))
            .collect::<Vec<_>>(),
    )
}

fn memory(report: &StudyReport) -> Option<Section> {
    let mut table = Table::new(["way", "budget", "user bytes", "AUC", "LogLoss", "NDCG@10"]);
    let mut of_ways: Vec<(&str, f64, &CandidateReport)> = Vec::new();
    for candidate in &report.candidates {
        if let Some((way, budget)) = &candidate.budget {
            of_ways.push((way, *budget, candidate));
        }
    }
    // Ways together, in the order in which they first come.
    let order: Vec<&str> = of_ways.iter().map(|&(way, ..)| way).collect();
    let place = |way: &str| order.iter().position(|other| *other == way);
    of_ways.sort_by(|a, b| place(a.0).cmp(&place(b.0)).then(a.1.total_cmp(&b.1)));
    for (way, budget, candidate) in &of_ways {
        let metrics = ["AUC", "LogLoss", "NDCG@10"].map(|metric| cell(candidate.estimate(ALL, metric)));
        let sizes = [way.to_string(), budget.to_string(), candidate.user_bytes().to_string()];
        table.push(sizes.into_iter().chain(metrics));
    }
    (!of_ways.is_empty()).then(|| Section {
        heading: format!("{}: memory ({})", report.dataset, of_seeds(report)),
        notes: vec!["A budget is a part of the bytes of the full table of users.".into()],
        table,
    })
}
