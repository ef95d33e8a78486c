//! Models side by side in the experiments of papers.

mod contest;
mod diversity;
mod ml_100k_random;
mod ml_100k_time;
mod outcome;
mod sampling;
mod temporal;
mod two_stage;

use burn_recsys_data::protocol::{LightGcn, Ncf};
use burn_recsys_metrics::Warning;
use burn_recsys_training::protocol::Protocol;
use burn_recsys_training::{Result, device_from_name};
use serde_json::json;

use self::contest::contest;
use self::outcome::Heading;
use crate::arguments::{Common, LightgcnProtocol, NcfProtocol, ProtocolCommand};
use crate::interrupt;
use crate::output::note;

/// `protocol`.
pub(crate) fn run(common: &Common, command: &ProtocolCommand) -> Result<()> {
    // Nothing is written, so nothing has to be put in order.
    interrupt::end_at_once();
    // Refused before any work is done.
    device_from_name(&common.device)?;
    match command {
        ProtocolCommand::Lightgcn(arguments) => lightgcn(common, arguments),
        ProtocolCommand::Ncf(arguments) => ncf(common, arguments),
        ProtocolCommand::Sampling(arguments) => sampling::run(common, arguments),
        ProtocolCommand::Ml100kRandom(arguments) => ml_100k_random::run(common, arguments),
        ProtocolCommand::Ml100kTime(arguments) => ml_100k_time::run(common, arguments),
        ProtocolCommand::Temporal(arguments) => temporal::run(common, arguments),
        ProtocolCommand::Diversity(arguments) => diversity::run(common, arguments),
        ProtocolCommand::TwoStage(arguments) => two_stage::run(common, arguments),
    }
}

fn lightgcn(common: &Common, arguments: &LightgcnProtocol) -> Result<()> {
    let split = LightGcn::read(&arguments.data)?;
    if split.n_repeated > 0 {
        note(format_args!("{} pairs are in the files more than once; they count once", split.n_repeated));
    }
    let (n_train, n_test) = (split.train.n_values(), split.test.n_values());
    let [n_users, n_items] = [split.users.len(), split.items.len()];
    let n_train_users = split.train.rows().filter(|items| !items.is_empty()).count();
    let protocol = Protocol::lightgcn(split)?;
    let name = arguments.data.file_name().map(|name| name.to_string_lossy().into_owned());
    let heading = Heading {
        protocol: "lightgcn",
        dataset: json!({
            "name": name, "interactions": n_train + n_test, "users": n_users, "items": n_items,
        }),
        split: json!({
            "train": n_train, "train_users": n_train_users, "test": n_test,
            "test_users": protocol.n_test_users(),
        }),
        k: arguments.k,
    };
    contest(common, &arguments.contest, &protocol, heading)
}

fn ncf(common: &Common, arguments: &NcfProtocol) -> Result<()> {
    let split = Ncf::read(&arguments.data, &arguments.name)?;
    if split.n_repeated > 0 {
        note(format_args!("{} training pairs are repeated; they count once", split.n_repeated));
    }
    let n_train = split.train.n_values();
    let [n_users, n_items] = [split.users.len(), split.items.len()];
    let n_train_users = split.train.rows().filter(|items| !items.is_empty()).count();
    let n_among = split.test.n_positive_among_negatives;
    let protocol = Protocol::ncf(split)?;
    if let Some(sampled) = protocol.sampled_candidates() {
        note(format_args!("warning: {}", Warning::SampledCandidates(sampled)));
    }
    let n_tests = protocol.n_test_users();
    let heading = Heading {
        protocol: "ncf",
        dataset: json!({
            "name": arguments.name, "interactions": n_train + n_tests, "users": n_users, "items": n_items,
        }),
        split: json!({
            "train": n_train, "train_users": n_train_users, "test": n_tests, "test_users": n_tests,
            "positive_among_negatives": n_among,
        }),
        k: arguments.k,
    };
    contest(common, &arguments.contest, &protocol, heading)
}
