//! The cost of one training step against the number of embedding rows.

mod dense;
mod sparse;
mod traffic;

use std::collections::HashSet;
use std::time::Duration;

use burn_recsys_data::random::{Random, Stream};
use burn_recsys_training::device_from_name;
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::report::{Report, note};
use crate::spread::{Ratio, Spread};
use dense::DenseSubject;
use sparse::SparseSubject;
use traffic::{Batch, Traffic};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rows of the user table and of the item table, one model for each size.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000,4000000")]
    rows: Vec<u32>,
    /// The size of each embedding vector.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Interactions a step.
    #[arg(long, default_value_t = 8192)]
    batch: usize,
    /// Timed steps of each size and traffic.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Measure Burn's own embedding with dense Adam too, up to this many rows; 0 for none.
    #[arg(long, default_value_t = 1_000_000)]
    dense_up_to: u32,
    /// Timed steps of the dense model.
    #[arg(long, default_value_t = 6)]
    dense_steps: usize,
    /// The compute device.
    #[arg(long, default_value = "flex")]
    device: String,
}

/// Timed steps of a visit. One step before them is not timed: it brings the model back into the caches
/// that the visits to other sizes have filled, as in training, where a model has them to itself.
const STEPS_A_VISIT: usize = 4;

/// What is measured for one size and kind of step.
struct Series {
    rows: u32,
    kind: Kind,
    times: Vec<Duration>,
    /// Steps taken, timed or not.
    n_steps: u64,
    /// Distinct user and item rows, summed over the timed steps.
    touched: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Sparse(Traffic),
    Dense,
}

impl Series {
    fn new(rows: u32, kind: Kind) -> Self {
        Series { rows, kind, times: Vec::new(), n_steps: 0, touched: 0 }
    }

    /// One visit: steps with fresh batches, the first not timed.
    fn visit(
        &mut self,
        n_steps: usize,
        batch_size: usize,
        mut step: impl FnMut(&Batch) -> Result<Duration>,
    ) -> Result<()> {
        let traffic = match self.kind {
            Kind::Sparse(traffic) => traffic,
            Kind::Dense => Traffic::Zipf,
        };
        for index in 0..=n_steps {
            let draws = Random::new(1, Stream::Synthetic, u64::from(self.rows));
            let mut draws = draws.row(self.n_steps * 2 + traffic as u64);
            self.n_steps += 1;
            let batch = traffic.batch(self.rows, batch_size, &mut draws);
            let time = step(&batch)?;
            if index > 0 {
                self.times.push(time);
                self.touched += [&batch.users, &batch.items].map(|ids| distinct(ids)).iter().sum::<usize>();
            }
        }
        Ok(())
    }

    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sparse(Traffic::Zipf) => "zipf",
            Kind::Sparse(Traffic::SameTouch) => "same touch",
            Kind::Dense => "dense Adam, zipf",
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { ref rows, d, batch, steps, dense_up_to, dense_steps, ref device } = arguments;
    if rows.contains(&0) || [d, batch, steps].contains(&0) {
        return Err("--rows, --d, --batch and --steps must be at least 1".into());
    }
    let device = device_from_name(device)?.autodiff();
    let traffics = [Traffic::Zipf, Traffic::SameTouch];
    let mut subjects: Vec<(SparseSubject, [Series; 2])> = Vec::new();
    for &n_rows in rows {
        note(&format!("two tables of {n_rows} rows"));
        let mut subject = SparseSubject::new(n_rows as usize, d, &device);
        let mut series = traffics.map(|traffic| Series::new(n_rows, Kind::Sparse(traffic)));
        // Tables are filled and optimizer state is made on first use: neither is a step's cost.
        for series in &mut series {
            series.visit(2, batch, |batch| subject.step(batch, &device))?;
            *series = Series::new(n_rows, series.kind);
        }
        subjects.push((subject, series));
    }
    note("sparse steps, the sizes in turn");
    for _ in 0..steps.div_ceil(STEPS_A_VISIT) {
        for (subject, series) in &mut subjects {
            for series in series {
                series.visit(STEPS_A_VISIT, batch, |batch| subject.step(batch, &device))?;
            }
        }
    }
    let mut series: Vec<Series> = subjects.into_iter().flat_map(|(_, series)| series).collect();
    for &n_rows in rows.iter().filter(|&&n_rows| n_rows <= dense_up_to && dense_steps > 0) {
        note(&format!("dense steps, two tables of {n_rows} rows"));
        let mut subject = DenseSubject::new(n_rows as usize, d, &device);
        let mut dense = Series::new(n_rows, Kind::Dense);
        dense.visit(dense_steps, batch, |batch| subject.step(batch, &device))?;
        series.push(dense);
    }
    // Sizes of one kind together; the sort keeps the order of sizes.
    series.sort_by_key(|series| match series.kind {
        Kind::Sparse(traffic) => traffic as u8,
        Kind::Dense => u8::MAX,
    });
    report(machine, arguments, &series)
}

fn report(machine: Machine, arguments: &Arguments, series: &[Series]) -> Result<Report> {
    let mut table = vec![["step", "rows a table", "rows touched"].map(String::from).to_vec()];
    table[0].extend(Spread::headers("ms"));
    let (mut findings, mut measured) = (Vec::new(), Vec::new());
    let mut ratios = serde_json::Map::new();
    for of_kind in series.chunk_by(|a, b| a.kind == b.kind) {
        let mut spreads = Vec::new();
        for series in of_kind {
            let spread = Spread::of(&series.times).ok_or("no step was timed")?;
            let touched = series.touched / series.times.len();
            let mut row = vec![series.name().to_string(), series.rows.to_string(), touched.to_string()];
            row.extend(spread.cells(1e-3));
            table.push(row);
            measured.push(json!({
                "step": series.name(), "rows": series.rows, "rows_touched": touched, "seconds": spread,
            }));
            spreads.push((series.rows, spread));
        }
        let by_median = |a: &&(u32, Spread), b: &&(u32, Spread)| a.1.median.total_cmp(&b.1.median);
        let (Some(low), Some(high)) = (spreads.iter().min_by(by_median), spreads.iter().max_by(by_median))
        else {
            continue;
        };
        let ratio = Ratio::of(&high.1, &low.1);
        let name = of_kind[0].name();
        findings.push(format!("{name}: slowest size ({}) / fastest size ({}) = {ratio}", high.0, low.0));
        ratios.insert(name.into(), json!(ratio));
    }
    let &Arguments { d, batch, ref device, .. } = arguments;
    let json = json!({
        "d": d, "batch": batch, "device": device, "sizes": measured, "slowest_over_fastest": ratios,
    });
    Ok(Report { name: "step", machine, table, findings, json })
}

fn distinct(ids: &[u32]) -> usize {
    ids.iter().collect::<HashSet<_>>().len()
}
