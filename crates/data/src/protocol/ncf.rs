//! The files of neural collaborative filtering.

use std::path::Path;

use super::text::{Line, TextFile};
use crate::{Csr, Error, IdMap, Result};

/// A leave-one-out split with sampled negatives, as He et al. published them with "Neural Collaborative
/// Filtering", WWW 2017.
///
/// - `NAME.train.rating`: a line has user, item, rating and, if known, a timestamp. Rows with a rating
///   of 0 or less are not interactions, as in the original script; a pair that is repeated counts once.
/// - `NAME.test.rating`: the same, one line a user: the item to find.
/// - `NAME.test.negative`: the same users in the same order: `(user,item)`, then the negatives, 99 in the
///   published files.
///
/// A user's candidates are a set. Where the negatives hold the item to find, as those of 156 users of the
/// published ml-1m do, it is one candidate and not two: so does the original script.
///
/// Users and items get indices in the order of their ids, those of all three files together.
#[derive(Debug, Clone, PartialEq)]
pub struct Ncf {
    /// The ids of users.
    pub users: IdMap,
    /// The ids of items.
    pub items: IdMap,
    /// For every user the items of the training part, ascending and unique.
    pub train: Csr,
    /// For every user the item of the last training row: that of the greatest timestamp, among equals the
    /// one that stands last in the file.
    pub last: Vec<Option<u32>>,
    /// Whom and what to test, ascending by user.
    pub test: NcfTest,
    /// How many training rows were left out because the pair was there already.
    pub n_repeated: usize,
}

/// The test part of [`Ncf`].
#[derive(Debug, Clone, PartialEq)]
pub struct NcfTest {
    /// The users, ascending.
    pub users: Vec<u32>,
    /// For each of `users` the item to find.
    pub positives: Vec<u32>,
    /// For each of `users` the items to rank, ascending and unique; the positive is among them.
    pub candidates: Csr,
    /// How many users have the positive among the negatives.
    pub n_positive_among_negatives: usize,
}

impl Ncf {
    /// Reads the three files of a data set of a folder.
    ///
    /// Memory grows with the files: about 50 bytes for every training row.
    ///
    /// # Errors
    /// If a file cannot be read, a line is not as described, the lines of the two test files do not belong
    /// together, lines differ in their number of fields or negatives as those of a file that was cut off
    /// do, a user has two test rows, a positive is in the training part, or a part is empty. Messages name
    /// file and line.
    pub fn read(folder: &Path, name: &str) -> Result<Self> {
        let file = |part: &str| TextFile::read(folder.join(format!("{name}.{part}")));
        let train = Ratings::read(&file("train.rating")?)?;
        let (test_file, negative_file) = (file("test.rating")?, file("test.negative")?);
        let (test, tests) = (Ratings::read(&test_file)?, Negatives::read(&negative_file)?);
        refuse_mismatch(&test_file, &test, &negative_file, &tests)?;
        let users = IdMap::from_integers(train.users.iter().chain(&test.users).copied());
        let all = train.items.iter().chain(&test.items).chain(&tests.negatives);
        let items = IdMap::from_integers(all.copied());
        // Every id was put into the maps.
        let user_index = |id: i64| users.index_of_integer(id).unwrap_or(0);
        let item_index = |id: i64| items.index_of_integer(id).unwrap_or(0);

        let rows: Vec<u32> = train.users.iter().map(|&id| user_index(id)).collect();
        let mut last: Vec<Option<(f64, u32)>> = vec![None; users.len()];
        for ((&user, &item), &time) in rows.iter().zip(&train.items).zip(&train.timestamps) {
            let best = &mut last[user as usize];
            if best.is_none_or(|(latest, _)| time >= latest) {
                *best = Some((time, item_index(item)));
            }
        }
        let last = last.into_iter().map(|best| best.map(|(_, item)| item)).collect();
        let n_rows = rows.len();
        let grouped = Csr::group(users.len(), &rows, train.items.iter().map(|&id| item_index(id)));
        let train = grouped.sorted_unique();
        let n_repeated = n_rows - train.n_values();

        let mut order: Vec<usize> = (0..test.users.len()).collect();
        order.sort_by_key(|&row| test.users[row]);
        let twice = order.windows(2).find(|pair| test.users[pair[0]] == test.users[pair[1]]);
        if let Some(pair) = twice {
            let [first, second] = [pair[0], pair[1]].map(|row| test.lines[row]);
            let user = test.users[pair[0]];
            let message = format!("user {user} has a test row on line {first} too; a user has one");
            return Err(Error::Line { path: test_file.path().into(), line: second, message });
        }
        let test_users: Vec<u32> = order.iter().map(|&row| user_index(test.users[row])).collect();
        let positives: Vec<u32> = order.iter().map(|&row| item_index(test.items[row])).collect();
        for ((&row, &user), &positive) in order.iter().zip(&test_users).zip(&positives) {
            if train.row(user).binary_search(&positive).is_ok() {
                let (user, item) = (test.users[row], test.items[row]);
                let message = format!(
                    "item {item} of user {user} is in the training part too: a score on it would be worthless"
                );
                return Err(Error::Line { path: test_file.path().into(), line: test.lines[row], message });
            }
        }
        let mut n_positive_among_negatives = 0;
        let rows = order.iter().zip(&positives).map(|(&row, &positive)| {
            let negatives = tests.of(row).iter().map(|&id| item_index(id));
            let mut candidates: Vec<u32> = negatives.chain([positive]).collect();
            n_positive_among_negatives += usize::from(candidates[..candidates.len() - 1].contains(&positive));
            candidates.sort_unstable();
            candidates
        });
        let candidates = Csr::from_rows(rows).sorted_unique();
        let test = NcfTest { users: test_users, positives, candidates, n_positive_among_negatives };
        Ok(Ncf { users, items, train, last, test, n_repeated })
    }
}

