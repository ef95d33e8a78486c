use std::fmt;

use crate::{Error, Result};

/// How many of the best ranks count; at least 1. Written `@10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cutoff(usize);

impl Cutoff {
    pub(crate) fn new(k: usize) -> Result<Self> {
        if k == 0 {
            let message = "0 is not a list length; give at least 1".to_owned();
            return Err(Error::Parameter { parameter: "k", message });
        }
        Ok(Self(k))
    }

    pub(crate) fn get(self) -> usize {
        self.0
    }
}

impl fmt::Display for Cutoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}
