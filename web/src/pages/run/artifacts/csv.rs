//! Reads separated values as RFC 4180 has them; pure.

/// The first rows, and whether there are more. A quote that is never closed takes the rest of the text.
pub(super) fn rows(text: &str, separator: char, most: usize) -> (Vec<Vec<String>>, bool) {
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut value = String::new();
    let mut quoted = false;
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        if quoted {
            match letter {
                '"' if letters.peek() == Some(&'"') => {
                    letters.next();
                    value.push('"');
                }
                '"' => quoted = false,
                other => value.push(other),
            }
            continue;
        }
        match letter {
            '"' if value.is_empty() => quoted = true,
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' => {
                row.push(std::mem::take(&mut value));
                rows.push(std::mem::take(&mut row));
                if rows.len() == most {
                    return (rows, letters.peek().is_some());
                }
            }
            other if other == separator => row.push(std::mem::take(&mut value)),
            other => value.push(other),
        }
    }
    if !value.is_empty() || !row.is_empty() {
        row.push(value);
        rows.push(row);
    }
    (rows, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_protect_separators_and_line_ends() {
        let (rows, more) = rows("a,b\r\n\"x, \"\"y\"\"\nz\",2\n", ',', 10);
        assert_eq!(rows, [vec!["a", "b"], vec!["x, \"y\"\nz", "2"]]);
        assert!(!more);
    }

    #[test]
    fn the_last_row_needs_no_line_end_and_a_long_table_is_cut() {
        assert_eq!(rows("a\tb", '\t', 10).0, [vec!["a", "b"]]);
        assert_eq!(rows("1\n2\n3\n", ',', 2), (vec![vec!["1".to_owned()], vec!["2".to_owned()]], true));
        assert_eq!(rows("", ',', 2), (Vec::new(), false));
    }
}
