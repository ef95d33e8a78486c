//! Counts and times in Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::live::LiveModel;

/// The upper ends of the histogram's buckets, in microseconds.
const BUCKETS: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_000_000];

/// What has been answered since the start.
#[derive(Default)]
pub(crate) struct Metrics {
    routes: Mutex<BTreeMap<&'static str, Route>>,
    in_flight: AtomicU64,
}

#[derive(Default)]
struct Route {
    statuses: BTreeMap<u16, u64>,
    /// One more than [`BUCKETS`]: what took longer than all.
    buckets: [u64; BUCKETS.len() + 1],
    micros: u64,
}

impl Metrics {
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request as in flight for as long as what is returned lives; and how many there are with it.
    pub(crate) fn enter(&self) -> (InFlight<'_>, u64) {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        (InFlight(self), before + 1)
    }

    pub(crate) fn count(&self, route: &'static str, status: u16, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.partition_point(|&end| end < micros);
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let route = routes.entry(route).or_default();
        *route.statuses.entry(status).or_default() += 1;
        route.buckets[bucket] += 1;
        route.micros = route.micros.saturating_add(micros);
    }

    pub(crate) fn text(&self, live: &LiveModel, log_lines_dropped: u64) -> String {
        let mut text = Text(String::new());
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        text.head("requests_total", "counter", "Requests answered, by route and HTTP status.");
        for (name, route) in routes.iter() {
            for (status, n) in &route.statuses {
                text.sample("requests_total", &format!("{{route=\"{name}\",status=\"{status}\"}}"), n);
            }
        }
        text.head("request_seconds", "histogram", "From the head of a request to its answer, by route.");
        for (name, route) in routes.iter() {
            let mut below = 0;
            for (end, n) in BUCKETS.iter().zip(&route.buckets) {
                below += n;
                let end = *end as f64 / 1e6;
                text.sample("request_seconds_bucket", &format!("{{route=\"{name}\",le=\"{end}\"}}"), below);
            }
            let all: u64 = route.buckets.iter().sum();
            text.sample("request_seconds_bucket", &format!("{{route=\"{name}\",le=\"+Inf\"}}"), all);
            text.sample("request_seconds_sum", &format!("{{route=\"{name}\"}}"), route.micros as f64 / 1e6);
            text.sample("request_seconds_count", &format!("{{route=\"{name}\"}}"), all);
        }
        text.head("requests_in_flight", "gauge", "Requests that are being answered.");
        text.sample("requests_in_flight", "", self.in_flight());
        let model = live.current();
        text.head("model_info", "gauge", "1 for the version that answers.");
        text.sample("model_info", &format!("{{version=\"{}\"}}", model.version()), 1);
        let trained = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(model.trained()));
        let age = |since: Option<SystemTime>| {
            let age = since.and_then(|since| SystemTime::now().duration_since(since).ok());
            age.unwrap_or_default().as_secs()
        };
        text.head("model_age_seconds", "gauge", "Time since the model was trained.");
        text.sample("model_age_seconds", "", age(trained));
        text.head("model_loaded_seconds", "gauge", "Time since the model was loaded.");
        text.sample("model_loaded_seconds", "", age(Some(live.loaded_at())));
        text.head("model_swaps_total", "counter", "New versions, by whether they were accepted.");
        text.sample("model_swaps_total", "{outcome=\"accepted\"}", live.accepted_swaps());
        text.sample("model_swaps_total", "{outcome=\"refused\"}", live.refused_swaps());
        text.head("log_lines_dropped_total", "counter", "Log lines that nobody read in time.");
        text.sample("log_lines_dropped_total", "", log_lines_dropped);
        text.0
    }
}

/// A request that is being answered.
pub(crate) struct InFlight<'m>(&'m Metrics);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Writing to a string does not fail.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP burn_recsys_{name} {help}\n# TYPE burn_recsys_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "burn_recsys_{name}{labels} {value}");
    }
}
