//! The network beside plain Rust, and what may not leak.

use super::*;
use proptest::prelude::*;

const N: usize = 6;
const D: usize = 4;

fn config() -> TemporalGraphNetworkConfig {
    TemporalGraphNetworkConfig::new(N)
        .with_d_features(1)
        .with_d_memory(D)
        .with_d_time(2)
        .with_d_output(3)
        .with_n_neighbours(2)
        .with_periods([10.0, 1000.0])
        .with_seed(4)
}

fn events(rows: &[(u32, u32, i64, f32)]) -> TemporalEvents {
    let column = |of: fn(&(u32, u32, i64, f32)) -> u32| rows.iter().map(of).collect::<Vec<u32>>();
    let times = rows.iter().map(|row| row.2).collect();
    let features = rows.iter().map(|row| row.3).collect();
    TemporalEvents::new(N, column(|row| row.0), column(|row| row.1), times, features, 1).unwrap()
}

fn host<const K: usize>(tensor: Tensor<K>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn near(actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len());
    assert!(actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{actual:?} {expected:?}");
}

/// `x W + b`
fn linear(x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let width = weight.len() / x.len();
    (0..width)
        .map(|to| {
            let sum: f32 = x.iter().enumerate().map(|(k, x)| x * weight[k * width + to]).sum();
            sum + bias.map_or(0.0, |bias| bias[to])
        })
        .collect()
}

/// The other node, its memory, the time, the span and the feature of a message.
type Waiting = (usize, Vec<f32>, i64, f32, f32);

/// The same network, one node at a time.
struct Plain<'a> {
    model: &'a TemporalGraphNetwork,
    memory: Vec<Vec<f32>>,
    updated: Vec<Option<i64>>,
    waits: Vec<Option<Waiting>>,
    met: Vec<Vec<(usize, i64, f32)>>,
}

impl<'a> Plain<'a> {
    fn new(model: &'a TemporalGraphNetwork) -> Self {
        Plain {
            model,
            memory: vec![vec![0.0; D]; N],
            updated: vec![None; N],
            waits: vec![None; N],
            met: vec![Vec::new(); N],
        }
    }

    fn time(&self, span: f32) -> Vec<f32> {
        let (logs, phases) =
            (host(self.model.time.log_frequencies.val()), host(self.model.time.phases.val()));
        logs.iter().zip(phases).map(|(log, phase)| (log.exp() * span + phase).cos()).collect()
    }

    fn known(&self, node: usize, memory: &[f32]) -> Vec<f32> {
        let vectors = self.model.nodes.as_ref().unwrap().vectors();
        memory.iter().zip(&vectors[node * D..]).map(|(a, b)| a + b).collect()
    }

    /// The memory of a node with the message that waits.
    fn remembered(&self, node: usize) -> Vec<f32> {
        let memory = &self.memory[node];
        let Some((other, of_other, _, span, feature)) = &self.waits[node] else { return memory.clone() };
        let mut message = self.known(node, memory);
        message.extend(self.known(*other, of_other));
        message.extend(self.time(*span));
        message.push(*feature);
        let updater = &self.model.memory;
        let apply = |layer: &burn::nn::Linear, x: &[f32]| {
            linear(x, &host(layer.weight.val()), Some(&host(layer.bias.as_ref().unwrap().val())))
        };
        let (x, s) = (apply(&updater.input, &message), apply(&updater.state, memory));
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let gru = |k: usize| {
            let (reset, keep) = (sigmoid(x[k] + s[k]), sigmoid(x[D + k] + s[D + k]));
            let new = (x[2 * D + k] + reset * s[2 * D + k]).tanh();
            (1.0 - keep) * new + keep * memory[k]
        };
        match config().cell {
            MemoryCell::Gru if x.len() == 3 * D => (0..D).map(gru).collect(),
            _ => (0..D).map(|k| (x[k] + s[k]).tanh()).collect(),
        }
    }

