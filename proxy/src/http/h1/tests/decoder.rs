//! Bodies: in every cut the same bytes, the same end, and nothing of what stands behind.

use proptest::prelude::*;

use super::super::decoder::{Decoder, Piece};
use super::super::error::BodyError;
use super::super::framing::Framing;
use super::*;

const NEXT: &[u8] = b"\r\nGET / HTTP/1.1\nA: 1\n\n";

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
    end: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// It is over; this is behind it.
    Over(Vec<u8>),
    More,
    Malformed(&'static str),
}

/// Decodes a body that arrives in pieces.
fn decode(framing: Framing, pieces: &[&[u8]]) -> Told {
    let (mut decoder, mut input) = (Decoder::new(framing), Input::default());
    let mut told = Told { body: Vec::new(), trailers: Vec::new(), end: End::More };
    for piece in pieces {
        input.buffer().extend_from_slice(piece);
        while told.end == End::More {
            match decoder.decode(&mut input) {
                Ok(Piece::Data(data)) => {
                    assert!(!data.is_empty(), "data is never empty");
                    told.body.extend_from_slice(&data);
                }
                Ok(Piece::Trailers(trailers)) => {
                    assert!(decoder.is_done());
                    let text = |value: &http::HeaderValue| value.to_str().expect("ASCII").to_owned();
                    told.trailers =
                        trailers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
                    told.end = End::Over(Vec::new());
                }
                Ok(Piece::End) => {
                    assert!(decoder.is_done());
                    told.end = End::Over(Vec::new());
                }
                Ok(Piece::More) => break,
                Err(BodyError::Malformed(what)) => told.end = End::Malformed(what),
                Err(error) => panic!("{error}"),
            }
        }
    }
    if let End::Over(rest) = &mut told.end {
        *rest = input.bytes().to_vec();
    }
    told
}

fn chunked(bytes: &[u8]) -> Told {
    decode(Framing::Chunked, &[bytes])
}

/// Chunks as somebody may write them, and what they say.
fn written(chunks: &[(Vec<u8>, usize, String)], trailers: &[(String, String)]) -> (Vec<u8>, Told) {
    let (mut bytes, mut body) = (Vec::new(), Vec::new());
    for (data, zeros, extension) in chunks {
        bytes.extend_from_slice(format!("{}{:X}{extension}\r\n", "0".repeat(*zeros), data.len()).as_bytes());
        bytes.extend_from_slice(data);
        bytes.extend_from_slice(b"\r\n");
        body.extend_from_slice(data);
    }
    bytes.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    let end = End::Over(NEXT.to_vec());
    bytes.extend_from_slice(NEXT);
    // A map tells the lines of one name together.
    let mut names: Vec<&String> = trailers.iter().map(|(name, _)| name).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(*name));
    let of = |name: &String| {
        trailers.iter().filter(move |(other, _)| *other == *name).cloned().collect::<Vec<_>>()
    };
    let trailers = names.into_iter().flat_map(of).collect();
    (bytes, Told { body, trailers, end })
}

proptest! {
    #[test]
    fn chunks_say_the_same_however_they_are_written_and_cut(
        chunks in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 1..40), 0..3_usize, "( {0,3}|;a|; b=\"c;d\"|\t;\u{7f}x)"),
            0..12,
        ),
        trailers in prop::collection::vec(("[a-z]{1,5}", "[!-~]{0,8}"), 0..4),
        places in prop::collection::vec(any::<usize>(), 0..10),
    ) {
        let (bytes, told) = written(&chunks, &trailers);
        prop_assert_eq!(&decode(Framing::Chunked, &cut(&bytes, &places)), &told);
        prop_assert_eq!(&decode(Framing::Chunked, &bytes.chunks(1).collect::<Vec<_>>()), &told);
    }

    #[test]
    fn large_chunks_say_the_same_however_they_are_cut(
        sizes in prop::collection::vec(prop::sample::select(vec![1_usize, 7, 4000, 16_383, 16_384, 16_385, 40_000]), 1..12),
        places in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let chunks: Vec<_> =
            sizes.iter().enumerate().map(|(number, size)| (vec![number as u8; *size], 0, String::new())).collect();
        let (bytes, told) = written(&chunks, &[]);
        prop_assert!(decode(Framing::Chunked, &cut(&bytes, &places)) == told);
    }

    #[test]
    fn random_chunks_end_in_the_same_way_in_any_cut(
        bytes in prop::collection::vec(prop::sample::select(b"0015aF;\r\n\r\n x:".to_vec()), 0..40),
        places in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let (whole, pieces) = (chunked(&bytes), decode(Framing::Chunked, &cut(&bytes, &places)));
        prop_assert_eq!(&whole.body, &pieces.body);
        prop_assert_eq!(whole.end, pieces.end);
    }

    #[test]
    fn lengths_are_kept_in_any_cut(size in 0..200_usize, places in prop::collection::vec(any::<usize>(), 0..6)) {
        let bytes = [&vec![b'x'; size], NEXT].concat();
        let told = Told { body: vec![b'x'; size], trailers: Vec::new(), end: End::Over(NEXT.to_vec()) };
        prop_assert_eq!(decode(Framing::Length(size as u64), &cut(&bytes, &places)), told);
    }
}

