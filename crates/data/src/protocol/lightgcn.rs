//! The files of LightGCN and NGCF.

use std::path::Path;

use super::text::TextFile;
use crate::{Csr, IdMap, Result};

/// A training and a test part, as He et al. published them with "LightGCN: Simplifying and Powering Graph
/// Convolution Network for Recommendation", SIGIR 2020.
///
/// Two files, `train.txt` and `test.txt`, hold a user and that user's items on every line: whole numbers
/// with white space between them. A line may hold a user alone, a user may have several lines, and an item
/// that a part holds twice for a user counts once. Ids need not be dense: users and items get indices in
/// the order of their ids, those of both files together.
#[derive(Debug, Clone, PartialEq)]
pub struct LightGcn {
    /// The ids of users.
    pub users: IdMap,
    /// The ids of items.
    pub items: IdMap,
    /// For every user the items of the training part, ascending and unique.
    pub train: Csr,
    /// For every user the items of the test part, ascending and unique; most often some users have none.
    pub test: Csr,
    /// How many pairs were left out because the part has them already.
    pub n_repeated: usize,
}

impl LightGcn {
    /// Reads `train.txt` and `test.txt` of a folder.
    ///
    /// Needs about 30 bytes of memory for every pair, and the larger file as it is.
    ///
    /// # Errors
    /// If a file cannot be read, a field is not a whole number, a part has no pair, or a pair is in both
    /// parts. Messages name file and line.
    pub fn read(folder: &Path) -> Result<Self> {
        let [train, test] = ["train.txt", "test.txt"].map(|name| Pairs::read(&folder.join(name)));
        let (train, test) = (train?, test?);
        let users = IdMap::from_integers(train.users.iter().chain(&test.users).copied());
        let items = IdMap::from_integers(train.items.iter().chain(&test.items).copied());
        let n_pairs = train.items.len() + test.items.len();
        let test_path = folder.join("test.txt");
        let [train, test] = [train, test].map(|pairs| pairs.by_user(&users, &items));
        refuse_overlap(&test_path, &train, &test, &users, &items)?;
        let n_repeated = n_pairs - train.n_values() - test.n_values();
        Ok(LightGcn { users, items, train, test, n_repeated })
    }
}

/// What a file holds.
struct Pairs {
    /// The user of every line.
    users: Vec<i64>,
    /// `ends[line]` is where the items of a line end in `items`.
    ends: Vec<usize>,
    items: Vec<i64>,
}

impl Pairs {
    fn read(path: &Path) -> Result<Self> {
        let file = TextFile::read(path.to_path_buf())?;
        let mut pairs = Pairs { users: Vec::new(), ends: Vec::new(), items: Vec::new() };
        for line in file.lines() {
            let mut fields = line.fields();
            // A line that is not blank has a first field.
            let Some(user) = fields.next() else { continue };
            pairs.users.push(line.id("user", user)?);
            for item in fields {
                pairs.items.push(line.id("item", item)?);
            }
            pairs.ends.push(pairs.items.len());
        }
        if pairs.items.is_empty() {
            return Err(file.refuse("holds no pair of a user and an item; a line is a user and then items"));
        }
        super::ncf::refuse_too_many(&file, pairs.items.len())?;
        Ok(pairs)
    }

    fn by_user(self, users: &IdMap, items: &IdMap) -> Csr {
        let mut rows = Vec::with_capacity(self.items.len());
        for (line, &user) in self.users.iter().enumerate() {
            // Every id was put into the maps.
            rows.resize(self.ends[line], users.index_of_integer(user).unwrap_or(0));
        }
        let item = |&item: &i64| items.index_of_integer(item).unwrap_or(0);
        Csr::group(users.len(), &rows, self.items.iter().map(item)).sorted_unique()
    }
}

fn refuse_overlap(path: &Path, train: &Csr, test: &Csr, users: &IdMap, items: &IdMap) -> Result<()> {
    let overlap = (0..).zip(train.rows().zip(test.rows())).find_map(|(user, (train, test))| {
        let item = test.iter().find(|item| train.binary_search(item).is_ok())?;
        users.external(user).zip(items.external(*item))
    });
    let Some((user, item)) = overlap else { return Ok(()) };
    let file = TextFile::read(path.to_path_buf())?;
    let (user, item) = (user.to_string(), item.to_string());
    let message = format!(
        "item {item} of user {user} is in train.txt too: a score on it would be worthless; take it out of \
         one of the files"
    );
    let is_id = |field: Option<&[u8]>, id: &str| field.is_some_and(|field| has_id(field, id));
    let line = file.lines().find(|line| {
        let mut fields = line.fields();
        is_id(fields.next(), &user) && fields.any(|field| has_id(field, &item))
    });
    Err(line.map_or_else(|| file.refuse(message.clone()), |line| line.refuse(message.clone())))
}

/// Whether a field is the id, with or without zeros before it.
fn has_id(field: &[u8], id: &str) -> bool {
    let digits = |text: &[u8]| text.iter().position(|&byte| byte != b'0').map(|first| text[first..].to_vec());
    digits(field) == digits(id.as_bytes())
}
