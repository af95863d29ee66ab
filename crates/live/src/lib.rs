//! The sink and the store behind the dashboard (SQLite).
