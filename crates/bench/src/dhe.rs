//! Deep hash embeddings: how fast ids are encoded, and a training step beside its matrix products.

mod products;
mod step;

use std::time::{Duration, Instant};

use burn::tensor::Device;
use burn_recsys_data::random::{Draws, Random, Stream};
use burn_recsys_embeddings::{DecoderActivation, HashEncoder, HashEncoding};
use burn_recsys_training::device_from_name;
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::report::Report;
use crate::rounds::{Series, measure};
use crate::spread::Spread;
use products::Products;
use step::Step;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    size: Size,
    /// Widths of the decoder's hidden layers, one decoder of each kind for each.
    #[arg(long, value_delimiter = ',', default_value = "512,1024,2048")]
    d_hidden: Vec<usize>,
    /// Visits to everything that is compared, in turn.
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Timed batches of a visit, each of fresh ids; one before them is not timed.
    #[arg(long, default_value_t = 2)]
    repetitions: usize,
    /// The compute device.
    #[arg(long, default_value = "flex")]
    device: String,
}

/// What all decoders have in common.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Size {
    /// Hashes of an id, the width of the code.
    #[arg(long, default_value_t = 1024)]
    hashes: usize,
    /// Buckets of each hash.
    #[arg(long, default_value_t = 1_000_000)]
    buckets: usize,
    /// Ids of a batch.
    #[arg(long, default_value_t = 4096)]
    batch: usize,
    /// The size of each vector.
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Hidden layers of the decoder.
    #[arg(long, default_value_t = 2)]
    hidden_layers: usize,
}

impl Size {
    fn ids(&self, draws: &mut Draws) -> Vec<u64> {
        (0..self.batch).map(|_| draws.next_u64()).collect()
    }

    fn encoder(&self, encoding: HashEncoding) -> HashEncoder {
        HashEncoder::new(self.hashes, self.buckets, encoding, 1)
    }
}

/// What is measured; indices are those of the widths.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Subject {
    /// By one thread, or by all.
    Encoding(HashEncoding, Threads),
    Products(usize),
    /// The step of a decoder.
    Step(usize, DecoderActivation),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Threads {
    One,
    All,
}

const ENCODINGS: [HashEncoding; 2] = [HashEncoding::Uniform, HashEncoding::Gaussian];
const ACTIVATIONS: [DecoderActivation; 2] = [DecoderActivation::Relu, DecoderActivation::MishBatchNorm];

/// The parts of a step or of its products.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    forward: Duration,
    backward: Duration,
    update: Duration,
}

impl Parts {
    fn total(&self) -> Duration {
        self.forward + self.backward + self.update
    }
}

/// One width.
struct Decoders {
    products: Products,
    steps: Vec<(DecoderActivation, Step)>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let Arguments { size, d_hidden, rounds, repetitions, device } = arguments;
    let Size { hashes, buckets, batch, d, .. } = *size;
    if [hashes, batch, d, *rounds, *repetitions].contains(&0) || d_hidden.contains(&0) {
        return Err(
            "--hashes, --batch, --d, --d-hidden, --rounds and --repetitions must be at least 1".into()
        );
    }
    if !hashes.is_multiple_of(2) || !(2..=1 << 24).contains(&buckets) {
        return Err("--hashes must be even, for Gaussian codes, and --buckets from 2 to 16777216".into());
    }
    let device = device_from_name(device)?;
    let mut decoders: Vec<Decoders> = d_hidden.iter().map(|&width| decoders(size, width, &device)).collect();
    let encodings = ENCODINGS.into_iter().flat_map(|encoding| {
        [Threads::One, Threads::All].map(|threads| Subject::Encoding(encoding, threads))
    });
    let steps = (0..d_hidden.len()).flat_map(|width| {
        let steps = ACTIVATIONS.map(|activation| Subject::Step(width, activation));
        std::iter::once(Subject::Products(width)).chain(steps)
    });
    let subjects: Vec<Subject> = encodings.chain(steps).collect();
    let mut parts = vec![Vec::new(); subjects.len()];
    let mut n_visits = 0;
    let mut codes = vec![0.0; batch * hashes];
    let series = measure(&subjects, *rounds, |&subject| {
        let index = n_visits % subjects.len();
        n_visits += 1;
        let mut times = Vec::new();
        // The first is not timed: it brings memory and threads back.
        for repetition in 0..=*repetitions as u64 {
            let ids = size.ids(&mut Random::new(1, Stream::Synthetic, n_visits as u64).row(repetition));
            let (time, of_parts) = match subject {
                Subject::Encoding(encoding, threads) => {
                    let forward = encode(&size.encoder(encoding), threads, &ids, &mut codes);
                    (forward, Parts { forward, ..Parts::default() })
                }
                Subject::Products(width) => {
                    let of_parts = decoders[width].products.time()?;
                    (of_parts.total(), of_parts)
                }
                Subject::Step(width, activation) => {
                    let mut steps = decoders[width].steps.iter_mut();
                    let step = steps.find(|(other, _)| *other == activation);
                    let of_parts = step.ok_or("there is no such decoder")?.1.time(&ids)?;
                    (of_parts.total(), of_parts)
                }
            };
            if repetition > 0 {
                times.push(time);
                // The first round is not timed.
                if n_visits > subjects.len() {
                    parts[index].push(of_parts);
                }
            }
        }
        Ok(times)
    })?;
    let measured = subjects.into_iter().zip(series).zip(parts);
    let measured = measured.map(|((subject, series), parts)| Measured { subject, series, parts }).collect();
    report(machine, arguments, measured)
}

