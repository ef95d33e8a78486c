//! Updating only the rows that a step touched.

use std::collections::HashMap;

use burn::grad_clipping::GradientClippingConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

use crate::gradients::TableGradient;
use crate::host_step::HostStep;
use crate::rows::{self, indices};
use crate::{EmbeddingTable, RowGradients, TableRules};

/// The optimizer's memory of the rows of one step.
#[derive(Debug, Clone)]
pub struct RowState {
    /// `[n_rows, state_width]`; zero for rows that were never touched.
    pub rows: Tensor<2>,
    /// The optimizer's step count, from 1.
    pub step: u64,
}

/// A rule for one row in host memory: given the gradient `[d]` and the state `[state_width]`, it
/// changes the state and the row `[d]`.
pub type HostRule<'a> = Box<dyn Fn(&[f32], &mut [f32], &mut [f32]) + Send + Sync + 'a>;

/// A rule that turns the gradient of distinct rows into their change.
///
/// The rule sees only the rows of the step: it cannot cost more than they do.
pub trait RowUpdate: Send + Sync {
    /// How many floats of state a row of width `d_embedding` needs.
    fn state_width(&self, d_embedding: usize) -> usize;

    /// The change to add to the rows, and their new state.
    ///
    /// # Shapes
    /// - `gradient` and the change: `[n_rows, d_embedding]`
    /// - `state.rows`: `[n_rows, state_width]`
    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState);

    /// The same for one row at a time, for tables in host memory, where one pass over a row is several
    /// times as fast as one pass a tensor operation.
    ///
    /// `step` counts from 1. A rule without it is right, but slower there.
    fn on_host(&self, lr: f64, step: u64) -> Option<HostRule<'_>> {
        let _ = (lr, step);
        None
    }
}

impl<U: RowUpdate + ?Sized> RowUpdate for Box<U> {
    fn state_width(&self, d_embedding: usize) -> usize {
        (**self).state_width(d_embedding)
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        (**self).update(lr, gradient, state)
    }

    fn on_host(&self, lr: f64, step: u64) -> Option<HostRule<'_>> {
        (**self).on_host(lr, step)
    }
}

/// An optimizer of the embedding tables of a module, in the shape of Burn's own: it takes the
/// module by value and gives it back.
///
/// Tables are found by mapping the module; parameters without row gradients pass through. The learning
/// rate is given at each step, so a schedule of Burn serves the dense optimizer and this one alike, with
/// rates of their own for groups of parameters:
///
/// ```
/// use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
/// use burn::lr_scheduler::exponential::ExponentialLrSchedulerConfig;
/// use burn::lr_scheduler::module_lr_scheduler::ModuleLrSchedulerConfig;
/// use burn::module::ParamGroup;
/// # use burn::tensor::Device;
/// # use burn_recsys_embeddings::{EmbeddingTableConfig, SparseOptimizer, SparseSgd, Tape};
/// # let mut table = EmbeddingTableConfig::new(10, 2).init(&Device::default().autodiff());
/// let mut sparse = SparseOptimizer::new(SparseSgd::default());
/// let mut schedule = ModuleLrSchedulerConfig::new(CosineAnnealingLrSchedulerConfig::new(0.1, 100).into())
///     .with_group(ParamGroup::from_path("users.weight"), ExponentialLrSchedulerConfig::new(0.01, 0.99))
///     .init()?;
/// for _ in 0..3 {
///     let mut tape = Tape::new();
///     let mut grads = table.forward(&[3], &mut tape).sum().backward();
///     let lr = schedule.step();
///     // model = dense.step(lr.clone(), model, GradientsParams::from_grads(grads, &model));
///     table = sparse.step(lr, table, tape.gradients(&mut grads));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SparseOptimizer<U> {
    rule: U,
    /// `[n_rows of the table, state_width]` for every table touched so far.
    states: HashMap<ParamId, Tensor<2>>,
    /// Under which identity a table was last touched: loading a record gives a parameter another one.
    known: HashMap<String, ParamId>,
    step: u64,
    weight_decay: f64,
    clipping: Option<GradientClippingConfig>,
    rate_groups: Vec<(ParamGroup, f64)>,
    decay_groups: Vec<(ParamGroup, f64)>,
}

