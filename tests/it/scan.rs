//! `tenantwatch scan`, the built binary: what it reads, what it answers, and how much memory it takes.

use std::io::{BufWriter, Write as _};
use std::process::{Child, Command, Output, Stdio};

use audit_log::{AuditRecord, Event, Selector};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantwatch::detection::is_selected;
use tenantwatch_simulator::records::ordinary_json_lines;

mod cut;
mod damaged;
mod exports;
mod forms;
mod own_domains;
mod width;

/// The built binary with a subcommand and no environment; all of its streams are pipes.
pub fn command(subcommand: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
    command.arg(subcommand).args(arguments).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Gives a running command its standard input, and waits for its end.
pub fn feed(mut child: Child, input: &[u8]) -> Output {
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that refuses its input closes the pipe early.
    let feeding = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    output
}

fn scan(arguments: &[&str]) -> Command {
    command("scan", arguments)
}

fn scan_input(arguments: &[&str], input: &[u8]) -> Output {
    feed(scan(arguments).spawn().unwrap(), input)
}

fn json_of(input: &[u8]) -> Value {
    scan_json(&[], input)
}

/// Returns the JSON output of `scan` for a given standard input.
pub fn scan_json(arguments: &[&str], input: &[u8]) -> Value {
    let output = scan_input(&[&["--format", "json"], arguments, &["-"]].concat(), input);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn rule(number: u32) -> Value {
    json!({
        "CreationTime": "2021-06-15T10:11:53", "Id": format!("f9d3b8e1-6c1c-4a3f-9f0e-{number:012x}"),
        "Operation": "New-InboxRule", "OrganizationId": "7d2f7f3b-6a44-4c38-9d23-6ad7d1f2b001",
        "OrganizationName": "contoso.onmicrosoft.com", "RecordType": 1, "ResultStatus": "True", "UserType": 2,
        "UserId": "joey@contoso.com", "ObjectId": "joey\\.", "ClientIP": "[2001:db8::7]:52378",
        "Parameters": [
            {"Name": "Name", "Value": "."}, {"Name": "ForwardTo", "Value": "thief@evil.example"},
            {"Name": "DeleteMessage", "Value": "True"}
        ]
    })
}

fn csv(separator: char) -> String {
    let cell = rule(1).to_string().replace('"', "\"\"");
    format!("RecordId{separator}AuditData\r\n1{separator}\"{cell}\"\r\n")
}

/// Returns the bytes as a gzip stream.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_same_record_is_found_in_every_kind_of_file() {
    let (lines, comma) = (format!("{}\n", rule(1)), csv(','));
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(comma.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let files = [
        ("JSON Lines", lines.clone().into_bytes()),
        ("a JSON array", format!("[{}]", rule(1)).into_bytes()),
        ("gzip", gzip(lines.as_bytes())),
        ("CSV with commas", comma.clone().into_bytes()),
        ("CSV with semicolons", csv(';').into_bytes()),
        ("CSV in UTF-16", utf16),
        ("CSV in gzip", gzip(comma.as_bytes())),
    ];
    for (kind, content) in files {
        let answer = json_of(&content);
        assert_eq!((&answer["Records"], &answer["Selected"]), (&json!(1), &json!(1)), "{kind}: {answer}");
        let finding = &answer["Findings"][0];
        assert_eq!(finding["LogID"], rule(1)["Id"], "{kind}");
        assert_eq!(finding["Threat"], true, "{kind}");
        assert_eq!(finding["IP"], "2001:db8::7", "{kind}: the address without its port");
    }
}

#[test]
fn a_record_that_comes_twice_is_judged_once() {
    let answer = json_of(format!("{}\n{}\n{}\n", rule(1), rule(2), rule(1)).as_bytes());
    assert_eq!(answer["Selected"], 3);
    assert_eq!(answer["Findings"][0]["LogIDs"], json!([rule(1)["Id"], rule(2)["Id"]]));
}

#[test]
fn findings_of_one_fingerprint_are_one_with_their_times() {
    let records: String = (1..=3)
        .map(|day| {
            let mut record = rule(day);
            record["CreationTime"] = json!(format!("2021-06-{:02}T10:00:00", 10 + day));
            format!("{record}\n")
        })
        .collect();
    let answer = json_of(records.as_bytes());
    let [finding] = &answer["Findings"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!((&finding["Occurrences"], &finding["LogID"]), (&json!(3), &rule(1)["Id"]));
    assert_eq!(finding["FirstTime"], "2021-06-11T10:00:00Z");
    assert_eq!(finding["LastTime"], "2021-06-13T10:00:00Z");
    assert_eq!(finding["LogIDs"].as_array().unwrap().len(), 3);
    assert!(finding["Record"].as_str().unwrap().contains("2021-06-11"), "{finding}");
}

#[test]
fn threats_come_first_and_the_worse_before_the_others() {
    let mut harmless = rule(1);
    harmless["Parameters"] =
        json!([{"Name": "Name", "Value": "Newsletters"}, {"Name": "MoveToFolder", "Value": "News"}]);
    let mut medium = rule(2);
    medium["Parameters"] = json!([
        {"Name": "Name", "Value": "Vendor"}, {"Name": "From", "Value": "a@vendor.example"}, {"Name": "MoveToFolder", "Value": "RSS Feeds"}
    ]);
    let answer = json_of(format!("{harmless}\n{medium}\n{}\n", rule(3)).as_bytes());
    let order: Vec<_> =
        answer["Findings"].as_array().unwrap().iter().map(|finding| finding["Severity"].clone()).collect();
    assert_eq!(order, ["High", "Medium", "Low"]);
}

#[test]
fn shared_target_is_found_offline_too() {
    let mut other = rule(2);
    other["UserId"] = json!("amy@contoso.com");
    other["ObjectId"] = json!("amy\\.");
    let answer = json_of(format!("{}\n{other}\n", rule(1)).as_bytes());
    let findings = answer["Findings"].as_array().unwrap();
    let has_reason = |finding: &&Value| finding["Reasons"].as_array().unwrap().contains(&json!("SharedTarget"));
    assert_eq!((findings.len(), findings.iter().filter(has_reason).count()), (2, 2), "of one second: {answer}");
    other["CreationTime"] = json!("2021-06-16T10:00:00");
    let answer = json_of(format!("{other}\n{}\n", rule(1)).as_bytes());
    let findings = answer["Findings"].as_array().unwrap();
    let found: Vec<_> = findings.iter().filter(has_reason).map(|finding| finding["SourceMailbox"].clone()).collect();
    assert_eq!(found, ["amy@contoso.com"], "the later one: {answer}");
}

#[test]
fn own_domains_are_taken_from_records_but_never_from_guests() {
    let mut by_guest = rule(1);
    by_guest["UserId"] = json!("mallory_evil.example#EXT#@contoso.onmicrosoft.com");
    by_guest["Parameters"].as_array_mut().unwrap().push(json!({"Name": "Mailbox", "Value": "amy@fabrikam.example"}));
    let mut own = rule(2);
    own["UserId"] = json!("joey@tailspin.example");
    let answer = json_of(format!("{by_guest}\n{own}\n").as_bytes());
    assert_eq!(answer["AcceptedDomains"], json!(["contoso.onmicrosoft.com", "fabrikam.example", "tailspin.example"]));
}

#[test]
fn table_fits_the_width_and_breaks_no_word() {
    for width in [40, 80, 110, 160] {
        let child = scan(&["-"]).env("COLUMNS", width.to_string()).spawn().unwrap();
        let table = String::from_utf8(feed(child, rule(1).to_string().as_bytes()).stdout).unwrap();
        assert!(table.lines().all(|line| line.chars().count() <= width.max(40)), "{width}: {table}");
        for word in ["joey@contoso.com", "thief@evil.example", "ForwardsExternally", "2021-06-15", "10:11:53"] {
            assert!(table.contains(word), "{width}: {word} is broken: {table}");
        }
        assert!(table.contains("1 record, 1 selected, 1"), "{table}");
    }
}

#[test]
fn words_longer_than_the_width_are_broken() {
    let mut long = rule(1);
    long["Parameters"][0]["Value"] = json!("ä".repeat(300));
    for width in [40, 60, 80] {
        let child = scan(&["-"]).env("COLUMNS", width.to_string()).spawn().unwrap();
        let table = String::from_utf8(feed(child, long.to_string().as_bytes()).stdout).unwrap();
        assert!(table.lines().all(|line| line.chars().count() <= width), "{width}: {table}");
        assert!(table.matches('ä').count() >= 150, "{width}: {table}");
    }
}

#[test]
fn page_needs_nothing_else_and_shows_no_hidden_marks() {
    let mut hostile = rule(1);
    hostile["Parameters"][0]["Value"] = json!("</script><script>alert(1)</script>\u{202e}evil\u{200b}");
    let output = scan_input(&["--format", "html", "-"], hostile.to_string().as_bytes());
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(!page.contains("unsafe-inline") && page.contains("script-src 'sha256-"), "{page}");
    assert!(!page.contains("<script>alert") && !page.contains(['\u{202e}', '\u{200b}']), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing is loaded from outside");
    for part in ["<svg", "Threats by account", "joey@contoso.com", "<details><summary>Record", "id=\"filter\""] {
        assert!(page.contains(part), "{part} is missing");
    }
}

#[test]
fn the_exit_code_tells_clean_from_threats_from_failure() {
    assert_eq!(scan_input(&["-"], b"{\"Operation\":\"Send\"}").status.code(), Some(0));
    assert_eq!(scan_input(&["-"], rule(1).to_string().as_bytes()).status.code(), Some(1));
    for (arguments, input) in
        [(&["-"][..], "hello"), (&["/no/such/file"], ""), (&["/"], ""), (&[], ""), (&["--no"], "")]
    {
        let output = scan_input(arguments, input.as_bytes());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn findings_go_to_the_output_file_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.json"), folder.path().join("out.json"));
    std::fs::write(&input, rule(1).to_string()).unwrap();
    let arguments = ["--format", "json", "--output", output.to_str().unwrap(), input.to_str().unwrap()];
    let ended = scan_input(&arguments, b"");
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0));
    let answer: Value = serde_json::from_slice(&std::fs::read(&output).unwrap()).unwrap();
    assert_eq!(answer["Findings"][0]["LogID"], rule(1)["Id"]);
}

#[test]
fn malformed_parts_are_reported_in_order_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first.json", "second.json"].map(|name| folder.path().join(name).display().to_string());
    std::fs::write(&first, format!("{}\noops\n{{\"Id\":1}}\n", rule(1))).unwrap();
    std::fs::write(&second, format!("{{\"Operation\":\"New-InboxRule\"}}\n{}\n{{\"Opera\n{}\n", rule(2), rule(3)))
        .unwrap();
    let output = scan_input(&["--format", "json", &first, &second], b"");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told: Vec<_> = answer["Broken"].as_array().unwrap().iter().map(|part| (&part["File"], &part["Line"])).collect();
    let (first, second) = (json!(first), json!(second));
    assert_eq!(told, [(&first, &json!(2)), (&first, &json!(3)), (&second, &json!(1)), (&second, &json!(3))]);
    assert_eq!(answer["BrokenCount"], 4);
    assert_eq!(answer["Findings"][0]["Occurrences"], 3, "what is broken costs nothing else");
}

#[test]
fn first_malformed_lines_are_listed_and_all_are_counted() {
    let answer = json_of(format!("{{}}\n{}", "oops\n".repeat(30_000)).as_bytes());
    assert_eq!((answer["Broken"].as_array().unwrap().len(), &answer["BrokenCount"]), (1000, &json!(30_001)));
    let output = scan_input(&["-"], format!("{{}}\n{}", "oops\n".repeat(30_000)).as_bytes());
    assert!(String::from_utf8_lossy(&output.stdout).contains("29981 more"), "{output:?}");
}

#[test]
fn the_table_has_no_colour_where_no_color_is_set() {
    let output =
        scan(&["-"]).env("NO_COLOR", "1").spawn().map(|child| feed(child, rule(1).to_string().as_bytes())).unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("joey@contoso.com") && !table.contains('\u{1b}'), "{table}");
}

#[test]
fn records_beyond_memory_are_evaluated_in_time_order() {
    let (filler, count) = ("x".repeat(1 << 20), 40);
    let mut lines = String::new();
    for number in 0..count {
        let mut record = rule(number);
        record["CreationTime"] = json!(format!("2021-06-15T10:{:02}:00", count - number));
        record["Filler"] = json!(filler);
        record["Parameters"][1]["Value"] = json!(format!("thief{number}@evil.example"));
        lines.push_str(&format!("{record}\n"));
    }
    let answer = json_of(lines.as_bytes());
    let found: Vec<_> = answer["Findings"].as_array().unwrap().iter().map(|finding| finding["LogID"].clone()).collect();
    let expected: Vec<_> = (0..count).rev().map(|number| rule(number)["Id"].clone()).collect();
    assert_eq!(found, expected);
}

/// The most memory that the process has had, in KiB, as Linux counts it.
#[cfg(target_os = "linux")]
fn peak_memory(child: &mut Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_file_takes_less_than_64_mib() {
    let mut child = scan(&["--format", "json", "-"]).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let answering = std::thread::spawn(move || {
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stdout, &mut answer).map(|_| answer)
    });
    let mut stdin = BufWriter::with_capacity(1 << 20, child.stdin.take().unwrap());
    let records = ordinary_json_lines(1, 150_000_000, &mut stdin).unwrap();
    drop(stdin);
    let mut peak = 0;
    let status = loop {
        peak = peak_memory(&mut child).unwrap_or_default().max(peak);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let answer: Value = serde_json::from_slice(&answering.join().unwrap().unwrap()).unwrap();
    assert_eq!((status.code(), &answer["Records"], &answer["BrokenCount"]), (Some(0), &json!(records), &json!(0)));
    assert!((1..64 * 1024).contains(&peak), "{peak} KiB");
}

fn selects(record: &str) -> bool {
    let (mut selector, mut selected) = (Selector::new(is_selected), false);
    let mut look = |event: Event<'_>| selected |= matches!(event, Event::Selected { .. });
    selector.push(record.as_bytes(), &mut look);
    selector.finish(&mut look);
    selected
}

#[test]
fn unreadable_file_is_reported_and_others_are_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.jsonl");
    std::fs::write(&good, rule(1).to_string()).unwrap();
    let missing = folder.path().join("missing.jsonl");
    let arguments = ["--format", "json", missing.to_str().unwrap(), good.to_str().unwrap()];
    let output = scan(&arguments).stdin(Stdio::null()).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), answer["Findings"].as_array().unwrap().len()), (Some(2), 1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.jsonl"), "{output:?}");
}

