//! Which tensors a file should hold, and the sizes that their shapes agree on.

use super::tensor_file::TensorFile;
use super::{TensorProblem, TorchModel};

/// A size that several tensors share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Tasks,
    User,
    Item,
    Cross,
    UserFeatures,
    ItemFeatures,
    CrossFeatures,
    Users,
    Items,
    Cohorts,
    UserHash,
    Experts,
    /// All vectors side by side: a function of the others.
    TaskInput,
    Batch,
}

/// The key and the shape of a tensor.
pub(super) type Expected = (&'static str, &'static [Size]);

const ESTIMATOR: [Expected; 9] = [
    ("item_id_embedding_arch.weight", &[Size::Items, Size::Item]),
    ("user_features_layer.weight", &[Size::User, Size::UserFeatures]),
    ("user_features_layer.bias", &[Size::User]),
    ("item_features_layer.weight", &[Size::Item, Size::ItemFeatures]),
    ("item_features_layer.bias", &[Size::Item]),
    ("cross_features_layer.weight", &[Size::Cross, Size::CrossFeatures]),
    ("cross_features_layer.bias", &[Size::Cross]),
    ("task_arch.weight", &[Size::Tasks, Size::TaskInput]),
    ("task_arch.bias", &[Size::Tasks]),
];
const USER_TABLE: [Expected; 1] = [("user_id_embedding_arch.weight", &[Size::Users, Size::User])];
const DECODER_OF_HASHES: [Expected; 1] = [("dhe_stack.0.weight", &[Size::User, Size::UserHash])];
const DECODER_OF_COHORTS: [Expected; 1] = [("dhe_stack.0.weight", &[Size::User, Size::User])];
const DECODER: [Expected; 7] = [
    ("dhe_stack.0.bias", &[Size::User]),
    ("dhe_stack.2.weight", &[Size::User, Size::User]),
    ("dhe_stack.2.bias", &[Size::User]),
    ("dhe_stack.4.weight", &[Size::User, Size::User]),
    ("dhe_stack.4.bias", &[Size::User]),
    ("dhe_stack.6.weight", &[Size::User, Size::User]),
    ("dhe_stack.6.bias", &[Size::User]),
];
const COHORTS: [Expected; 3] = [
    ("cohort_embedding_matrix", &[Size::Cohorts, Size::User]),
    ("cohort_addressing_layer.0.weight", &[Size::Cohorts, Size::UserFeatures]),
    ("cohort_addressing_layer.0.bias", &[Size::Cohorts]),
];
const GATE: [Expected; 2] = [
    ("mixture_layer.0.weight", &[Size::Experts, Size::UserFeatures]),
    ("mixture_layer.0.bias", &[Size::Experts]),
];

/// The tensors of a model's state dict.
pub(super) fn of_state_dict(model: TorchModel) -> Vec<Expected> {
    let user: &[&[Expected]] = match model {
        TorchModel::Id => &[&USER_TABLE],
        TorchModel::Dhe => &[&DECODER_OF_HASHES, &DECODER],
        TorchModel::Cohort | TorchModel::CohortTop1 => &[&COHORTS, &DECODER_OF_COHORTS, &DECODER],
        TorchModel::Mixture => &[&USER_TABLE, &COHORTS, &DECODER_OF_COHORTS, &DECODER, &GATE],
    };
    [&ESTIMATOR[..], &user.concat()].concat()
}

/// The sizes of a model, as its weights have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TorchSizes {
    /// The number of tasks.
    pub n_tasks: usize,
    /// The size of a user vector.
    pub d_user: usize,
    /// The size of an item vector.
    pub d_item: usize,
    /// The size of the vector that is made of cross features.
    pub d_cross: usize,
    /// The number of features of a user.
    pub n_user_features: usize,
    /// The number of features of an item.
    pub n_item_features: usize,
    /// The number of features of a user with an item.
    pub n_cross_features: usize,
    /// Rows of the table of items.
    pub n_items: usize,
    /// Rows of the table of users: id and mixture.
    pub n_users: Option<usize>,
    /// The number of cohorts: cohort, cohort-top1 and mixture.
    pub n_cohorts: Option<usize>,
    /// The size of the encoding of a user: dhe.
    pub d_user_hash: Option<usize>,
}

/// What is known of the sizes.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    sizes: Vec<(Size, usize)>,
}

impl Known {
    /// The sizes of a model, for what belongs to it.
    pub(super) fn of_model(sizes: &TorchSizes) -> Self {
        let known = [
            (Size::UserFeatures, Some(sizes.n_user_features)),
            (Size::ItemFeatures, Some(sizes.n_item_features)),
            (Size::CrossFeatures, Some(sizes.n_cross_features)),
            (Size::UserHash, sizes.d_user_hash),
        ];
        Known { sizes: known.into_iter().filter_map(|(size, value)| Some((size, value?))).collect() }
    }

