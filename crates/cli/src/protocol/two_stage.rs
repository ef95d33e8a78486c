//! stand-in
use crate::arguments::{Common, TwoStageProtocol};
use crate::data::{load, named_or_path};
use crate::output::line;
use burn_recsys_training::protocol::{SourcesConfig, TimeSplit, sources_alone};
use burn_recsys_training::{Result, device_from_name};

pub(super) fn run(common: &Common, arguments: &TwoStageProtocol) -> Result<()> {
    let device = device_from_name(&common.device)?;
    let dataset = load(common, &named_or_path("--data", &arguments.data)?)?;
    let split = TimeSplit::new(&dataset)?;
    let split = if arguments.held_out { split.hold_out_in_place(0.2)? } else { split };
    let config: SourcesConfig = match &arguments.config {
        Some(p) => SourcesConfig::read(p)?,
        None => SourcesConfig::default(),
    };
    for (name, e) in sources_alone(&split, &config, 1, &device, 10)? {
        line(format_args!("{name} {:?} {}", e.report.summary("NDCG@10")?.value, e.seconds));
    }
    Ok(())
}
