//! One JSON object a line on standard error.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

/// Lines that wait to be written before more are dropped.
const WAITING: usize = 8_192;

/// Writes from a thread of its own: a reader that does not keep up costs lines, which are counted, not answers.
pub(crate) struct Log {
    sender: Mutex<Option<SyncSender<String>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// To standard error.
    pub(crate) fn stderr() -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let writer = std::thread::Builder::new().name("log".into()).spawn(move || write_all(&receiver)).ok();
        Log { sender: Mutex::new(Some(sender)), writer: Mutex::new(writer), dropped: Arc::default() }
    }

    /// To nowhere.
    pub(crate) fn none() -> Self {
        Log { sender: Mutex::new(None), writer: Mutex::new(None), dropped: Arc::default() }
    }

    /// Writes one line: the time, the event, and what `fields` has.
    pub(crate) fn line(&self, event: &str, fields: Value) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = sender.as_ref() else { return };
        let mut line = Map::new();
        line.insert("time".into(), rfc3339(SystemTime::now()).into());
        line.insert("event".into(), event.into());
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        if sender.try_send(text).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything is written; nothing is after it.
    pub(crate) fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
    }
}

fn write_all(receiver: &Receiver<String>) {
    while let Ok(mut text) = receiver.recv() {
        // What has gathered meanwhile goes in one call.
        text.extend(receiver.try_iter().take(256));
        // There is nobody to tell if standard error is closed.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// `2026-01-31T12:00:00.000Z`; the calendar is Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days since 1 March of year 0: leap days come at the end of years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |seconds: u64| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7));
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(951_868_800), "2000-03-01T00:00:00.007Z");
        assert_eq!(at(1_798_761_599), "2026-12-31T23:59:59.007Z");
    }
}