/// Optimizer state that does not fit the module it is loaded for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The module has no such parameter.
    #[error("optimizer state for {path:?}, which the model does not have")]
    UnknownParameter {
        /// The parameter's path in the module.
        path: String,
    },
    /// The state of a table has the wrong shape.
    #[error("optimizer state of {path:?} has shape {actual:?}, expected {expected:?}")]
    Shape {
        /// The parameter's path in the module.
        path: String,
        /// The shape found.
        actual: Vec<usize>,
        /// `[n_rows, state_width]`
        expected: Vec<usize>,
    },
}

impl<U: RowUpdate> SparseOptimizer<U> {
    /// An optimizer that has seen no step.
    pub fn new(rule: U) -> Self {
        SparseOptimizer {
            rule,
            states: HashMap::new(),
            known: HashMap::new(),
            step: 0,
            weight_decay: 0.0,
            clipping: None,
            rate_groups: Vec::new(),
            decay_groups: Vec::new(),
        }
    }

    /// Shrinks every touched row by `lr * weight_decay` of itself in each step that touches it
    /// (decoupled from the gradient: Loshchilov and Hutter 2019). Rows that are not touched do not
    /// shrink.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// Clips the gradient of every table: each value, or the norm of all touched rows of the table
    /// together. Burn's optimizers take the same configuration and clip each parameter so.
    ///
    /// # Panics
    /// If the bound is not positive and finite; the message has it.
    pub fn with_grad_clipping(mut self, clipping: GradientClippingConfig) -> Self {
        let (GradientClippingConfig::Value(bound) | GradientClippingConfig::Norm(bound)) = clipping;
        assert!(
            bound > 0.0 && bound.is_finite(),
            "gradients are clipped at {bound}; it must be above 0 and finite"
        );
        self.clipping = Some(clipping);
        self
    }

    /// Multiplies the learning rate of the tables of `group`, whatever the schedule. Of several groups that
    /// hold a table the last one counts.
    pub fn with_learning_rate_scale_of(mut self, group: ParamGroup, scale: f64) -> Self {
        self.rate_groups.push((group, scale));
        self
    }

    /// Gives the tables of `group` a weight decay of their own. Of several groups that hold a table the
    /// last one counts, as with learning rates in Burn.
    pub fn with_weight_decay_of(mut self, group: ParamGroup, weight_decay: f64) -> Self {
        self.decay_groups.push((group, weight_decay));
        self
    }

    /// The number of steps taken.
    pub fn n_steps(&self) -> u64 {
        self.step
    }

    /// Updates the touched rows of the tables in `module` with learning rate `lr`: one number, or what a
    /// schedule of Burn gives for groups of parameters.
    ///
    /// The cost grows with the rows touched. It does not grow with the table, as long as no clone
    /// of the module is alive: then the backend must copy the table before it writes.
    ///
    /// # Panics
    /// Before anything is written, if a gradient is NaN or infinite, the learning rate is not finite, a
    /// gradient belongs to none of the module's parameters, or two parameters share an identity, as two
    /// loads of one record do. The module is gone then: [`RowGradients::check_finite`] gives the first of
    /// these as an error beforehand.
    pub fn step<M: Module>(
        &mut self,
        lr: impl Into<ModuleLearningRate>,
        module: M,
        mut rows: RowGradients,
    ) -> M {
        if let Err(error) = rows.check_finite() {
            #[expect(clippy::panic, reason = "a documented panic: nothing was written yet")]
            {
                panic!("{error}");
            }
        }
        let mut paths = Paths::default();
        module.visit(&mut paths);
        let rates = self.rates(&lr.into(), &paths.found, &rows);
        let n_found = rates.len();
        assert!(
            n_found == rows.len(),
            "row gradients of {} tables belong to none of the module's parameters, {n_found} do",
            rows.len() - n_found
        );
        self.follow(&paths.found);
        self.step += 1;
        module.map(&mut RowMapper { optimizer: self, rates, rows })
    }

