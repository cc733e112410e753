//! Each bound of [`Settings`] is reached, and costs precision only.

use std::fmt::Write;

use super::transcript::{Player, check_with};
use crate::exchange::{Settings, Sizes};

fn settings() -> Settings {
    Settings::default()
}

#[test]
fn a_batch_beyond_its_bound_is_followed_as_far_as_it_goes() {
    check_with(
        Settings { operations_per_exchange: 2, ..settings() },
        "batch of three and a notification",
        "0 A POST /mcp
         0 A > call 1 a ; call 2 b ; call 3 c ; notify notifications/progress
         1 A < 200 json
         1 A < result 3 ; result 2 ; result 1
         1 A end complete",
        "not inspected: table_full
         not inspected: table_full
         tools/call b success 0..1
         tools/call a success 0..1",
    );
}

#[test]
fn a_full_table_of_open_calls_leaves_them_to_their_exchange() {
    check_with(
        Settings { open: 1, ..settings() },
        "Streamable HTTP",
        "0 A POST /mcp session=s1
         0 A > call 1 a
         0 B POST /mcp session=s1
         0 B > call 2 b
         1 B < 200 json
         1 B < result 2
         1 B end complete
         2 C POST /mcp session=s1
         2 C > call 3 c
         3 C end client
         4 A < 200 json
         4 A < result 1
         4 A end complete",
        "not inspected: table_full
         tools/call b success 0..1
         not inspected: table_full
         not inspected: table_full
         tools/call c abandoned 2..3
         tools/call a success 0..4",
    );
    check_with(
        Settings { open: 1, ..settings() },
        "HTTP+SSE",
        "0 G GET /sse
         0 G < 200 sse
         0 G < endpoint /m
         1 A POST /m
         1 A > call 1 a
         1 A < 202 other
         1 A end complete
         2 B POST /m
         2 B > call 2 b
         2 B < 202 other
         2 B end complete
         3 G < result 2
         4 G < result 1
         5 G end client",
        "session of - starts
         not inspected: table_full
         tools/call b success 2..2
         unmatched
         tools/call a success 1..4
         session of - ends after 5 - sse
         stream of 3 quiet 3 standing",
    );
}

#[test]
fn a_full_table_of_parked_calls_ends_them_at_once() {
    check_with(
        Settings { parked: 1, ..settings() },
        "two clients leave, then two streams break",
        "0 A POST /mcp session=s1
         0 A > call 1 a
         1 A end client
         2 B POST /mcp session=s1
         2 B > call 2 b
         3 B end client
         4 C POST /mcp session=s1
         4 C > call 3 c
         4 C < 200 sse
         4 C < id=e1
         5 C end complete
         301 expire
         302 D POST /mcp session=s1
         302 D > call 4 d
         303 D end client",
        "not inspected: table_full
         tools/call b abandoned 2..3
         not inspected: table_full
         tools/call c stream_closed 4..5
         stream of 1 quiet 1
         tools/call a abandoned 0..301",
    );
}

#[test]
fn a_full_table_of_server_requests_does_not_follow_more() {
    check_with(
        Settings { server_requests: 1, ..settings() },
        "two questions",
        "0 G GET /mcp session=s1
         0 G < 200 sse
         1 G < request 1 roots/list
         2 G < request 2 roots/list
         3 R POST /mcp session=s1
         3 R > result 2
         3 R < 202 other
         3 R end complete
         4 R POST /mcp session=s1
         4 R > result 1
         4 R < 202 other
         4 R end complete
         5 G < request 3 roots/list
         6 G end client",
        "not inspected: table_full
         unmatched
         to client roots/list success 1..4
         stream of 3 quiet 3 standing",
    );
}

#[test]
fn a_full_table_of_sessions_leaves_the_client_unknown() {
    let initialize = |session: &str| {
        format!(
            r#"0 I POST /mcp
               0 I > request 0 initialize {{"clientInfo":{{"name":"i","version":"1"}}}}
               0 I < 200 json session={session}
               0 I < result 0
               0 I end complete
            "#
        )
    };
    check_with(
        Settings { sessions: 1, ..settings() },
        "second session",
        &format!("{}{}", initialize("s1"), initialize("s2")),
        "session of i starts
         initialize success 0..0
         not inspected: table_full
         initialize success 0..0",
    );
}