#[test]
fn chunks_that_two_parsers_could_read_in_two_ways_are_malformed() {
    for body in [
        &b"\r\n"[..],
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\na\r\n0\r\n\r\n",
        b" 1\r\na\r\n0\r\n\r\n",
        b"0x1\r\na\r\n",
        b"1 2\r\na\r\n",
        b"1 a\r\na\r\n",
        b"1\na\r\n0\r\n\r\n",
        b"1\ra\r\n",
        b"1;a\nb\r\na\r\n",
        b"1;a\rb\r\na\r\n",
        b";a\r\na\r\n",
        b"10000000000000000\r\n",
        b"fffffffffffffffff\r\n",
        b"1\r\nab\r\n",
        b"1\r\na\n0\r\n\r\n",
        b"1\r\na\r0\r\n",
        b"2\r\na\r\n0\r\n\r\n",
        b"0\r\n\n",
        b"0\n\r\n",
        b"0\r\nA: 1\n\r\n",
        b"0\r\nA: 1\r\n\n",
        b"0\r\nA : 1\r\n\r\n",
        b"0\r\nA: 1\r\n B\r\n\r\n",
        b"0\r\nA: \x001\r\n\r\n",
        b"0\r\nGET / HTTP/1.1\r\n\r\n",
    ] {
        let told = decode(Framing::Chunked, &[body]);
        assert!(matches!(told.end, End::Malformed(_)), "{:?}: {told:?}", String::from_utf8_lossy(body));
        let bytewise = decode(Framing::Chunked, &body.chunks(1).collect::<Vec<_>>());
        assert_eq!((bytewise.body, bytewise.end), (told.body, told.end));
    }
}

#[test]
fn what_came_before_a_malformed_chunk_is_given_and_the_error_stays() {
    let (mut decoder, mut input) = (Decoder::new(Framing::Chunked), input(b"1\r\na\r\n2\r\nbc\r\nx\r\n"));
    let Ok(Piece::Data(data)) = decoder.decode(&mut input) else { panic!("data comes first") };
    assert_eq!(data, "abc");
    for _ in 0..3 {
        assert!(matches!(decoder.decode(&mut input), Err(BodyError::Malformed(_))));
    }
    assert!(!decoder.is_done());
}

#[test]
fn lines_and_extensions_and_trailers_have_limits_however_they_are_cut() {
    const LIMIT: usize = 16 * 1024;
    let extensions = |count: usize| format!("1;{}\r\na\r\n", "e".repeat(999)).repeat(count) + "0\r\n\r\n";
    let trailers = |size: usize| format!("0\r\na: {}\r\n\r\n", "t".repeat(size - 7));
    for (body, fits) in [
        (format!("{}1\r\na\r\n0\r\n\r\n", "0".repeat(LIMIT - 1)), true),
        (format!("{}1\r\na\r\n0\r\n\r\n", "0".repeat(LIMIT)), false),
        (format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(LIMIT - 2)), true),
        (format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(LIMIT - 1)), false),
        (format!("1{}\r\na\r\n0\r\n\r\n", " ".repeat(LIMIT)), false),
        (extensions(16), true),
        (extensions(17), false),
        // Filled up with space, as some servers do, lines have no extension.
        ("1       \r\na\r\n".repeat(5000) + "0\r\n\r\n", true),
        (trailers(LIMIT), true),
        (trailers(LIMIT + 1), false),
        (format!("0\r\n{}\r\n", "a:b\r\n".repeat(1024)), true),
        (format!("0\r\n{}\r\n", "a:b\r\n".repeat(1025)), false),
    ] {
        let bytes = body.as_bytes();
        for pieces in [vec![bytes], cut(bytes, &[1, 9000, 16_384, 16_389]), bytes.chunks(7).collect()] {
            let end = decode(Framing::Chunked, &pieces).end;
            assert_eq!(matches!(end, End::Over(_)), fits, "{}: {end:?}", &body[..20]);
            assert!(fits || matches!(end, End::Malformed(_)));
        }
    }
}

