//! The parameters of questions as the API's description has them; `asked` reads them, with words of its own for what is
//! wrong.

use onepixel_event::Class;
use onepixel_view::{Dimension, Unit};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// Which events a question is about.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; `asked` reads them")]
pub(in crate::api) struct AskedScope {
    /// Only this site; all without it.
    site: Option<String>,
    /// Received at or after this moment.
    from: Option<i64>,
    /// Received before this moment.
    to: Option<i64>,
    /// Only these classes, with commas between; all without it.
    #[param(inline, style = Form, explode = false)]
    class: Option<Vec<ClassWord>>,
    /// `DIMENSION:VALUE`: the same dimension is or, different ones are and; an empty value means events without one.
    #[param(inline, style = Form, explode = true, max_items = 100)]
    filter: Option<Vec<FilterText>>,
}

/// Which hits a feed shows.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; `asked` reads them")]
pub(in crate::api) struct AskedFeed {
    /// Only this site; all without it.
    site: Option<String>,
    /// Only these classes, with commas between; all without it.
    #[param(inline, style = Form, explode = false)]
    class: Option<Vec<ClassWord>>,
    /// `DIMENSION:VALUE`, as for questions.
    #[param(inline, style = Form, explode = true, max_items = 100)]
    filter: Option<Vec<FilterText>>,
    /// The last hit that is known: the feed begins behind it. Without it, and without `Last-Event-ID`, with what comes.
    after: Option<u64>,
}

/// JSON, or a table for spreadsheets.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; `asked` reads them")]
pub(super) struct Form {
    #[param(inline)]
    format: Option<FormWord>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; `asked` reads them")]
pub(super) struct AskedSeries {
    #[param(inline)]
    unit: Unit,
    /// A name of the IANA database, such as Europe/Berlin; UTC without it.
    zone: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; `asked` reads them")]
pub(super) struct AskedRanking {
    #[param(inline)]
    dimension: DimensionWord,
    #[param(inline)]
    order: Option<OrderWord>,
    #[param(default = 10, maximum = 1000)]
    limit: Option<u32>,
    /// Rows before the first one shown.
    #[param(default = 0)]
    offset: Option<u32>,
    /// Only values that hold this text, in any case.
    search: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; `asked` reads them")]
pub(super) struct AskedProperties {
    /// Only events of this name; all without it.
    event: Option<String>,
    /// Values of each property.
    #[param(default = 10, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; `asked` reads them")]
pub(super) struct AskedPage {
    #[param(default = 50, maximum = 500)]
    limit: Option<u32>,
    /// Only events below this offset: the next page.
    before: Option<u64>,
}

/// Declares words as a schema of their own.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $schema:expr;)+) => {$(
        $(#[$doc])*
        pub(in crate::api) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

words! {
    /// One dimension to rank by.
    DimensionWord: one_of(Dimension::ALL.iter().map(|dimension| dimension.as_str()));
    /// One class.
    ClassWord: one_of(Class::ALL.iter().map(|class| class.as_str()));
    /// What to rank by.
    OrderWord: one_of(["views", "visitors", "events"]);
    /// The form of an answer.
    FormWord: one_of(["json", "csv"]);
    /// On or off.
    Switch: one_of(["0", "1"]);
    /// One filter.
    FilterText: ObjectBuilder::new().schema_type(Type::String).pattern(Some(filter_pattern()));
}

fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

fn filter_pattern() -> String {
    let names: Vec<&str> = Dimension::ALL
        .iter()
        .filter(|dimension| dimension.is_filter())
        .map(|dimension| dimension.as_str())
        .collect();
    format!("^({}):", names.join("|"))
}