/// The interactions of a file of ratings.
struct Ratings {
    users: Vec<i64>,
    items: Vec<i64>,
    /// 0 where none is given. Whole seconds are exact in them.
    timestamps: Vec<f64>,
    /// Counted from 1.
    lines: Vec<u64>,
}

impl Ratings {
    fn read(file: &TextFile) -> Result<Self> {
        let mut rows =
            Ratings { users: Vec::new(), items: Vec::new(), timestamps: Vec::new(), lines: Vec::new() };
        let mut first: Option<(u64, usize)> = None;
        for line in file.lines() {
            let fields: Vec<&[u8]> = line.fields().collect();
            let (first_line, n_fields) = *first.get_or_insert((line.number, fields.len()));
            let (Some(&user), Some(&item), Some(&rating), 3..=4) =
                (fields.first(), fields.get(1), fields.get(2), fields.len())
            else {
                let found = fields.len();
                return Err(line.refuse(format!(
                    "{found} fields; a line has user, item, rating and perhaps a timestamp"
                )));
            };
            if fields.len() != n_fields {
                return Err(line.refuse(format!(
                    "{} fields, but line {first_line} has {n_fields}; the file may have been cut off",
                    fields.len()
                )));
            }
            let (user, item) = (line.id("user", user)?, line.id("item", item)?);
            let rating = line.number("rating", rating)?;
            let time = fields.get(3).map(|field| line.number("timestamp", field)).transpose()?;
            if rating > 0.0 {
                rows.users.push(user);
                rows.items.push(item);
                rows.timestamps.push(time.unwrap_or(0.0));
                rows.lines.push(line.number);
            }
        }
        if rows.users.is_empty() {
            return Err(file.refuse("holds no row with a rating above 0"));
        }
        refuse_too_many(file, rows.users.len())?;
        Ok(rows)
    }
}

/// Rows are counted in 32 bits.
pub(super) fn refuse_too_many(file: &TextFile, n: usize) -> Result<()> {
    match u32::try_from(n) {
        Ok(_) => Ok(()),
        Err(_) => Err(file.refuse(format!("holds {n} pairs; at most {} can be read", u32::MAX))),
    }
}

/// The lines of a file of negatives.
struct Negatives {
    pairs: Vec<(i64, i64)>,
    lines: Vec<u64>,
    /// The negatives of all lines; every line has equally many.
    negatives: Vec<i64>,
    per_line: usize,
}

impl Negatives {
    fn read(file: &TextFile) -> Result<Self> {
        let mut read = Negatives { pairs: Vec::new(), lines: Vec::new(), negatives: Vec::new(), per_line: 0 };
        for line in file.lines() {
            let mut fields = line.fields();
            read.pairs.push(pair(line, fields.next().unwrap_or_default())?);
            read.lines.push(line.number);
            let before = read.negatives.len();
            for field in fields {
                read.negatives.push(line.id("negative", field)?);
            }
            let found = read.negatives.len() - before;
            if read.lines.len() == 1 {
                read.per_line = found;
            }
            if found == 0 {
                return Err(line.refuse("holds no negative; they follow the pair"));
            }
            if found != read.per_line {
                return Err(line.refuse(format!(
                    "{found} negatives, but line {} has {}; the file may have been cut off",
                    read.lines[0], read.per_line
                )));
            }
        }
        if read.pairs.is_empty() {
            return Err(file.refuse("holds no line"));
        }
        Ok(read)
    }

    fn of(&self, row: usize) -> &[i64] {
        &self.negatives[row * self.per_line..(row + 1) * self.per_line]
    }
}

/// `(user,item)`.
fn pair(line: Line<'_>, field: &[u8]) -> Result<(i64, i64)> {
    let inner = field.strip_prefix(b"(").and_then(|field| field.strip_suffix(b")"));
    let Some((inner, comma)) = inner.and_then(|inner| Some((inner, inner.iter().position(|&b| b == b',')?)))
    else {
        return Err(line.refuse("does not begin with a pair such as (0,25)"));
    };
    Ok((line.id("user", &inner[..comma])?, line.id("item", &inner[comma + 1..])?))
}

/// Line by line both test files must speak of the same pair.
fn refuse_mismatch(
    test_file: &TextFile,
    test: &Ratings,
    negative_file: &TextFile,
    negatives: &Negatives,
) -> Result<()> {
    let pairs = test.users.iter().copied().zip(test.items.iter().copied());
    for (row, (expected, &found)) in pairs.zip(&negatives.pairs).enumerate() {
        if expected != found {
            return Err(Error::Line {
                path: negative_file.path().into(),
                line: negatives.lines[row],
                message: format!(
                    "user {} and item {}, but {} line {} has user {} and item {}; the files do not belong \
                     together",
                    found.0,
                    found.1,
                    test_file.path().display(),
                    test.lines[row],
                    expected.0,
                    expected.1
                ),
            });
        }
    }
    let (n_tests, n_negatives) = (test.users.len(), negatives.pairs.len());
    if n_tests != n_negatives {
        let (file, lines) = match n_tests < n_negatives {
            true => (negative_file, &negatives.lines),
            false => (test_file, &test.lines),
        };
        return Err(Error::Line {
            path: file.path().into(),
            line: lines[n_tests.min(n_negatives)],
            message: format!(
                "{} has {n_tests} lines and {} has {n_negatives}; the files do not belong together, or one \
                 was cut off",
                test_file.path().display(),
                negative_file.path().display()
            ),
        });
    }
    Ok(())
}
