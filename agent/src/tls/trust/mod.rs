//! Puts our authority where clients look for it, without touching the application.
