//! What the columns of a file of links are called.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The columns and the separator of a file of links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeFormat {
    /// The column of the node a link starts at. The default is `source`.
    pub source: String,
    /// The column of the node a link leads to. The default is `target`.
    pub target: String,
    /// The column of the relation's name. `None`, the default, takes the column `relation` if there is one;
    /// without it all links are of one relation without a name.
    pub relation: Option<String>,
    /// The column of the weight. `None`, the default, takes the column `weight` if there is one; without it
    /// all weights are 1.
    pub weight: Option<String>,
    /// One ASCII character. `None`, the default, takes the one of `,` `;` tab `|` that the first line has most
    /// of.
    pub separator: Option<char>,
}

impl Default for EdgeFormat {
    fn default() -> Self {
        Self::new("source", "target")
    }
}

/// Where the values of a link are among the fields of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) n_fields: usize,
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) relation: Option<usize>,
    pub(super) weight: Option<usize>,
}

impl EdgeFormat {
    /// Links from `source` to `target`.
    pub fn new(source: impl Into<String>, target: impl Into<String>) -> Self {
        EdgeFormat {
            source: source.into(),
            target: target.into(),
            relation: None,
            weight: None,
            separator: None,
        }
    }

    /// The same with relations in `column`, which must be there.
    pub fn with_relation(mut self, column: impl Into<String>) -> Self {
        self.relation = Some(column.into());
        self
    }

    /// The same with weights in `column`, which must be there.
    pub fn with_weight(mut self, column: impl Into<String>) -> Self {
        self.weight = Some(column.into());
        self
    }

    /// The same with this separator.
    pub fn with_separator(mut self, separator: char) -> Self {
        self.separator = Some(separator);
        self
    }

    /// Checks what can be checked without the file.
    ///
    /// # Errors
    /// If the separator is not one ASCII character or is a quote or a line end, or a column has no name or is
    /// named twice.
    pub fn validate(&self) -> Result<()> {
        let refused = |parameter, message| Err(Error::Parameter { parameter, message });
        if let Some(separator) = self.separator.filter(|c| !c.is_ascii() || ['"', '\n', '\r'].contains(c)) {
            let message = format!(
                "{separator:?} cannot separate fields; give an ASCII character, no quote or line end"
            );
            return refused("separator", message);
        }
        let columns = [
            ("source", Some(&self.source)),
            ("target", Some(&self.target)),
            ("relation", self.relation.as_ref()),
            ("weight", self.weight.as_ref()),
        ];
        for (n, &(parameter, column)) in columns.iter().enumerate() {
            let Some(column) = column else { continue };
            if column.trim().is_empty() {
                return refused(parameter, "the column has no name".into());
            }
            if let Some((other, _)) = columns[..n].iter().find(|(_, other)| *other == Some(column)) {
                return refused(parameter, format!("column {column:?} is the {other} column already"));
            }
        }
        Ok(())
    }

    /// The places of the columns under a line of `names`.
    pub(super) fn layout(&self, names: &[&str]) -> std::result::Result<Layout, String> {
        let find = |wanted: &str| {
            let mut places = (0..names.len()).filter(|&place| names[place] == wanted);
            match (places.next(), places.next()) {
                (place, None) => Ok(place),
                (_, Some(_)) => Err(format!("more than one column is called {wanted:?}; rename all but one")),
            }
        };
        let require = |wanted: &str| {
            find(wanted)?.ok_or_else(|| {
                let names: Vec<String> = names.iter().map(|name| crate::lines::excerpt(name)).collect();
                format!("there is no column {wanted:?}; the columns are {}", names.join(", "))
            })
        };
        let named: Vec<&str> =
            [Some(&self.source), Some(&self.target), self.relation.as_ref(), self.weight.as_ref()]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
        let optional = |wanted: &Option<String>, usual: &str| match wanted {
            Some(wanted) => require(wanted).map(Some),
            // A column that has another part already is not this one, whatever it is called.
            None if named.contains(&usual) => Ok(None),
            None => find(usual),
        };
        Ok(Layout {
            n_fields: names.len(),
            source: require(&self.source)?,
            target: require(&self.target)?,
            relation: optional(&self.relation, "relation")?,
            weight: optional(&self.weight, "weight")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let layout = EdgeFormat::default().layout(&["weight", "target", "x", "source"]);
        let expected = Layout { n_fields: 4, source: 3, target: 1, relation: None, weight: Some(0) };
        assert_eq!(layout, Ok(expected));
        let named = EdgeFormat::new("a", "b").with_relation("kind").with_weight("w");
        let expected = Layout { n_fields: 4, source: 1, target: 0, relation: Some(3), weight: Some(2) };
        assert_eq!(named.layout(&["b", "a", "w", "kind"]), Ok(expected));
        assert_eq!(
            named.layout(&["b", "a", "w"]),
            Err("there is no column \"kind\"; the columns are \"b\", \"a\", \"w\"".into())
        );
        assert_eq!(
            named.layout(&["b", "a", "a", "w", "kind"]),
            Err("more than one column is called \"a\"; rename all but one".into())
        );
    }

    #[test]
    fn impossible_formats_are_refused() {
        let refused = |format: EdgeFormat| format.validate().unwrap_err().to_string();
        EdgeFormat::default().with_separator('\t').validate().unwrap();
        assert!(refused(EdgeFormat::default().with_separator('"')).starts_with("separator: '\"' cannot"));
        assert!(refused(EdgeFormat::default().with_separator('→')).starts_with("separator: '→' cannot"));
        assert_eq!(refused(EdgeFormat::new("a", " ")), "target: the column has no name");
        assert_eq!(
            refused(EdgeFormat::new("a", "b").with_weight("a")),
            "weight: column \"a\" is the source column already"
        );
        let format: EdgeFormat = serde_json::from_str(r#"{"source": "a"}"#).unwrap();
        assert_eq!(format, EdgeFormat::new("a", "target"));
    }
}
