//! Who asks.

/// A user, known or not, and what is known of them when they ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visitor<'a> {
    /// The user's index; none for a user that was not trained on.
    pub user: Option<u32>,
    /// The items of the user's history, oldest first; an item may stand there more than once.
    pub history: &'a [u32],
    /// The visit's number, which random choices are a function of together with the user.
    pub visit: u64,
}
