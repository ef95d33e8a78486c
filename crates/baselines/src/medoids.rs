//! Items that represent the interests of a history.

use burn_recsys_data::graph::ItemGraph;

use crate::recent::WeightedItem;

/// At most `n` of `items` (most recent first): the medoid of each cluster, which weighs as much as the items
/// of its cluster together (Pal et al. 2020, "PinnerSage: multi-modal user embedding framework for
/// recommendations at Pinterest", sections 3.2 to 3.4).
///
/// Clusters are those of Ward (1963, "Hierarchical grouping to optimize an objective function"): the two
/// whose union raises the sum of squared distances to the means least are merged, until `n` are left. The
/// squared distance of two items is 2 - 2 cos of their rows in the graph: that of the rows scaled to length
/// 1. Ties go to the more recent items. Takes time with the cube of the number of items.
pub(crate) fn medoids(graph: &ItemGraph, items: &[WeightedItem], n: usize) -> Vec<WeightedItem> {
    let n_items = items.len();
    if n_items <= n {
        return items.to_vec();
    }
    let distances = squared_distances(graph, items);
    let mut clusters: Vec<Vec<usize>> = (0..n_items).map(|position| vec![position]).collect();
    let mut between = distances.clone();
    while clusters.len() > n {
        let (a, b) = nearest(&between);
        merge(&mut between, &clusters, a, b);
        let merged = clusters.remove(b);
        clusters[a].extend(merged);
    }
    let mut medoids: Vec<(usize, f32)> = clusters
        .into_iter()
        .map(|mut cluster| {
            cluster.sort_unstable();
            let sum = |position: usize| cluster.iter().map(|&other| distances[position][other]).sum::<f64>();
            let closer = |&best: &usize, &other: &usize| if sum(other) < sum(best) { other } else { best };
            let weight = cluster.iter().map(|&position| items[position].weight).sum();
            (cluster.iter().copied().reduce(|best, other| closer(&best, &other)).unwrap_or_default(), weight)
        })
        .collect();
    medoids.sort_unstable_by_key(|&(position, _)| position);
    medoids
        .into_iter()
        .map(|(position, weight)| WeightedItem { item: items[position].item, weight })
        .collect()
}

/// The first pair of all with the smallest distance, the lower one first.
fn nearest(between: &[Vec<f64>]) -> (usize, usize) {
    let mut best = (0, 1);
    for (a, row) in between.iter().enumerate() {
        for (b, &distance) in row.iter().enumerate().skip(a + 1) {
            if distance < between[best.0][best.1] {
                best = (a, b);
            }
        }
    }
    best
}

/// Makes `a` the union of clusters `a` and `b`, and removes `b` (Lance and Williams 1967, "A general theory
/// of classificatory sorting strategies").
fn merge(between: &mut Vec<Vec<f64>>, clusters: &[Vec<usize>], a: usize, b: usize) {
    let size = |cluster: usize| clusters[cluster].len() as f64;
    for other in (0..clusters.len()).filter(|&other| other != a && other != b) {
        let distance = (size(a) + size(other)) * between[a][other]
            + (size(b) + size(other)) * between[b][other]
            - size(other) * between[a][b];
        let distance = distance / (size(a) + size(b) + size(other));
        (between[a][other], between[other][a]) = (distance, distance);
    }
    between.remove(b);
    between.iter_mut().for_each(|row| {
        row.remove(b);
    });
}

fn squared_distances(graph: &ItemGraph, items: &[WeightedItem]) -> Vec<Vec<f64>> {
    let norms: Vec<f64> = items.iter().map(|a| dot(graph, a.item, a.item).sqrt()).collect();
    let distance = |a: usize, b: usize| {
        if a == b {
            return 0.0;
        }
        let norms = norms[a] * norms[b];
        // An item without neighbours is like no other.
        let cosine = if norms > 0.0 { dot(graph, items[a].item, items[b].item) / norms } else { 0.0 };
        2.0 - 2.0 * cosine
    };
    (0..items.len()).map(|a| (0..items.len()).map(|b| distance(a, b)).collect()).collect()
}

/// The inner product of the rows of two nodes.
fn dot(graph: &ItemGraph, a: u32, b: u32) -> f64 {
    let row = |node| graph.neighbours(node).iter().zip(graph.weights(node));
    let mut others = row(b).peekable();
    let mut sum = 0.0;
    for (target, &weight) in row(a) {
        while others.next_if(|other| other.0 < target).is_some() {}
        if let Some((_, &other)) = others.next_if(|other| other.0 == target) {
            sum += f64::from(weight) * f64::from(other);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_data::graph::Edge;

    #[test]
    fn every_interest_has_its_medoid() {
        // Items 0 to 2 lead to 6 and 7, items 3 and 4 to 8, item 5 nowhere. 1 lies between 0 and 2.
        let edges = [(0, 6, 1.0), (1, 6, 1.0), (1, 7, 1.0), (2, 7, 1.0), (3, 8, 2.0), (4, 8, 1.0)];
        let edges = edges.map(|(source, target, weight)| Edge { source, target, weight });
        let (graph, _) = ItemGraph::from_edges(9, &edges).unwrap();
        let weighted = |item, weight| WeightedItem { item, weight };
        let items = [2, 3, 5, 0, 4, 1].map(|item| weighted(item, 1.0));
        // {0, 1, 2}, {3, 4}, {5}: of 3 and 4, which are equal, the more recent.
        let expected = [weighted(3, 2.0), weighted(5, 1.0), weighted(1, 3.0)];
        assert_eq!(medoids(&graph, &items, 3), expected);
        assert_eq!(medoids(&graph, &items, 6), items);
        assert_eq!(medoids(&graph, &items, 1).iter().map(|medoid| medoid.weight).sum::<f32>(), 6.0);
        assert_eq!(medoids(&graph, &[], 3), []);
    }

    #[test]
    fn distances_of_clusters_are_those_of_ward() {
        // Three points on a line at 0, 1 and 5: of {0, 1} and 5, 2 * 2 * 1 / 3 times the squared distance of
        // the means 0.5 and 5; of single points 2 * 1 * 1 / 2 times it.
        let points = [0.0f64, 1.0, 5.0];
        let mut between: Vec<Vec<f64>> =
            points.iter().map(|a| points.iter().map(|b| (a - b).powi(2)).collect()).collect();
        assert_eq!(nearest(&between), (0, 1));
        merge(&mut between, &[vec![0], vec![1], vec![2]], 0, 1);
        assert!((between[0][1] - 4.0 / 3.0 * 4.5f64.powi(2)).abs() < 1e-12, "{between:?}");
    }
}
