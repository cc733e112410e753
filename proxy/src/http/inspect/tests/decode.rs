//! Every coding, cut at every byte, broken, bloated and short of memory.

use std::sync::Arc;

use super::super::budget::Budget;
use super::super::decode::{Coding, Codings, Decoding};
use super::*;
use crate::exchange::event::NotInspected;

const TEXT: &[u8] =
    br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"one two one two"}]}}"#;

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(64 << 20))
}

fn codings(list: &[Coding]) -> Codings {
    let mut codings = Codings::default();
    assert!(list.iter().all(|coding| codings.push(*coding)));
    codings
}

/// Decodes `pieces` one after the other; gives what came out after each.
fn decode(
    list: &[Coding],
    pieces: &[&[u8]],
    allowance: u64,
    budget: &Arc<Budget>,
) -> Result<Vec<Vec<u8>>, NotInspected> {
    let mut decoding = Decoding::new(codings(list), allowance, budget)?.expect("a coding");
    let mut out = Vec::new();
    for piece in pieces {
        let mut made = Vec::new();
        decoding.feed(piece, &mut |bytes| {
            made.extend_from_slice(bytes);
            Ok(())
        })?;
        out.push(made);
    }
    Ok(out)
}

fn whole(list: &[Coding], pieces: &[&[u8]]) -> Result<Vec<u8>, NotInspected> {
    decode(list, pieces, 1 << 20, &budget()).map(|out| out.concat())
}

fn encoded(coding: Coding, text: &[u8]) -> Vec<u8> {
    encode(coding, &[text]).concat()
}

fn bare_deflate(text: &[u8]) -> Vec<u8> {
    let encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    flushed(encoder, &[text]).concat()
}

/// All kinds of coded bodies of one text.
fn bodies(text: &[u8]) -> Vec<(&'static str, Vec<Coding>, Vec<u8>)> {
    let mut bodies: Vec<_> =
        CODINGS.iter().map(|(name, coding)| (*name, vec![*coding], encoded(*coding, text))).collect();
    bodies.push(("bare deflate", vec![Coding::Deflate], bare_deflate(text)));
    for (name, coding) in CODINGS {
        let stacked = encoded(coding, &encoded(Coding::Gzip, text));
        bodies.push((name, vec![Coding::Gzip, coding], stacked));
    }
    bodies
}

#[test]
fn each_coding_split_at_every_byte_gives_the_same_text() {
    for (name, list, body) in bodies(TEXT) {
        for at in 0..=body.len() {
            let (head, tail) = body.split_at(at);
            assert_eq!(whole(&list, &[head, tail]).as_deref(), Ok(TEXT), "{name} at {at}");
        }
        let bytes: Vec<_> = body.chunks(1).collect();
        assert_eq!(whole(&list, &bytes).as_deref(), Ok(TEXT), "{name} by bytes");
    }
}

#[test]
fn large_texts_come_out_whole() {
    let line = |at: u32| format!("{at} {}\n", at.wrapping_mul(2_654_435_761));
    let text: String = (0..40_000).map(line).collect();
    for (name, list, body) in bodies(text.as_bytes()) {
        for size in [1400, 16 * 1024, usize::MAX] {
            let pieces: Vec<_> = body.chunks(size.min(body.len())).collect();
            let out = whole(&list, &pieces);
            assert!(out.as_deref() == Ok(text.as_bytes()), "{name} in chunks of {size}");
        }
    }
}

#[test]
fn each_flush_point_gives_all_bytes_before_it() {
    let parts: [&[u8]; 3] = [b"data: one\n\n", b"data: two, and some more\n\n", b"data: three\n\n"];
    for (name, coding) in CODINGS {
        let pieces = encode(coding, &parts);
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        let out = decode(&[coding], &pieces, 1 << 20, &budget()).expect("decodes");
        assert_eq!(out[..3], parts.map(<[u8]>::to_vec), "{name}");
    }
}

#[test]
fn gzip_header_with_every_optional_field_is_read_over() {
    let builder = || flate2::GzBuilder::new().mtime(7);
    let builders = [
        builder().extra(*b"xy"),
        builder().extra(*b""),
        builder().filename("a.json"),
        builder().comment("why"),
        builder().extra(*b"xy").filename("a.json").comment("why"),
    ];
    let written = builders.map(|builder| {
        let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(TEXT).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    });
    // No encoder at hand writes a header checksum: put one where it belongs, behind a plain header.
    let mut with_checksum = encoded(Coding::Gzip, TEXT);
    with_checksum[3] = 2;
    with_checksum.splice(10..10, [0xaa, 0xbb]);
    for body in written.iter().chain([&with_checksum]) {
        assert_eq!(whole(&[Coding::Gzip], &[body]).as_deref(), Ok(TEXT), "{:02x?}", &body[..16]);
    }
}

