//! The live view as the dashboard knows it: questions, answers, and the port [`View`] that a store implements.
//!
//! Read in this order: `dimension` and `question` (what is asked), `answer` (what is told), `capabilities` (what a
//! store can tell), `port` (the trait), `grid` (the points of a series, the same for every store).
//!
//! Knows no store, no HTTP and no stream. Whatever a store cannot answer it declares, and refuses in words.

mod answer;
mod capabilities;
mod dimension;
mod error;
mod grid;
pub mod limits;
mod port;
mod question;

pub use answer::{
    ClassCount, Overview, Point, Property, PropertyValue, Ranked, RecentEvent, Series, SiteCount, Sums, Top,
};
pub use capabilities::Capabilities;
pub use dimension::{ClassSet, Dimension};
pub use error::QueryError;
pub use grid::{Grid, Unit};
pub use port::{Answer, View};
pub use question::{Filter, Page, Query, Ranking, TopOrder};
