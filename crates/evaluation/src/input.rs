//! Files become lists over one numbering of users and items.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn_recsys_data::IdMap;
use burn_recsys_data::columnar::ColumnFile;
use burn_recsys_metrics::{Error as MetricsError, Lists, Truth};

use crate::Result;
use crate::labels::Categories;
use crate::roles::{ColumnNames, Role};
use crate::rows::{Rows, name};

/// The files of an evaluation. Each is CSV (or another delimited text with a header) or parquet, recognised by
/// its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationFiles {
    /// Who is recommended what: user, item, and score or rank.
    pub recommendations: PathBuf,
    /// What was relevant to whom: user, item, and if there are any ratings and timestamps.
    pub ground_truth: PathBuf,
    /// What was known before: user, item, and if there are any timestamps. Makes the catalogue, popularity and
    /// histories, and is searched for leaks.
    pub train: Option<PathBuf>,
    /// The recommendations of another model, to compare.
    pub compare: Option<PathBuf>,
    /// Recommendations that everyone expects, such as the most popular items: for unexpectedness.
    pub base: Option<PathBuf>,
    /// Categories of items, a row for each pair of item and category: for diversity.
    pub categories: Option<PathBuf>,
    /// The items that were ranked for each user, where that was not the whole catalogue.
    pub candidates: Option<PathBuf>,
    /// Slices: users or items and their groups, in every further column one grouping.
    pub slices: Vec<PathBuf>,
    /// Columns with unusual names.
    pub columns: ColumnNames,
}

impl EvaluationFiles {
    /// Recommendations and ground truth alone.
    pub fn new(recommendations: impl Into<PathBuf>, ground_truth: impl Into<PathBuf>) -> Self {
        EvaluationFiles {
            recommendations: recommendations.into(),
            ground_truth: ground_truth.into(),
            train: None,
            compare: None,
            base: None,
            categories: None,
            candidates: None,
            slices: Vec::new(),
            columns: ColumnNames::default(),
        }
    }

    /// Every file that is read.
    pub fn paths(&self) -> Vec<&Path> {
        let optional = [&self.train, &self.compare, &self.base, &self.categories, &self.candidates];
        let named = [&self.recommendations, &self.ground_truth].into_iter();
        named.chain(optional.into_iter().flatten()).chain(&self.slices).map(PathBuf::as_path).collect()
    }

    /// With the training part.
    pub fn with_train(mut self, train: impl Into<PathBuf>) -> Self {
        self.train = Some(train.into());
        self
    }
}

/// What the files hold, over one numbering.
pub(crate) struct Input {
    pub(crate) user_ids: Arc<IdMap>,
    pub(crate) item_ids: Arc<IdMap>,
    pub(crate) recommended: Lists,
    pub(crate) truth: Truth,
    pub(crate) test: Rows,
    pub(crate) train: Option<Rows>,
    pub(crate) compared: Option<Lists>,
    pub(crate) base: Option<Lists>,
    pub(crate) candidates: Option<Lists>,
    /// Categories of each item, by item.
    pub(crate) categories: Option<Categories>,
    /// What a reader should know.
    pub(crate) notes: Vec<String>,
}

/// What of the ground truth counts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Relevance {
    pub(crate) min_rating: Option<f64>,
    pub(crate) is_graded: bool,
}

impl Input {
    pub(crate) fn read(files: &EvaluationFiles, relevance: Relevance) -> Result<Self> {
        let columns = &files.columns;
        columns.check_given(&files.paths())?;
        let mut notes = Vec::new();
        let read_lists = |path: &Path| Rows::read_lists(path, columns);
        let mut recommended = read_lists(&files.recommendations)?;
        let rating: &[Role] = match relevance.min_rating.is_some() || relevance.is_graded {
            true => &[Role::Rating],
            false => &[],
        };
        if rating.is_empty() {
            notes.extend(unused_rating(&files.ground_truth, columns)?);
        }
        // Moments serve the search for leaks alone.
        let (mut test, mut train) = match &files.train {
            None => (Rows::read(&files.ground_truth, columns, rating)?, None),
            Some(path) => (
                Rows::read_with_times(&files.ground_truth, columns, rating, &mut notes)?,
                Some(Rows::read_with_times(path, columns, &[], &mut notes)?),
            ),
        };
        let mut compared = files.compare.as_deref().map(read_lists).transpose()?;
        let mut base = files.base.as_deref().map(read_lists).transpose()?;
        let mut candidates =
            files.candidates.as_deref().map(|path| Rows::read(path, columns, &[])).transpose()?;

        let mut all: Vec<&mut Rows> = vec![&mut recommended, &mut test];
        all.extend([&mut train, &mut compared, &mut base, &mut candidates].into_iter().flatten());
        let user_ids =
            Arc::new(IdMap::union(&all.iter().map(|rows| rows.user_ids.as_ref()).collect::<Vec<_>>()));
        let item_ids =
            Arc::new(IdMap::union(&all.iter().map(|rows| rows.item_ids.as_ref()).collect::<Vec<_>>()));
        all.into_iter().for_each(|rows| rows.renumber(&user_ids, &item_ids));

        for (rows, what) in
            [(&recommended, "there are no recommendations"), (&test, "there is no ground truth")]
        {
            if rows.len() == 0 {
                return Err(rows.refused(what.into()));
            }
        }
        recommended.check_users(&test)?;
        if let Some(train) = &train {
            if train.len() == 0 {
                return Err(train.refused("there is no row of training".into()));
            }
            train.check_items(&recommended)?;
        }
        for lists in [&compared, &base].into_iter().flatten() {
            lists.check_users(&recommended)?;
            lists.check_items(&recommended)?;
        }
        let n_users = user_ids.len();
        let truth = truth_of(&test, n_users, relevance, &mut notes)?;
        let recommended = lists_of(recommended, n_users, &mut notes)?;
        let pairs = |rows: Rows| Lists::of_pairs(n_users, &rows.users, &rows.items);
        let categories = files.categories.as_deref();
        Ok(Input {
            recommended,
            truth,
            test,
            train,
            compared: compared.map(|rows| lists_of(rows, n_users, &mut notes)).transpose()?,
            base: base.map(|rows| lists_of(rows, n_users, &mut notes)).transpose()?,
            candidates: candidates.map(pairs).transpose()?,
            categories: categories.map(|path| Categories::read(path, columns, &item_ids)).transpose()?,
            user_ids,
            item_ids,
            notes,
        })
    }

