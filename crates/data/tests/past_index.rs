//! The index of the past against a filter over all events, and leaks that must be refused.

use std::sync::Arc;

use burn_recsys_data::past::{HistoryConfig, PastEvents, PastIndex, RecencyConfig, RecencyFeatures};
use burn_recsys_data::{Csr, Error, Interaction, Interactions};
use proptest::prelude::*;

use crate::tables::{any_rows, bare_table, table, table_among};

const WINDOWS: [u64; 4] = [1, 3, 100, u64::MAX];

/// Seven users and seven items whatever the rows, so that tables of different rows compare.
fn among_seven(rows: &[(i64, i64, f32, i64)]) -> Interactions {
    let ids: Vec<i64> = (0..7).collect();
    table_among(rows, &ids, &ids)
}

/// The events before a moment, in time order, then input order.
fn before(table: &Interactions, moment: i64, keep: impl Fn(&Interaction) -> bool) -> Vec<Interaction> {
    let mut events: Vec<Interaction> = (0..table.len()).map(|row| table.get(row)).collect();
    events.retain(|event| event.timestamp.unwrap() < moment && keep(event));
    events.sort_by_key(|event| event.timestamp);
    events
}

fn since(moment: i64, event: Option<&Interaction>) -> Option<u64> {
    event.map(|event| moment.abs_diff(event.timestamp.unwrap()))
}

fn recent(events: &[Interaction], moment: i64, window: u64) -> u32 {
    events.iter().filter(|event| moment.abs_diff(event.timestamp.unwrap()) <= window).count() as u32
}

/// Every answer of the index as of `moment`, as text that differs when a bit does.
fn answers(table: &Interactions, scales: &RecencyFeatures, moment: i64) -> String {
    let index = PastIndex::new(table).unwrap();
    let all: Vec<u32> = (0..7).collect();
    let moments = [moment; 7];
    let histories = |config: HistoryConfig| index.histories(&all, &moments, &config).unwrap();
    let columns = scales.clone().with_events(table).unwrap();
    let bits = |block: Vec<f32>| block.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    format!(
        "{:?}",
        (
            all.iter().map(|&user| index.user(user, moment)).collect::<Vec<_>>(),
            all.iter().map(|&item| index.item(item, moment)).collect::<Vec<_>>(),
            [histories(HistoryConfig::new(3)), histories(HistoryConfig::new(2).with_min_rating(3.0))],
            (index.events_before(moment), WINDOWS.map(|window| index.recent_events(moment, window))),
            bits(columns.users(&all, &moments).unwrap()),
            bits(columns.items(&all, &moments).unwrap()),
        )
    )
}

