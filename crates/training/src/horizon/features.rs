//! What both towers read as of a moment.

use burn_recsys_data::past::{HistoryConfig, PastIndex, RecencyConfig, RecencyFeatures};
use burn_recsys_data::{ColumnValues, Csr, FeatureTable, Filter, Interactions};
use burn_recsys_embeddings::JaggedIds;
use burn_recsys_models::{FieldValues, HistoryPooling, TowerField, TowerRows, UNKNOWN};

use super::HorizonConfig;
use crate::{Error, Result};

/// Describes any user and all items as of any moment, from the events strictly before it.
///
/// | users | |
/// |---|---|
/// | activity, recency | of all events and of likes, see [`RecencyFeatures`] |
/// | history | the last items liked |
/// | `liked genres`, ... | for every multi-categorical column of items its categories over the history |
/// | columns | categories and numbers of the feature table |
///
/// | items | |
/// |---|---|
/// | popularity, age, recency | of all events and of likes, over all time and over windows |
/// | id | a vector of its own |
/// | columns | categories and numbers of the feature table |
#[derive(Debug, Clone)]
pub struct HorizonFeatures {
    events: RecencyFeatures,
    likes: RecencyFeatures,
    history: Option<HistoryConfig>,
    history_items: bool,
    /// By name: for every item its categories.
    categories: Vec<Csr>,
    item_ids: bool,
    user_fields: Vec<TowerField>,
    item_fields: Vec<TowerField>,
    /// Values of the feature tables, after those as of a moment.
    user_columns: Vec<FieldValues>,
    item_columns: TowerRows,
}

impl HorizonFeatures {
    /// Takes the rows of `train` as the events of the past; row `u` of `users` describes user index `u`, row `i`
    /// of `items` item index `i`.
    ///
    /// # Errors
    /// If `train` has no timestamps or no likes, a feature table has another number of rows than its id map,
    /// or the configuration is not possible.
    pub fn new(
        train: &Interactions,
        users: &FeatureTable,
        items: &FeatureTable,
        config: &HorizonConfig,
    ) -> Result<Self> {
        config.validate()?;
        for (parameter, table, n) in [("users", users, train.n_users()), ("items", items, train.n_items())] {
            if table.n_rows() != n {
                let message = format!("the feature table has {} rows, the id map {n} ids", table.n_rows());
                return Err(burn_recsys_data::Error::Parameter { parameter, message }.into());
            }
        }
        let liked = match train.ratings() {
            Some(_) => Filter::RatingAtLeast { rating: config.liked_rating }.apply(train)?,
            None => train.clone(),
        };
        let recency = RecencyConfig { windows: config.windows.clone() };
        let events = RecencyFeatures::fit(train, recency.clone())?;
        let likes = RecencyFeatures::fit(&liked, recency)?;

        let dense = |name, of_events: &[String]| TowerField::dense(name, 2 * of_events.len());
        let mut user_fields = vec![dense("activity", events.user_names())];
        let mut item_fields = vec![dense("popularity", events.item_names())];
        let history = (config.max_history > 0).then(|| HistoryConfig::new(config.max_history));
        let mut categories = Vec::new();
        if history.is_some() {
            let pooling = match config.attention {
                true => HistoryPooling::Attention { max_length: config.max_history },
                false => HistoryPooling::Mean,
            };
            let n_items = train.n_items();
            if config.history_items {
                user_fields.push(match config.item_ids {
                    true => TowerField::shared_history("liked", n_items, pooling),
                    false => TowerField::history("liked", n_items, pooling),
                });
            }
            for column in items.columns() {
                if let ColumnValues::MultiCategorical { codes, vocabulary } = &column.values
                    && (1..=config.max_categories).contains(&vocabulary.len())
                {
                    user_fields.push(TowerField::bag(format!("liked {}", column.name), vocabulary.len()));
                    categories.push(codes.clone());
                }
            }
        }
        if config.item_ids {
            item_fields.push(TowerField::id(train.n_items() as u64));
        }
        let n_as_of = item_fields.len();
        let mut user_columns = Vec::new();
        if config.user_columns {
            add_columns(users, config.max_categories, &mut user_fields, &mut user_columns)?;
        }
        let mut item_columns = Vec::new();
        add_columns(items, config.max_categories, &mut item_fields, &mut item_columns)?;
        Ok(HorizonFeatures {
            events,
            likes,
            history,
            history_items: config.history_items,
            categories,
            item_ids: config.item_ids,
            user_fields,
            item_columns: TowerRows::new(&item_fields[n_as_of..], item_columns)?,
            item_fields,
            user_columns,
        })
    }

    /// The fields of [`users`](Self::users).
    pub fn user_fields(&self) -> &[TowerField] {
        &self.user_fields
    }

    /// The fields of [`items`](Self::items).
    pub fn item_fields(&self) -> &[TowerField] {
        &self.item_fields
    }

    /// All events.
    pub fn events(&self) -> &PastIndex {
        self.events.index()
    }

    /// The events that are likes.
    pub fn likes(&self) -> &PastIndex {
        self.likes.index()
    }

