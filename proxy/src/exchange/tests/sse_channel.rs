//! HTTP+SSE of 2024-11-05: answers travel on the GET stream whose `endpoint` event named the POSTs' target.

use super::transcript::{check, check_with};
use crate::exchange::Settings;

/// Opens a channel at second 1.
const CHANNEL: &str = "0 G GET /sse
    0 G < 200 sse
    1 G < endpoint /messages?sessionId=1
";

fn check_on_channel(cases: &[(&str, &str, &str)]) {
    for (title, script, expected) in cases {
        check(&[(title, &format!("{CHANNEL}{script}"), &format!("session of - starts\n{expected}"))]);
    }
}

#[test]
fn a_post_is_accepted_and_its_answer_comes_on_the_channel() {
    check_on_channel(&[
        (
            "202 before the answer",
            "2 A POST /messages?sessionId=1
             2 A > call 1 echo
             3 A < 202 other
             3 A end complete
             5 G < result 1
             9 G end client",
            "tools/call echo success 2..5
             session of - ends after 8 - sse
             stream of 2 quiet 4 standing",
        ),
        (
            "answer before the 202",
            "2 A POST /messages?sessionId=1
             2 A > call 1 echo
             3 G < result 1
             4 A < 202 other
             4 A end complete
             9 G end client",
            "tools/call echo success 2..3
             session of - ends after 8 - sse
             stream of 2 quiet 6 standing",
        ),
        (
            "the client does not wait for the 202",
            "2 A POST /messages?sessionId=1
             2 A > call 1 echo
             3 A end client
             5 G < error 1 -32603
             9 G end client",
            "tools/call echo rpc -32603 on 200 2..5
             session of - ends after 8 - sse
             stream of 2 quiet 4 standing",
        ),
    ]);
}

#[test]
fn a_post_that_is_refused_or_given_up_is_over() {
    check_on_channel(&[
        (
            "refused",
            "2 A POST /messages?sessionId=1
             2 A > call 1 echo
             3 A < 400 other
             3 A end complete
             9 G end client",
            "tools/call echo http 400 2..3
             session of - ends after 8 - sse
             stream of 1 quiet 8 standing",
        ),
        (
            "not reached",
            "2 A POST /messages?sessionId=1
             2 A > call 1 echo
             3 A fail refused
             3 A end none
             9 G end client",
            "tools/call echo connection_refused 2..3
             session of - ends after 8 - sse
             stream of 1 quiet 8 standing",
        ),
        (
            "cancelled",
            r#"2 A POST /messages?sessionId=1
               2 A > call 1 slow
               2 A < 202 other
               2 A end complete
               4 C POST /messages?sessionId=1
               4 C > notify notifications/cancelled {"requestId":1}
               4 C < 202 other
               4 C end complete
               6 expire
               9 G end client"#,
            "notification notifications/cancelled success 4..4
             tools/call slow cancelled 2..4
             session of - ends after 8 - sse
             stream of 1 quiet 8 standing",
        ),
        (
            "never answered, on a stream that stays",
            "2 A POST /messages?sessionId=1
             2 A > call 1 slow
             2 A < 202 other
             2 A end complete
             3601 expire
             3602 expire
             3603 G end client",
            "tools/call slow timeout 2..3602
             session of - ends after 3602 - sse
             stream of 1 quiet 3602 standing",
        ),
    ]);
}

#[test]
fn the_end_of_the_stream_ends_all_that_is_open_on_it() {
    let open = "2 A POST /messages?sessionId=1
                2 A > call 1 slow
                2 A < 202 other
                2 A end complete\n";
    check_on_channel(&[
        (
            "server",
            &format!("{open}9 G end complete"),
            "session of - ends after 8 - sse
             tools/call slow session closed by server 2..9
             stream of 1 quiet 8 standing",
        ),
        (
            "broken",
            &format!("{open}9 G end server"),
            "session of - ends after 8 - sse session_closed
             tools/call slow session closed by server 2..9
             stream of 1 quiet 8 standing",
        ),
        (
            "client",
            &format!("{open}9 G end client"),
            "session of - ends after 8 - sse
             tools/call slow session closed by client 2..9
             stream of 1 quiet 8 standing",
        ),
        (
            "drain",
            &format!("{open}9 G end drained"),
            "session of - ends after 8 - sse
             tools/call slow proxy_drain 2..9
             stream of 1 quiet 8 standing",
        ),
    ]);
}

#[test]
fn a_channel_that_goes_while_a_post_is_under_way_brings_no_answer() {
    check_on_channel(&[(
        "the request is read after the stream ended",
        "2 A POST /messages?sessionId=1
         3 G end client
         4 A > call 1 echo
         5 A < 202 other
         5 A end complete",
        "session of - ends after 2 - sse
         stream of 1 quiet 2 standing
         tools/call echo session closed by client 2..5",
    )]);
}

