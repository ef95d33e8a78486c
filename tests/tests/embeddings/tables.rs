//! Lookups in a table and sparse optimizers against plain Rust.

use burn::grad_clipping::GradientClippingConfig;
use burn::module::ParamGroup;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys::embeddings::{
    EmbeddingTable, EmbeddingTableConfig, LazyAdam, PartialRowWiseAdam, RowState, RowUpdate, RowWiseAdagrad,
    SparseAdagrad, SparseOptimizer, SparseSgd, TableInitializer, Tape,
};

use crate::{assert_close, devices, values};

const N_ROWS: usize = 7;
const D: usize = 3;
const LR: f64 = 0.1;
/// Duplicates, a batch of one, the largest id, and rows that come back after a pause.
const BATCHES: [&[u32]; 5] = [&[1, 4, 1, 1, 0], &[6], &[4, 6, 0, 4], &[3], &[1, 6, 1]];

fn config() -> EmbeddingTableConfig {
    EmbeddingTableConfig::new(N_ROWS, D).with_initializer(TableInitializer::Normal { std: 0.5 }).with_seed(3)
}

fn table(device: &Device) -> EmbeddingTable {
    config().init(device)
}

/// Where position `at` of a batch pulls its row to.
fn target(at: usize) -> [f64; D] {
    std::array::from_fn(|column| ((at * D + column) as f64 * 1.7).sin())
}

/// The sum of squared distances from the targets.
fn loss(rows: Tensor<2>) -> Tensor<1> {
    let [n, _] = rows.dims();
    let targets: Vec<f32> = (0..n).flat_map(target).map(|value| value as f32).collect();
    let targets = Tensor::<2>::from_data(TensorData::new(targets, [n, D]), &rows.device());
    (rows - targets).powf_scalar(2.0).sum()
}

type Rows = Vec<[f64; D]>;

/// The gradient of every touched row, in plain Rust.
fn gradients(table: &Rows, ids: &[u32]) -> Vec<(usize, [f64; D])> {
    let mut touched: Vec<(usize, [f64; D])> = Vec::new();
    for (at, &id) in ids.iter().enumerate() {
        let row = id as usize;
        let known = touched.iter().position(|(other, _)| *other == row);
        let index = known.unwrap_or_else(|| {
            touched.push((row, [0.0; D]));
            touched.len() - 1
        });
        let values = table[row].iter().zip(target(at));
        for (gradient, (value, target)) in touched[index].1.iter_mut().zip(values) {
            *gradient += 2.0 * (value - target);
        }
    }
    touched
}

/// Trains a table on every device and a plain-Rust one beside it: `change` is given the step from 1,
/// the row and its gradient.
///
/// Twice: by the rule as it is, and by its tensor form alone, which tables in host memory do not use.
fn conforms<U: RowUpdate>(
    rule: impl Fn() -> U,
    weight_decay: f64,
    change: impl Fn() -> Box<dyn FnMut(i32, usize, [f64; D]) -> [f64; D]>,
) {
    for (name, device) in devices() {
        train(&format!("{name}, rule"), rule(), &device, weight_decay, change());
        train(&format!("{name}, tensors"), ByTensors(rule()), &device, weight_decay, change());
    }
}

/// A rule without its form for host memory.
struct ByTensors<U>(U);

impl<U: RowUpdate> RowUpdate for ByTensors<U> {
    fn state_width(&self, d_embedding: usize) -> usize {
        self.0.state_width(d_embedding)
    }

    fn update(&self, lr: f64, gradient: Tensor<2>, state: RowState) -> (Tensor<2>, RowState) {
        self.0.update(lr, gradient, state)
    }
}

fn train<U: RowUpdate>(
    name: &str,
    rule: U,
    device: &Device,
    weight_decay: f64,
    mut change: Box<dyn FnMut(i32, usize, [f64; D]) -> [f64; D]>,
) {
    let mut table = table(device);
    let mut expected = rows(&table);
    let mut optimizer = SparseOptimizer::new(rule).with_weight_decay(weight_decay);
    for (step, ids) in (1..).zip(BATCHES) {
        table = step_on(table, ids, &mut optimizer);
        for (row, gradient) in gradients(&expected, ids) {
            let change = change(step, row, gradient);
            for column in 0..D {
                expected[row][column] += change[column] - LR * weight_decay * expected[row][column];
            }
        }
        assert_rows(&table, &expected, &format!("{name}, step {step}"));
    }
}

