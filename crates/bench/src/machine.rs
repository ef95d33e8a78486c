//! The machine a benchmark ran on.

use std::fmt;
use std::fs::read_to_string;
use std::time::Duration;

use serde::Serialize;

/// What a reader needs to judge a measurement.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Cores that this process may use.
    cores: usize,
    /// The processor's name, where the system tells it.
    processor: Option<String>,
    /// GiB of memory, where the system tells it.
    memory_gib: Option<f64>,
    /// Runnable processes before the first measurement, mean of the last minute: what exceeds 0 was
    /// not this benchmark.
    load_average: Option<f64>,
}

impl Machine {
    /// The machine as it is now.
    pub(crate) fn now() -> Self {
        let read = |path| read_to_string(path).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let processor = value_of(&read("/proc/cpuinfo"), "model name").map(String::from);
        let kib = |text: &str| text.trim_end_matches("kB").trim().parse::<f64>().ok();
        let memory_gib =
            value_of(&read("/proc/meminfo"), "MemTotal").and_then(kib).map(|kib| kib / 1048576.0);
        let load_average = read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok());
        Machine { cores, processor, memory_gib, load_average }
    }

    pub(crate) fn cores(&self) -> usize {
        self.cores
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cores", self.cores)?;
        if let Some(processor) = &self.processor {
            write!(f, " ({processor})")?;
        }
        if let Some(memory) = self.memory_gib {
            write!(f, ", {memory:.0} GiB")?;
        }
        if let Some(load) = self.load_average {
            write!(f, ", load average {load} at the start")?;
        }
        Ok(())
    }
}

/// The most memory that this process has held at once, in bytes.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = read_to_string("/proc/self/status").ok()?;
    let kib: u64 = value_of(&status, "VmHWM")?.trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

/// How long this thread has run, without the time that it waited for a core; `None` where the system does
/// not tell.
pub(crate) fn thread_time() -> Option<Duration> {
    // Nanoseconds on a core come first: Documentation/scheduler/sched-stats of Linux.
    let text = read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// How much memory work needs beside what was there before it.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    before: u64,
}

impl MemoryWatch {
    /// From now on; `None` where the system does not tell.
    pub(crate) fn start() -> Option<Self> {
        // Sets the peak to what is held now: proc(5), `/proc/pid/clear_refs`.
        std::fs::write("/proc/self/clear_refs", "5").ok()?;
        Some(MemoryWatch { before: peak_memory()? })
    }

    /// Bytes at the peak since the start, above those held then.
    pub(crate) fn extra(&self) -> Option<u64> {
        Some(peak_memory()?.saturating_sub(self.before))
    }
}

/// The value of the first line `key : value`.
fn value_of<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_seen_after_it_has_passed() {
        if let Some(watch) = MemoryWatch::start() {
            drop(std::hint::black_box(vec![1_u8; 1 << 26]));
            assert!(watch.extra().unwrap() >= 1 << 25);
        }
    }

    #[test]
    fn values_are_found_by_key() {
        let text = "VmPeak:\t  1 kB\nVmHWM:\t  42 kB\n";
        assert_eq!(value_of(text, "VmHWM"), Some("42 kB"));
        assert_eq!(value_of(text, "VmRSS"), None);
    }
}
