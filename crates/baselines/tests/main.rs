//! Tests of the baselines through their public interface.

mod bpr;
mod preferences;
