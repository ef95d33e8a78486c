//! The two optimizers of a model: one for touched rows, one for everything else.

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Gradients;
use burn_recsys_embeddings::{NonFiniteGradient, RowUpdate, SparseOptimizer, Tape};

/// Updates embedding tables sparsely and the other parameters densely.
pub struct Optimizers {
    /// For embedding tables.
    pub sparse: SparseOptimizer<Box<dyn RowUpdate>>,
    /// For everything else.
    pub dense: ModuleOptimizer,
}

impl Optimizers {
    /// One step with learning rate `lr`: one number, or what a schedule of Burn gives for groups of
    /// parameters.
    ///
    /// # Errors
    /// If the gradient of a table is NaN or infinite. No optimizer has moved then, but the model is
    /// gone: it comes from the last checkpoint.
    pub fn step<M: Module>(
        &mut self,
        lr: impl Into<ModuleLearningRate>,
        model: M,
        tape: Tape,
        mut grads: Gradients,
    ) -> Result<M, NonFiniteGradient> {
        let lr = lr.into();
        let mut rows = tape.gradients(&mut grads);
        rows.check_finite()?;
        let grads = GradientsParams::from_grads(grads, &model);
        let model = if grads.is_empty() { model } else { self.dense.step(lr.clone(), model, grads) };
        Ok(self.sparse.step(lr, model, rows))
    }
}

impl std::fmt::Debug for Optimizers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Optimizers").field("n_steps", &self.sparse.n_steps()).finish_non_exhaustive()
    }
}