#[test]
fn initialize_names_the_client_and_the_version_of_the_channel() {
    check_on_channel(&[(
        "initialize",
        r#"2 A POST /messages?sessionId=1
           2 A > request 0 initialize {"clientInfo":{"name":"old","version":"1"}}
           2 A < 202 other
           2 A end complete
           3 G < result 0 {"protocolVersion":"2024-11-05","serverInfo":{"name":"files","version":"1"}}
           9 G end client"#,
        "server files 2024-11-05
         initialize success 2..3
         session of old ends after 8 2024-11-05 sse
         stream of 2 quiet 6 standing",
    )]);
}

#[test]
fn what_the_server_asks_on_the_channel_is_answered_by_a_post() {
    check_on_channel(&[(
        "sampling inside a call; the ids are equal",
        "2 A POST /messages?sessionId=1
         2 A > call 1 book
         2 A < 202 other
         2 A end complete
         3 G < request 1 sampling/createMessage
         5 B POST /messages?sessionId=1
         5 B > result 1
         5 B < 202 other
         5 B end complete
         6 G < result 1
         9 G end client",
        "to client sampling/createMessage success 3..5
         tools/call book success 2..6 waited
         session of - ends after 8 - sse
         stream of 3 quiet 3 standing",
    )]);
}

#[test]
fn two_channels_with_equal_ids_do_not_meet() {
    check_on_channel(&[(
        "relative endpoint, absolute endpoint",
        "0 H GET /v1/sse
         0 H < 200 sse
         1 H < endpoint messages/?session_id=ab
         2 A POST /messages?sessionId=1
         2 A > call 1 mine
         2 A < 202 other
         2 A end complete
         3 B POST /v1/messages/?session_id=ab
         3 B > call 1 yours
         3 B < 202 other
         3 B end complete
         4 H < result 1
         5 G < error 1 -32603
         6 G end client
         6 H end client",
        "session of - starts
         tools/call yours success 3..4
         tools/call mine rpc -32603 on 200 2..5
         session of - ends after 5 - sse
         stream of 2 quiet 4 standing
         session of - ends after 5 - sse
         stream of 2 quiet 3 standing",
    )]);
}

#[test]
fn an_endpoint_that_several_streams_announce_is_one_channel_until_the_last_ends() {
    check_on_channel(&[(
        "the server tells its clients apart otherwise",
        "1 H GET /sse
         1 H < 200 sse
         1 H < endpoint /messages?sessionId=1
         2 A POST /messages?sessionId=1
         2 A > call 1 echo
         2 A < 202 other
         2 A end complete
         3 G end client
         4 H < result 1
         5 H end client",
        "stream of 1 quiet 2 standing
         tools/call echo success 2..4
         session of - ends after 4 - sse
         stream of 2 quiet 3 standing",
    )]);
}

#[test]
fn an_endpoint_that_cannot_be_read_makes_202_no_violation() {
    // As older TypeScript SDKs answer: "Accepted", of no type.
    let post = "2 A POST /messages?sessionId=1
                2 A > call 1 echo
                3 A < 202 untyped
                3 A < empty
                3 A end complete\n";
    check(&[
        (
            "unread stream",
            &format!("0 G GET /sse\n0 G < 200 sse\n0 G <! encoding\n{post}4 G end client"),
            "not inspected: encoding
             tools/call echo success 2..3",
        ),
        (
            "no URI",
            &format!("0 G GET /sse\n0 G < 200 sse\n1 G < endpoint\n{post}4 G end client"),
            "tools/call echo success 2..3",
        ),
        ("no such stream", post, "tools/call echo invalid_response 2..3"),
        (
            "no such stream any more",
            &format!("0 G GET /sse\n0 G < 200 sse\n0 G <! encoding\n1 G end client\n{post}"),
            "not inspected: encoding
             tools/call echo invalid_response 2..3",
        ),
    ]);
}

#[test]
fn a_full_table_of_channels_makes_answers_a_guess() {
    let settings = Settings { channels: 1, ..Settings::default() };
    check_with(
        settings,
        "second channel",
        "0 G GET /sse
         0 G < 200 sse
         1 G < endpoint /messages?sessionId=1
         0 H GET /sse
         0 H < 200 sse
         1 H < endpoint /messages?sessionId=2
         2 A POST /messages?sessionId=2
         2 A > call 1 echo
         3 A < 202 other
         3 A end complete
         4 H < result 1
         5 G end client
         5 H end client",
        "session of - starts
         not inspected: table_full
         tools/call echo success 2..3
         unmatched
         session of - ends after 4 - sse
         stream of 1 quiet 4 standing
         stream of 2 quiet 3 standing",
    );
}