#[test]
fn input_without_audit_records_is_not_reported_as_clean() {
    let output = scan_input(&["--format", "json", "-"], b"{\"a\":1}\n{\"b\":2}\n");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing of this is an audit record"), "{output:?}");
    for empty in [&b"[]"[..], b"{\"value\":[]}\n", b"", b"\n", b"\"CreationDate\",\"AuditData\"\r\n"] {
        let output = scan_input(&["-"], empty);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no audit record in the input"), "{output:?}");
    }
}

#[test]
fn output_file_is_kept_until_there_is_output() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("findings.json");
    std::fs::write(&output, "x".repeat(100_000)).unwrap();
    let arguments = ["--format", "json", "--output", output.to_str().unwrap(), "-"];
    assert_eq!(scan_input(&arguments, rule(1).to_string().as_bytes()).status.code(), Some(1));
    let written: Value = serde_json::from_slice(&std::fs::read(&output).unwrap()).unwrap();
    assert_eq!(written["Findings"].as_array().unwrap().len(), 1);
    let nowhere = folder.path().join("no/such/folder.json");
    let refused = scan_input(&["--output", nowhere.to_str().unwrap(), "-"], rule(1).to_string().as_bytes());
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
}

#[test]
fn selector_and_parser_choose_the_same_operation() {
    let watched = "\"New-InboxRule\"";
    for (members, operation) in [
        (format!("\"Operation\":{watched},\"Operation\":\"Send\""), "New-InboxRule"),
        (format!("\"Operation\":\"Send\",\"Operation\":{watched}"), "Send"),
        (format!("\"Op\\u0065ration\":{watched},\"Operation\":\"Send\""), "New-InboxRule"),
        (format!("\"operation\":{watched},\"OPERATION\":\"Send\""), "New-InboxRule"),
        (format!("\"operation\":{watched},\"Operation\":\"Send\""), "Send"),
        (format!("\"Operation\":5,\"Operation\":{watched}"), "New-InboxRule"),
        (format!("\"Operation\":null,\"operation\":{watched}"), "New-InboxRule"),
    ] {
        let record = format!("{{\"CreationTime\":\"2021-06-15T10:11:53\",{members}}}");
        let parsed = AuditRecord::parse(record.as_bytes()).unwrap();
        assert_eq!(parsed.operation, operation, "{record}");
        assert_eq!(selects(&record), is_selected(operation), "{record}");
        assert_eq!(AuditRecord::parse(parsed.json().as_bytes()).unwrap().operation, operation, "{record}, read again");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_the_binary_fall(
        head in prop::sample::select(vec![&b""[..], b"\x1f\x8b\x08", b"\xff\xfe", b"AuditData\n", b"{\"Operation\":\"New-InboxRule\",", b"["]),
        bytes in prop::collection::vec(any::<u8>(), 0..4096),
        format in prop::sample::select(vec!["table", "json", "html"]),
    ) {
        let output = scan_input(&["--format", format, "-"], &[head, &bytes].concat());
        prop_assert!(matches!(output.status.code(), Some(0..=2)), "{:?}", output);
        prop_assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{:?}", output);
    }
}
