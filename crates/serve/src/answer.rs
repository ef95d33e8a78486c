//! From a request to an answer.

use std::borrow::Cow;

use burn_recsys_ranking::{Candidates, Visitor};
use burn_recsys_retrieval::rerank::cosine;
use burn_recsys_retrieval::{Hit, ItemFilter, ItemSet};

use crate::api::{
    Basis, Filters, FoundBy, Id, ItemInfo, RecommendRequest, RecommendResponse, RecommendedItem,
    RequestError, SimilarItem, SimilarResponse, UserResponse, UserSummary, UsersResponse,
};
use crate::model::ServingModel;

type Answer<T> = Result<T, RequestError>;

/// How many users a search gives, at most.
const MAX_USERS: usize = 100;
/// How many of the last items of a history are shown.
const SHOWN_HISTORY: usize = 50;

impl ServingModel {
    /// The items for a visitor, best first.
    ///
    /// A known user is answered from their vector and history. One that is not known is answered from the
    /// history of the request, else from the cohort of its features, else with what is popular; the answer
    /// says which. Items and features that are not known are passed over and listed.
    ///
    /// # Errors
    /// If a field of the request is out of its range; the error names it.
    pub fn recommend(&self, request: &RecommendRequest) -> Answer<RecommendResponse> {
        self.check(request)?;
        let mut ignored = Vec::new();
        let user = request.user.as_ref().and_then(|id| self.users.ids.find(id));
        let history: Cow<'_, [u32]> = match (&request.history, user) {
            (Some(ids), _) => Cow::Owned(self.known(ids, &mut ignored)),
            (None, Some(user)) => {
                let row = self.users.histories.row(user);
                Cow::Borrowed(&row[row.len().saturating_sub(self.config.max_history)..])
            }
            (None, None) => Cow::Borrowed(&[]),
        };
        let cohort = self.cohort(request, &mut ignored);
        let cohort = cohort.filter(|_| user.is_none() && history.is_empty());
        let basis = match user {
            Some(_) if self.users.has_vectors => Basis::User,
            _ if !history.is_empty() => Basis::History,
            _ if cohort.is_some() => Basis::Cohort,
            _ => Basis::Popular,
        };
        let exclude =
            self.excluded(&request.filters, user, request.history.is_some(), &history, &mut ignored);
        let allowed = self.allowed(&request.filters, &mut ignored)?;
        let shown = self.known(&request.shown, &mut ignored);
        let allow: Vec<&ItemSet> = allowed.iter().chain(&self.items.available).collect();
        let filter = ItemFilter { exclude: &exclude, allow: &allow };
        let n_users = self.users.ids.len() as u32;
        let visitor = Visitor {
            user: user.or(cohort.map(|cohort| n_users + cohort)),
            history: &history,
            visit: request.visit,
        };
        let candidates = self.sources.candidates(&visitor, &filter).map_err(failed)?;
        let scores = self.ranker.scores(&visitor, &candidates).map_err(failed)?;
        let places = self.rerank(request, &history, &shown, &candidates, &scores)?;
        let items = places.into_iter().map(|place| RecommendedItem {
            item: self.info(place.item),
            score: scores.get(place.position).copied().unwrap_or_default(),
            explored: place.explored,
            sources: self.found(&candidates, place.position),
        });
        Ok(RecommendResponse {
            model: self.version().into(),
            user_known: user.is_some(),
            basis,
            gate_weight: user.and_then(|user| self.gate_weight(user)),
            items: items.collect(),
            ignored,
        })
    }

    /// The `k` items most like one, by the cosine between their vectors; the item itself is not among them.
    ///
    /// The items of largest inner product, several times as many as are asked for, are put in the order of
    /// their cosines: an item that is alike but of a very short vector can be missed.
    ///
    /// # Errors
    /// If the item is not known, or `k` is out of range.
    pub fn similar(&self, item: &str, k: usize) -> Answer<SimilarResponse> {
        self.check_k(k)?;
        self.check_id("item", item)?;
        let Some(index) = self.items.ids.find(item) else {
            let message = format!(
                "item {item:?} is not known to model {}; items come with the next training, until then leave it out",
                self.version()
            );
            return Err(RequestError::NotFound { message });
        };
        let allow: Vec<&ItemSet> = self.items.available.iter().collect();
        let filter = ItemFilter { exclude: &[index], allow: &allow };
        let query = self.vector(index);
        let alike = cosine(self.items.dimension, &self.items.vectors);
        let found = self.index.search_one(query, 4 * k + 50, &filter).map_err(failed)?;
        let mut hits: Vec<Hit> =
            found.into_iter().map(|hit| Hit { item: hit.item, score: alike(index, hit.item) }).collect();
        hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
        hits.truncate(k);
        let items = hits.iter().map(|hit| SimilarItem { item: self.info(hit.item), cosine: hit.score });
        Ok(SimilarResponse { model: self.version().into(), item: self.info(index), items: items.collect() })
    }

    /// Users whose ids start with `prefix`, in the order of ids.
    ///
    /// # Errors
    /// If `limit` is not 1 to 100, or the prefix is too long.
    pub fn users(&self, prefix: &str, limit: usize) -> Answer<UsersResponse> {
        self.check_id("prefix", prefix)?;
        if !(1..=MAX_USERS).contains(&limit) {
            return Err(RequestError::invalid("limit", format!("{limit}, but 1 to {MAX_USERS} is allowed")));
        }
        let users = self.users.ids.with_prefix(prefix).take(limit).map(|user| UserSummary {
            id: self.users.ids.get(user).into(),
            history_length: self.users.histories.row(user).len(),
        });
        Ok(UsersResponse { model: self.version().into(), users: users.collect() })
    }

    /// One user and the last items of the history, newest first.
    ///
    /// # Errors
    /// If the user is not known.
    pub fn user(&self, id: &str) -> Answer<UserResponse> {
        self.check_id("user", id)?;
        let Some(user) = self.users.ids.find(id) else {
            let message = format!(
                "user {id:?} is not known to model {}; ask for recommendations with a history or features",
                self.version()
            );
            return Err(RequestError::NotFound { message });
        };
        let history = self.users.histories.row(user);
        Ok(UserResponse {
            model: self.version().into(),
            id: id.into(),
            history_length: history.len(),
            history: history.iter().rev().take(SHOWN_HISTORY).map(|&item| self.info(item)).collect(),
            gate_weight: self.gate_weight(user),
        })
    }

    /// Whether every field is in its range.
    fn check(&self, request: &RecommendRequest) -> Answer<()> {
        let RecommendRequest {
            user,
            history,
            features,
            k,
            filters,
            diversity,
            exploration,
            max_per_category,
            shown,
            visit: _,
        } = request;
        self.check_k(*k)?;
        for (field, value) in [("diversity", *diversity), ("exploration", *exploration)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(RequestError::invalid(field, format!("{value}, but 0 to 1 is allowed")));
            }
        }
        if *max_per_category == Some(0) {
            return Err(RequestError::invalid("max_per_category", "0, but at least 1 is allowed"));
        }
        self.check_ids("shown", shown, self.config.max_history)?;
        user.iter().try_for_each(|id| self.check_id("user", id))?;
        let history = history.as_deref().unwrap_or_default();
        self.check_ids("history", history, self.config.max_history)?;
        if features.len() > MAX_FEATURES {
            let message = format!("{} features, but at most {MAX_FEATURES} are allowed", features.len());
            return Err(RequestError::invalid("features", message));
        }
        for (name, value) in features {
            self.check_id("features", name)?;
            self.check_id("features", value)?;
        }
        let Filters { seen: _, categories, only, blocked } = filters;
        self.check_ids("filters.only", only.as_deref().unwrap_or_default(), self.config.max_filter)?;
        self.check_ids("filters.blocked", blocked, self.config.max_filter)?;
        if categories.len() > self.items.category_names.len() {
            let n = self.items.category_names.len();
            let message = format!("{} names, but there are {n} categories", categories.len());
            return Err(RequestError::invalid("filters.categories", message));
        }
        Ok(())
    }

    fn check_k(&self, k: usize) -> Answer<()> {
        match (1..=self.config.max_k).contains(&k) {
            true => Ok(()),
            false => {
                Err(RequestError::invalid("k", format!("{k}, but 1 to {} is allowed", self.config.max_k)))
            }
        }
    }

    fn check_ids(&self, field: &str, ids: &[Id], most: usize) -> Answer<()> {
        if ids.len() > most {
            let message = format!("{} ids, but at most {most} are allowed", ids.len());
            return Err(RequestError::invalid(field, message));
        }
        ids.iter().enumerate().try_for_each(|(at, id)| match id.len() <= self.config.max_id_bytes {
            true => Ok(()),
            false => self.check_id(&format!("{field}[{at}]"), id),
        })
    }

    fn check_id(&self, field: &str, id: &str) -> Answer<()> {
        let most = self.config.max_id_bytes;
        match id.len() <= most {
            true => Ok(()),
            false => {
                let message = format!("{} bytes, but at most {most} are allowed", id.len());
                Err(RequestError::invalid(field, message))
            }
        }
    }

    /// The indices of those that are known; the others are noted.
    fn known(&self, ids: &[Id], ignored: &mut Vec<String>) -> Vec<u32> {
        let find = |id: &Id| {
            let found = self.items.ids.find(id);
            if found.is_none() {
                ignored.push(format!("item {}", id.0));
            }
            found
        };
        ids.iter().filter_map(find).collect()
    }

    /// The cohort that has exactly the features of the request.
    fn cohort(&self, request: &RecommendRequest, ignored: &mut Vec<String>) -> Option<u32> {
        if request.features.is_empty() {
            return None;
        }
        let pairs = request.features.iter().map(|(name, value)| format!("{name}={}", value.0));
        let name = pairs.collect::<Vec<_>>().join(",");
        let found = self.users.cohorts.find(&name);
        if found.is_none() {
            ignored.push(format!("features {name}"));
        }
        found
    }

    /// The items that must not be answered, ascending.
    fn excluded(
        &self,
        filters: &Filters,
        user: Option<u32>,
        is_own_history: bool,
        history: &[u32],
        ignored: &mut Vec<String>,
    ) -> Cow<'_, [u32]> {
        let seen = match user {
            Some(user) if !filters.seen => self.users.seen.row(user),
            _ => &[],
        };
        let adds_history = is_own_history && !filters.seen && !history.is_empty();
        if !adds_history && filters.blocked.is_empty() {
            return Cow::Borrowed(seen);
        }
        let mut exclude = seen.to_vec();
        if adds_history {
            exclude.extend_from_slice(history);
        }
        exclude.extend(self.known(&filters.blocked, ignored));
        exclude.sort_unstable();
        exclude.dedup();
        Cow::Owned(exclude)
    }

    /// The sets in all of which an item must be, besides that it must be available.
    fn allowed(&self, filters: &Filters, ignored: &mut Vec<String>) -> Answer<Vec<ItemSet>> {
        let mut sets = Vec::new();
        let mut any: Option<ItemSet> = None;
        for (at, name) in filters.categories.iter().enumerate() {
            let Some(category) = self.items.category_names.find(name) else {
                let message = format!("there is no category {name:?}; GET /v1/model lists them");
                return Err(RequestError::invalid(format!("filters.categories[{at}]"), message));
            };
            let set = &self.items.of_category[category as usize];
            match &mut any {
                Some(any) => any.union(set),
                None => any = Some(set.clone()),
            }
        }
        sets.extend(any);
        if let Some(only) = &filters.only {
            let mut set = ItemSet::empty(self.items.ids.len());
            self.known(only, ignored).into_iter().for_each(|item| set.insert(item));
            sets.push(set);
        }
        Ok(sets)
    }

    pub(crate) fn vector(&self, item: u32) -> &[f32] {
        let d = self.items.dimension;
        let start = item as usize * d;
        self.items.vectors.get(start..start + d).unwrap_or_default()
    }

    fn gate_weight(&self, user: u32) -> Option<f32> {
        self.users.gate_weights.as_ref()?.get(user as usize).copied()
    }

    fn info(&self, item: u32) -> ItemInfo {
        let categories = self.items.categories.row(item);
        ItemInfo {
            id: self.items.ids.get(item).into(),
            title: self.items.titles.get(item).into(),
            categories: categories.iter().map(|&name| self.items.category_names.get(name).into()).collect(),
        }
    }

    fn found(&self, candidates: &Candidates, position: usize) -> Vec<FoundBy> {
        let found = self.sources.names().zip(candidates.found(position));
        let found = found.filter_map(|(source, found)| {
            found.map(|found| FoundBy { source: source.into(), rank: found.rank, score: found.score })
        });
        found.collect()
    }
}

/// How many features a request may have.
const MAX_FEATURES: usize = 32;

pub(crate) fn failed(error: impl std::fmt::Display) -> RequestError {
    RequestError::Failed { message: error.to_string() }
}
