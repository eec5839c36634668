//! Arguments, exit codes and formats.

use serde_json::Value;

use super::records::{A, Records, TENANT, V, W};
use super::{lines, report_of, run};
use crate::location::city_database;

fn refused(arguments: &[&str], input: &[u8]) -> String {
    let output = run(&[arguments, &["-"]].concat(), input);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{told}");
    told
}

#[test]
fn wrong_arguments_end_with_one_line_and_2() {
    let (records, ..) = Records::incident();
    let input = lines(&records);
    let no_record = "00000000-0000-4000-8000-00000000dead";
    let cases: [(&[&str], &str); 7] = [
        (&["--account", ""], "--account is empty"),
        (&["--account", " "], "--account is empty"),
        (&["--account", "@contoso.com"], "occurs in none of the records"),
        (&["--account", "nobody@contoso.com"], "occurs in none of the records"),
        (&["--account", V, "--log-id", no_record], "is in none of the records"),
        (&["--account", V, "--since", "2026-11-20", "--until", "2026-11-19"], "--since is after --until"),
        (&["--account", V, "--ip", "192.0.2.200"], "no record comes from the given addresses"),
    ];
    for (arguments, expected) in cases {
        let told = refused(arguments, &input);
        assert!(told.contains(expected) && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn account_without_a_threat_needs_a_start() {
    let (mut records, ..) = Records::incident();
    let quiet = records.sign_in("19T09:00:00", W, "198.51.100.9", "w", "0");
    let told = refused(&["--account", W], &lines(&records));
    assert!(told.contains("no threat for the account w@contoso.com"), "{told}");
    let other = refused(&["--account", V, "--log-id", quiet["Id"].as_str().unwrap()], &lines(&records));
    assert!(other.contains("does not concern the account"), "{other}");
    let report = report_of(&records.all, W, &["--log-id", quiet["Id"].as_str().unwrap()]);
    assert_eq!(report.judged(&quiet), ("Proven", "ThreatRecord"));
}

#[test]
fn input_that_is_no_audit_log_ends_with_2() {
    for input in [&b"GIF89a"[..], b"", b"{\"a\":"] {
        let told = refused(&["--account", V], input);
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn since_and_until_bound_the_report_but_not_the_baseline() {
    let (mut records, sign_in, rule) = Records::incident();
    let read = records.bind("19T11:00:00", V, V, A, super::records::S, &["m"]);
    let owners = records.bind("19T11:30:00", V, V, super::records::OWNER, "fresh", &["n"]);
    let report = report_of(&records.all, V, &["--since", "2026-11-19T10:30:00Z", "--until", "2026-11-19"]);
    assert_eq!((report.lists(&sign_in), report.lists(&rule)), (false, false));
    assert_eq!((report.whose(&read), report.whose(&owners)), ("Linked", "Owner"));
    assert_eq!((report.count("SignIns"), report.count("MessagesRead")), (0, 1));
    assert_eq!((&report.0["From"], &report.0["To"]), (&"2026-11-19T10:30:00Z".into(), &"2026-11-19T23:59:59Z".into()));
}

#[test]
fn csv_has_one_line_for_each_activity() {
    let (records, ..) = Records::incident();
    let report = report_of(&records.all, V, &[]);
    let output = run(&["--account", V, "--format", "csv", "-"], &lines(&records));
    let text = String::from_utf8(output.stdout).unwrap();
    let activities = report.0["Activities"].as_array().unwrap();
    assert_eq!(text.lines().count(), activities.len() + 1);
    assert!(text.lines().nth(1).unwrap().starts_with(activities[0]["Id"].as_str().unwrap()), "{text}");
}

#[test]
fn table_and_page_say_the_verdict() {
    let (mut records, ..) = Records::incident();
    records.send("19T10:30:00", V, A, super::records::S, "<script>alert(1)</script>");
    let verdict = report_of(&records.all, V, &[]).0["Verdict"].as_str().unwrap().to_owned();
    for format in ["table", "html"] {
        let output = run(&["--account", V, "--format", format, "-"], &lines(&records));
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&verdict), "{text}");
        assert!(format == "table" || !text.contains("<script"), "the page has no script");
        assert!(format == "table" || text.contains("About &#60;script"), "the subject is shown and escaped");
    }
}

#[test]
fn report_follows_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../docs/investigation.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (mut records, ..) = Records::incident();
    records.sign_in("19T11:00:00", W, A, "", "50126");
    records.send("19T11:10:00", V, A, super::records::S, "out");
    records.file("19T11:20:00", V, "FileDownloaded", A, super::records::S, "pay.xlsx");
    let report = report_of(&records.all, V, &[]);
    let errors: Vec<String> =
        validator.iter_errors(&report.0).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(report.0["Tenant"], TENANT);
    let mut wrong = report.0.clone();
    wrong["Counts"].as_object_mut().unwrap().remove("SignIns");
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn page_of_scan_names_the_command_for_each_threat() {
    let (records, _, rule) = Records::incident();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it's.jsonl");
    std::fs::write(&file, lines(&records)).unwrap();
    let scan = |format: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
        let output = command.args(["scan", "--format", format]).arg(&file).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let page = scan("html");
    let line = page.lines().find(|line| line.contains("tenantwatch investigate")).unwrap();
    let command = line.split("<pre>").nth(1).unwrap().split("</pre>").next().unwrap().replace("&#39;", "'");
    let quoted = format!("'{}'", file.display().to_string().replace('\'', r"'\''"));
    let id = rule["Id"].as_str().unwrap();
    let expected =
        format!("tenantwatch investigate {quoted} --account {V} --log-id {id} --format html --output report.html");
    assert_eq!(command, expected);
}

#[test]
fn documents_list_exactly_the_rules() {
    use tenantwatch::investigation::Rule;
    let known: std::collections::BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
    let schema: Value = serde_json::from_str(include_str!("../../../docs/investigation.schema.json")).unwrap();
    let listed = schema["$defs"]["rule"]["enum"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap());
    assert_eq!(listed.collect::<std::collections::BTreeSet<_>>(), known);
    let page = include_str!("../../../docs/investigation.md").split("**Rules.**").nth(1).unwrap();
    let rows = page.split("**Other accounts**").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    assert_eq!(names.collect::<std::collections::BTreeSet<_>>(), known);
}

#[test]
fn account_that_an_address_left_alone_has_a_report_too() {
    let (mut records, ..) = Records::incident();
    records.sign_in("19T12:00:00", W, "192.0.2.200", "w", "0");
    let report = report_of(&records.all, V, &["--ip", "192.0.2.200"]);
    assert!(report.0["Verdict"].as_str().unwrap().contains("No act of an attacker"), "{}", report.0["Verdict"]);
    assert_eq!((report.others(), report.count("SignIns")), (vec![(W, "SignedIn")], 0));
}

#[test]
fn files_that_were_cut_and_overlap_are_one_export() {
    let (mut records, ..) = Records::incident();
    records.bind("19T10:20:00", V, V, A, super::records::S, &["m"]);
    let whole = report_of(&records.all, V, &[]).without_run();
    let folder = tempfile::tempdir().unwrap();
    let text = |part: &[Value]| part.iter().map(|record| format!("{record}\n")).collect::<String>();
    let (first, second) = (folder.path().join("1.jsonl"), folder.path().join("2.json"));
    std::fs::write(&first, text(&records.all[4..])).unwrap();
    std::fs::write(&second, Value::Array(records.all[..7].to_vec()).to_string()).unwrap();
    let files = [first.to_str().unwrap(), second.to_str().unwrap()];
    let output = run(&[&["--account", V, "--format", "json"][..], &files].concat(), b"");
    let report = super::Report(serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(report.0["Run"]["Files"].as_array().unwrap().len(), 2);
    assert_eq!(report.without_run(), whole);
    let absent = run(&[&["--account", V][..], &files, &["/nowhere/at/all"]].concat(), b"");
    assert_eq!(
        (absent.status.code(), absent.stdout.is_empty()),
        (Some(2), false),
        "the others are reported all the same"
    );
}

#[test]
fn databases_name_place_and_network_of_addresses() {
    let (records, ..) = Records::incident();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let city = file("city.mmdb", &city_database::of(A.parse().unwrap(), "Lagos", "Lagos", "Nigeria"));
    let asn = file("asn.mmdb", &city_database::asn_of(A.parse().unwrap(), 64500, "Example Hosting"));
    let export = file("export.jsonl", &lines(&records));
    let report = |asn: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
        command.args(["investigate", "--account", V, "--format", "json"]).arg(&export);
        command.env_clear().env("GEOIP_DATABASE", &city).env("ASN_DATABASE", asn).output().unwrap()
    };
    let output = report(&asn);
    let parsed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let address = &parsed["Addresses"][0];
    assert_eq!((&address["IP"], &address["Place"]), (&A.into(), &"Lagos, Lagos, Nigeria".into()));
    assert_eq!(
        (&address["Network"], &parsed["Addresses"][1]["Network"]),
        (&"AS64500 Example Hosting".into(), &"".into())
    );
    assert_eq!(report(&export).status.code(), Some(2), "what is no database is told");
    assert!(report(std::path::Path::new("")).status.success(), "an empty setting is none");
}

/// The most memory that the process has had, in KiB, as Linux counts it.
#[cfg(target_os = "linux")]
fn peak_memory(child: &std::process::Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_export_takes_less_than_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jsonl");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let (records, ..) = Records::incident();
    std::io::Write::write_all(&mut file, &lines(&records)).unwrap();
    let others = tenantwatch_simulator::records::ordinary_json_lines(3, 80_000_000, &mut file).unwrap();
    drop(file);
    let answer = folder.path().join("report.json");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
    command.args(["investigate", "--account", V, "--format", "json", "--output"]).arg(&answer).arg(&path).env_clear();
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak_memory(&child).unwrap_or_default().max(peak);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let report: Value = serde_json::from_slice(&std::fs::read(&answer).unwrap()).unwrap();
    let expected = others + records.all.len() as u64;
    assert_eq!((status.code(), &report["Run"]["Records"]), (Some(0), &expected.into()));
    assert_eq!(report["Counts"]["SignIns"], 1);
    assert!((1..64 * 1024).contains(&peak), "{peak} KiB");
}

#[test]
fn missing_settings_are_listed_one_to_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
    command.args(["investigate", "--log-id", "0b3f2a52-8f0a-4c9e-9a4b-2f1d7c6e5a10"]);
    let output = command.current_dir(folder.path()).env_clear().output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{told}");
    assert!(told.starts_with("investigate: ") && !told.contains("\\u{"), "{told}");
    let named = told.lines().filter(|line| line.trim_start().starts_with("PARTNER") || line.contains("CLIENT_ID"));
    assert!(named.count() > 1 && told.lines().count() > 2, "{told}");
}
