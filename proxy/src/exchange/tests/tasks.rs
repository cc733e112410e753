//! Tasks of 2025-11-25 and of the 2026-07-28 extension.

use super::transcript::{check, check_with};
use crate::exchange::Settings;

/// A call that becomes a modern task at second 1.
const MODERN: &str = r#"0 A POST /mcp
    0 A > modern 1 tools/call {"name":"build"}
    1 A < 200 json
    1 A < result 1 {"resultType":"task","taskId":"t1","status":"working","ttlMs":60000}
    1 A end complete
"#;

/// A call that becomes a task of 2025-11-25 at second 1.
const LEGACY: &str = r#"0 A POST /mcp session=s1
    0 A > request 1 tools/call {"name":"build","task":{"ttl":60000}}
    1 A < 200 json
    1 A < result 1 {"task":{"taskId":"t1","status":"working","ttl":60000}}
    1 A end complete
"#;

const ACCEPTED: &str = "tools/call build task_accepted 0..1\n";

fn ask(method: &str, answer: &str) -> String {
    format!(
        r#"5 B POST /mcp
           5 B > modern 2 {method} {{"taskId":"t1"}}
           6 B < 200 json
           6 B < {answer}
           6 B end complete
        "#
    )
}

#[test]
fn a_modern_task_ends_when_its_end_is_seen() {
    let cases = [
        (r#"result 2 {"resultType":"complete","taskId":"t1","status":"completed","result":{}}"#, "success"),
        (
            r#"result 2 {"resultType":"task","taskId":"t1","status":"completed","result":{"isError":true}}"#,
            "tool_error",
        ),
        (r#"result 2 {"taskId":"t1","status":"failed","error":{"code":-32603}}"#, "rpc -32603 on 0"),
        (r#"result 2 {"taskId":"t1","status":"cancelled"}"#, "cancelled"),
    ];
    for (answer, ending) in cases {
        let expected = format!("{ACCEPTED}task tools/call build {ending} 0..6\ntasks/get success 5..6");
        check(&[(answer, &format!("{MODERN}{}", ask("tasks/get", answer)), &expected)]);
    }
}

#[test]
fn a_task_that_waits_for_input_holds_human_time() {
    let asked = ask("tasks/get", r#"result 2 {"taskId":"t1","status":"input_required"}"#);
    let told = r#"5 B POST /mcp
        6 B < 200 sse
        6 B < notify notifications/tasks {"taskId":"t1","status":"input_required"}
        6 B end complete
    "#;
    for (how, events) in [(asked.as_str(), "tasks/get success 5..6\n"), (told, "stream of 1 quiet 0\n")] {
        let script = format!("{MODERN}{how}9 close");
        check(&[(how, &script, &format!("{ACCEPTED}{events}task tools/call build task_unseen 0..9 waited"))]);
    }
    let at_once = MODERN.replace("working", "input_required");
    let expected = format!("{ACCEPTED}task tools/call build task_unseen 0..9 waited");
    check(&[("at once", &format!("{at_once}9 close"), &expected)]);
}

#[test]
fn a_task_goes_on_while_its_end_is_not_seen() {
    let cases = [
        ("tasks/get", r#"result 2 {"taskId":"t1","status":"working"}"#, "success"),
        ("tasks/get", "error 2 -32602", "rpc -32602 on 200"),
        ("tasks/cancel", "result 2", "success"),
        ("tasks/update", "result 2", "success"),
    ];
    for (method, answer, ending) in cases {
        let script = format!("{MODERN}{}60 expire\n61 expire", ask(method, answer));
        let expected = format!("{ACCEPTED}{method} {ending} 5..6\ntask tools/call build task_unseen 0..61");
        check(&[(answer, &script, &expected)]);
    }
}

#[test]
fn a_legacy_task_ends_with_its_result() {
    let cases = [
        ("tasks/result", "result 2", "success", "success"),
        ("tasks/result", r#"result 2 {"isError":true}"#, "tool_error", "tool_error"),
        ("tasks/result", "error 2 -32603", "rpc -32603 on 200", "rpc -32603 on 200"),
        ("tasks/get", r#"result 2 {"taskId":"t1","status":"failed"}"#, "tool_error", "success"),
        ("tasks/cancel", r#"result 2 {"taskId":"t1","status":"cancelled"}"#, "cancelled", "success"),
    ];
    for (method, answer, task, request) in cases {
        let script = format!("{LEGACY}{}", ask(method, answer));
        let expected = format!("{ACCEPTED}task tools/call build {task} 0..6\n{method} {request} 5..6");
        check(&[(answer, &script, &expected)]);
    }
    let not_found = format!("{LEGACY}{}62 expire", ask("tasks/result", "error 2 -32602"));
    let expected =
        format!("{ACCEPTED}tasks/result rpc -32602 on 200 5..6\ntask tools/call build task_unseen 0..61");
    check(&[("not found says nothing about the end", &not_found, &expected)]);
}

#[test]
fn a_notification_may_show_the_end_first() {
    for (method, status, ending) in [
        ("notifications/tasks/status", "completed", "success"),
        ("notifications/tasks", "failed", "tool_error"),
        ("notifications/tasks", "cancelled", "cancelled"),
    ] {
        let script = format!(
            r#"{LEGACY}2 G GET /mcp session=s1
               2 G < 200 sse
               3 G < notify {method} {{"taskId":"t1","status":"working"}}
               4 G < notify {method} {{"taskId":"t1","status":"{status}"}}
               5 G < notify {method} {{"taskId":"t1","status":"{status}"}}
               6 G end client"#
        );
        let expected = format!("{ACCEPTED}task tools/call build {ending} 0..4\nstream of 3 quiet 1 standing");
        check(&[(method, &script, &expected)]);
    }
}

#[test]
fn a_notification_may_carry_the_finished_task() {
    for (end, ending) in [
        (r#""status":"completed","result":{"isError":true}"#, "tool_error"),
        (r#""status":"failed","error":{"code":-32603}"#, "rpc -32603 on 0"),
    ] {
        let script = format!(
            r#"{LEGACY}2 G GET /mcp session=s1
               2 G < 200 sse
               4 G < notify notifications/tasks {{"taskId":"t1",{end}}}
               6 G end client"#
        );
        let expected = format!("{ACCEPTED}task tools/call build {ending} 0..4\nstream of 1 quiet 2 standing");
        check(&[(end, &script, &expected)]);
    }
}

#[test]
fn a_client_hosts_tasks_too() {
    check(&[(
        "sampling as a task",
        r#"0 G GET /mcp session=s1
           0 G < 200 sse
           1 G < request 7 sampling/createMessage {"task":{"ttl":60000}}
           2 R POST /mcp session=s1
           2 R > result 7 {"task":{"taskId":"c1","status":"working"}}
           2 R < 202 other
           2 R end complete
           3 N POST /mcp session=s1
           3 N > notify notifications/tasks/status {"taskId":"c1","status":"completed"}
           3 N < 202 other
           3 N end complete
           4 G end client"#,
        "to client sampling/createMessage task_accepted 1..2
         task to client sampling/createMessage success 1..3
         notification notifications/tasks/status success 3..3
         stream of 1 quiet 3 standing",
    )]);
}

#[test]
fn a_task_that_ends_at_once_or_has_no_room_is_counted_once() {
    check(&[(
        "completed from the start",
        r#"0 A POST /mcp
           0 A > modern 1 tools/call {"name":"build"}
           1 A < 200 json
           1 A < result 1 {"resultType":"task","taskId":"t1","status":"completed"}
           1 A end complete"#,
        "task tools/call build success 0..1
         tools/call build task_accepted 0..1",
    )]);
    let second = MODERN.replace("t1", "t2").replace(" A ", " B ");
    check_with(
        Settings { tasks: 1, ..Settings::default() },
        "full",
        &format!("{MODERN}{second}"),
        "tools/call build task_accepted 0..1
         not inspected: table_full
         task tools/call build task_unseen 0..1
         tools/call build task_accepted 0..1 repeated",
    );
    check_with(
        Settings { tasks: 1, ..Settings::default() },
        "the same id again replaces",
        &format!("{MODERN}{}", MODERN.replace(" A ", " B ")),
        "tools/call build task_accepted 0..1
         task tools/call build task_unseen 0..1
         tools/call build task_accepted 0..1 repeated",
    );
}

#[test]
fn a_task_without_a_time_to_live_has_the_default_one() {
    let settings = Settings { task_ttl: std::time::Duration::from_secs(10), ..Settings::default() };
    check_with(
        settings,
        "default",
        r#"0 A POST /mcp
           0 A > modern 1 tools/call {"name":"build"}
           1 A < 200 json
           1 A < result 1 {"resultType":"task","taskId":"t1","status":"working"}
           1 A end complete
           10 expire
           11 expire"#,
        "tools/call build task_accepted 0..1
         task tools/call build task_unseen 0..11",
    );
    let settings = Settings { task_ttl_max: std::time::Duration::from_secs(10), ..Settings::default() };
    check_with(
        settings,
        "longest believed",
        &format!("{MODERN}11 expire"),
        &format!("{ACCEPTED}task tools/call build task_unseen 0..11"),
    );
}
