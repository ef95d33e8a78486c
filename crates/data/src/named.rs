//! Data sets known by name: where they come from, how they are checked, where they are kept.