#[test]
fn clients_beyond_their_bound_are_one() {
    let mut player = Player::new(Settings { clients: 3, ..settings() });
    for name in 0..10 {
        player.run(&format!(
            r#"0 A POST /mcp
               0 A > {{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"c{name}","version":"1"}}}}}}}}
               0 A < 200 json
               0 A < result 1
               0 A end complete"#
        ));
    }
    assert_eq!(player.exchange.sizes().clients, 3);
    player.finish();
}

#[test]
fn all_tables_are_empty_after_the_close_and_stay_so() {
    let mut player = Player::new(settings());
    player.run(
        r#"0 I POST /mcp
           0 I > request 0 initialize {"clientInfo":{"name":"i","version":"1"}}
           0 I < 200 json session=s1
           0 I < result 0
           0 I end complete
           0 G GET /sse
           0 G < 200 sse
           0 G < endpoint /m
           0 S GET /mcp session=s1
           0 S < 200 sse
           1 S < request 1 roots/list
           1 P POST /mcp session=s1
           1 P > call 1 parked
           2 P end client
           1 M POST /m
           1 M > call 1 channel
           1 M < 202 other
           1 M end complete
           1 O POST /mcp session=s1
           1 O > call 2 open
           1 T POST /mcp
           1 T > modern 1 tools/call {"name":"task"}
           1 T < 200 json
           1 T < result 1 {"resultType":"task","taskId":"t","status":"working"}
           1 T end complete"#,
    );
    let full = player.exchange.sizes();
    let expected =
        Sizes { open: 4, parked: 1, server_requests: 1, sessions: 1, channels: 1, tasks: 1, clients: 2 };
    assert_eq!(full, expected);
    player.events();
    let mut events: Vec<String> = player
        .play("5 close\n6 O end client\n6 N POST /mcp session=s1\n6 N > call 3 late\n6 N end client\n7 G end client")
        .lines()
        .map(str::to_owned)
        .filter(|line| !line.starts_with("session"))
        .collect();
    events.sort();
    let mut expected = [
        "task tools/call task task_unseen 1..5",
        "to client roots/list proxy_drain 1..5",
        "tools/call channel proxy_drain 1..5",
        "tools/call open proxy_drain 1..5",
        "tools/call parked abandoned 1..5",
        "tools/call late abandoned 6..6",
        "stream of 1 quiet 7 standing",
    ];
    expected.sort_unstable();
    assert_eq!(events, expected);
    assert_eq!(player.exchange.sizes(), Sizes::default());
    player.finish();
}

#[test]
fn memory_is_flat_whatever_a_peer_sends() {
    let bounds = Settings {
        open: 50,
        parked: 20,
        server_requests: 10,
        sessions: 10,
        channels: 10,
        tasks: 10,
        clients: 10,
        ..settings()
    };
    let mut player = Player::new(bounds.clone());
    for round in 0..200 {
        let mut script = String::new();
        let _ = write!(
            script,
            r#"0 I{round} POST /mcp
               0 I{round} > request 0 initialize {{"clientInfo":{{"name":"c{round}","version":"1"}}}}
               0 I{round} < 200 json session=s{round}
               0 I{round} < result 0
               0 I{round} end complete
               0 G{round} GET /sse
               0 G{round} < 200 sse
               0 G{round} < endpoint /m{round}
               0 S{round} GET /mcp session=s{round}
               0 S{round} < 200 sse
               0 S{round} < request {round} roots/list
               0 M{round} POST /m{round}
               0 M{round} > call 1 channel
               0 M{round} < 202 other
               0 M{round} end complete
               0 P{round} POST /mcp session=s{round}
               0 P{round} > call {round} parked
               0 P{round} end client
               0 T{round} POST /mcp
               0 T{round} > modern 1 tools/call {{"name":"task"}}
               0 T{round} < 200 json
               0 T{round} < result 1 {{"resultType":"task","taskId":"t{round}","status":"working"}}
               0 T{round} end complete"#
        );
        player.run(&script);
        let sizes = player.exchange.sizes();
        assert!(sizes.open <= bounds.open && sizes.parked <= bounds.parked, "{sizes:?}");
        assert!(sizes.server_requests <= bounds.server_requests && sizes.tasks <= bounds.tasks, "{sizes:?}");
        assert!(sizes.sessions <= bounds.sessions && sizes.channels <= bounds.channels, "{sizes:?}");
        assert!(sizes.clients <= bounds.clients, "{sizes:?}");
    }
    player.finish();
}
