//! Accidental hits against pair-by-pair comparison.

use burn_recsys_data::{AccidentalHits, Candidates, Csr};
use proptest::prelude::*;

#[test]
fn in_batch_the_own_positive_is_no_hit_but_its_repetitions_are() {
    let (users, positives) = ([0, 1, 0], [4, 5, 4]);
    let batch = Candidates::InBatch { extra: &[6, 5] };
    let (x, o) = (true, false);
    // Columns: 4 5 4, then 6 5.
    let same = AccidentalHits::same_item().mask(&users, &positives, batch);
    assert_eq!(same, [[o, o, x, o, o], [o, o, o, o, x], [x, o, o, o, o]].concat());
    let met = AccidentalHits::met_items(Csr::from_rows([vec![4, 6], vec![4, 5]])).unwrap();
    let met = met.mask(&users, &positives, batch);
    assert_eq!(met, [[o, o, x, x, o], [x, o, x, o, x], [x, o, o, x, o]].concat());
}

#[test]
fn empty_batches_have_empty_masks() {
    let hits = AccidentalHits::same_item();
    assert!(hits.mask(&[], &[], Candidates::Shared(&[1, 2])).is_empty());
    assert!(hits.mask(&[], &[], Candidates::PerRow(&[])).is_empty());
    assert!(hits.mask(&[], &[], Candidates::InBatch { extra: &[1] }).is_empty());
    assert!(hits.mask(&[0], &[1], Candidates::Shared(&[])).is_empty());
    assert!(hits.mask(&[0], &[1], Candidates::PerRow(&[])).is_empty());
}

#[test]
#[should_panic(expected = "5 candidates cannot be divided among 2 rows")]
fn candidates_per_row_must_be_as_many_in_every_row() {
    AccidentalHits::same_item().mask(&[0, 1], &[2, 3], Candidates::PerRow(&[1; 5]));
}

#[test]
#[should_panic(expected = "1 users but 2 positives")]
fn every_row_has_a_user() {
    AccidentalHits::same_item().mask(&[0], &[2, 3], Candidates::Shared(&[1]));
}

#[test]
fn unsorted_positives_are_refused() {
    let error = AccidentalHits::met_items(Csr::from_rows([vec![2, 1]])).unwrap_err().to_string();
    assert_eq!(error, "positives: the items of user index 0 are not ascending and unique");
}

proptest! {
    #[test]
    fn masks_are_those_of_every_pair(
        met in prop::collection::vec(prop::collection::btree_set(0u32..12, 0..12), 5),
        rows in prop::collection::vec((0u32..5, 0u32..12), 0..8),
        items in prop::collection::vec(0u32..12, 0..30),
    ) {
        let (users, positives): (Vec<u32>, Vec<u32>) = rows.iter().copied().unzip();
        let by_user = Csr::from_rows(met.iter().map(|items| items.iter().copied().collect::<Vec<_>>()));
        let n_per_row = items.len() / rows.len().max(1);
        let per_row = &items[..n_per_row * rows.len()];
        for with_met in [false, true] {
            let hits = if with_met {
                AccidentalHits::met_items(by_user.clone()).unwrap()
            } else {
                AccidentalHits::same_item()
            };
            let is_hit = |row: usize, item: u32| {
                let (user, positive) = rows[row];
                item == positive || (with_met && met[user as usize].contains(&item))
            };
            let each_row = |items: &[u32]| -> Vec<bool> {
                (0..rows.len()).flat_map(|row| items.iter().map(move |&item| (row, item)))
                    .map(|(row, item)| is_hit(row, item)).collect()
            };
            prop_assert_eq!(hits.mask(&users, &positives, Candidates::Shared(&items)), each_row(&items));
            let columns = [&positives[..], &items[..]].concat();
            let mut expected = each_row(&columns);
            (0..rows.len()).for_each(|row| expected[row * columns.len() + row] = false);
            prop_assert_eq!(hits.mask(&users, &positives, Candidates::InBatch { extra: &items }), expected);
            let expected: Vec<bool> =
                per_row.iter().enumerate().map(|(place, &item)| is_hit(place / n_per_row, item)).collect();
            prop_assert_eq!(hits.mask(&users, &positives, Candidates::PerRow(per_row)), expected);
        }
    }
}
