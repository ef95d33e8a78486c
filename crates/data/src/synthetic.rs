//! Generated data with a known best answer.
