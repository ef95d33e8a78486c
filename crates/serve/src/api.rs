//! What is asked and answered, as it stands in JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// An external id; JSON may give it as a text or as an integer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Id(pub String);

impl Deref for Id {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Id {
    fn from(id: &str) -> Self {
        Id(id.into())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an id: a text or an integer")
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<Id, E> {
                Ok(Id(id.into()))
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id(id.to_string()))
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<Id, E> {
                Ok(Id(id.to_string()))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// Who asks for how many items, and of which.
///
/// The default asks for 10 items for a visitor of whom nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecommendRequest {
    /// The user; one that is not known is answered like none.
    pub user: Option<Id>,
    /// Items of the visitor's history, oldest first, in place of what is stored. Items that are not known are
    /// passed over and listed in the answer.
    pub history: Option<Vec<Id>>,
    /// Features by name, for a visitor who is not known and has no history.
    pub features: BTreeMap<String, Id>,
    /// How many items, at most. Default 10.
    pub k: usize,
    /// Which items may be answered.
    #[serde(deserialize_with = "object")]
    pub filters: Filters,
    /// How much being unlike the items above counts against the score, 0 to 1. Default 0.
    pub diversity: f32,
    /// How likely a place goes to a category that the visitor has not seen much of, 0 to 1. Default 0.
    pub exploration: f32,
    /// The most items of any one category; none for any number.
    pub max_per_category: Option<usize>,
    /// Items that were shown to the visitor and passed over, once for each time: each halves the score.
    pub shown: Vec<Id>,
    /// The number of the visit: with the user, the seed of all that is random. The same visit can be replayed.
    pub visit: u64,
}

impl Default for RecommendRequest {
    fn default() -> Self {
        RecommendRequest {
            user: None,
            history: None,
            features: BTreeMap::new(),
            k: 10,
            filters: Filters::default(),
            diversity: 0.0,
            exploration: 0.0,
            max_per_category: None,
            shown: Vec::new(),
            visit: 0,
        }
    }
}

/// Which items may be answered. Items that the folder calls unavailable are never answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// Whether items that the visitor has seen may be answered. Default false.
    pub seen: bool,
    /// Names of categories, in one of which an item must be; empty for all.
    pub categories: Vec<String>,
    /// The only items that may be answered, such as what is in stock; none for all.
    pub only: Option<Vec<Id>>,
    /// Items that must not be answered.
    pub blocked: Vec<Id>,
}

#[expect(clippy::derivable_impls, reason = "the values are part of the interface")]
impl Default for Filters {
    fn default() -> Self {
        Filters { seen: false, categories: Vec::new(), only: None, blocked: Vec::new() }
    }
}

/// What the vector that items were found by is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The user's own vector.
    User,
    /// The items of the history.
    History,
    /// The features of the visitor.
    Cohort,
    /// Nothing: what is popular was answered.
    Popular,
}

/// The answer to a [`RecommendRequest`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecommendResponse {
    /// The version of the model that everything in this answer comes from.
    pub model: String,
    /// Whether the user of the request is known.
    pub user_known: bool,
    /// What the answer is made from.
    pub basis: Basis,
    /// How much of the user's vector comes from the id rather than from the cohort, where the model tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate_weight: Option<f32>,
    /// Items and features of the request that the model does not know.
    pub ignored: Vec<String>,
    /// The items, best first.
    pub items: Vec<RecommendedItem>,
}

/// One place of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecommendedItem {
    /// The item.
    #[serde(flatten)]
    pub item: ItemInfo,
    /// The ranker's score; comparable within one answer.
    pub score: f32,
    /// Whether the place was given to exploration.
    pub explored: bool,
    /// Which sources found it.
    pub sources: Vec<FoundBy>,
}

/// What is known of an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemInfo {
    /// The external id.
    pub id: String,
    /// The title; empty if there is none.
    pub title: String,
    /// The names of its categories.
    pub categories: Vec<String>,
}

/// How a source found an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundBy {
    /// The source: `vectors`, `popular`, `neighbours` or `walks`.
    pub source: String,
    /// The place in the source's list; the best is 1.
    pub rank: u32,
    /// The source's own score; comparable within the source only.
    pub score: f32,
}

/// Items like one item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimilarResponse {
    /// The version of the model.
    pub model: String,
    /// The item that was asked about.
    pub item: ItemInfo,
    /// The items like it, most alike first.
    pub items: Vec<SimilarItem>,
}

/// One item like another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimilarItem {
    /// The item.
    #[serde(flatten)]
    pub item: ItemInfo,
    /// The cosine between the two items' vectors, -1 to 1.
    pub cosine: f32,
}

/// Some users.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsersResponse {
    /// The version of the model.
    pub model: String,
    /// The users, in the order of their ids.
    pub users: Vec<UserSummary>,
}

/// One of some users.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UserSummary {
    /// The external id.
    pub id: String,
    /// The number of items in the history.
    pub history_length: usize,
}

/// One user.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UserResponse {
    /// The version of the model.
    pub model: String,
    /// The external id.
    pub id: String,
    /// The number of items in the history.
    pub history_length: usize,
    /// The last items of the history, newest first.
    pub history: Vec<ItemInfo>,
    /// How much of the user's vector comes from the id rather than from the cohort, where the model tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate_weight: Option<f32>,
}

/// What is served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelResponse {
    /// The version.
    pub version: String,
    /// What the model is, in words.
    pub model: String,
    /// When it was trained, in seconds since 1970.
    pub trained: u64,
    /// The number of users.
    pub users: usize,
    /// The number of items.
    pub items: usize,
    /// The size of a vector.
    pub dimension: usize,
    /// Whether the best items are always found.
    pub is_exact: bool,
    /// The names of the categories.
    pub categories: Vec<String>,
    /// The names of the cohorts, at most 1,000.
    pub cohorts: Vec<String>,
    /// The names of the sources of candidates.
    pub sources: Vec<String>,
    /// What orders the candidates: `boosted trees` or `reciprocal rank fusion`.
    pub ranker: String,
}