    /// What the step does to each table that has a gradient.
    fn rates(
        &self,
        lr: &ModuleLearningRate,
        found: &[Parameter],
        rows: &RowGradients,
    ) -> HashMap<ParamId, Rates> {
        let mut path_of: HashMap<ParamId, &str> = HashMap::new();
        let mut rates = HashMap::new();
        for Parameter { id, path, .. } in found.iter().filter(|parameter| rows.contains(parameter.id)) {
            if let Some(other) = path_of.insert(*id, path) {
                #[expect(clippy::panic, reason = "a documented panic")]
                {
                    panic!(
                        "{other:?} and {path:?} are one parameter ({id}); give one of them an id of its own"
                    );
                }
            }
            let of = |groups: &[(ParamGroup, f64)]| {
                groups.iter().rev().find(|(group, _)| group.matches(id, Some(path))).map(|(_, value)| *value)
            };
            let lr = lr.lr_from_param(*id, Some(path)) * of(&self.rate_groups).unwrap_or(1.0);
            assert!(lr.is_finite(), "the learning rate of {path:?} is {lr}; it must be finite");
            let decay = lr * of(&self.decay_groups).unwrap_or(self.weight_decay);
            rates.insert(*id, Rates { lr, decay });
        }
        rates
    }

    /// Keeps the state of tables whose identity has changed since they were last touched.
    fn follow(&mut self, found: &[Parameter]) {
        for Parameter { id, path, .. } in found {
            let Some(known) = self.known.insert(path.clone(), *id).filter(|known| known != id) else {
                continue;
            };
            if found.iter().all(|other| other.id != known)
                && let Some(states) = self.states.remove(&known)
            {
                self.states.insert(*id, states);
            }
        }
    }

    /// Forgets what was learned about some rows of `table`, as for ids that take the place of others.
    /// The state of all other rows is kept.
    ///
    /// # Panics
    /// If a row is not below the number of rows; the message has both.
    pub fn reset_rows(&mut self, table: &EmbeddingTable, rows: &[u32]) {
        let n_rows = table.n_rows();
        for &row in rows {
            assert!((row as usize) < n_rows, "row {row} is not in an embedding table of {n_rows} rows");
        }
        if rows.is_empty() {
            return;
        }
        if let Some(states) = self.states.remove(&table.weight.id) {
            let device = states.device();
            let [_, width] = states.dims();
            let zeros = Tensor::zeros([rows.len(), width], &device);
            self.states.insert(table.weight.id, rows::assign(states, indices(rows, &device), zeros));
        }
    }

    /// The state of every touched table by its path in `module`, and the number of steps, for a
    /// checkpoint.
    pub fn state<M: Module>(&self, module: &M) -> (Vec<(String, TensorData)>, u64) {
        let mut paths = Paths::default();
        module.visit(&mut paths);
        let states = paths
            .found
            .into_iter()
            .filter_map(|parameter| {
                let state = self.states.get(&parameter.id)?;
                Some((parameter.path, state.to_data()))
            })
            .collect();
        (states, self.step)
    }

    /// Restores what [`state`](Self::state) gave, on the devices of `module`'s tables. It must be of the
    /// same rule: of the state of another one, only the shape can be checked.
    ///
    /// # Errors
    /// If a path is not in `module` or a state does not fit its table. Nothing is changed then.
    pub fn load_state<M: Module>(
        &mut self,
        module: &M,
        states: Vec<(String, TensorData)>,
        n_steps: u64,
    ) -> Result<(), StateError> {
        let mut paths = Paths::default();
        module.visit(&mut paths);
        let (mut loaded, mut known) = (HashMap::new(), HashMap::new());
        for (path, data) in states {
            let Some(parameter) = paths.found.iter().find(|parameter| parameter.path == path) else {
                return Err(StateError::UnknownParameter { path });
            };
            let [n_rows, d_embedding] = parameter.shape;
            let expected = vec![n_rows, self.rule.state_width(d_embedding)];
            let actual = data.shape().to_vec();
            if actual != expected {
                return Err(StateError::Shape { path, actual, expected });
            }
            let device = parameter.device.clone().without_autodiff();
            loaded.insert(parameter.id, Tensor::from_data(data, &device));
            known.insert(path, parameter.id);
        }
        (self.states, self.known) = (loaded, known);
        self.step = n_steps;
        Ok(())
    }