    /// Adds the sizes that the shapes in the file agree on.
    ///
    /// Where they do not, the most frequent value holds, then the first: so one tensor of the wrong
    /// shape is named, and not all those that disagree with it.
    pub(super) fn read(&mut self, file: &TensorFile, expected: &[Expected]) {
        let mut votes: Vec<(Size, usize)> = Vec::new();
        for (key, shape) in expected {
            let Some(entry) = file.get(key) else { continue };
            if entry.shape.len() == shape.len() {
                votes.extend(shape.iter().copied().zip(entry.shape.iter().copied()));
            }
        }
        self.elect(&votes);
        // The width of the cross features is also what is left of the input of the heads.
        if let (Some(user), Some(item)) = (self.get(Size::User), self.get(Size::Item)) {
            let others = user.saturating_add(item).saturating_mul(2);
            let rest = votes.iter().filter(|vote| vote.0 == Size::TaskInput);
            let rest = rest.filter_map(|vote| Some((Size::Cross, vote.1.checked_sub(others)?)));
            let votes: Vec<_> =
                votes.iter().copied().filter(|vote| vote.0 == Size::Cross).chain(rest).collect();
            self.sizes.retain(|known| known.0 != Size::Cross);
            self.elect(&votes);
        }
    }

    /// Makes the most frequent value of each size known, unless it is; the first of equally frequent.
    fn elect(&mut self, votes: &[(Size, usize)]) {
        for &(size, _) in votes {
            if self.get(size).is_some() {
                continue;
            }
            let count = |value| votes.iter().filter(|&&vote| vote == (size, value)).count();
            let values = votes.iter().filter(|vote| vote.0 == size).map(|vote| vote.1);
            // The last of the largest, so from the end.
            if let Some(value) = values.rev().max_by_key(|&value| count(value)) {
                self.sizes.push((size, value));
            }
        }
    }

    pub(super) fn get(&self, size: Size) -> Option<usize> {
        match size {
            Size::Experts => Some(2),
            Size::TaskInput => {
                let [user, item, cross] = [Size::User, Size::Item, Size::Cross].map(|size| self.get(size));
                user?.checked_add(item?)?.checked_mul(2)?.checked_add(cross?)
            }
            size => self.sizes.iter().find(|known| known.0 == size).map(|known| known.1),
        }
    }

    /// What is wrong with the shapes of the tensors that are expected, the absent ones included.
    pub(super) fn problems(&self, file: &TensorFile, expected: &[Expected]) -> Vec<TensorProblem> {
        let problem = |&(key, shape): &Expected| {
            let key = key.to_owned();
            let Some(entry) = file.get(&key) else {
                return Some(TensorProblem::Missing { key, expected: self.shown(shape) });
            };
            let found = entry.shape.clone();
            let fits = found.len() == shape.len()
                && found
                    .iter()
                    .zip(shape)
                    .all(|(&found, &size)| self.get(size).is_none_or(|size| size == found));
            if !fits {
                return Some(TensorProblem::Shape { key, expected: self.shown(shape), found });
            }
            if found.contains(&0) {
                return Some(TensorProblem::Empty { key, found });
            }
            let is_table = matches!(shape[0], Size::Users | Size::Items);
            (is_table && i32::try_from(found[0]).is_err())
                .then_some(TensorProblem::TooManyRows { key, found })
        };
        expected.iter().filter_map(problem).collect()
    }

    /// A shape with numbers where they are known and names where they are not.
    fn shown(&self, shape: &[Size]) -> String {
        let sizes = shape.iter().map(|&size| match self.get(size) {
            Some(value) => value.to_string(),
            None => size.name().to_owned(),
        });
        format!("[{}]", sizes.collect::<Vec<_>>().join(", "))
    }

    /// All sizes of a model; nothing if one is not known.
    pub(super) fn of_state_dict(&self) -> Option<TorchSizes> {
        Some(TorchSizes {
            n_tasks: self.get(Size::Tasks)?,
            d_user: self.get(Size::User)?,
            d_item: self.get(Size::Item)?,
            d_cross: self.get(Size::Cross)?,
            n_user_features: self.get(Size::UserFeatures)?,
            n_item_features: self.get(Size::ItemFeatures)?,
            n_cross_features: self.get(Size::CrossFeatures)?,
            n_items: self.get(Size::Items)?,
            n_users: self.get(Size::Users),
            n_cohorts: self.get(Size::Cohorts),
            d_user_hash: self.get(Size::UserHash),
        })
    }
}

impl Size {
    fn name(self) -> &'static str {
        match self {
            Size::Tasks => "n_tasks",
            Size::User => "d_user",
            Size::Item => "d_item",
            Size::Cross => "d_cross",
            Size::UserFeatures => "n_user_features",
            Size::ItemFeatures => "n_item_features",
            Size::CrossFeatures => "n_cross_features",
            Size::Users => "n_users",
            Size::Items => "n_items",
            Size::Cohorts => "n_cohorts",
            Size::UserHash => "d_user_hash",
            Size::Experts => "2",
            Size::TaskInput => "2 d_user + 2 d_item + d_cross",
            Size::Batch => "batch",
        }
    }
}
