//! Tests of the baselines through their public interface.
