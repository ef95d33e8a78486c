use super::{PageValue, SlateMetric, Slates};
use crate::{Error, Result};

/// The share of the items shown that were clicked.
///
/// `ItemClickRate = clicks / items shown`, over all pages together, so a long page counts more than a short one.
/// 0..1; undefined if no item was shown.
///
/// The task's outcomes must be 0 or 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct ItemClickRate {
    task: usize,
}

/// The share of the pages with at least one click.
///
/// `PageClickRate = pages with a click / pages`. An empty page is one without a click. 0..1; undefined without
/// pages.
///
/// The task's outcomes must be 0 or 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageClickRate {
    task: usize,
}

impl ItemClickRate {
    /// Of the outcomes of `task`; the first task is 0, which is the default.
    pub fn of_task(task: usize) -> Self {
        Self { task }
    }
}

impl PageClickRate {
    /// Of the outcomes of `task`; the first task is 0, which is the default.
    pub fn of_task(task: usize) -> Self {
        Self { task }
    }
}

impl SlateMetric for ItemClickRate {
    fn label(&self) -> String {
        label("ItemClickRate", self.task)
    }

    /// Clicks and items of each page.
    ///
    /// # Errors
    /// If there is no such task, or an outcome is neither 0 nor 1.
    fn per_page(&self, slates: &Slates) -> Result<Vec<PageValue>> {
        per_page(slates, self.task, |clicks, items| PageValue { total: clicks, weight: items })
    }
}

impl SlateMetric for PageClickRate {
    fn label(&self) -> String {
        label("PageClickRate", self.task)
    }

    /// Of each page 1 or 0, and weight 1.
    ///
    /// # Errors
    /// If there is no such task, or an outcome is neither 0 nor 1.
    fn per_page(&self, slates: &Slates) -> Result<Vec<PageValue>> {
        per_page(slates, self.task, |clicks, _| PageValue { total: clicks.min(1.0), weight: 1.0 })
    }
}

fn label(metric: &str, task: usize) -> String {
    if task == 0 { metric.to_owned() } else { format!("{metric}(task {task})") }
}

fn per_page(slates: &Slates, task: usize, value: impl Fn(f64, f64) -> PageValue) -> Result<Vec<PageValue>> {
    let n_tasks = slates.n_tasks();
    if task >= n_tasks {
        let message = format!("{task}; there are {n_tasks} tasks, the first is 0");
        return Err(Error::Parameter { parameter: "task", message });
    }
    let of_page = |(page, outcomes): (usize, &[f32])| {
        let mut clicks = 0.0;
        for (position, item) in (1..).zip(outcomes.chunks_exact(n_tasks)) {
            let outcome = item[task];
            if outcome != 0.0 && outcome != 1.0 {
                let message = format!(
                    "the outcome of task {task} at position {position} (the first is 1) is {outcome}; \
                     a click is 0 or 1, other outcomes have a SlateReward"
                );
                return Err(Error::Page { page, message });
            }
            clicks += f64::from(outcome);
        }
        Ok(value(clicks, (outcomes.len() / n_tasks) as f64))
    };
    slates.pages().enumerate().map(of_page).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_pages_have_rates_of_their_own() {
        let slates = Slates::of_clicks([vec![true, true, false], vec![false], vec![], vec![true]]);
        assert_eq!(ItemClickRate::default().measure(&slates), Ok(Some(3.0 / 5.0)));
        assert_eq!(PageClickRate::default().measure(&slates), Ok(Some(2.0 / 4.0)));
        let items: Vec<(f64, f64)> = ItemClickRate::default()
            .per_page(&slates)
            .unwrap()
            .iter()
            .map(|page| (page.total, page.weight))
            .collect();
        assert_eq!(items, [(2.0, 3.0), (0.0, 1.0), (0.0, 0.0), (1.0, 1.0)]);
    }

    #[test]
    fn nothing_shown_is_undefined() {
        let no_pages = Slates::of_clicks([[false; 0]; 0]);
        assert_eq!(PageClickRate::default().measure(&no_pages), Ok(None));
        let one_empty_page = Slates::of_clicks([[false; 0]]);
        assert_eq!(ItemClickRate::default().measure(&one_empty_page), Ok(None));
        assert_eq!(PageClickRate::default().measure(&one_empty_page), Ok(Some(0.0)));
    }

    #[test]
    fn another_task_shows_in_the_label() {
        let slates = Slates::new(2, [[0.3, 1.0, 0.0, 0.0]]).unwrap();
        let metric = ItemClickRate::of_task(1);
        assert_eq!(
            (metric.label(), metric.measure(&slates)),
            ("ItemClickRate(task 1)".into(), Ok(Some(0.5)))
        );
        assert!(PageClickRate::of_task(2).measure(&slates).is_err());
        let error = PageClickRate::default().measure(&slates).unwrap_err().to_string();
        let expected = "page 0 (the first is 0): the outcome of task 0 at position 1 (the first is 1) is 0.3";
        assert!(error.starts_with(expected), "{error}");
    }
}
