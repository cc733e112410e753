//! Tables as text.

use std::fmt;

/// Writes rows under each other: the first column is a name and stands left, the others are figures and stand right.
pub(crate) fn write_rows(out: &mut dyn fmt::Write, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for cells in rows {
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            match column {
                0 => write!(out, "  {cell:<width$}")?,
                _ => write!(out, "  {cell:>width$}")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Leaves out the columns in which no row but the first says anything.
pub(crate) fn without_empty_columns(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let says =
        |column: &usize| rows.iter().skip(1).any(|row| row.get(*column).is_some_and(|cell| cell != NOTHING));
    let kept: Vec<usize> = (0..columns).filter(|column| *column == 0 || says(column)).collect();
    let pick = |row: &Vec<String>| kept.iter().filter_map(|column| row.get(*column).cloned()).collect();
    rows.iter().map(pick).collect()
}

/// What stands where there is no figure.
pub(crate) const NOTHING: &str = "-";

/// A figure with so many digits after the point, or [`NOTHING`].
pub(crate) fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut text = String::new();
        write_rows(&mut text, &rows(&[&["name", "x"], &["a", "1000"], &["a-long-name", "-"]])).unwrap();
        assert_eq!(text, "  name            x\n  a            1000\n  a-long-name     -\n");
    }

    #[test]
    fn columns_without_a_figure_are_left_out() {
        let all = rows(&[&["name", "x", "y"], &["a", "-", "1"], &["b", "-", "-"]]);
        assert_eq!(without_empty_columns(&all), rows(&[&["name", "y"], &["a", "1"], &["b", "-"]]));
        assert_eq!((figure(Some(1.26), 1), figure(None, 1)), ("1.3".to_owned(), "-".to_owned()));
    }
}