    fn vector(&self, node: usize, time: i64) -> Vec<f32> {
        let attention = &self.model.attention;
        let own = self.known(node, &self.remembered(node));
        let mut query = linear(&own, &host(attention.query[0].val()), None);
        let of_now = linear(&self.time(0.0), &host(attention.query[1].val()), None);
        query.iter_mut().zip(of_now).for_each(|(a, b)| *a += b);
        let (of_node, of_event) = (host(attention.neighbour.val()), host(attention.event.weight.val()));
        let bias = host(attention.event.bias.as_ref().unwrap().val());
        let last: Vec<&(usize, i64, f32)> = self.met[node].iter().rev().take(2).collect();
        let both: Vec<Vec<f32>> = last
            .iter()
            .map(|(other, then, feature)| {
                let neighbour = linear(&self.known(*other, &self.remembered(*other)), &of_node, None);
                let mut event = self.time((time - then) as f32);
                event.push(*feature);
                let event = linear(&event, &of_event, Some(&bias));
                neighbour.iter().zip(event).map(|(a, b)| a + b).collect()
            })
            .collect();
        let half = D / 2;
        let mut attended = vec![0.0; D];
        for head in 0..2 {
            let part = |values: &[f32], at: usize| values[at * D + head * half..][..half].to_vec();
            let scores: Vec<f32> = both
                .iter()
                .map(|both| {
                    let products = query[head * half..][..half].iter().zip(part(both, 0));
                    (products.map(|(a, b)| a * b).sum::<f32>() / (half as f32).sqrt()).exp()
                })
                .collect();
            let total: f32 = scores.iter().sum();
            for (both, score) in both.iter().zip(scores) {
                let out = attended[head * half..][..half].iter_mut();
                out.zip(part(both, 1)).for_each(|(out, value)| *out += score / total * value);
            }
        }
        let [first, second] = &attention.output[..] else { panic!("two layers") };
        let bias = |layer: &burn::nn::Linear| host(layer.bias.as_ref().unwrap().val());
        let mut hidden = linear(&[own, attended].concat(), &host(first.weight.val()), Some(&bias(first)));
        hidden.iter_mut().for_each(|x| *x = x.max(0.0));
        linear(&hidden, &host(second.weight.val()), Some(&bias(second)))
    }

    fn pass(&mut self, events: &TemporalEvents) {
        let new: Vec<Vec<f32>> = (0..N).map(|node| self.remembered(node)).collect();
        for &node in events.sources().iter().chain(events.targets()) {
            let node = node as usize;
            if let Some((_, _, time, _, _)) = self.waits[node].take() {
                self.memory[node] = new[node].clone();
                self.updated[node] = Some(time);
            }
        }
        for at in 0..events.len() {
            let (source, target) = (events.sources()[at] as usize, events.targets()[at] as usize);
            let (time, feature) = (events.times()[at], events.features(at)[0]);
            for (node, other) in [(source, target), (target, source)] {
                let span = self.updated[node].map_or(0.0, |updated| (time - updated) as f32);
                self.waits[node] = Some((other, self.memory[other].clone(), time, span, feature));
                self.met[node].push((other, time, feature));
            }
        }
    }
}

/// Node 5 is in none of them.
fn batches() -> [TemporalEvents; 3] {
    [
        events(&[(0, 3, 10, 0.5), (1, 3, 20, -0.2), (0, 4, 25, 1.0)]),
        events(&[(0, 3, 40, 0.1), (2, 4, 70, 0.3)]),
        events(&[(1, 4, 100, 0.9), (1, 3, 101, 0.0), (0, 4, 140, -0.4)]),
    ]
}

fn queries(time: i64) -> Vec<TemporalQuery> {
    [3u32, 0, 5, 1, 4, 2, 0].into_iter().map(|node| TemporalQuery { node, time }).collect()
}

#[test]
fn vectors_are_those_of_the_equations() {
    for cell in [MemoryCell::Gru, MemoryCell::Rnn] {
        let model = config().with_cell(cell).init(&Device::default());
        let (mut state, mut plain) = (model.state(), Plain::new(&model));
        for (number, batch) in batches().iter().enumerate() {
            let queries = queries(150 + number as i64);
            let view = state.view(&queries);
            let embedded = model.embed(&view, &mut Tape::off());
            let expected: Vec<f32> =
                queries.iter().flat_map(|query| plain.vector(query.node as usize, query.time)).collect();
            near(&host(embedded.vectors.clone()), &expected);
            // The pass of a training step, and the one on its own.
            let mut alone = state.clone();
            model.pass(&mut alone, batch);
            state.pass(batch, &view, &embedded.memory_values());
            plain.pass(batch);
            for node in 0..N {
                near(state.memory(node as u32), &plain.memory[node]);
                near(alone.memory(node as u32), &plain.memory[node]);
                let met: Vec<(u32, i64)> =
                    plain.met[node].iter().rev().take(2).map(|met| (met.0 as u32, met.1)).collect();
                assert_eq!(state.neighbours(node as u32).collect::<Vec<_>>(), met);
            }
        }
    }
}

