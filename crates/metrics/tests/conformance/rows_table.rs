//! Which metric of rows is which in another library.

use burn_recsys_metrics::pointwise::{
    Accuracy, Auc, ConfusionMatrix, F1, LogLoss, PointwiseMetric, Predictions, Threshold,
};

use super::fixtures::{RowsCase, SKLEARN};
use super::rows::Row;

fn row(
    metric: &'static str,
    library: &'static str,
    name: &'static str,
    value: fn(&RowsCase, usize) -> Option<f64>,
) -> Row {
    Row { metric, library, name, value, note: "", agrees: true }
}

fn measure(metric: impl PointwiseMetric, case: &RowsCase) -> Option<f64> {
    metric.measure(&predictions(case)).unwrap()
}

fn predictions(case: &RowsCase) -> Predictions<'_> {
    Predictions::new(&case.scores, &case.labels).unwrap()
}

fn confusion_matrix(case: &RowsCase) -> ConfusionMatrix {
    ConfusionMatrix::new(&predictions(case), Threshold::default())
}

pub(crate) fn table() -> Vec<Row> {
    vec![
        row("AUC", SKLEARN, "roc_auc_score", |case, _| measure(Auc, case)),
        row("LogLoss", SKLEARN, "log_loss", |case, _| measure(LogLoss, case)),
        row("Accuracy", SKLEARN, "accuracy_score", |case, _| measure(Accuracy::default(), case)),
        row("F1", SKLEARN, "f1_score", |case, _| measure(F1::default(), case)),
        row("precision", SKLEARN, "precision_score", |case, _| confusion_matrix(case).precision()),
        row("recall", SKLEARN, "recall_score", |case, _| confusion_matrix(case).recall()),
    ]
}
