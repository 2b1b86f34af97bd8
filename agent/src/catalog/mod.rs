//! What is known of tables and views: their columns and definitions.

pub mod file;
