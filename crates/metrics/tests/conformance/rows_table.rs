//! Which metric of rows is which in another library.

use burn_recsys_metrics::pointwise::{
    Accuracy, Auc, AveragePrecision, BalancedAccuracy, Brier, ConfusionMatrix, ExpectedCalibrationError, F1,
    GroupWeight, GroupedAuc, LogLoss, Mae, MatthewsCorrelation, NormalizedEntropy, PartialAuc,
    PointwiseMetric, Predictions, RatingErrors, RatingMetric, ReliabilityBin, Rmse, Threshold,
};

use super::fixtures::{RECBOLE, RowsCase, SKLEARN};
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

fn partial_auc(case: &RowsCase, max_false_positive_rate: f64) -> Option<f64> {
    measure(PartialAuc::new(max_false_positive_rate).unwrap(), case)
}

fn grouped_auc(case: &RowsCase, weight: GroupWeight) -> Option<f64> {
    measure(GroupedAuc::new(case.users.clone()).with_weight(weight), case)
}

fn bin(ece: ExpectedCalibrationError, case: &RowsCase, number: usize) -> Option<ReliabilityBin> {
    ece.bins(&predictions(case)).unwrap().get(number).copied()
}

fn rating(metric: impl RatingMetric, case: &RowsCase) -> Option<f64> {
    metric.measure(&RatingErrors::new(&case.ratings, &case.targets).unwrap())
}

pub(crate) fn table() -> Vec<Row> {
    [classification(), calibration(), ratings()].into_iter().flatten().collect()
}

fn classification() -> Vec<Row> {
    vec![
        row("AUC", SKLEARN, "roc_auc_score", |case, _| measure(Auc, case)),
        row("PartialAUC(0.05)", SKLEARN, "roc_auc_score(max_fpr=0.05)", |case, _| partial_auc(case, 0.05)),
        row("PartialAUC(0.1)", SKLEARN, "roc_auc_score(max_fpr=0.1)", |case, _| partial_auc(case, 0.1)),
        row("PartialAUC(0.3)", SKLEARN, "roc_auc_score(max_fpr=0.3)", |case, _| partial_auc(case, 0.3)),
        row("PartialAUC(1)", SKLEARN, "roc_auc_score(max_fpr=1.0)", |case, _| partial_auc(case, 1.0)),
        row("GAUC", SKLEARN, "roc_auc_score by user, weighted by rows", |case, _| {
            grouped_auc(case, GroupWeight::Rows)
        }),
        row("GAUC(positives)", RECBOLE, "gauc", |case, _| grouped_auc(case, GroupWeight::Positives)),
        row("AveragePrecision", SKLEARN, "average_precision_score", |case, _| {
            measure(AveragePrecision, case)
        }),
        row("Accuracy", SKLEARN, "accuracy_score", |case, _| measure(Accuracy::default(), case)),
        row("BalancedAccuracy", SKLEARN, "balanced_accuracy_score", |case, _| {
            measure(BalancedAccuracy::default(), case)
        }),
        row("F1", SKLEARN, "f1_score", |case, _| measure(F1::default(), case)),
        row("MCC", SKLEARN, "matthews_corrcoef", |case, _| {
            measure(MatthewsCorrelation::default(), case).or(Some(0.0))
        })
        .note("undefined where a class is missing among labels or predictions; scikit-learn gives 0"),
        row("F0.5 of the confusion matrix", SKLEARN, "fbeta_score(beta=0.5)", |case, _| {
            confusion_matrix(case).f_beta(0.5).unwrap()
        }),
        row("specificity", SKLEARN, "recall_score(pos_label=0)", |case, _| {
            confusion_matrix(case).specificity()
        }),
        row("precision", SKLEARN, "precision_score", |case, _| confusion_matrix(case).precision()),
        row("recall", SKLEARN, "recall_score", |case, _| confusion_matrix(case).recall()),
    ]
}

fn calibration() -> Vec<Row> {
    vec![
        row("LogLoss", SKLEARN, "log_loss", |case, _| measure(LogLoss, case)),
        row("NormalizedEntropy", SKLEARN, "log_loss / log_loss of the base rate", |case, _| {
            measure(NormalizedEntropy, case)
        }),
        row("ECE", SKLEARN, "calibration_curve(uniform), weighted by rows", |case, _| {
            measure(ExpectedCalibrationError::default(), case)
        }),
        row("Brier", SKLEARN, "brier_score_loss", |case, _| measure(Brier, case)),
        row(
            "ECE: share of positives by bin",
            SKLEARN,
            "calibration_curve(uniform) prob_true",
            |case, number| Some(of_width(case, number)?.share_of_positives),
        ),
        row(
            "ECE: mean probability by bin",
            SKLEARN,
            "calibration_curve(uniform) prob_pred",
            |case, number| Some(of_width(case, number)?.mean_probability),
        ),
        row(
            "ECE: share of positives by bin",
            SKLEARN,
            "calibration_curve(uniform) prob_true, scores at bounds",
            |case, number| Some(of_width(case, number)?.share_of_positives),
        )
        .differs(AT_BOUNDS),
        row(
            "ECE: mean probability by bin",
            SKLEARN,
            "calibration_curve(uniform) prob_pred, scores at bounds",
            |case, number| Some(of_width(case, number)?.mean_probability),
        )
        .differs(AT_BOUNDS),
        row(
            "ECE(equal mass): share of positives by bin",
            SKLEARN,
            "calibration_curve(quantile) prob_true",
            |case, number| Some(of_mass(case, number)?.share_of_positives),
        ),
        row(
            "ECE(equal mass): mean probability by bin",
            SKLEARN,
            "calibration_curve(quantile) prob_pred",
            |case, number| Some(of_mass(case, number)?.mean_probability),
        ),
    ]
}

const AT_BOUNDS: &str =
    "scikit-learn puts a score at the bound of two bins into the lower one, we into the upper";

fn of_width(case: &RowsCase, number: usize) -> Option<ReliabilityBin> {
    bin(ExpectedCalibrationError::default(), case, number)
}

fn of_mass(case: &RowsCase, number: usize) -> Option<ReliabilityBin> {
    bin(ExpectedCalibrationError::default().with_equal_mass(), case, number)
}

fn ratings() -> Vec<Row> {
    vec![
        row("RMSE", SKLEARN, "root_mean_squared_error", |case, _| rating(Rmse, case)),
        row("MAE", SKLEARN, "mean_absolute_error", |case, _| rating(Mae, case)),
    ]
}