fn step_on<U: RowUpdate>(
    table: EmbeddingTable,
    ids: &[u32],
    optimizer: &mut SparseOptimizer<U>,
) -> EmbeddingTable {
    let mut tape = Tape::new();
    let mut grads = loss(table.forward(ids, &mut tape)).backward();
    optimizer.step(LR, table, tape.gradients(&mut grads))
}

fn rows(table: &EmbeddingTable) -> Rows {
    table.vectors().chunks_exact(D).map(|row| std::array::from_fn(|at| f64::from(row[at]))).collect()
}

fn assert_rows(table: &EmbeddingTable, expected: &Rows, what: &str) {
    assert_close(&table.vectors(), expected.iter().flatten().copied(), what);
}

#[test]
fn lookups_give_the_rows_asked_for() {
    for (name, device) in devices() {
        let table = table(&device);
        let all = table.vectors();
        for ids in BATCHES.into_iter().chain([&[6, 6, 6, 6][..]]) {
            let expected: Vec<f32> =
                ids.iter().flat_map(|&id| all[id as usize * D..][..D].to_vec()).collect();
            assert_eq!(values(table.forward(ids, &mut Tape::new())), expected, "{name} {ids:?}");
            assert_eq!(values(table.lookup(ids)), expected, "{name} {ids:?}");
            let untracked = table.forward(ids, &mut Tape::off());
            assert!(!untracked.is_require_grad(), "{name}");
            assert_eq!(values(untracked), expected, "{name} {ids:?}");
        }
    }
}

#[test]
fn first_values_are_the_same_bits_everywhere() {
    let tables: Vec<Vec<f32>> = devices().iter().map(|(_, device)| table(device).vectors()).collect();
    assert!(tables.iter().all(|table| *table == tables[0]));
    assert!(tables[0].iter().any(|value| value.abs() > 0.5), "{:?}", tables[0]);
}

#[test]
fn a_tape_that_is_off_gives_no_gradient() {
    for (name, device) in devices() {
        let table = table(&device);
        let mut tape = Tape::off();
        let still = table.forward(&[1, 2], &mut tape);
        // Something must depend on a leaf for a backward pass to exist.
        let leaf = Tensor::<2>::ones([2, D], &device).require_grad();
        let mut grads = (leaf * still).sum().backward();
        assert!(tape.gradients(&mut grads).is_empty(), "{name}");
    }
}

#[test]
fn two_lookups_in_one_step_add_up() {
    for (name, device) in devices() {
        let mut table = table(&device);
        let mut expected: Vec<f64> = table.vectors().into_iter().map(f64::from).collect();
        let mut tape = Tape::new();
        let (first, second) = (table.forward(&[1, 6, 1], &mut tape), table.forward(&[6, 2], &mut tape));
        let mut grads = (first * 2.0).sum().add((second * 5.0).sum()).backward();
        table = SparseOptimizer::new(SparseSgd::default()).step(LR, table, tape.gradients(&mut grads));
        for (row, gradient) in [(1, 4.0), (2, 5.0), (6, 7.0)] {
            expected[row * D..][..D].iter_mut().for_each(|value| *value -= LR * gradient);
        }
        assert_close(&table.vectors(), expected, name);
    }
}

#[test]
fn sgd() {
    conforms(SparseSgd::default, 0.0, || Box::new(|_, _, gradient| gradient.map(|g| -LR * g)));
}

#[test]
fn weight_decay_shrinks_touched_rows() {
    conforms(SparseSgd::default, 0.5, || Box::new(|_, _, gradient| gradient.map(|g| -LR * g)));
}