    /// What was known of `users` before `moment`.
    ///
    /// # Errors
    /// If a user is not known.
    pub fn users(&self, users: &[u32], moment: i64) -> Result<TowerRows> {
        let moments = vec![moment; users.len()];
        let (events, likes) = (self.events.users(users, &moments)?, self.likes.users(users, &moments)?);
        let mut values = vec![FieldValues::Dense(side_by_side(events, likes, users.len()))];
        if let Some(history) = &self.history {
            let histories = self.likes.index().histories(users, &moments, history)?;
            if self.history_items {
                values.push(FieldValues::Bags(bags(histories.rows().map(<[u32]>::to_vec))?));
            }
            for categories in &self.categories {
                let of_history = |items: &[u32]| -> Vec<u32> {
                    items.iter().flat_map(|&item| categories.row(item)).copied().collect()
                };
                values.push(FieldValues::Bags(bags(histories.rows().map(of_history))?));
            }
        }
        for column in &self.user_columns {
            values.push(pick(column, users, self.events.index().n_users())?);
        }
        Ok(TowerRows::new(&self.user_fields, values)?)
    }

    /// What was known of all items before `moment`.
    ///
    /// # Errors
    /// If a number is not finite.
    pub fn items(&self, moment: i64) -> Result<TowerRows> {
        let items: Vec<u32> = (0..self.events.index().n_items() as u32).collect();
        let moments = vec![moment; items.len()];
        let (events, likes) = (self.events.items(&items, &moments)?, self.likes.items(&items, &moments)?);
        let mut values = vec![FieldValues::Dense(side_by_side(events, likes, items.len()))];
        if self.item_ids {
            values.push(FieldValues::Ids(items.iter().map(|&item| item.into()).collect()));
        }
        values.extend(self.item_columns.values().iter().cloned());
        Ok(TowerRows::new(&self.item_fields, values)?)
    }
}

/// Two row-major blocks as one.
fn side_by_side(a: Vec<f32>, b: Vec<f32>, n_rows: usize) -> Vec<f32> {
    let rows = n_rows.max(1);
    let (width_a, width_b) = (a.len() / rows, b.len() / rows);
    a.chunks(width_a.max(1)).zip(b.chunks(width_b.max(1))).flat_map(|(a, b)| [a, b].concat()).collect()
}

fn bags(rows: impl Iterator<Item = Vec<u32>>) -> Result<JaggedIds> {
    let rows: Vec<Vec<u32>> = rows.collect();
    JaggedIds::from_bags(&rows).map_err(|error| {
        let message = error.to_string();
        Error::from(burn_recsys_data::Error::Parameter { parameter: "histories", message })
    })
}

/// The rows `rows` of a column.
fn pick(column: &FieldValues, rows: &[u32], n_rows: usize) -> Result<FieldValues> {
    Ok(match column {
        FieldValues::Ids(ids) => FieldValues::Ids(rows.iter().map(|&row| ids[row as usize]).collect()),
        FieldValues::Codes(codes) => {
            FieldValues::Codes(rows.iter().map(|&row| codes[row as usize]).collect())
        }
        FieldValues::Bags(all) => {
            FieldValues::Bags(bags(rows.iter().map(|&row| all.bag(row as usize).to_vec()))?)
        }
        FieldValues::Dense(values) => {
            let width = values.len() / n_rows.max(1);
            let row = |&row: &u32| values[row as usize * width..][..width].iter().copied();
            FieldValues::Dense(rows.iter().flat_map(row).collect())
        }
    })
}

/// Adds what a tower can read of a feature table: numbers minus their mean, divided by their deviation,
/// with a column that is 1 where they are not known.
fn add_columns(
    table: &FeatureTable,
    max_categories: usize,
    fields: &mut Vec<TowerField>,
    values: &mut Vec<FieldValues>,
) -> Result<()> {
    for column in table.columns() {
        let name = column.name.as_str();
        match &column.values {
            ColumnValues::Categorical { codes, vocabulary }
                if (1..=max_categories).contains(&vocabulary.len()) =>
            {
                fields.push(TowerField::categorical(name, vocabulary.len()));
                values.push(FieldValues::Codes(codes.iter().map(|code| code.unwrap_or(UNKNOWN)).collect()));
            }
            ColumnValues::MultiCategorical { codes, vocabulary }
                if (1..=max_categories).contains(&vocabulary.len()) =>
            {
                fields.push(TowerField::bag(name, vocabulary.len()));
                values.push(FieldValues::Bags(bags(codes.rows().map(<[u32]>::to_vec))?));
            }
            ColumnValues::Dense(numbers) => {
                let known: Vec<f64> =
                    numbers.iter().filter(|x| x.is_finite()).map(|&x| f64::from(x)).collect();
                let n = known.len().max(1) as f64;
                let mean = known.iter().sum::<f64>() / n;
                let deviation = (known.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
                let scale = if deviation > 0.0 { deviation } else { 1.0 };
                let standard = |&x: &f32| match x.is_finite() {
                    true => [((f64::from(x) - mean) / scale) as f32, 0.0],
                    false => [0.0, 1.0],
                };
                fields.push(TowerField::dense(name, 2));
                values.push(FieldValues::Dense(numbers.iter().flat_map(standard).collect()));
            }
            _ => {}
        }
    }
    Ok(())
}
