use crate::{Error, Result};

/// Pages shown to users, with the outcomes of each item on them.
///
/// A page is a list of items, best place first; every item has one outcome per task: a click as 0 or 1, a
/// purchase, seconds watched. Outcomes are finite numbers.
///
/// ```
/// use burn_recsys_metrics::slate::{ItemClickRate, PageClickRate, SlateMetric, SlateReward, Slates};
///
/// // Two pages of three and two items, with clicks.
/// let slates = Slates::of_clicks([vec![false, true, true], vec![false, false]]);
/// assert_eq!(ItemClickRate::default().measure(&slates)?, Some(2.0 / 5.0));
/// assert_eq!(PageClickRate::default().measure(&slates)?, Some(1.0 / 2.0));
///
/// // Click and purchase of each item; a purchase is worth 10 clicks.
/// let slates = Slates::new(2, [[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]])?;
/// assert_eq!(SlateReward::new([1.0, 10.0])?.measure(&slates)?, Some((12.0 + 1.0) / 2.0));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Slates {
    n_tasks: usize,
    /// Row-major over all items of all pages.
    outcomes: Vec<f32>,
    /// Where in `outcomes` each page ends.
    ends: Vec<usize>,
}

impl Slates {
    /// Pages of outcomes, each `[items on the page, n_tasks]` in row-major order.
    ///
    /// # Errors
    /// If `n_tasks` is 0, a page's length is not a multiple of it, or an outcome is NaN or infinite; the message
    /// names the page and the position.
    pub fn new(n_tasks: usize, pages: impl IntoIterator<Item = impl AsRef<[f32]>>) -> Result<Self> {
        if n_tasks == 0 {
            return Err(Error::Parameter { parameter: "n_tasks", message: "0; must be at least 1".into() });
        }
        let mut slates = Self { n_tasks, outcomes: Vec::new(), ends: Vec::new() };
        for (page, outcomes) in pages.into_iter().enumerate() {
            let outcomes = outcomes.as_ref();
            if outcomes.len() % n_tasks != 0 {
                let n = outcomes.len();
                let message = format!("{n} outcomes; give {n_tasks} for each item, one of each task");
                return Err(Error::Page { page, message });
            }
            if let Some(i) = outcomes.iter().position(|outcome| !outcome.is_finite()) {
                let (position, task, value) = (i / n_tasks + 1, i % n_tasks, outcomes[i]);
                let message = format!(
                    "the outcome of task {task} at position {position} (the first is 1) is {value}; \
                     give a finite number, 0 if nothing happened"
                );
                return Err(Error::Page { page, message });
            }
            slates.outcomes.extend_from_slice(outcomes);
            slates.ends.push(slates.outcomes.len());
        }
        Ok(slates)
    }

    /// Pages of clicks: one task, whose outcome is 1 where an item was clicked and 0 elsewhere.
    pub fn of_clicks(pages: impl IntoIterator<Item = impl AsRef<[bool]>>) -> Self {
        let mut slates = Self { n_tasks: 1, outcomes: Vec::new(), ends: Vec::new() };
        for page in pages {
            slates.outcomes.extend(page.as_ref().iter().map(|&click| f32::from(u8::from(click))));
            slates.ends.push(slates.outcomes.len());
        }
        slates
    }

    /// Outcomes of each item.
    pub fn n_tasks(&self) -> usize {
        self.n_tasks
    }

    /// The number of pages, empty ones too.
    pub fn n_pages(&self) -> usize {
        self.ends.len()
    }

    /// The number of pages without items.
    pub fn n_empty(&self) -> usize {
        self.pages().filter(|page| page.is_empty()).count()
    }

    /// The number of items on all pages.
    pub fn n_items(&self) -> usize {
        self.outcomes.len() / self.n_tasks
    }

    /// The outcomes of each page, `[items on the page, n_tasks]` in row-major order.
    pub fn pages(&self) -> impl Iterator<Item = &[f32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.outcomes[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_as_they_were_given() {
        let slates = Slates::new(2, [vec![1.0, 0.0, 0.5, 2.0], vec![], vec![0.0, 1.0]]).unwrap();
        let pages: Vec<&[f32]> = slates.pages().collect();
        assert_eq!(pages, [&[1.0, 0.0, 0.5, 2.0][..], &[], &[0.0, 1.0]]);
        assert_eq!((slates.n_pages(), slates.n_items(), slates.n_empty(), slates.n_tasks()), (3, 3, 1, 2));
    }

    #[test]
    fn what_is_no_outcome_is_refused_with_page_and_position() {
        let error = Slates::new(2, [vec![], vec![0.0, 1.0, 0.0, f32::NAN]]).unwrap_err();
        let expected = "page 1 (the first is 0): the outcome of task 1 at position 2 (the first is 1) is NaN; \
                        give a finite number, 0 if nothing happened";
        assert_eq!(error.to_string(), expected);
        let error = Slates::new(2, [[0.0_f32; 3]]).unwrap_err();
        let expected = "page 0 (the first is 0): 3 outcomes; give 2 for each item, one of each task";
        assert_eq!(error.to_string(), expected);
        assert!(Slates::new(0, [[0.0_f32; 3]]).is_err());
    }
}
