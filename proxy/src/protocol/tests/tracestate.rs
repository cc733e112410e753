//! The cases of the W3C's own test suite (w3c/trace-context `test/`) that are about `tracestate`, and what is ours: the
//! `ot` member.

use super::*;

fn state(values: &[&str]) -> Option<String> {
    TraceState::parse(values.iter().map(|value| value.as_bytes())).map(|state| state.to_string())
}

fn list(text: &str) -> TraceState {
    TraceState::parse([text.as_bytes()]).expect("a valid list")
}

#[test]
fn tracestates_that_count() {
    let signs = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let value: String = (' '..='~').filter(|sign| ![',', '='].contains(sign)).collect();
    let every_sign = [format!("{signs}={value}"), format!("{signs}@a-z0-9_-*/={value}")];
    let long = [
        format!("{}=1", "z".repeat(256)),
        format!("{}@{}=1", "t".repeat(241), "v".repeat(14)),
        format!("{}@v=1", "t".repeat(242)),
        format!("t@{}=1", "v".repeat(15)),
        format!("k={}", "v".repeat(256)),
    ];
    let mut cases: Vec<(Vec<&str>, &str)> = vec![
        (vec![], ""),
        (vec![""], ""),
        (vec![" \t "], ""),
        (vec!["foo=1"], "foo=1"),
        (vec!["foo=1,bar=2"], "foo=1,bar=2"),
        (vec!["foo=1", ""], "foo=1"),
        (vec!["", "foo=1"], "foo=1"),
        (vec!["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        // White space around members, and empty ones.
        (vec!["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (vec!["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        (vec![" foo=1"], "foo=1"),
        (vec!["\tfoo=1"], "foo=1"),
        (vec!["foo=1 "], "foo=1"),
        (vec!["foo=1\t"], "foo=1"),
        (vec!["\t foo=1 \t"], "foo=1"),
        (vec![" foo=1 \t,\tbar=2 , ,,"], "foo=1,bar=2"),
        // A value may begin with a space, and hold them.
        (vec!["foo= a b"], "foo= a b"),
        // Keys of Level 2: digits in front, at signs anywhere but there.
        (vec!["0=1,1a-2@b=2"], "0=1,1a-2@b=2"),
        (vec!["fw529a3039@dt=FfD4,0/_-*@x= v"], "fw529a3039@dt=FfD4,0/_-*@x= v"),
        (vec!["foo@=1,bar=2"], "foo@=1,bar=2"),
        (vec!["foo@@bar=1,bar=2"], "foo@@bar=1,bar=2"),
        (vec!["foo@bar@baz=1,bar=2"], "foo@bar@baz=1,bar=2"),
        // Of equal keys the first one stays; a key that begins like another one is not equal.
        (vec!["foo=1,foo=1"], "foo=1"),
        (vec!["foo=1,foo=2"], "foo=1"),
        (vec!["foo=1", "bar=2,foo=2"], "foo=1,bar=2"),
        (vec!["foo=1,fo=2,fooo=3"], "foo=1,fo=2,fooo=3"),
    ];
    cases.extend(every_sign.iter().chain(&long).map(|text| (vec![text.as_str()], text.as_str())));
    for (values, expected) in cases {
        assert_eq!(state(&values).as_deref(), Some(expected), "{values:?}");
    }
}

#[test]
fn tracestates_that_are_dropped() {
    let long = [format!("foo=1,{}=1", "z".repeat(257)), format!("foo=1,k={}", "v".repeat(257))];
    let cases = [
        "foo",
        "foo=",
        "foo=,bar=3",
        "foo= ",
        "=1",
        "=",
        "foo=bar=baz",
        "FOO=1",
        "Foo=1",
        "foo =1",
        "foo\t=1",
        "foo.bar=1",
        "_a=1",
        "-a=1",
        "*a=1",
        "/a=1",
        "@foo=1,bar=2",
        "f\u{f6}=1",
        "foo=\u{f6}",
        "foo=a\tb",
        "foo=a\u{7f}",
        "foo=a\0",
        "foo=1;bar=2,foo=1",
        &long[0],
        &long[1],
    ];
    for value in cases {
        assert_eq!(state(&[value]), None, "{value}");
        assert_eq!(state(&["fine=1", value]), None, "{value}");
    }
    assert!(TraceState::parse([&b"foo=\xff"[..]]).is_none());
}

#[test]
fn list_of_32_members_counts_and_of_33_does_not() {
    let list =
        |count: usize| (1..=count).map(|at| format!("bar{at:02}={at:02}")).collect::<Vec<_>>().join(",");
    assert_eq!(state(&[&list(32)]), Some(list(32)));
    assert_eq!(state(&[&list(33)]), None);
    assert_eq!(state(&[&list(30), "foo=1", ",,foo2=2, ,"]), Some(format!("{},foo=1,foo2=2", list(30))));
    assert_eq!(state(&[&list(30), "foo=1,foo=2,foo=3"]), None);
}

#[test]
fn long_list_loses_large_members_first_and_then_from_the_right() {
    let large = format!("b={}", "x".repeat(127));
    let cases = [
        (format!("a=1,{large},c=3"), 200, format!("a=1,{large},c=3")),
        (format!("a=1,{large},c=3"), 100, "a=1,c=3".to_owned()),
        (format!("{large},c=3"), 5, "c=3".to_owned()),
        ("a=1,b=2,c=3".to_owned(), 11, "a=1,b=2,c=3".to_owned()),
        ("a=1,b=2,c=3".to_owned(), 10, "a=1,b=2".to_owned()),
        ("a=1,b=2,c=3".to_owned(), 7, "a=1,b=2".to_owned()),
        ("a=1,b=2,c=3".to_owned(), 3, "a=1".to_owned()),
        ("a=1,b=2,c=3".to_owned(), 2, String::new()),
        (String::new(), 0, String::new()),
    ];
    for (before, length, after) in cases {
        let mut state = list(&before);
        state.shorten(length);
        assert_eq!(state.to_string(), after, "{before} to {length}");
        assert!(state.to_string().len() <= length);
    }
}

#[test]
fn list_of_512_characters_is_passed_on_whole() {
    let members = ["a", "b", "c", "d"].map(|key| format!("{key}={}", "x".repeat(125)));
    let text = members.join(",");
    assert_eq!(text.len(), 511);
    let mut state = list(&format!("{text}x"));
    state.shorten(TraceState::LENGTH);
    assert_eq!(state.as_str().len(), 512);
    let mut state = list(&format!("{text}xx"));
    state.shorten(TraceState::LENGTH);
    // The last member has 129 bytes now.
    assert_eq!(state.as_str(), members[..3].join(","));
}

#[test]
fn sub_keys_of_ot_are_read() {
    let threshold = Threshold::of(0.1);
    let random = Randomness::new(0x6e_6d1a_7583_2a2f);
    let cases = [
        ("", None, None),
        ("a=1", None, None),
        ("ot=th:e666", Some(threshold), None),
        ("a=1,ot=rv:6e6d1a75832a2f;th:e666,b=2", Some(threshold), Some(random)),
        ("ot=x:y;;th:e666", Some(threshold), None),
        // The first one counts.
        ("ot=th:e666;th:0", Some(threshold), None),
        // Not in the grammar: not there.
        ("ot=th:;rv:6e6d1a75832a2f", None, Some(random)),
        ("ot=th:e666 ;rv:6e6d1a75832a2", None, None),
        ("ot=th:E666", None, None),
        ("ot=th", None, None),
        ("ot=xth:e666", None, None),
        ("aot=th:e666,ot@a=th:e666", None, None),
        ("ot=TH:e666", None, None),
    ];
    for (text, threshold, random) in cases {
        assert_eq!(list(text).threshold(), threshold, "{text}");
        assert_eq!(list(text).randomness(), random, "{text}");
    }
}

#[test]
fn threshold_is_set_and_taken_out_of_ot() {
    let full = (1..=32).map(|at| format!("k{at}=1")).collect::<Vec<_>>().join(",");
    let cut = full.strip_suffix(",k32=1").expect("the last member").to_owned();
    let all = [
        // (before, with th:e666, without)
        ("", "ot=th:e666", ""),
        ("a=1,b=2", "ot=th:e666,a=1,b=2", "a=1,b=2"),
        ("a=1,ot=th:0,b=2", "ot=th:e666,a=1,b=2", "a=1,b=2"),
        ("a=1,ot=rv:6e6d1a75832a2f", "ot=th:e666;rv:6e6d1a75832a2f,a=1", "a=1,ot=rv:6e6d1a75832a2f"),
        (
            "a=1,ot=rv:6e6d1a75832a2f;th:c;x:y",
            "ot=th:e666;rv:6e6d1a75832a2f;x:y,a=1",
            "ot=rv:6e6d1a75832a2f;x:y,a=1",
        ),
        ("ot=th:c;th:d", "ot=th:e666", ""),
        ("ot=th;b", "ot=th:e666;b", "ot=b"),
        ("ot=x ;th:1", "ot=th:e666;x", "ot=x"),
        ("ot= ;th:1,a=1", "ot=th:e666;,a=1", "a=1"),
        (&full, &format!("ot=th:e666,{cut}"), &full),
    ];
    for (before, with, without) in all {
        let set = list(before).with_threshold(Threshold::of(0.1));
        assert_eq!(set.as_str(), with, "{before}");
        assert_eq!(set.threshold(), Some(Threshold::of(0.1)), "{before}");
        assert_eq!(list(before).without_threshold().as_str(), without, "{before}");
        assert_eq!(list(before).with_threshold(Threshold::NEVER).as_str(), without, "{before}");
        // What is written can be read.
        assert_eq!(list(with).as_str(), with);
    }
    assert_eq!(TraceState::default().with_threshold(Threshold::ALWAYS).as_str(), "ot=th:0");
}

#[test]
fn threshold_that_makes_ot_too_long_is_not_set() {
    let others = |length: usize| format!("x:{}", "y".repeat(length - 2));
    // `th:e666;` has eight bytes.
    let fits = list(&format!("a=1,ot={}", others(248)));
    assert_eq!(fits.with_threshold(Threshold::of(0.1)).as_str(), format!("ot=th:e666;{},a=1", others(248)));
    let long = list(&format!("a=1,ot={}", others(249)));
    assert_eq!(long.with_threshold(Threshold::of(0.1)), long);
    // But a threshold that is not ours does not stay.
    let stale = list(&format!("a=1,ot=th:8;{}", others(249)));
    assert_eq!(stale.with_threshold(Threshold::of(0.1)).as_str(), format!("ot={},a=1", others(249)));
}
