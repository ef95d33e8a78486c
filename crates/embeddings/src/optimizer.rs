//! Updating only the rows that a step touched.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{IndexingUpdateOp, Tensor, TensorData};

use crate::RowGradients;
use crate::tape::{TableGradient, row_indices};

/// The optimizer's memory of the rows of one step.
#[derive(Debug, Clone)]
pub struct RowState {
    /// `[n_rows, state_width]`; zero for rows that were never touched.
    pub rows: Tensor<2>,
    /// The optimizer's step count, from 1.
    pub step: u64,
}

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
}

impl<U: RowUpdate + ?Sized> RowUpdate for Box<U> {
    fn state_width(&self, d_embedding: usize) -> usize {
        (**self).state_width(d_embedding)
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        (**self).update(lr, gradient, state)
    }
}

/// An optimizer of the embedding tables of a module, in the shape of Burn's own: it takes the
/// module by value and gives it back.
///
/// Tables are found by mapping the module; parameters without row gradients pass through.
#[derive(Debug)]
pub struct SparseOptimizer<U> {
    rule: U,
    /// `[n_rows of the table, state_width]` for every table touched so far.
    states: HashMap<ParamId, Tensor<2>>,
    step: u64,
    weight_decay: f64,
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
        SparseOptimizer { rule, states: HashMap::new(), step: 0, weight_decay: 0.0 }
    }

    /// Shrinks every touched row by `lr * weight_decay` of itself in each step that touches it
    /// (decoupled from the gradient: Loshchilov and Hutter 2019). Rows that are not touched do not
    /// shrink.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// The number of steps taken.
    pub fn n_steps(&self) -> u64 {
        self.step
    }

    /// Updates the touched rows of the tables in `module` with learning rate `lr`.
    ///
    /// The cost grows with the rows touched. It does not grow with the table, as long as no clone
    /// of the module is alive: then the backend must copy the table before it writes.
    ///
    /// # Panics
    /// If a gradient belongs to none of the module's parameters.
    pub fn step<M: Module>(&mut self, lr: f64, module: M, rows: RowGradients) -> M {
        self.step += 1;
        let mut mapper = RowMapper { optimizer: self, lr, rows };
        let module = module.map(&mut mapper);
        assert!(
            mapper.rows.is_empty(),
            "row gradients of {} tables belong to none of the module's parameters",
            mapper.rows.len()
        );
        module
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

    /// Restores what [`state`](Self::state) gave, on the devices of `module`'s tables.
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
        let mut loaded = HashMap::new();
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
        }
        self.states = loaded;
        self.step = n_steps;
        Ok(())
    }

    /// Updates one table.
    fn update(&mut self, lr: f64, table: Tensor<2>, gradient: TableGradient) -> Tensor<2> {
        let TableGradient { param, rows, gradient } = gradient;
        let [n_rows, d_embedding] = table.dims();
        let device = table.device();
        let indices = row_indices(&rows, &device);
        let width = self.rule.state_width(d_embedding);
        let change = if width == 0 {
            let state = RowState { rows: Tensor::zeros([rows.len(), 0], &device), step: self.step };
            self.rule.update(lr, gradient, state).0
        } else {
            // Taken out of the map, so that no second reference forces a copy.
            let states =
                self.states.remove(&param).unwrap_or_else(|| Tensor::zeros([n_rows, width], &device));
            let state = RowState { rows: states.clone().select(0, indices.clone()), step: self.step };
            let (change, state) = self.rule.update(lr, gradient, state);
            let states = states.select_assign(0, indices.clone(), state.rows, IndexingUpdateOp::Assign);
            self.states.insert(param, states);
            change
        };
        let change = if self.weight_decay == 0.0 {
            change
        } else {
            change - table.clone().select(0, indices.clone()) * (lr * self.weight_decay)
        };
        table.select_assign(0, indices, change, IndexingUpdateOp::Add)
    }
}

struct RowMapper<'a, U> {
    optimizer: &'a mut SparseOptimizer<U>,
    lr: f64,
    rows: RowGradients,
}

impl<U: RowUpdate> ModuleMapper for RowMapper<'_, U> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.rows.remove(param.id) else { return param };
        // `Param::map` drops the parameter's own reference first: the update is in place.
        param.map(|table| {
            let is_autodiff = table.is_autodiff();
            let shape: [usize; D] = table.dims();
            let table: Tensor<2> = table.without_autodiff().reshape([shape[0] as i64, -1]);
            let table: Tensor<D> = self.optimizer.update(self.lr, table, gradient).reshape(shape);
            if is_autodiff { table.autodiff() } else { table }
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
    device: burn::tensor::Device,
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
