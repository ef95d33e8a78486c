//! What a list is worth beyond accuracy: new, rare, various, unlike another list.
//!
//! These are [`RankingMetric`](crate::ranking::RankingMetric)s too. What they know besides the list, such as
//! what users met in training, they are made of once and share among threads.
