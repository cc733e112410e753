//! What a query asks for.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

/// What a query names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Series, each time that one is named.
    pub(crate) selectors: Vec<Selector>,
    /// Labels, in selectors and in lists.
    pub(crate) labels: BTreeSet<String>,
}

/// A series and what its labels must be.
#[derive(Debug, PartialEq)]
pub(crate) struct Selector {
    /// Its name.
    pub(crate) series: String,
    /// Label, operator, value.
    pub(crate) matchers: Vec<[String; 3]>,
}

/// Words that are followed by a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Words between operands.
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// What a query that parses names; numbers, ranges and functions are left out.
pub(crate) fn names(query: &str) -> Names {
    let mut names = Names::default();
    let mut signs = query.chars().peekable();
    let (mut list, mut awaited) = (false, false);
    while let Some(sign) = signs.next() {
        match sign {
            '"' => drop(until(&mut signs, '"')),
            '#' => drop(until(&mut signs, '\n')),
            '[' => drop(until(&mut signs, ']')),
            '(' => (list, awaited) = (awaited, false),
            ')' => list = false,
            _ if sign.is_ascii_digit() => drop(word(sign, &mut signs)),
            _ if sign.is_ascii_alphabetic() || sign == '_' => {
                let word = word(sign, &mut signs);
                if list {
                    names.labels.insert(word);
                } else if LISTS.contains(&word.as_str()) {
                    awaited = true;
                } else if !WORDS.contains(&word.as_str()) && !calls(&signs) {
                    let matchers = signs.next_if_eq(&'{').map_or_else(Vec::new, |_| matchers(&mut signs));
                    names.labels.extend(matchers.iter().map(|[label, ..]| label.clone()));
                    names.selectors.push(Selector { series: word, matchers });
                }
            }
            _ => {}
        }
    }
    names
}

/// What stands before the next `end`, which is passed.
fn until(signs: &mut Peekable<Chars<'_>>, end: char) -> String {
    let mut text = String::new();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => text.extend(signs.next()),
            _ if sign == end => break,
            _ => text.push(sign),
        }
    }
    text
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

/// The matchers up to the end of the selector.
fn matchers(signs: &mut Peekable<Chars<'_>>) -> Vec<[String; 3]> {
    let mut found = Vec::new();
    let (mut label, mut operator) = (String::new(), String::new());
    while let Some(sign) = signs.next() {
        match sign {
            '}' => break,
            '"' => {
                found.push([std::mem::take(&mut label), std::mem::take(&mut operator), until(signs, '"')]);
            }
            '=' | '!' | '~' => operator.push(sign),
            _ if sign.is_ascii_alphanumeric() || sign == '_' => label.push(sign),
            _ => {}
        }
    }
    found
}

/// Whether the word before was a function, or an operator such as `sum` with its list of labels before the operand.
fn calls(signs: &Peekable<Chars<'_>>) -> bool {
    let rest: String = signs.clone().collect();
    let rest = rest.trim_start();
    let list = |word: &str| rest.strip_prefix(word).is_some_and(|rest| rest.trim_start().starts_with('('));
    rest.starts_with('(') || ["by", "without"].iter().any(|word| list(word))
}

#[test]
fn names_are_told_from_functions_labels_words_and_strings() {
    let names = names(
        "sum by (tool_name, le) (rate(a_total{pod=\"b\", x!~\"c{}\"}[5m] offset 1h)) > 0 # d\n\
         and on (job) e:f:rate1h unless up == 2e3",
    );
    let selector = |series: &str, matchers: &[[&str; 3]]| Selector {
        series: series.to_owned(),
        matchers: matchers.iter().map(|parts| parts.map(str::to_owned)).collect(),
    };
    let expected = [
        selector("a_total", &[["pod", "=", "b"], ["x", "!~", "c{}"]]),
        selector("e:f:rate1h", &[]),
        selector("up", &[]),
    ];
    assert_eq!(names.selectors, expected);
    assert_eq!(names.labels.into_iter().collect::<Vec<_>>(), ["job", "le", "pod", "tool_name", "x"]);
}
