//! Tests of the baselines through their public interface.

mod biased_mf;
mod bpr;
mod logistic_mf;
mod preferences;
