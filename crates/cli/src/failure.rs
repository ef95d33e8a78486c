//! Why a command failed, and the exit code of that.

use std::path::PathBuf;

use burn_recsys_evaluation::Error as EvaluationError;
use burn_recsys_metrics::Error as MetricsError;
use burn_recsys_serve::Error as ServeError;
use burn_recsys_training::Error as TrainingError;

/// An error of any command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Training(#[from] TrainingError),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// A report cannot be written to its path.
    #[error("{}: {message}", path.display())]
    Report { path: PathBuf, message: String },
    /// `--fail-on-leak` found one.
    #[error("the training part holds what it must not know: {found}")]
    Leak { found: String },
}

impl Failure {
    /// 2 for what the caller wrote, as clap does; 130 for Ctrl-C, as shells do; 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Training(
                TrainingError::Config { .. }
                | TrainingError::ConfigFile { .. }
                | TrainingError::Device(_)
                | TrainingError::Serve(ServeError::Option { .. }),
            )
            | Failure::Report { .. }
            | Failure::Evaluation(
                EvaluationError::Parameter { .. } | EvaluationError::Metrics(MetricsError::Parameter { .. }),
            ) => 2,
            Failure::Training(TrainingError::Stopped { .. }) => 130,
            _ => 1,
        }
    }
}
