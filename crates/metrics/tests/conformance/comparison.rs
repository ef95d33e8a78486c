//! One metric of ours, one name of a library, and how far they are apart.

use std::collections::BTreeSet;

use super::fixtures::Reference;

/// A metric of ours and what another library calls the same, measured on all cases.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Our label, with `k` for the cutoff.
    pub(crate) metric: &'static str,
    /// With its version.
    pub(crate) library: &'static str,
    /// What to call there to get this.
    pub(crate) name: &'static str,
    /// Where the two differ by definition, or on whom; empty if nowhere.
    pub(crate) note: &'static str,
    /// Whether the values are to agree. If not, the row is here to show by how much they differ.
    pub(crate) agrees: bool,
    /// The cases with a value of the library.
    pub(crate) cases: BTreeSet<String>,
    /// Case and user, where values of single users were compared.
    pub(crate) users: BTreeSet<(String, u32)>,
    /// The largest difference of any value, of a user or a case.
    pub(crate) difference: f64,
    /// The case and user of the largest difference.
    pub(crate) largest: String,
    /// What is defined on one side only though it should not be.
    pub(crate) one_sided: Vec<String>,
}

impl Comparison {
    pub(crate) fn new(metric: &'static str, library: &'static str, name: &'static str) -> Self {
        Comparison {
            metric,
            library,
            name,
            note: "",
            agrees: true,
            cases: BTreeSet::new(),
            users: BTreeSet::new(),
            difference: 0.0,
            largest: String::new(),
            one_sided: Vec::new(),
        }
    }

    /// Takes one value of either side in.
    pub(crate) fn compare(&mut self, ours: Option<f64>, theirs: Option<f64>, what: impl FnOnce() -> String) {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => {
                let difference = (ours - theirs).abs();
                if difference > self.difference {
                    self.difference = difference;
                    self.largest = format!("{}: {ours} here, {theirs} there", what());
                }
            }
            (None, None) => {}
            _ => self.one_sided.push(format!("{}: {ours:?} here, {theirs:?} there", what())),
        }
    }

    /// The place of a reference, in words.
    pub(crate) fn place(&self, reference: &Reference) -> String {
        let k = reference.k.map(|k| format!(", k = {k}")).unwrap_or_default();
        format!("{} = {} {}, {}{k}", self.metric, self.library, self.name, reference.case)
    }
}