#[test]
fn an_endless_line_or_endless_trailers_are_not_waited_for() {
    for begin in ["1;", "1 ", "", "0\r\na: ", "0\r\n"] {
        let bytes = [begin.as_bytes(), &[b'0'; 17 * 1024]].concat();
        let end = decode(Framing::Chunked, &bytes.chunks(100).collect::<Vec<_>>()).end;
        assert!(matches!(end, End::Malformed(_)), "{begin:?}: {end:?}");
    }
}

#[test]
fn chunks_that_arrived_together_come_as_one_piece() {
    let pieces = |bytes: &[u8]| {
        let (mut decoder, mut input) = (Decoder::new(Framing::Chunked), input(bytes));
        let mut sizes = Vec::new();
        while let Ok(Piece::Data(data)) = decoder.decode(&mut input) {
            sizes.push(data.len());
        }
        (sizes, decoder.is_done())
    };
    assert_eq!(pieces(b"1\r\na\r\n2\r\nbc\r\n1\r\nd\r\n0\r\n\r\n"), (vec![4], true));
    assert_eq!(pieces(b"1\r\na\r\n2\r\nb"), (vec![2], false));
    let many = "1\r\na\r\n".repeat(20_000);
    assert_eq!(pieces(many.as_bytes()), (vec![16_384, 3616], false));
    let large =
        [format!("{:x}\r\n", 50_000).into_bytes(), vec![b'x'; 50_000], b"\r\n1\r\na\r\n0\r\n\r\n".to_vec()];
    assert_eq!(pieces(&large.concat()), (vec![50_000, 1], true));
    // Trailers come by themselves, behind the data.
    assert_eq!(pieces(b"1\r\na\r\n0\r\nA: 1\r\n\r\n"), (vec![1], true));
}

#[test]
fn the_end_of_the_connection_is_the_end_of_a_body_only_if_that_frames_it() {
    for (framing, bytes, complete) in [
        (Framing::Close, &b""[..], true),
        (Framing::Close, b"ab", true),
        (Framing::Length(2), b"ab", true),
        (Framing::Length(3), b"ab", false),
        (Framing::Length(u64::MAX), b"ab", false),
        (Framing::Chunked, b"", false),
        (Framing::Chunked, b"2\r\nab\r\n", false),
        (Framing::Chunked, b"2\r\nab\r\n0\r\n", false),
        (Framing::Chunked, b"2\r\nab\r\n0\r\n\r\n", true),
        (Framing::None, b"", true),
    ] {
        let (mut decoder, mut input) = (Decoder::new(framing), input(bytes));
        while let Ok(Piece::Data(_)) = decoder.decode(&mut input) {}
        assert_eq!(decoder.close().is_ok(), complete, "{framing:?} {bytes:?}");
        assert_eq!(decoder.is_done(), complete);
    }
}

#[test]
fn what_is_known_of_the_rest_is_told() {
    let mut decoder = Decoder::new(Framing::Length(5));
    assert_eq!((decoder.expected(), decoder.size_hint().exact()), (5, Some(5)));
    assert!(matches!(decoder.decode(&mut input(b"abc")), Ok(Piece::Data(_))));
    assert_eq!((decoder.expected(), decoder.size_hint().exact(), decoder.is_done()), (2, Some(2), false));
    for framing in [Framing::Chunked, Framing::Close] {
        assert_eq!(Decoder::new(framing).size_hint().exact(), None);
    }
    let mut decoder = Decoder::new(Framing::Chunked);
    assert!(matches!(decoder.decode(&mut input(b"ff\r\nabc")), Ok(Piece::Data(_))));
    assert_eq!(decoder.expected(), 252);
    assert!(Decoder::new(Framing::None).is_done() && Decoder::new(Framing::Length(0)).is_done());
}
