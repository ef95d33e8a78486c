//! What is learned: batches and their loss.

use burn::module::Module;
use burn::tensor::Tensor;
use burn_recsys_embeddings::Tape;

use crate::Result;

/// What [`fit`](crate::fit) needs of a training problem.
///
/// Batches are made on another thread while the model works on the one before.
pub trait Task: Sync {
    /// The model that is trained.
    type Model: Module;
    /// What one step works on.
    type Batch: Send;

    /// The number of batches of an epoch.
    fn n_batches(&self) -> usize;

    /// The batches of `epoch`, counted from 1: a function of the epoch and the task alone, so that a
    /// resumed run sees what the uninterrupted run would have seen.
    fn batches(&self, epoch: u64) -> impl Iterator<Item = Self::Batch> + Send;

    /// The loss of a batch, a single number, the mean over its rows.
    ///
    /// # Shapes
    /// - output: `[1]`
    fn loss(&self, model: &Self::Model, batch: &Self::Batch, tape: &mut Tape) -> Tensor<1>;

    /// The number of rows in a batch: the weight of its loss in the epoch's mean.
    fn n_rows(&self, batch: &Self::Batch) -> usize;

    /// The mean loss over the batches of `epoch` without training: of held-out rows, the epoch fixed.
    ///
    /// # Errors
    /// If there is no batch.
    fn mean_loss(&self, model: &Self::Model, epoch: u64) -> Result<f64> {
        let (mut total, mut n_rows) = (0.0, 0);
        for batch in self.batches(epoch) {
            let rows = self.n_rows(&batch);
            let loss: f32 = self.loss(model, &batch, &mut Tape::off()).into_scalar();
            total += f64::from(loss) * rows as f64;
            n_rows += rows;
        }
        if n_rows == 0 {
            return Err(burn_recsys_data::Error::Empty { after: "taking the held-out part".into() }.into());
        }
        Ok(total / n_rows as f64)
    }
}
