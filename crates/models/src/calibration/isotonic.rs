//! Steps that do not decrease, by pooling adjacent violators.

/// Rows that share a probability.
struct Step {
    /// The lowest logit.
    threshold: f32,
    n_positive: f64,
    n_rows: f64,
}

impl Step {
    fn mean(&self) -> f64 {
        self.n_positive / self.n_rows
    }
}

/// The lowest logit and the probability of each step, both increasing.
pub(super) fn fit(logits: &[f32], labels: &[bool]) -> (Vec<f32>, Vec<f64>) {
    let mut rows: Vec<(f32, bool)> = logits.iter().copied().zip(labels.iter().copied()).collect();
    // 0 and -0 are one logit.
    rows.sort_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
    let mut steps: Vec<Step> = Vec::new();
    for (logit, label) in rows {
        let n_positive = f64::from(u8::from(label));
        match steps.last_mut() {
            // Rows of one logit cannot have two probabilities, in whatever order they come.
            Some(step) if step.threshold == logit => {
                step.n_positive += n_positive;
                step.n_rows += 1.0;
            }
            _ => steps.push(Step { threshold: logit, n_positive, n_rows: 1.0 }),
        }
    }
    let mut pooled: Vec<Step> = Vec::new();
    for mut step in steps {
        while let Some(before) = pooled.pop_if(|before| before.mean() >= step.mean()) {
            step.threshold = before.threshold;
            step.n_positive += before.n_positive;
            step.n_rows += before.n_rows;
        }
        pooled.push(step);
    }
    pooled.iter().map(|step| (step.threshold, step.mean())).unzip()
}