proptest! {
    #[test]
    fn answers_are_those_of_a_filter(rows in any_rows(), max_length in 0usize..5, least in 1u8..=5) {
        let table = among_seven(&rows);
        let index = PastIndex::new(&table).unwrap();
        prop_assert_eq!((index.n_users(), index.n_items(), index.n_events()), (7, 7, rows.len()));
        for moment in (-4..13).chain([i64::MIN, i64::MAX]) {
            for id in 0..7 {
                let events = before(&table, moment, |event| event.user == id);
                let user = index.user(id, moment);
                prop_assert_eq!(user.items().to_vec(), events.iter().map(|e| e.item).collect::<Vec<_>>());
                prop_assert_eq!(
                    user.ratings().unwrap().to_vec(),
                    events.iter().filter_map(|e| e.rating).collect::<Vec<_>>()
                );
                prop_assert_eq!(user.activity() as usize, events.len());
                prop_assert_eq!(user.recency(), since(moment, events.last()));
                for window in WINDOWS {
                    prop_assert_eq!(user.recent_activity(window), recent(&events, moment, window));
                }

                let least = f32::from(least);
                let liked: Vec<u32> = events.iter().filter(|e| e.rating >= Some(least)).map(|e| e.item).collect();
                let config = HistoryConfig::new(max_length);
                let tail = |items: &[u32]| items[items.len().saturating_sub(max_length)..].to_vec();
                let history = |config| index.histories(&[id], &[moment], &config).unwrap().row(0).to_vec();
                prop_assert_eq!(history(config), tail(user.items()));
                prop_assert_eq!(history(config.with_min_rating(least)), tail(&liked));

                let events = before(&table, moment, |event| event.item == id);
                let item = index.item(id, moment);
                prop_assert_eq!(item.popularity() as usize, events.len());
                prop_assert_eq!(item.age(), since(moment, events.first()));
                prop_assert_eq!(item.recency(), since(moment, events.last()));
                for window in WINDOWS {
                    prop_assert_eq!(item.recent_popularity(window), recent(&events, moment, window));
                }
            }
            let events = before(&table, moment, |_| true);
            prop_assert_eq!(index.events_before(moment), events.len());
            for window in WINDOWS {
                prop_assert_eq!(index.recent_events(moment, window), recent(&events, moment, window) as usize);
            }
        }
    }

    /// Events at or after the moment can be added, removed and changed: no bit of any answer differs.
    #[test]
    fn the_future_changes_no_bit(rows in any_rows(), other in any_rows(), moment in -4i64..13) {
        let is_past = |row: &&(i64, i64, f32, i64)| row.3 < moment;
        let past: Vec<_> = rows.iter().filter(is_past).copied().collect();
        // The events of the past in their order, among others that are not past.
        let mut replaced: Vec<_> = other.iter().filter(|row| !is_past(row)).copied().collect();
        let half = replaced.len() / 2;
        replaced.splice(half..half, past.iter().copied());

        let scales = RecencyFeatures::fit(&among_seven(&rows), RecencyConfig { windows: vec![2, 5] }).unwrap();
        let expected = answers(&among_seven(&rows), &scales, moment);
        prop_assert_eq!(&answers(&among_seven(&past), &scales, moment), &expected);
        prop_assert_eq!(&answers(&among_seven(&replaced), &scales, moment), &expected);
        // And what is past does.
        if let Some(n) = replaced.iter().position(|row| is_past(&row)) {
            replaced.remove(n);
            prop_assert_ne!(&answers(&among_seven(&replaced), &scales, moment), &expected);
        }
    }

    /// Evidence that is past passes; the same with any event that is not past is refused, at its row.
    #[test]
    fn a_planted_leak_is_refused(rows in any_rows(), place in any::<prop::sample::Index>(), planted in any::<prop::sample::Index>()) {
        let table = table(&rows);
        let moments = table.timestamps().unwrap();
        let known = |row: usize| (0..table.len() as u32).filter(move |&event| moments[event as usize] < moments[row]);
        let mut evidence: Vec<Vec<u32>> = (0..table.len()).map(|row| known(row).collect()).collect();
        let checked = PastEvents::new(moments, Csr::from_rows(&evidence), &table).unwrap();
        for (items, events) in checked.items().rows().zip(&evidence) {
            let expected: Vec<u32> = events.iter().map(|&event| table.items()[event as usize]).collect();
            prop_assert_eq!(items, &expected[..]);
        }

        let row = place.index(table.len());
        // The row itself is among these.
        let future: Vec<u32> = (0..table.len() as u32).filter(|&event| moments[event as usize] >= moments[row]).collect();
        evidence[row].push(*planted.get(&future));
        match PastEvents::new(moments, Csr::from_rows(&evidence), &table) {
            Err(Error::Leak { row: found, moment, .. }) => prop_assert_eq!((found, moment), (row, moments[row])),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// What the index computes passes its own checks, and what an event that is not past adds does not.
    #[test]
    fn a_leak_without_evidence_is_refused(rows in any_rows(), place in any::<prop::sample::Index>()) {
        let table = table(&rows);
        let (users, items, moments) = (table.users(), table.items(), table.timestamps().unwrap());
        let index = PastIndex::new(&table).unwrap();
        let histories = index.histories(users, moments, &HistoryConfig::new(100)).unwrap();
        prop_assert!(index.check_histories(users, moments, &histories).is_ok());
        let mut counts: Vec<u32> =
            items.iter().zip(moments).map(|(&item, &moment)| index.item(item, moment).popularity()).collect();
        prop_assert!(index.check_popularities(items, moments, &counts).is_ok());

        // The row's own item in its own history, and the item counted at its own time.
        let leaky = place.index(table.len());
        let with_own = histories.rows().enumerate().map(|(row, history)| {
            let own = (row == leaky).then_some(items[row]);
            own.into_iter().chain(history.iter().copied()).collect::<Vec<_>>()
        });
        let with_own = Csr::from_rows(with_own);
        counts[leaky] += 1;
        for result in [
            index.check_histories(users, moments, &with_own),
            index.check_popularities(items, moments, &counts),
        ] {
            match result {
                Err(Error::Leak { row, .. }) => prop_assert_eq!(row, leaky),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

#[test]
fn a_leak_is_named_with_what_to_do() {
    // User 1 meets items 10 and 11 at once, then 12.
    let events = table(&[(1, 10, 5.0, 100), (1, 11, 4.0, 100), (1, 12, 3.0, 200)]);
    let moments = events.timestamps().unwrap();
    let message = |evidence: [&[u32]; 3]| {
        PastEvents::new(moments, Csr::from_rows(evidence), &events).unwrap_err().to_string()
    };
    let remedy = "compute the features of a row from events with a timestamp below the row's own, and not from \
                  the row itself";
    // An event of the same moment, the event itself, a later event.
    for (evidence, row, moment, event, item, timestamp) in [
        ([&[1][..], &[], &[0]], 0, 100, 1, 1, 100),
        ([&[], &[], &[1, 2]], 2, 200, 2, 2, 200),
        ([&[], &[2], &[0]], 1, 100, 2, 2, 200),
    ] {
        assert_eq!(
            message(evidence),
            format!(
                "row {row} knows the future: its moment is {moment}, but event {event} (user index 0, item index \
                 {item}) is of {timestamp}; {remedy}"
            )
        );
    }
    let index = PastIndex::new(&events).unwrap();
    let future = Csr::from_rows([[2u32]]);
    let error = index.check_histories(&[0], &[200], &future).unwrap_err();
    assert!(
        error.to_string().contains("item index 2 more often than the 0 times that user index 0"),
        "{error}"
    );
    let error = index.check_popularities(&[2], &[200], &[1]).unwrap_err();
    assert!(error.to_string().contains("counts 1 events of item index 2, which had 0 before"), "{error}");
}

#[test]
fn nothing_known_is_lawful() {
    // Item id 5 and user id 9 have no event.
    let events = table_among(&[(1, 4, 5.0, 100)], &[9], &[5]);
    let index = PastIndex::new(&events).unwrap();
    for (user, item, moment) in [(1, 1, 1_000), (0, 0, 100), (0, 0, i64::MIN)] {
        let (user, item) = (index.user(user, moment), index.item(item, moment));
        assert_eq!(
            (user.items(), user.timestamps(), user.activity(), user.recency()),
            (&[][..], &[][..], 0, None)
        );
        assert_eq!((item.popularity(), item.age(), item.recency()), (0, None, None));
        assert_eq!(item.recent_popularity(u64::MAX), 0);
    }
    assert_eq!(index.item(0, 101).age(), Some(1));
    let histories = index.histories(&[0, 1, 0], &[100, 500, 101], &HistoryConfig::new(9)).unwrap();
    assert_eq!(histories.rows().collect::<Vec<_>>(), [&[][..], &[], &[0]]);
    // An index of no events answers too.
    let empty = PastIndex::new(&events.retain(|_| false)).unwrap();
    assert_eq!((empty.user(0, 500).activity(), empty.recent_events(500, 9)), (0, 0));

    let features = RecencyFeatures::fit(&events, RecencyConfig { windows: vec![86_400, 90] }).unwrap();
    let names = [
        "log_popularity",
        "log_popularity_1d",
        "log_popularity_90s",
        "log_age",
        "log_recency",
        "no_popularity",
    ];
    assert_eq!(features.item_names(), names);
    // As of the only event nothing was known, so the scales are those of equal numbers.
    assert_eq!(features.items(&[1], &[100]).unwrap(), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(features.users(&[1], &[100]).unwrap(), [0.0, 0.0, 1.0]);
    let known = features.items(&[0], &[101]).unwrap();
    // One of one event: two against one and a half on average.
    assert!((known[0] - (4.0f32 / 3.0).ln()).abs() < 1e-6, "{known:?}");
    assert_eq!(known[5], 0.0);
}

#[test]
fn bad_input_is_named() {
    let message = |result: burn_recsys_data::Result<()>| result.unwrap_err().to_string();
    let bare = bare_table(&[(1, 1)]);
    assert!(message(PastIndex::new(&bare).map(|_| ())).contains("needs timestamps and the events have none"));
    assert!(
        message(PastEvents::new(&[0], Csr::from_rows([[0u32]]), &bare).map(|_| ())).contains("timestamps")
    );
    let config = RecencyConfig::default;
    assert!(message(RecencyFeatures::fit(&bare, config()).map(|_| ())).contains("needs timestamps"));

    let events = table(&[(1, 10, 5.0, 100), (2, 11, 4.0, 200)]);
    let index = PastIndex::new(&events).unwrap();
    let histories = |users: &[u32], moments: &[i64]| {
        message(index.histories(users, moments, &HistoryConfig::new(5)).map(|_| ()))
    };
    assert_eq!(histories(&[0, 1], &[5]), "users: 2 rows, but there are 1 moments");
    assert_eq!(histories(&[0, 2], &[5, 6]), "users: row 1: index 2 but there are 2 ids");
    let one = Csr::from_rows([[0u32]]);
    assert!(message(index.check_histories(&[0, 0], &[5, 5], &one)).contains("1 rows, but there are 2 users"));
    assert!(message(index.check_popularities(&[0], &[5], &[])).contains("0 rows, but there are 1 items"));
    assert!(message(PastEvents::new(&[5, 6], one, &events).map(|_| ())).contains("1 rows, but there are 2"));
    let absent = Csr::from_rows([[2u32]]);
    assert!(
        message(PastEvents::new(&[500], absent, &events).map(|_| ())).contains("event 2, but there are 2")
    );

    let bare = |table: &Interactions| {
        let (users, items) = (Arc::clone(table.user_ids()), Arc::clone(table.item_ids()));
        let timestamps = table.timestamps().map(<[i64]>::to_vec);
        Interactions::new(users, items, table.users().to_vec(), table.items().to_vec(), None, timestamps)
            .unwrap()
    };
    let liked = HistoryConfig::new(5).with_min_rating(4.0);
    let unrated = PastIndex::new(&bare(&events)).unwrap();
    assert!(message(unrated.histories(&[0], &[5], &liked).map(|_| ())).starts_with("min_rating: "));
    assert!(unrated.user(0, 500).ratings().is_none());

    let windows = RecencyConfig { windows: vec![86_400, 0] };
    assert!(message(RecencyFeatures::fit(&events, windows).map(|_| ())).starts_with("windows: "));
    assert!(
        message(RecencyFeatures::fit(&events.retain(|_| false), config()).map(|_| ()))
            .contains("no interactions")
    );
    let features = RecencyFeatures::fit(&events, config()).unwrap();
    assert!(message(features.items(&[2], &[5]).map(|_| ())).contains("index 2 but there are 2 ids"));
    assert!(message(features.users(&[], &[5]).map(|_| ())).contains("0 rows, but there are 1 moments"));
    let other = table(&[(1, 10, 5.0, 100)]);
    assert!(message(features.with_events(&other).map(|_| ())).contains("the training part has 2 and 2"));
}

#[test]
fn answers_do_not_depend_on_the_number_of_threads() {
    let rows: Vec<_> =
        (0..5_000i64).map(|n| (n * 7 % 61, n * n % 97, (n % 5) as f32 + 1.0, n * 13 % 1_009)).collect();
    let table = table(&rows);
    let moments = table.timestamps().unwrap();
    let run = || {
        let features = RecencyFeatures::fit(&table, RecencyConfig { windows: vec![40] }).unwrap();
        let histories = features.index().histories(table.users(), moments, &HistoryConfig::new(7)).unwrap();
        let bits = |block: Vec<f32>| block.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let users = bits(features.users(table.users(), moments).unwrap());
        (histories, users, bits(features.items(table.items(), moments).unwrap()))
    };
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let one = pool(1).install(run);
    assert!([2, 4].iter().all(|&n| pool(n).install(run) == one));
}