fn decoders(size: &Size, d_hidden: usize, device: &Device) -> Decoders {
    let steps = ACTIVATIONS.map(|activation| (activation, Step::new(size, d_hidden, activation, device)));
    Decoders { products: Products::new(size, d_hidden, device), steps: steps.into() }
}

/// The time to encode a batch: by one thread into `codes`, or by all threads into memory of its own.
fn encode(encoder: &HashEncoder, threads: Threads, ids: &[u64], codes: &mut [f32]) -> Duration {
    let start = Instant::now();
    match threads {
        Threads::One => {
            let codes = codes.chunks_exact_mut(encoder.n_hashes());
            ids.iter().zip(codes).for_each(|(&id, code)| encoder.encode_into(id, code));
        }
        Threads::All => {
            std::hint::black_box(encoder.encode(ids));
        }
    }
    start.elapsed()
}

struct Measured {
    subject: Subject,
    series: Series,
    parts: Vec<Parts>,
}

impl Measured {
    /// The median of a part, in seconds.
    fn median(&self, part: impl Fn(&Parts) -> Duration) -> f64 {
        let times: Vec<Duration> = self.parts.iter().map(part).collect();
        Spread::of(&times).map_or(f64::NAN, |spread| spread.median)
    }
}

fn report(machine: Machine, arguments: &Arguments, measured: Vec<Measured>) -> Result<Report> {
    let Arguments { size, d_hidden, device, .. } = arguments;
    let Size { hashes, buckets, batch, d, hidden_layers } = *size;
    let of = |subject: Subject| {
        let found = measured.iter().find(|measured| measured.subject == subject);
        found.ok_or("a subject was not measured")
    };
    let cores = machine.cores();
    let mut table = vec![vec!["a batch".to_string()]];
    table[0].extend(Spread::headers("ms"));
    table[0].push("of its products (quartiles)".into());
    let mut findings = vec![format!(
        "{batch} ids a batch, {hashes} hashes, {buckets} buckets, {hidden_layers} hidden layers, d {d}"
    )];
    let (mut json_subjects, mut shares) = (Vec::new(), Vec::new());
    for of_step @ Measured { subject, series, .. } in &measured {
        let spread = series.spread()?;
        let (name, base) = match *subject {
            Subject::Encoding(encoding, threads) => {
                let threads = if threads == Threads::One { 1 } else { cores };
                (
                    format!("{encoding:?} encoding, {threads} thread{}", if threads == 1 { "" } else { "s" }),
                    None,
                )
            }
            Subject::Products(width) => (format!("d_hidden {}, products", d_hidden[width]), None),
            Subject::Step(width, activation) => {
                (format!("d_hidden {}, step, {}", d_hidden[width], name(activation)), Some(width))
            }
        };
        let mut row = vec![name.clone()];
        row.extend(spread.cells(1e-3));
        let mut entry = json!({"name": name, "seconds": spread});
        match base {
            Some(width) => {
                let products = of(Subject::Products(width))?;
                let ratio = series.over(&products.series)?;
                row.push(ratio.to_string());
                entry["over_products"] = json!(ratio);
                let encoding = of(Subject::Encoding(HashEncoding::Uniform, Threads::All))?;
                let encoding = encoding.median(Parts::total);
                let forward = of_step.median(|parts| parts.forward);
                let backward = of_step.median(|parts| parts.backward);
                let parts = [
                    ("products", products.median(Parts::total)),
                    ("encoding", encoding),
                    ("other forward", forward - products.median(|parts| parts.forward) - encoding),
                    ("other backward", backward - products.median(|parts| parts.backward)),
                    ("Adam", of_step.median(|parts| parts.update)),
                ];
                let cells: Vec<String> =
                    parts.iter().map(|(part, time)| format!("{part} {:.2}", time * 1e3)).collect();
                shares.push(format!("{name}, median ms: {}", cells.join(", ")));
                entry["median_seconds"] = parts.into_iter().map(|(part, time)| (part, json!(time))).collect();
            }
            None => row.push(String::new()),
        }
        if let Subject::Encoding(..) = subject {
            let rate = |seconds: f64| (batch * hashes) as f64 / seconds / 1e6;
            findings.push(format!(
                "{name}: {:.0} million hashes a second (quartiles {:.0}-{:.0})",
                rate(spread.median),
                rate(spread.upper_quartile),
                rate(spread.lower_quartile)
            ));
            entry["million_hashes_per_second"] = json!(rate(spread.median));
        }
        table.push(row);
        json_subjects.push(entry);
    }
    findings.extend(shares);
    let json = json!({
        "hashes": hashes, "buckets": buckets, "batch": batch, "d": d, "hidden_layers": hidden_layers,
        "device": device, "subjects": json_subjects,
    });
    Ok(Report { name: "dhe", machine, table, findings, json })
}

fn name(activation: DecoderActivation) -> &'static str {
    match activation {
        DecoderActivation::Relu => "ReLU",
        DecoderActivation::MishBatchNorm => "Mish and batch norm",
    }
}