#[test]
fn decoders_are_a_product_and_a_perceptron() {
    let device = Device::default();
    let (sources, targets) = ([[1.0, 2.0, 3.0]], [[0.5, 0.0, -1.0], [2.0, 1.0, 0.0]]);
    let tensors = || (Tensor::<2>::from_data(sources, &device), Tensor::<2>::from_data(targets, &device));
    let (a, b) = tensors();
    let product = config().init(&device).decoder.forward(a, b);
    assert_eq!(host(product), [0.5 - 3.0, 2.0 + 2.0]);
    let decoder = config().with_decoder(DecoderKind::Perceptron).init(&device).decoder;
    let (a, b) = tensors();
    let actual = host(decoder.forward(a, b));
    let (of_sources, of_targets, last) = decoder.layers.as_ref().unwrap();
    let apply = |layer: &burn::nn::Linear, x: &[f32]| {
        linear(x, &host(layer.weight.val()), Some(&host(layer.bias.as_ref().unwrap().val())))
    };
    let expected: Vec<f32> = targets
        .iter()
        .map(|target| {
            let hidden = apply(of_sources, &sources[0]).into_iter().zip(apply(of_targets, target));
            hidden.zip(host(last.val())).map(|((a, b), weight)| (a + b).max(0.0) * weight).sum()
        })
        .collect();
    near(&actual, &expected);
}

#[test]
fn messages_wait_and_untouched_memories_keep_their_bits() {
    let model = config().init(&Device::default());
    let mut state = model.state();
    let [first, second, _] = batches();
    model.pass(&mut state, &first);
    // The messages of a first event wait.
    assert!((0..N as u32).all(|node| state.memory(node) == [0.0; D]));
    let before = state.clone();
    model.pass(&mut state, &second);
    // Events between 0, 2, 3 and 4: 0, 3 and 4 had messages, 1 still has.
    let has_changed = |node: u32| state.memory(node) != before.memory(node);
    assert_eq!((0..N as u32).map(has_changed).collect::<Vec<_>>(), [true, false, false, true, true, false]);
    for untouched in [1, 5] {
        assert!(state.neighbours(untouched).eq(before.neighbours(untouched)));
    }
    state.reset();
    assert_eq!(state, model.state());
}

#[test]
fn a_view_holds_the_nodes_and_their_neighbours_alone() {
    let model = config().init(&Device::default());
    let mut state = model.state();
    batches().iter().for_each(|batch| model.pass(&mut state, batch));
    let view = state.view(&[TemporalQuery { node: 2, time: 200 }, TemporalQuery { node: 5, time: 200 }]);
    // First those asked for, then neighbours; node 5 has met nobody.
    assert_eq!(view.nodes(), [2, 5, 4]);
    assert_eq!(view.neighbours, [2, 3, 3, 3]);
    assert_eq!(view.ages, [130.0, 0.0, 0.0, 0.0]);
}

#[test]
fn the_loss_of_later_events_trains_what_makes_memories() {
    let device = Device::default().autodiff();
    let model = config().init(&device);
    let mut state = model.state();
    for (number, batch) in batches().iter().enumerate() {
        let view = state.view(&queries(150));
        let mut tape = Tape::new();
        let embedded = model.embed(&view, &mut tape);
        let mut grads = embedded.vectors.clone().square().sum().backward();
        let gradient = model.memory.input.weight.val().grad(&grads).map(host);
        assert_eq!(gradient.is_some(), number > 0, "batch {number}");
        if let Some(gradient) = gradient {
            assert!(gradient.iter().all(|x| x.is_finite()) && gradient.iter().any(|x| *x != 0.0));
        }
        // Node 5 has no neighbours: nothing of it is NaN.
        tape.gradients(&mut grads).check_finite().unwrap();
        state.pass(batch, &view, &embedded.memory_values());
    }
}

