//! Models in a protocol.

use burn::tensor::Device;
use burn_recsys_data::Csr;
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_training::protocol::{Epochs, Protocol, ProtocolModel, choose};

const N_ITEMS: u32 = 200;
const N_GROUPS: u32 = 10;

/// Users who have met 16 of the 20 items of their group; three of them are to be found.
fn groups(n_users: u32) -> Protocol {
    let of_group = N_ITEMS / N_GROUPS;
    let (train, test): (Vec<Vec<u32>>, Vec<Vec<u32>>) = (0..n_users)
        .map(|user| {
            let order = Random::new(1, Stream::Synthetic, user.into()).permutation(of_group);
            let items = |part: &[u32]| {
                let mut items: Vec<u32> = part.iter().map(|item| item * N_GROUPS + user % N_GROUPS).collect();
                items.sort_unstable();
                items
            };
            (items(&order[..13]), items(&order[13..16]))
        })
        .unzip();
    Protocol::full_ranking(Csr::from_rows(train), &Csr::from_rows(test), N_ITEMS as usize).unwrap()
}

fn ndcg(protocol: &Protocol, model: ProtocolModel) -> f64 {
    let contender = model.contender(&Device::default());
    let validation = protocol.hold_out(1).unwrap();
    let choice = choose(contender.as_ref(), validation.as_ref(), 20, 1, &mut |_| ()).unwrap();
    let epochs = choice.n_epochs.map_or(Epochs::Configured, Epochs::Exactly);
    let scorer = contender.fit(choice.candidate, protocol.train_part(), 1, epochs).unwrap();
    let report = protocol.evaluate(scorer.as_ref(), 20).unwrap().report;
    report.summary("NDCG@20").unwrap().value.unwrap()
}

#[test]
fn few_users_with_plain_tastes_are_understood() {
    let protocol = groups(150);
    let popular = ndcg(&protocol, ProtocolModel::Popular);
    for model in [ProtocolModel::ItemKnn, ProtocolModel::TwoTower, ProtocolModel::SimpleX] {
        let ndcg = ndcg(&protocol, model);
        assert!(ndcg > 4.0 * popular && ndcg > 0.3, "{model}: {ndcg}, popular {popular}");
    }
}