    pub(crate) fn user_name(&self, user: u32) -> String {
        name(&self.user_ids, user)
    }

    pub(crate) fn item_name(&self, item: u32) -> String {
        name(&self.item_ids, item)
    }
}

/// Ranked lists; by rank if there is one.
fn lists_of(rows: Rows, n_users: usize, notes: &mut Vec<String>) -> Result<Lists> {
    let (users, items) = (&rows.users, &rows.items);
    let lists = match (rows.numbers(Role::Rank), rows.numbers(Role::Score)) {
        (Some(ranks), _) => Lists::by_rank(n_users, users, items, &whole_ranks(&rows, ranks)?),
        (None, Some(scores)) => Lists::by_score(n_users, users, items, scores),
        (None, None) => return Err(rows.refused("there is neither score nor rank".into())),
    };
    let lists = lists.map_err(|error| match error {
        MetricsError::RepeatedRow { first, second, .. } => {
            let (user, item) = (rows.user_name(first), rows.item_name(first));
            let message = format!("item {item} is recommended to user {user} twice; keep one of them");
            rows.refused_rows(first, second, message)
        }
        MetricsError::EqualRanks { first, second, rank, .. } => {
            let user = rows.user_name(first);
            rows.refused_rows(first, second, format!("user {user} has two items at rank {rank}"))
        }
        error => error.into(),
    })?;
    if lists.n_tied_users() > 0 {
        let n_tied = lists.n_tied_users();
        let message = format!("{n_tied} users have items of equal score, which are ordered by item id");
        notes.push(rows.refused(message).to_string());
    }
    Ok(lists)
}

fn whole_ranks(rows: &Rows, ranks: &[f64]) -> Result<Vec<u32>> {
    let whole = |(row, &rank): (usize, &f64)| {
        let is_rank = rank >= 0.0 && rank <= f64::from(u32::MAX) && rank.fract() == 0.0;
        let message =
            || format!("{rank} is not a rank; ranks are whole numbers from 0 or 1 on, the lowest best");
        if is_rank { Ok(rank as u32) } else { Err(rows.refused_row(row, message())) }
    };
    ranks.iter().enumerate().map(whole).collect()
}

fn truth_of(test: &Rows, n_users: usize, relevance: Relevance, notes: &mut Vec<String>) -> Result<Truth> {
    let kept = relevance.min_rating.map(|least| rated_at_least(test, least, notes)).transpose()?;
    let rows = || (0..test.len()).filter(|&row| kept.as_ref().is_none_or(|kept| kept[row]));
    let pick = |column: &[u32]| rows().map(|row| column[row]).collect::<Vec<_>>();
    let (users, items) = (pick(&test.users), pick(&test.items));
    let truth = if relevance.is_graded {
        let ratings = test.require(Role::Rating, "--graded")?;
        let grades: Vec<f64> = rows().map(|row| ratings[row]).collect();
        let n_zero = grades.iter().filter(|&&grade| grade == 0.0).count();
        if n_zero > 0 {
            let message = format!("{n_zero} rows have grade 0: they gain nothing but count as relevant");
            notes.push(test.refused(message).to_string());
        }
        Truth::graded(n_users, &users, &items, &grades).map_err(|error| match error {
            MetricsError::GradeRow { row, grade } => {
                let message = format!("rating {grade} is no grade of relevance; grades are at least 0");
                test.refused_row(rows().nth(row).unwrap_or(row), message)
            }
            error => error.into(),
        })?
    } else {
        Truth::new(n_users, &users, &items)?
    };
    let n_repeated = users.len() - truth.items().n_rows();
    if n_repeated > 0 {
        let message =
            format!("{n_repeated} rows repeat a user and item of another row; each pair counts once");
        notes.push(test.refused(message).to_string());
    }
    Ok(truth)
}

/// Which rows count.
fn rated_at_least(test: &Rows, least: f64, notes: &mut Vec<String>) -> Result<Vec<bool>> {
    let ratings = test.require(Role::Rating, "--min-rating")?;
    let kept: Vec<bool> = ratings.iter().map(|&rating| rating >= least).collect();
    let n_kept = kept.iter().filter(|&&kept| kept).count();
    if n_kept == 0 {
        return Err(test.refused(format!("no rating is at least {least}")));
    }
    notes.push(format!("{n_kept} of {} rows of the ground truth are rated at least {least}", ratings.len()));
    Ok(kept)
}

/// Ratings that say nothing without an option.
fn unused_rating(path: &Path, columns: &ColumnNames) -> Result<Option<String>> {
    let file = ColumnFile::open(path)?;
    // Where two columns could be it there is nothing to say.
    let Ok(Some(rating)) = columns.find(Role::Rating, file.names(), path) else { return Ok(None) };
    let path = path.display();
    Ok(Some(format!(
        "{path}: column {rating:?} is not used, every row is relevant (see --min-rating, --graded)"
    )))
}