#[test]
fn row_wise_adagrad() {
    conforms(RowWiseAdagrad::default, 0.0, || {
        let mut accumulated = [0.0; N_ROWS];
        Box::new(move |_, row, gradient| {
            accumulated[row] += gradient.iter().map(|g| g * g).sum::<f64>() / D as f64;
            gradient.map(|g| -LR * g / (accumulated[row].sqrt() + 1e-8))
        })
    });
}

#[test]
fn lazy_adam() {
    conforms(LazyAdam::default, 0.0, || {
        let (mut first, mut second) = ([[0.0; D]; N_ROWS], [[0.0; D]; N_ROWS]);
        Box::new(move |step, row, gradient| {
            std::array::from_fn(|column| {
                let (m, v) = (&mut first[row][column], &mut second[row][column]);
                *m = 0.9 * *m + 0.1 * gradient[column];
                *v = 0.999 * *v + 0.001 * gradient[column].powi(2);
                let (m, v) = (*m / (1.0 - 0.9f64.powi(step)), *v / (1.0 - 0.999f64.powi(step)));
                -LR * m / (v.sqrt() + 1e-8)
            })
        })
    });
}

#[test]
fn sgd_with_momentum() {
    conforms(
        || SparseSgd { momentum: 0.9 },
        0.01,
        || {
            let mut velocity = [[0.0; D]; N_ROWS];
            Box::new(move |_, row, gradient| {
                velocity[row] = std::array::from_fn(|at| 0.9 * velocity[row][at] + gradient[at]);
                velocity[row].map(|velocity| -LR * velocity)
            })
        },
    );
}

#[test]
fn adagrad() {
    conforms(SparseAdagrad::default, 0.0, || {
        let mut accumulated = [[0.0; D]; N_ROWS];
        Box::new(move |_, row, gradient| {
            std::array::from_fn(|at| {
                accumulated[row][at] += gradient[at] * gradient[at];
                -LR * gradient[at] / (f64::sqrt(accumulated[row][at]) + 1e-8)
            })
        })
    });
}

#[test]
fn partial_row_wise_adam() {
    conforms(PartialRowWiseAdam::default, 0.02, || {
        let (mut first, mut second) = ([[0.0; D]; N_ROWS], [0.0; N_ROWS]);
        Box::new(move |step, row, gradient| {
            second[row] =
                0.999 * second[row] + 0.001 * gradient.iter().map(|g| g * g).sum::<f64>() / D as f64;
            let root = f64::sqrt(second[row] / (1.0 - 0.999f64.powi(step)));
            std::array::from_fn(|at| {
                first[row][at] = 0.9 * first[row][at] + 0.1 * gradient[at];
                -LR * first[row][at] / (1.0 - 0.9f64.powi(step)) / (root + 1e-8)
            })
        })
    });
}

/// One step of SGD by `optimizer` on `config`, with each gradient changed by `change` first.
fn one_step(
    what: &str,
    config: &EmbeddingTableConfig,
    optimizer: impl Fn() -> SparseOptimizer<ByTensors<SparseSgd>>,
    host: impl Fn() -> SparseOptimizer<SparseSgd>,
    change: impl Fn(Vec<(usize, [f64; D])>) -> Vec<(usize, [f64; D])>,
) {
    for (name, device) in devices() {
        let first = rows(&config.init(&device));
        let mut expected = first.clone();
        for (row, gradient) in change(gradients(&first, BATCHES[0])) {
            expected[row] = std::array::from_fn(|at| expected[row][at] - LR * gradient[at]);
        }
        let stepped = step_on(config.init(&device), BATCHES[0], &mut optimizer());
        assert_rows(&stepped, &expected, &format!("{what}, {name}, tensors"));
        let stepped = step_on(config.init(&device), BATCHES[0], &mut host());
        assert_rows(&stepped, &expected, &format!("{what}, {name}"));
    }
}

