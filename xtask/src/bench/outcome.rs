//! What a case came to: a table for people, and JSON for programs.

use serde_json::Value;

/// One case, measured.
pub(super) struct Outcome {
    pub(super) title: String,
    /// The first is the table's head.
    pub(super) rows: Vec<Vec<String>>,
    /// What must be known with the figures.
    pub(super) notes: Vec<String>,
    /// Its `case` is the name.
    pub(super) json: Value,
    /// Whether every request was answered well.
    pub(super) is_clean: bool,
}

impl Outcome {
    pub(super) fn print(&self) {
        println!("\n{}", self.title);
        for line in aligned(&self.rows).iter().chain(&self.notes) {
            println!("{line}");
        }
    }
}

/// The middle value, or the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The first column to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let cell = |(column, text): (usize, &String)| match column {
        0 => format!("{text:<width$}", width = widths[0]),
        _ => format!("  {text:>width$}", width = widths[column]),
    };
    rows.iter().map(|row| row.iter().enumerate().map(cell).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: f64) {
        assert!((median(values.to_vec()) - expected).abs() < 1e-9, "{values:?}");
    }

    #[test]
    fn the_middle_value() {
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 9.0], 3.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn columns_are_aligned() {
        let row = |words: [&str; 2]| words.map(str::to_owned).to_vec();
        assert_eq!(aligned(&[row(["a", "long"]), row(["bcd", "1"])]), ["a    long", "bcd     1"]);
    }
}