    /// Updates one table.
    fn update(
        &mut self,
        rates: Rates,
        table: Tensor<2>,
        gradient: TableGradient,
        rows: &mut RowGradients,
    ) -> Tensor<2> {
        let param = gradient.param;
        let [n_rows, d] = table.dims();
        let width = self.rule.state_width(d);
        // Taken out of the map, so that no second reference forces a copy.
        let states = self.states.remove(&param).map(|states| states.to_device(&table.device()));
        let states = states.unwrap_or_else(|| Tensor::zeros([n_rows, width], &table.device()));
        let rule = self.rule.on_host(rates.lr, self.step);
        let (table, states) = match rule {
            Some(rule) if rows::is_on_host(&table) && (width == 0 || rows::is_on_host(&states)) => {
                let rules = gradient.rules;
                let gradient = rows.on_host(&gradient);
                let step =
                    HostStep { rule, decay: rates.decay as f32, clipping: &self.clipping, rules, d, width };
                step.update(table, states, gradient)
            }
            _ => {
                let (rows, merged) = rows.merged(&gradient);
                self.update_on_device(rates, gradient.rules, table, states, (&rows, merged))
            }
        };
        if width > 0 {
            self.states.insert(param, states);
        }
        table
    }

    fn update_on_device(
        &self,
        rates: Rates,
        rules: TableRules,
        table: Tensor<2>,
        states: Tensor<2>,
        (rows, gradient): (&[u32], Tensor<2>),
    ) -> (Tensor<2>, Tensor<2>) {
        let Rates { lr, decay } = rates;
        if rows.is_empty() {
            return (table, states);
        }
        let device = table.device();
        let gradient = gradient.to_device(&device);
        let gradient = match &self.clipping {
            Some(clipping) => clipping.init().clip_gradient(gradient),
            None => gradient,
        };
        let at = indices(rows, &device);
        let [_, width] = states.dims();
        let (change, states) = if width == 0 {
            let none = Tensor::zeros([rows.len(), 0], &device);
            let (change, _) = self.rule.update(lr, gradient, RowState { rows: none, step: self.step });
            (change, states)
        } else {
            let touched = RowState { rows: states.clone().select(0, at.clone()), step: self.step };
            let (change, touched) = self.rule.update(lr, gradient, touched);
            (change, rows::assign(states, at.clone(), touched.rows))
        };
        if decay == 0.0 && rules.max_norm.is_none() {
            return (rows::add(table, at, change), states);
        }
        let old = table.clone().select(0, at.clone());
        let new = old.clone() + change - old * decay;
        let new = match rules.max_norm {
            Some(max_norm) => {
                let norm = new.clone().square().sum_dim(1).sqrt();
                // Of a row of zeros the quotient is infinite, and one after the clamp.
                new * (norm.recip() * max_norm).clamp_max(1.0)
            }
            None => new,
        };
        (rows::assign(table, at, new), states)
    }
}

/// What a step does to a table.
#[derive(Debug, Clone, Copy)]
struct Rates {
    /// The learning rate.
    lr: f64,
    /// How much of a row is taken away: learning rate times weight decay.
    decay: f64,
}

struct RowMapper<'a, U> {
    optimizer: &'a mut SparseOptimizer<U>,
    rates: HashMap<ParamId, Rates>,
    rows: RowGradients,
}

impl<U: RowUpdate> ModuleMapper for RowMapper<'_, U> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(rates) = self.rates.remove(&param.id) else { return param };
        let Some(gradient) = self.rows.remove(param.id) else { return param };
        // `Param::map` drops the parameter's own reference first: the update is in place.
        param.map(|table| {
            let strategy = table.gradient_checkpointing_strategy();
            let shape: [usize; D] = table.dims();
            let table: Tensor<2> = table.without_autodiff().reshape([shape[0] as i64, -1]);
            let table = self.optimizer.update(rates, table, gradient, &mut self.rows);
            let table: Tensor<D> = table.reshape(shape);
            match strategy {
                Some(strategy) => table.autodiff().with_gradient_checkpointing_strategy(strategy),
                None => table,
            }
        })
    }
}

/// The float parameters of a module of rank 2, with their paths.
#[derive(Default)]
struct Paths {
    path: Vec<String>,
    found: Vec<Parameter>,
}

struct Parameter {
    path: String,
    id: ParamId,
    shape: [usize; 2],
    device: Device,
}

impl ModuleVisitor for Paths {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let [n_rows, d_embedding] = *param.lazy_shape().as_slice() {
            let (path, shape) = (self.path.join("."), [n_rows, d_embedding]);
            self.found.push(Parameter { path, id: param.id, shape, device: param.lazy_device() });
        }
    }
}