#[test]
fn clipping() {
    let clipped = |clipping: GradientClippingConfig| {
        let tensors = clipping.clone();
        (
            move || SparseOptimizer::new(ByTensors(SparseSgd::default())).with_grad_clipping(tensors.clone()),
            move || SparseOptimizer::new(SparseSgd::default()).with_grad_clipping(clipping.clone()),
        )
    };
    let (tensors, host) = clipped(GradientClippingConfig::Value(0.7));
    one_step("value", &config(), tensors, host, |rows| {
        assert!(rows.iter().any(|(_, row)| row.iter().any(|value| value.abs() > 0.7)));
        rows.into_iter().map(|(row, gradient)| (row, gradient.map(|g| g.clamp(-0.7, 0.7)))).collect()
    });
    let (tensors, host) = clipped(GradientClippingConfig::Norm(1.5));
    one_step("norm", &config(), tensors, host, |rows| {
        let norm = rows.iter().flat_map(|(_, row)| row).map(|g| g * g).sum::<f64>().sqrt();
        assert!(norm > 1.5, "{norm}");
        rows.into_iter().map(|(row, gradient)| (row, gradient.map(|g| g * 1.5 / norm))).collect()
    });
}

#[test]
fn padding_is_zero_and_stays() {
    let plain = || SparseOptimizer::new(SparseSgd::default());
    let tensors = || SparseOptimizer::new(ByTensors(SparseSgd::default()));
    let config = config().with_padding(Some(1));
    one_step("padding", &config, tensors, plain, |rows| {
        rows.into_iter().filter(|(row, _)| *row != 1).collect()
    });
    for (name, device) in devices() {
        assert_eq!(values(config.init(&device).lookup(&[1])), [0.0; D], "{name}");
        // A batch of nothing else.
        let mut tape = Tape::new();
        let table = config.init(&device);
        let before = table.vectors();
        let mut grads = table.forward(&[1, 1], &mut tape).sum().backward();
        let mut rows = tape.gradients(&mut grads);
        assert_eq!(rows.get(table.weight.id).map(|(rows, _)| rows), Some(vec![]), "{name}");
        assert_eq!(tensors().step(LR, table, rows).vectors(), before, "{name}");
    }
}

#[test]
fn long_rows_are_shortened() {
    const MAX_NORM: f64 = 0.4;
    for (name, device) in devices() {
        for by_tensors in [false, true] {
            let mut table = config().with_max_norm(Some(MAX_NORM)).init(&device);
            let unbounded = rows(&config().init(&device));
            let norm = |row: &[f64; D]| row.iter().map(|value| value * value).sum::<f64>().sqrt();
            let shorten = |row: [f64; D]| row.map(|value| value * (MAX_NORM / norm(&row)).min(1.0));
            let mut expected: Rows = unbounded.into_iter().map(shorten).collect();
            assert_rows(&table, &expected, name);
            for (row, gradient) in gradients(&expected, BATCHES[0]) {
                expected[row] = shorten(std::array::from_fn(|at| expected[row][at] - LR * gradient[at]));
            }
            table = match by_tensors {
                true => {
                    step_on(table, BATCHES[0], &mut SparseOptimizer::new(ByTensors(SparseSgd::default())))
                }
                false => step_on(table, BATCHES[0], &mut SparseOptimizer::new(SparseSgd::default())),
            };
            assert_rows(&table, &expected, &format!("{name}, tensors: {by_tensors}"));
            assert!(expected.iter().any(|row| (norm(row) - MAX_NORM).abs() < 1e-9));
        }
    }
}

#[test]
fn frozen_tables_are_read_and_not_trained() {
    for (name, device) in devices() {
        let table = config().with_frozen(true).init(&device);
        let mut tape = Tape::new();
        let vectors = table.forward(&[1, 2], &mut tape);
        assert_eq!(values(vectors.clone()), values(table.lookup(&[1, 2])), "{name}");
        let leaf = Tensor::<2>::ones([2, D], &device).require_grad();
        let mut grads = (leaf * vectors).sum().backward();
        assert!(tape.gradients(&mut grads).is_empty(), "{name}");
        let table = table.with_frozen(false);
        let mut tape = Tape::new();
        let mut grads = table.forward(&[1, 2], &mut tape).sum().backward();
        assert_eq!(tape.gradients(&mut grads).len(), 1, "{name}");
    }
}