#[test]
fn a_network_without_neighbours_features_and_vectors_runs() {
    let config = TemporalGraphNetworkConfig::new(3).with_d_memory(4).with_n_neighbours(0);
    let model = config.with_has_node_vectors(false).init(&Device::default());
    let mut state = model.state();
    let events = TemporalEvents::new(3, vec![0, 1], vec![1, 1], vec![5, 5], vec![], 0).unwrap();
    model.pass(&mut state, &events);
    let queries = [TemporalQuery { node: 1, time: 9 }, TemporalQuery { node: 2, time: 9 }];
    let vectors = host(model.embed(&state.view(&queries), &mut Tape::off()).vectors);
    assert!(vectors.iter().all(|x| x.is_finite()));
    assert_ne!(vectors[..64], vectors[64..]);
}

#[test]
fn a_state_is_saved_whole_and_damage_is_refused() {
    let model = config().init(&Device::default());
    let mut state = model.state();
    batches().iter().for_each(|batch| model.pass(&mut state, batch));
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<TemporalState>(&text).unwrap(), state);
    let mut damaged: serde_json::Value = serde_json::from_str(&text).unwrap();
    damaged["others"][2] = 77.into();
    let message =
        |value: serde_json::Value| serde_json::from_value::<TemporalState>(value).unwrap_err().to_string();
    assert!(message(damaged.clone()).contains("node 77, but there are 6 nodes"));
    damaged["memory"].as_array_mut().unwrap().pop();
    assert!(message(damaged).contains("memory has 23 values, expected 24"));
}

#[test]
fn bad_events_are_refused() {
    let message = |sources: Vec<u32>, times: Vec<i64>, features: Vec<f32>| {
        TemporalEvents::new(3, sources, vec![2, 2], times, features, 1).unwrap_err().to_string()
    };
    assert_eq!(message(vec![0, 3], vec![1, 2], vec![0.0; 2]), "event 1: node 3, but there are 3 nodes");
    assert!(message(vec![0, 1], vec![3, 2], vec![0.0; 2]).starts_with("event 1 is at 2, before"));
    assert!(message(vec![0, 1], vec![1, 2], vec![0.0, f32::NAN]).contains("event 1, feature 0 is NaN"));
    assert_eq!(message(vec![0, 1], vec![1], vec![0.0; 2]), "times has 1 values, expected 2");
}

/// The logits of every event, in batches of `size`, while `passing` is what happens.
fn stream(
    model: &TemporalGraphNetwork,
    asked: &TemporalEvents,
    passing: &TemporalEvents,
    size: usize,
) -> Vec<u32> {
    let mut state = model.state();
    let mut bits = Vec::new();
    for start in (0..asked.len()).step_by(size) {
        let rows = start..(start + size).min(asked.len());
        let begin = asked.times()[start];
        let sources =
            rows.clone().map(|row| TemporalQuery { node: asked.sources()[row], time: asked.times()[row] });
        let targets = (3..N as u32).map(|node| TemporalQuery { node, time: begin });
        let queries: Vec<TemporalQuery> = sources.chain(targets).collect();
        let vectors = model.embed(&state.view(&queries), &mut Tape::off()).vectors;
        let n = rows.len();
        let logits = model.decoder.forward(vectors.clone().narrow(0, 0, n), vectors.narrow(0, n, N - 3));
        let logits = host(logits);
        let of_target =
            |row: usize| logits[(row - start) * (N - 3) + asked.targets()[row] as usize - 3].to_bits();
        bits.extend(rows.clone().map(of_target));
        model.pass(&mut state, &passing.slice(rows));
    }
    bits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_prediction_knows_neither_its_event_nor_later_ones(
        rows in prop::collection::vec((0u32..3, 3u32..6, 0i64..50, -1.0f32..1.0), 2..24),
        others in prop::collection::vec((0u32..3, 3u32..6, -1.0f32..1.0), 24),
        at in 0usize..24,
        size in 1usize..7,
    ) {
        let at = at % rows.len();
        let mut time = 0;
        let rows: Vec<(u32, u32, i64, f32)> = rows
            .into_iter()
            .map(|(source, target, span, feature)| {
                time += span;
                (source, target, time, feature)
            })
            .collect();
        let changed: Vec<(u32, u32, i64, f32)> = rows
            .iter()
            .zip(others)
            .enumerate()
            .map(|(row, (&kept, (source, target, feature)))| match row < at {
                true => kept,
                false => (source, target, kept.2, feature),
            })
            .collect();
        let model = config().init(&Device::default());
        let (asked, changed) = (events(&rows), events(&changed));
        let expected = stream(&model, &asked, &asked, size);
        let actual = stream(&model, &asked, &changed, size);
        prop_assert_eq!(&actual[..=at], &expected[..=at]);
    }
}
