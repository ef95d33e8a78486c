//! Answers over HTTP from a folder that training wrote.
