//! Answers as a table: RFC 4180, in UTF-8 with a byte order mark, as spreadsheets want it.
//!
//! What a stranger wrote must stay text when a spreadsheet opens it: a cell that begins like a formula gets an
//! apostrophe in front (OWASP, "CSV Injection").

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Rows under a header line.
pub(super) struct Table {
    /// The file's name without its ending.
    pub(super) name: &'static str,
    pub(super) header: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
}

impl IntoResponse for Table {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"onepixel-{}.csv\"", self.name)),
            (header::CACHE_CONTROL, "no-store".to_owned()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ];
        (headers, self.text()).into_response()
    }
}

impl Table {
    fn text(&self) -> String {
        let mut out = String::from("\u{feff}");
        line(&mut out, self.header.iter().copied());
        for row in &self.rows {
            line(&mut out, row.iter().map(String::as_str));
        }
        out
    }
}

fn line<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, text) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        cell(out, text);
    }
    out.push_str("\r\n");
}

fn cell(out: &mut String, text: &str) {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains(['"', ',', '\n', '\r']) {
        out.push('"');
        out.push_str(guard);
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(guard);
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_what_they_are_and_never_become_formulas() {
        fn check(text: &str, expected: &str) {
            let mut out = String::new();
            cell(&mut out, text);
            assert_eq!(out, expected, "{text:?}");
        }
        check("", "");
        check("plain text", "plain text");
        check("a,b", "\"a,b\"");
        check("say \"hi\"", "\"say \"\"hi\"\"\"");
        check("two\nlines", "\"two\nlines\"");
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\tx", "'\tx");
        check("\rx", "\"'\rx\"");
        check("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        check("a=1", "a=1");
    }

    #[test]
    fn a_table_has_a_header_line_and_ends_each_line_as_the_standard_says() {
        let table =
            Table { name: "top", header: &["value", "events"], rows: vec![vec!["é".into(), "2".into()]] };
        assert_eq!(table.text(), "\u{feff}value,events\r\né,2\r\n");
    }
}
