//! The limits of questions and answers, the same for every store, each with its reason.

/// Values of all filters of one question.
pub const FILTERS_MAX: usize = 100;
/// Rows in one answer of `top`: what a table shows, with room for an export.
pub const TOP_ROWS_MAX: usize = 1_000;
/// Events in one answer of `recent`.
pub const RECENT_ROWS_MAX: usize = 500;
/// Keys in one answer of `properties`; one event has at most 64.
pub const PROPERTIES_MAX: usize = 100;
/// Sites in one answer of `sites`: a list to choose from.
pub const SITES_MAX: usize = 1_000;
/// Points of one series: more than a screen has columns for.
pub const SERIES_POINTS_MAX: usize = 2_000;