#[test]
fn members_and_frames_may_follow_each_other_and_padding_is_ignored() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let body = [encoded(coding, b"one "), encoded(coding, b"two")].concat();
        assert_eq!(whole(&[coding], &[&body]).as_deref(), Ok(&b"one two"[..]), "{coding:?}");
    }
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli] {
        let body = [encoded(coding, b"one"), vec![0; 20]].concat();
        assert_eq!(whole(&[coding], &[&body, b"more"]).as_deref(), Ok(&b"one"[..]), "{coding:?}");
    }
}

#[test]
fn bytes_that_do_not_decode_are_an_encoding_failure() {
    let zstd_window_of_16_mib = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70, 0x01, 0x00, 0x00];
    let brotli_large_window = [0x11, 0x1e, 0x03];
    let broken_gzip = {
        let mut body = encoded(Coding::Gzip, TEXT);
        body[10] = 0xff;
        body
    };
    let cases: &[(Coding, &[u8])] = &[
        (Coding::Gzip, b"{\"jsonrpc\":\"2.0\"}"),
        (Coding::Gzip, &[0x1f, 0x8b, 0x07]),
        (Coding::Gzip, &[0x1f, 0x8b, 0x08, 0xe0]),
        (Coding::Gzip, &broken_gzip),
        (Coding::Deflate, &[0xff; 16]),
        (Coding::Brotli, &[0xff; 64]),
        (Coding::Brotli, &brotli_large_window),
        (Coding::Zstd, b"{\"jsonrpc\":\"2.0\"}"),
        (Coding::Zstd, &zstd_window_of_16_mib),
    ];
    for (coding, body) in cases {
        assert_eq!(whole(&[*coding], &[body]), Err(NotInspected::Encoding), "{coding:?} {body:02x?}");
        let bytes: Vec<_> = body.chunks(1).collect();
        assert_eq!(whole(&[*coding], &bytes), Err(NotInspected::Encoding), "{coding:?} {body:02x?} by bytes");
    }
}

#[test]
fn body_cut_short_gives_what_was_there() {
    for (name, list, body) in bodies(TEXT) {
        for end in 0..body.len() {
            let out = whole(&list, &[&body[..end]]).expect("a beginning is no failure");
            assert!(TEXT.starts_with(&out), "{name} cut at {end}");
        }
    }
}

#[test]
fn bomb_stops_when_it_outgrows_what_it_cost() {
    let zeros = vec![b' '; 8 << 20];
    let allowance = 1 << 20;
    for (name, coding) in CODINGS {
        let bomb = encoded(coding, &zeros);
        let doubled = encoded(coding, &bomb);
        for (list, body) in [(vec![coding], &bomb), (vec![coding, coding], &doubled)] {
            let mut decoding =
                Decoding::new(codings(&list), allowance, &budget()).ok().flatten().expect("a coding");
            let mut made = 0;
            let ended = decoding.feed(body, &mut |piece| {
                made += piece.len() as u64;
                Ok(())
            });
            assert_eq!(ended, Err(NotInspected::TooLarge), "{name}");
            assert!(made <= allowance + 128 * bomb.len() as u64, "{name}: {made}");
        }
    }
}

#[test]
fn honest_compression_is_no_bomb() {
    let line = |at: u32| format!("{{\"level\":\"info\",\"pod\":\"web-{at}\",\"message\":\"started\"}}\n");
    let text: String = (0..60_000).map(line).collect();
    for (name, coding) in CODINGS {
        let body = encoded(coding, text.as_bytes());
        let pieces: Vec<_> = body.chunks(1400).collect();
        let out = decode(&[coding], &pieces, 16 * 1024, &budget());
        assert!(out.is_ok_and(|out| out.concat() == text.as_bytes()), "{name}");
    }
}

#[test]
fn decoder_without_room_says_memory_and_gives_back_what_it_had() {
    // Text that needs a large window: nothing in it repeats nearby.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let text: Vec<u8> = (0..600_000).map(|_| noise()).collect();
    for (name, list, body) in bodies(&text) {
        let pieces: Vec<_> = body.chunks(10_000).collect();
        let roomy = budget();
        let out = decode(&list, &pieces, 1 << 20, &roomy).map(|out| out.concat());
        assert!(out.as_deref() == Ok(&text[..]), "{name}");
        assert_eq!(roomy.used(), 0, "{name}");
        for room in [0, 1000, 43 * 1024] {
            let tight = Arc::new(Budget::new(room));
            assert_eq!(
                decode(&list, &pieces, 1 << 20, &tight),
                Err(NotInspected::Memory),
                "{name} in {room}"
            );
            assert_eq!(tight.used(), 0, "{name} in {room}");
        }
    }
}

#[test]
fn third_coding_has_no_place() {
    let mut codings = codings(&[Coding::Gzip, Coding::Zstd]);
    assert!(!codings.push(Coding::Brotli));
}
