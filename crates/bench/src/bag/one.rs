//! Our pooled lookups in a process of their own, so that the number of threads is its own.

use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor};
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_embeddings::{
    EmbeddingTable, EmbeddingTableConfig, JaggedIds, Pooling, RowGradients, RowUpdate, RowWiseAdagrad,
    SparseAdagrad, SparseOptimizer, Tape,
};
use burn_recsys_training::device_from_name;

use super::{Size, Visit};
use crate::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    size: Size,
    /// The compute device.
    #[arg(long, default_value = "flex")]
    device: String,
}

const LEARNING_RATE: f64 = 1e-3;

/// What is done with a batch; each includes the forward pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Work {
    Forward,
    /// To the gradient of the output, and which rows it goes to.
    BackwardUnmerged,
    /// To the gradient of distinct rows.
    Backward,
    UpdateRowWise,
    UpdateAdagrad,
}

impl Work {
    pub(super) const ALL: [Self; 5] =
        [Work::Forward, Work::BackwardUnmerged, Work::Backward, Work::UpdateAdagrad, Work::UpdateRowWise];

    /// For the process and for people.
    pub(super) fn names(self) -> [&'static str; 2] {
        match self {
            Work::Forward => ["forward", "forward"],
            Work::BackwardUnmerged => ["backward-unmerged", "forward, backward, repeated rows not added up"],
            Work::Backward => ["backward", "forward, backward, repeated rows added up"],
            Work::UpdateRowWise => ["update-row-wise", "forward, backward, row-wise Adagrad"],
            Work::UpdateAdagrad => ["update-adagrad", "forward, backward, Adagrad"],
        }
    }
}

/// Does what each line of standard input names, and prints a [`Visit`] for it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { size, device } = arguments;
    size.check()?;
    let mut subject = Subject::new(size, &device_from_name(device)?.autodiff());
    for (line, work) in (0..).zip(std::io::stdin().lock().lines()) {
        let name = work?;
        let work = Work::ALL.into_iter().find(|work| work.names()[0] == name);
        let work = work.ok_or_else(|| format!("there is no work called {name:?}"))?;
        let (mut seconds, mut touched) = (Vec::new(), 0);
        // The first is not timed: it brings the table back into the caches that other processes have
        // filled.
        for repetition in 0..=size.repetitions as u64 {
            let mut draws = Random::new(1, Stream::Synthetic, line).row(repetition);
            let values = size.ids(&mut draws);
            let n_distinct = values.iter().collect::<HashSet<_>>().len();
            let ids = JaggedIds::new(values, &vec![size.ids_a_bag as u32; size.bags])?;
            let time = subject.time(work, &ids)?;
            if repetition > 0 {
                seconds.push(time.as_secs_f64());
                touched += n_distinct;
            }
        }
        let visit = Visit { seconds, rows_touched: touched / size.repetitions };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&visit)?)?;
        out.flush()?;
    }
    Ok(())
}

struct Subject {
    /// Taken for the time of an update.
    table: Option<EmbeddingTable>,
    row_wise: SparseOptimizer<Box<dyn RowUpdate>>,
    adagrad: SparseOptimizer<Box<dyn RowUpdate>>,
    /// The gradient of the pooled vectors, `[n_bags, d]`.
    weights: Tensor<2>,
    device: Device,
}

impl Subject {
    fn new(size: &Size, device: &Device) -> Self {
        Subject {
            table: Some(EmbeddingTableConfig::new(size.rows as usize, size.d).init(device)),
            row_wise: SparseOptimizer::new(Box::new(RowWiseAdagrad::default())),
            adagrad: SparseOptimizer::new(Box::new(SparseAdagrad::default())),
            weights: Tensor::random([size.bags, size.d], Distribution::Normal(0.0, 1.0), device),
            device: device.clone(),
        }
    }

    /// The time from ids on the host to the end of the work.
    fn time(&mut self, work: Work, ids: &JaggedIds) -> Result<Duration> {
        let table = self.table.take().ok_or("the table was lost in a step that failed")?;
        self.device.sync()?;
        let start = Instant::now();
        let table = match work {
            Work::Forward => {
                table.forward_bags(ids, Pooling::Mean, &mut Tape::off());
                table
            }
            Work::BackwardUnmerged => {
                self.backward(&table, ids);
                table
            }
            Work::Backward => {
                let gradients = self.backward(&table, ids).get(table.weight.id);
                gradients.ok_or("the table has no gradient")?;
                table
            }
            Work::UpdateRowWise => {
                let gradients = self.backward(&table, ids);
                self.row_wise.step(LEARNING_RATE, table, gradients)
            }
            Work::UpdateAdagrad => {
                let gradients = self.backward(&table, ids);
                self.adagrad.step(LEARNING_RATE, table, gradients)
            }
        };
        self.device.sync()?;
        let time = start.elapsed();
        self.table = Some(table);
        Ok(time)
    }

    fn backward(&self, table: &EmbeddingTable, ids: &JaggedIds) -> RowGradients {
        let mut tape = Tape::new();
        let pooled = table.forward_bags(ids, Pooling::Mean, &mut tape);
        let mut grads = (pooled * self.weights.clone()).sum().backward();
        tape.gradients(&mut grads)
    }
}