/// The answer to a request that cannot be fulfilled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorResponse {
    /// What is wrong.
    pub error: ErrorInfo,
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorInfo {
    /// The HTTP status.
    pub status: u16,
    /// The field or parameter that cannot be used, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A field or parameter cannot be used.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, such as `filters.categories[2]`.
        field: String,
        /// What was found and what is allowed.
        message: String,
    },
    /// The item or user that is asked about is not known.
    #[error("{message}")]
    NotFound {
        /// What is not known, and what to do.
        message: String,
    },
    /// The tables fail: an error of this program or its folder, not of the request.
    #[error("{message}")]
    Failed {
        /// What went wrong.
        message: String,
    },
}

impl RequestError {
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        RequestError::Invalid { field: field.into(), message: message.into() }
    }
}

impl RecommendRequest {
    /// Reads a request from JSON.
    ///
    /// # Errors
    /// If it is not JSON, has an unknown field or a value of the wrong type; the error names the field.
    pub fn from_json(json: &[u8]) -> Result<Self, RequestError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let mut track = serde_path_to_error::Track::new();
        let read = object(serde_path_to_error::Deserializer::new(&mut deserializer, &mut track));
        let request = read.map_err(|error| refusal(&track.path().to_string(), &error.to_string()))?;
        let end = deserializer.end();
        end.map_err(|error| RequestError::Invalid { field: "body".into(), message: error.to_string() })?;
        Ok(request)
    }
}

/// Reads an object only: derived code would also take its fields from an array, in their order.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct ObjectVisitor<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
        type Value = T;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

/// Names the field, and the types in the words of JSON.
fn refusal(path: &str, message: &str) -> RequestError {
    let path = if path == "." { "" } else { path };
    let names = ["unknown field `", "duplicate field `"];
    let unknown =
        names.iter().find_map(|start| message.strip_prefix(start)).and_then(|rest| rest.split_once('`'));
    let field = match (path, unknown) {
        ("", Some((name, _))) => name.into(),
        // An unknown field may stand at the end of the path already.
        (path, Some((name, _))) if path != name && !path.ends_with(&format!(".{name}")) => {
            format!("{path}.{name}")
        }
        ("", None) => "body".into(),
        (path, _) => path.into(),
    };
    let message = [("usize", "a whole number from 0"), ("u64", "a whole number from 0"), ("f32", "a number")]
        .iter()
        .fold(message.to_string(), |message, (rust, json)| {
            message.replace(&format!("expected {rust}"), &format!("expected {json}"))
        });
    RequestError::Invalid { field, message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(json: &str) -> (String, String) {
        match RecommendRequest::from_json(json.as_bytes()) {
            Err(RequestError::Invalid { field, message }) => (field, message),
            other => panic!("{json}: {other:?}"),
        }
    }

    #[test]
    fn every_bad_field_is_named() {
        for (json, field, part) in [
            (r#"{"kk": 1}"#, "kk", "expected one of `user`"),
            (r#"{"filters": {"colour": 1}}"#, "filters.colour", "expected one of `seen`"),
            (r#"{"k": "ten"}"#, "k", "expected a whole number from 0"),
            (r#"{"k": -1}"#, "k", "expected a whole number from 0"),
            (r#"{"k": 1.5}"#, "k", "expected a whole number from 0"),
            (r#"{"diversity": "much"}"#, "diversity", "expected a number"),
            (r#"{"history": [1, "a", null]}"#, "history[2]", "expected an id: a text or an integer"),
            (r#"{"features": {"age": [25]}}"#, "features.age", "an id"),
            (r#"{"k": 1, "k": 2}"#, "k", "duplicate field"),
            ("[1]", "body", "expected an object"),
            (r#"{"filters": [true]}"#, "filters", "expected an object"),
            ("", "body", "EOF"),
            ("{} {}", "body", "trailing"),
        ] {
            let (found, message) = refused(json);
            assert!(found == field && message.contains(part), "{json}: {found}: {message}");
        }
    }

    #[test]
    fn ids_may_be_integers() {
        let request = RecommendRequest::from_json(br#"{"user": 7, "history": ["a", 3]}"#).unwrap();
        assert_eq!(request.user, Some("7".into()));
        assert_eq!(request.history, Some(vec!["a".into(), "3".into()]));
        assert_eq!(RecommendRequest { user: None, history: None, ..request }, RecommendRequest::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = RecommendRequest::from_json(&bytes);
        }

        #[test]
        fn no_changed_request_panics(at in 0usize..200, byte: u8, cut in 0usize..200) {
            let mut json = br#"{"user":"7","history":[1,"b"],"features":{"a":1},"k":3,"filters":{"seen":true,
                "categories":["x"],"only":["1"],"blocked":[2]},"diversity":0.5,"exploration":1e-3,"visit":9}"#.to_vec();
            let len = json.len();
            json[at % len] = byte;
            let _ = RecommendRequest::from_json(&json);
            let _ = RecommendRequest::from_json(&json[..cut % len]);
        }

        #[test]
        fn what_is_written_is_read(user in prop::option::of(".{0,9}"), k: u32, visit: u64, diversity in 0f32..1.0, seen: bool) {
            let request = RecommendRequest {
                user: user.map(Id), k: k as usize, visit, diversity,
                filters: Filters { seen, ..Filters::default() },
                ..RecommendRequest::default()
            };
            let json = serde_json::to_vec(&request).unwrap();
            prop_assert_eq!(RecommendRequest::from_json(&json), Ok(request));
        }
    }
}
