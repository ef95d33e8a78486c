//! One item among candidates, beside a plain count of ranks.

use burn_recsys_baselines::ItemScorer;
use burn_recsys_data::Csr;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_training::{CandidateSet, evaluate_candidates};

use crate::refused;

/// Scores with many ties, by user and item.
struct Tied {
    n_items: usize,
    seed: u64,
}

impl Tied {
    fn of(&self, user: u32, item: u32) -> f32 {
        let at = u64::from(user) * self.n_items as u64 + u64::from(item);
        Random::new(self.seed, Stream::Synthetic, 0).row(at).below(6) as f32
    }
}

impl ItemScorer for Tied {
    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        for (&user, row) in users.iter().zip(scores.chunks_exact_mut(self.n_items)) {
            (0u32..).zip(row).for_each(|(item, score)| *score = self.of(user, item));
        }
    }
}

#[test]
fn ranks_are_those_of_a_plain_count() {
    for seed in 0..20u64 {
        let (n_users, n_items) = (150, 40 + seed as usize);
        let scorer = Tied { n_items, seed };
        let random = Random::new(seed, Stream::Negatives, 1);
        let candidates: Vec<Vec<u32>> = (0..n_users)
            .map(|user| {
                let mut draws = random.row(user);
                let n = 1 + draws.below(30);
                (0..n).map(|_| draws.below(n_items as u32)).collect()
            })
            .collect();
        let candidates = Csr::from_rows(candidates).sorted_unique();
        let users: Vec<u32> = (0..n_users as u32).map(|user| 3 * user + 1).collect();
        let positives: Vec<u32> = candidates.rows().map(|row| row[row.len() / 2]).collect();
        let set = CandidateSet::new(users.clone(), positives.clone(), candidates.clone()).unwrap();
        let k = 1 + seed as usize % 12;
        let report = evaluate_candidates(&scorer, &set, &[k]).unwrap().report;
        let per_user = |label: &str| -> Vec<(u32, Option<f64>)> { report.per_user(label).unwrap().collect() };
        let (hits, gains) = (per_user(&format!("HitRate@{k}")), per_user(&format!("NDCG@{k}")));
        for (row, ((&user, &positive), candidates)) in
            users.iter().zip(&positives).zip(candidates.rows()).enumerate()
        {
            let own = scorer.of(user, positive);
            let is_before = |&&item: &&u32| {
                let score = scorer.of(user, item);
                score > own || (score == own && item < positive)
            };
            let rank = 1 + candidates.iter().filter(is_before).count();
            let hit = if rank <= k { 1.0 } else { 0.0 };
            assert_eq!(hits[row], (user, Some(hit)));
            assert_eq!(gains[row], (user, Some(hit / (rank as f64 + 1.0).log2())));
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_threads() {
    let scorer = Tied { n_items: 500, seed: 3 };
    let users: Vec<u32> = (0..300).collect();
    let rows = users.iter().map(|&user| [user % 7, 100 + user % 11, 400]);
    let set = CandidateSet::new(users.clone(), vec![400; 300], Csr::from_rows(rows)).unwrap();
    let values = [1, 2, 4].map(|n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let evaluation = pool.install(|| evaluate_candidates(&scorer, &set, &[2])).unwrap();
        evaluation.report.summary("NDCG@2").unwrap().value.unwrap().to_bits()
    });
    assert!(values.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let set = |users: &[u32], positives: &[u32], rows: &[&[u32]]| {
        CandidateSet::new(users.to_vec(), positives.to_vec(), Csr::from_rows(rows))
    };
    assert!(refused(set(&[], &[], &[])).contains("no interactions are left"));
    assert!(refused(set(&[1], &[2], &[])).contains("0 rows and 1 positives for 1 users"));
    assert!(refused(set(&[1, 1], &[2, 2], &[&[2], &[2]])).contains("1 comes after 1"));
    assert!(refused(set(&[1], &[2], &[&[3, 2]])).contains("not ascending"));
    assert!(refused(set(&[1], &[2], &[&[3, 4]])).contains("lack the item 2"));
    let scorer = Tied { n_items: 3, seed: 0 };
    let fine = set(&[1], &[2], &[&[0, 2]]).unwrap();
    assert!(refused(evaluate_candidates(&scorer, &fine, &[])).contains("names no cutoff"));
    assert!(refused(evaluate_candidates(&scorer, &fine, &[0])).contains("k: 0"));
    let strange = set(&[1], &[9], &[&[0, 9]]).unwrap();
    assert!(refused(evaluate_candidates(&scorer, &strange, &[1])).contains("not among the 3 items"));
    // A list may be longer than the candidates.
    let all = evaluate_candidates(&scorer, &fine, &[1_000]).unwrap();
    assert_eq!(all.report.summary("HitRate@1000").unwrap().value, Some(1.0));
}
