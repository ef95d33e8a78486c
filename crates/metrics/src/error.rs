//! Input that no metric is defined on, and where it stands.

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Input that a metric refuses.
///
/// A value that is merely undefined (no relevant item, one class only) is not an error: metrics
/// return `None` for it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter cannot be used.
    #[error("{parameter}: {message}")]
    Parameter {
        /// The parameter's name.
        parameter: &'static str,
        /// The value found and the values allowed.
        message: String,
    },
    /// What is wrong with the lists of one user.
    #[error("user {user}: {source}")]
    User {
        /// The user's index.
        user: u32,
        /// The fault.
        source: Box<Error>,
    },
    /// An item stands twice in one recommended list.
    #[error("item {item} is recommended at ranks {first} and {second}; a list may hold each item once")]
    DuplicateItem {
        /// The item's index.
        item: u32,
        /// Its first rank; the best rank is 1.
        first: usize,
        /// Its second rank.
        second: usize,
    },
    /// The relevant items are not strictly ascending.
    #[error(
        "relevant item {item} at position {position} follows item {previous}; \
         sort the relevant items and remove duplicates"
    )]
    RelevantOrder {
        /// The item that breaks the order.
        item: u32,
        /// Its position; the first is 0.
        position: usize,
        /// The item before it.
        previous: u32,
    },
    /// The grades are not one for each relevant item.
    #[error("{n_grades} grades for {n_relevant} relevant items; each needs one")]
    GradeCount {
        /// Grades given.
        n_grades: usize,
        /// Relevant items.
        n_relevant: usize,
    },
    /// A grade of relevance is negative or not finite.
    #[error("relevant item {item} has grade {grade}; grades are finite and at least 0")]
    Grade {
        /// The item's index.
        item: u32,
        /// The grade found.
        grade: String,
    },
    /// A metric gave NaN instead of a number or `None`.
    #[error("{label} measured NaN; a metric returns None where it is undefined")]
    NanValue {
        /// The metric's label.
        label: String,
    },
    /// A user was observed more than once.
    #[error("user {user} was observed {times} times; observe each user once, with all relevant items")]
    DuplicateUser {
        /// The user's index.
        user: u32,
        /// How often.
        times: usize,
    },
    /// Two metrics of one evaluator carry the same label.
    #[error("two metrics are called {label}; remove one")]
    DuplicateLabel {
        /// The label.
        label: String,
    },
    /// A report holds no metric of this label.
    #[error("there is no metric {label}; measured were: {known}")]
    UnknownLabel {
        /// The label that was asked for.
        label: String,
        /// The labels there are, joined by commas.
        known: String,
    },
    /// Two collectors that measure different things cannot become one.
    #[error("cannot merge: {what} differ ({left} and {right}); merge only forks of one evaluator")]
    Merge {
        /// What differs.
        what: &'static str,
        /// In the collector merged into.
        left: String,
        /// In the other one.
        right: String,
    },
    /// A user's index is too large.
    #[error("row {row} (the first is 0): user {user} but there are {n_users} users, counted from 0")]
    UserIndex {
        /// The row, counted from 0.
        row: usize,
        /// The index found.
        user: u32,
        /// How many users there are.
        n_users: usize,
    },
    /// Two rows recommend the same item to the same user.
    #[error(
        "rows {first} and {second} (the first is 0): item {item} is recommended to user {user} twice; \
         keep one of them"
    )]
    RepeatedRow {
        /// The earlier row, counted from 0.
        first: usize,
        /// The later row.
        second: usize,
        /// The user's index.
        user: u32,
        /// The item's index.
        item: u32,
    },
    /// Two items of one list have the same rank.
    #[error(
        "rows {first} and {second} (the first is 0): user {user} has two items at rank {rank}; rank them"
    )]
    EqualRanks {
        /// The earlier row, counted from 0.
        first: usize,
        /// The later row.
        second: usize,
        /// The rank of both.
        rank: u32,
        /// The user's index.
        user: u32,
    },
    /// A grade in a column is negative or not finite.
    #[error("row {row} (the first is 0): grade {grade}; grades are finite and at least 0")]
    GradeRow {
        /// The row, counted from 0.
        row: usize,
        /// The grade found.
        grade: String,
    },
    /// A score is NaN.
    #[error("row {row} (the first is 0): the score is NaN; remove the row or repair the model")]
    NanScore {
        /// The row, counted from 0.
        row: usize,
    },
    /// A score is not a probability where one is needed.
    #[error("row {row} (the first is 0): {value} is not a probability; apply a sigmoid to logits first")]
    NotProbability {
        /// The row, counted from 0.
        row: usize,
        /// The score found.
        value: f64,
    },
    /// Two columns of the same rows differ in length.
    #[error("{n_left} {left} but {n_right} {right}; each row needs both")]
    ColumnLength {
        /// What the first column holds, in the plural.
        left: &'static str,
        /// Its rows.
        n_left: usize,
        /// What the second column holds, in the plural.
        right: &'static str,
        /// Its rows.
        n_right: usize,
    },
    /// A value of one row cannot be used.
    #[error("row {row} (the first is 0): {message}")]
    Row {
        /// The row, counted from 0.
        row: usize,
        /// What was found there and what to do.
        message: String,
    },
    /// What is wrong with one page.
    #[error("page {page} (the first is 0): {message}")]
    Page {
        /// The page, counted from 0.
        page: usize,
        /// What was found there and what to do.
        message: String,
    },
    /// An item's index is too large.
    #[error("row {row} (the first is 0): item {item} but there are {n_items} items, counted from 0")]
    ItemIndex {
        /// The row, counted from 0.
        row: usize,
        /// The index found.
        item: u32,
        /// How many items there are.
        n_items: usize,
    },
    /// The items of a user's history are not strictly ascending.
    #[error(
        "user {user}: item {item} at position {position} of the history follows item {previous}; \
         sort histories and remove duplicates, as Lists::of_pairs does"
    )]
    HistoryOrder {
        /// The user's index.
        user: u32,
        /// The item that breaks the order.
        item: u32,
        /// Its position; the first is 0.
        position: usize,
        /// The item before it.
        previous: u32,
    },
}