#[test]
fn tables_have_rates_and_decay_of_their_own() {
    use burn::lr_scheduler::exponential::ExponentialLrSchedulerConfig;
    use burn::lr_scheduler::module_lr_scheduler::ModuleLrSchedulerConfig;
    for (name, device) in devices() {
        let tables = vec![table(&device), config().with_seed(4).init(&device)];
        let mut expected: Vec<Rows> = tables.iter().map(rows).collect();
        let mut schedule = ModuleLrSchedulerConfig::new(ExponentialLrSchedulerConfig::new(0.2, 0.5).into())
            .with_group(ParamGroup::from_path("1.weight"), ExponentialLrSchedulerConfig::new(0.1, 0.5))
            .init()
            .unwrap();
        let mut optimizer = SparseOptimizer::new(SparseSgd::default())
            .with_weight_decay(0.5)
            .with_weight_decay_of(ParamGroup::from_path("0.weight"), 0.25);
        let mut tape = Tape::new();
        let mut grads =
            loss(tables[0].forward(&[2], &mut tape)).add(loss(tables[1].forward(&[2], &mut tape))).backward();
        let lr = schedule.step();
        let base = lr.base();
        let tables = optimizer.step(lr, tables, tape.gradients(&mut grads));
        for (at, (scale, decay)) in [(1.0, 0.25), (0.5, 0.5)].into_iter().enumerate() {
            let rate = base * scale;
            let [(row, gradient)] = gradients(&expected[at], &[2])[..] else { panic!("one row") };
            expected[at][row] = std::array::from_fn(|column| {
                let value = expected[at][row][column];
                value - rate * gradient[column] - rate * decay * value
            });
            assert_rows(&tables[at], &expected[at], &format!("{name}, table {at}"));
        }
    }
}

#[test]
fn rows_begin_again() {
    for (name, device) in devices() {
        let fresh = table(&device).vectors();
        let mut optimizer = SparseOptimizer::new(RowWiseAdagrad::default());
        let mut table = table(&device);
        for ids in BATCHES {
            table = step_on(table, ids, &mut optimizer);
        }
        let trained = table.vectors();
        optimizer.reset_rows(&table, &[1, 6]);
        let table = table.reset_rows(&[1, 6]);
        let states = optimizer.state(&table).0.remove(0).1.try_to_vec::<f32>().unwrap();
        for (row, state) in states.iter().enumerate() {
            let is_reset = [1, 6].contains(&row);
            let expected = if is_reset { &fresh } else { &trained };
            assert_eq!(table.vectors()[row * D..][..D], expected[row * D..][..D], "{name}, row {row}");
            let was_touched = BATCHES.concat().contains(&(row as u32));
            assert_eq!(*state > 0.0, was_touched && !is_reset, "{name}, row {row}");
        }
        // Nothing to do is nothing done.
        optimizer.reset_rows(&table, &[]);
        let before = table.vectors();
        assert_eq!(table.reset_rows(&[]).vectors(), before, "{name}");
    }
}

#[test]
fn not_a_number_stops_the_step_before_anything_is_written() {
    for (name, device) in devices() {
        let table = table(&device);
        let before = table.vectors();
        let mut optimizer = SparseOptimizer::new(RowWiseAdagrad::default());
        let mut tape = Tape::new();
        let (good, bad) = (table.forward(&[1], &mut tape), table.forward(&[2], &mut tape));
        let mut grads = (good.sum() + (bad * f32::NAN).sum()).backward();
        let mut rows = tape.gradients(&mut grads);
        let error = rows.check_finite().unwrap_err().to_string();
        assert!(error.contains("the gradient of lookup 1 of 2"), "{name}: {error}");
        let copy = table.clone();
        let step = std::panic::AssertUnwindSafe(|| optimizer.step(LR, copy, rows));
        assert!(std::panic::catch_unwind(step).is_err(), "{name}");
        assert_eq!(table.vectors(), before, "{name}");
        assert_eq!((optimizer.n_steps(), optimizer.state(&table).0.len()), (0, 0), "{name}");
    }
}
