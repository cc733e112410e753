//! The names in a query.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

/// What a query names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Series.
    pub(crate) series: BTreeSet<String>,
    /// Labels, in selectors and in lists.
    pub(crate) labels: BTreeSet<String>,
}

/// Words that are followed by a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Words between operands.
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// The names in a query that parses; strings, numbers, ranges and functions are left out.
pub(crate) fn names(query: &str) -> Names {
    let mut names = Names::default();
    let mut signs = query.chars().peekable();
    let (mut selector, mut list, mut awaited) = (false, false, false);
    while let Some(sign) = signs.next() {
        match sign {
            '"' => skip_until(&mut signs, '"'),
            '#' => skip_until(&mut signs, '\n'),
            '[' => skip_until(&mut signs, ']'),
            '{' => selector = true,
            '}' => selector = false,
            '(' => (list, awaited) = (awaited, false),
            ')' => list = false,
            _ if sign.is_ascii_digit() => drop(word(sign, &mut signs)),
            _ if sign.is_ascii_alphabetic() || sign == '_' => {
                let word = word(sign, &mut signs);
                if selector || list {
                    names.labels.insert(word);
                } else if LISTS.contains(&word.as_str()) {
                    awaited = true;
                } else if !WORDS.contains(&word.as_str()) && !calls(&signs) {
                    names.series.insert(word);
                }
            }
            _ => {}
        }
    }
    names
}

fn skip_until(signs: &mut Peekable<Chars<'_>>, end: char) {
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => drop(signs.next()),
            _ if sign == end => return,
            _ => {}
        }
    }
}

fn word(first: char, signs: &mut Peekable<Chars<'_>>) -> String {
    let mut word = String::from(first);
    while let Some(sign) =
        signs.next_if(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | ':' | '.'))
    {
        word.push(sign);
    }
    word
}

/// Whether the word before was a function, or an operator such as `sum` with its list of labels before the operand.
fn calls(signs: &Peekable<Chars<'_>>) -> bool {
    let rest: String = signs.clone().collect();
    let rest = rest.trim_start();
    rest.starts_with('(')
        || ["by", "without"]
            .iter()
            .any(|list| rest.strip_prefix(list).is_some_and(|rest| rest.trim_start().starts_with('(')))
}

#[test]
fn names_are_told_from_functions_labels_words_and_strings() {
    let names = names(
        "sum by (tool_name, le) (rate(a_total{pod=\"b\", x!~\"c{}\"}[5m] offset 1h)) > 0 # d\nand on (job) e:f:rate1h unless up == 2e3",
    );
    assert_eq!(names.series.into_iter().collect::<Vec<_>>(), ["a_total", "e:f:rate1h", "up"]);
    assert_eq!(names.labels.into_iter().collect::<Vec<_>>(), ["job", "le", "pod", "tool_name", "x"]);
}
