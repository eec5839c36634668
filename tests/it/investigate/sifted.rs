//! Records that are left unread change nothing: the report is the one that parsing every record gives.

use std::io::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::generator::{Dice, incident};
use super::records::{A, Records, V, W, object_id};
use super::{Report, report};

/// How the records are written.
const FORMS: [&str; 7] = ["lines", "array", "indented", "escaped", "CSV", "Graph", "gzip"];

/// Makes an incident as motley as those of real tenants: object ids instead of names, addresses in every form, other tenants, cmdlets
/// of the system and of helpers on the mailbox.
fn motley(seed: u64) -> (Vec<Value>, String) {
    let incident = incident(seed);
    let (mut records, victim, mut dice) = (incident.records, incident.victim, Dice::new(seed ^ 0xABCD));
    for record in &mut records {
        let account = record["UserId"].as_str().unwrap().to_owned();
        match dice.below(12) {
            0 => record["UserId"] = json!(object_id(&account)),
            1 => record["UserId"] = json!(account.to_uppercase()),
            2..=5 => record["UserKey"] = json!(object_id(&account)),
            6 => record["TokenObjectId"] = json!(object_id(&account)),
            7 => {
                let ip = record["ClientIP"].as_str().map(|ip| match ip.contains(':') {
                    true => format!("[{ip}]:443"),
                    false => format!("::ffff:{ip}"),
                });
                record["ClientIP"] = json!(ip);
            }
            8 => record["OrganizationId"] = json!(Uuid::from_u128(u128::from(dice.below(2)))),
            9 => record["UserId"] = json!(format!("i:0#.f|Membership|{account}")),
            _ => {}
        }
    }
    let mut more = Records { all: records };
    for number in 0..120 {
        let account = if dice.below(8) == 0 { victim.clone() } else { format!("p{}@contoso.com", dice.below(50)) };
        let (day, alias) = (16 + dice.below(7), account.split('@').next().unwrap().to_owned());
        let identity = match number % 4 {
            0 => account.clone(),
            1 => object_id(&account),
            2 => format!("EURPR04A001.prod.outlook.com/Organizations/contoso.onmicrosoft.com/{}", object_id(&account)),
            _ => format!("contoso.onmicrosoft.com/{alias}"),
        };
        let time = format!("{day:02}T{:02}:30:00", dice.below(24));
        let members =
            json!({"ObjectId": identity, "UserType": 3, "Parameters": [{"Name": "Identity", "Value": identity}]});
        let by = ["NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)", "admin@contoso.com"][number % 2];
        more.add(&time, by, "Set-Mailbox", 1, members);
        if number % 10 == 0 {
            let target = json!({"Target": [{"ID": object_id(&account), "Type": 2}], "ObjectId": "Not Available"});
            more.add(&time, "admin@contoso.com", "Reset user password.", 8, target);
            more.directory(&time, &account, "Update user.", &account);
        }
    }
    (more.all, victim)
}

fn shuffle<T>(list: &mut [T], dice: &mut Dice) {
    for at in (1..list.len()).rev() {
        list.swap(at, usize::try_from(dice.below(at as u64 + 1)).unwrap());
    }
}

/// Damages some lines: one is cut, a byte is another one, a copy has another account or time, a member is twice there.
fn damage(lines: &mut Vec<String>, dice: &mut Dice) {
    for _ in 0..lines.len() / 40 {
        let at = usize::try_from(dice.below(lines.len() as u64)).unwrap();
        let line = lines[at].clone();
        let byte = 1 + usize::try_from(dice.below(line.len() as u64 - 2)).unwrap();
        let other = char::from(b"{}[],:\"\\x0\x01"[usize::try_from(dice.below(11)).unwrap()]);
        match dice.below(6) {
            0 => lines[at].truncate(byte),
            1 | 2 => lines[at].replace_range(byte..=byte, &other.to_string()),
            3 => lines.push(line.replacen("@contoso.com", "@else.example", 1)),
            4 => lines.push(line.replacen("\"2026-11-2", "\"2026-11-1", 1)),
            _ => lines[at].insert_str(1, "\"userid\":\"p1@contoso.com\","),
        }
    }
}

fn written(form: &str, records: &[Value], seed: u64, is_damaged: bool) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut lines: Vec<String> = records.iter().map(Value::to_string).collect();
    if is_damaged {
        damage(&mut lines, &mut dice);
    }
    shuffle(&mut lines, &mut dice);
    match form {
        "array" => format!("[{}]", lines.join(",")).into_bytes(),
        "indented" => {
            let indented =
                |line: &String| serde_json::from_str(line).map_or(line.clone(), |record: Value| format!("{record:#}"));
            lines.iter().map(indented).collect::<Vec<_>>().join("\n").into_bytes()
        }
        "escaped" => lines.join("\n").replace('@', "\\u0040").into_bytes(),
        "CSV" => {
            let row = |line: &String| format!("1,\"{}\"\r\n", line.replace('"', "\"\""));
            format!("RecordId,AuditData\r\n{}", lines.iter().map(row).collect::<String>()).into_bytes()
        }
        "Graph" => {
            let wrapped = |line: &String| format!("{{\"operation\":\"x\",\"auditData\":{line}}}");
            format!("{{\"value\":[{}]}}", lines.iter().map(wrapped).collect::<Vec<_>>().join(",")).into_bytes()
        }
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(lines.join("\n").as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        _ => lines.join("\n").into_bytes(),
    }
}

/// Returns the reports with and without records left unread.
fn both(input: &[u8], arguments: &[&str]) -> (Report, Report) {
    (report(input, arguments), report(input, &[arguments, &["--parse-all"]].concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn report_is_the_same_as_from_parsing_everything(
        seed in any::<u64>(),
        form in prop::sample::select(&FORMS[..]),
        is_damaged in any::<bool>(),
        by_id in any::<bool>(),
        with_address in any::<bool>(),
    ) {
        let (records, victim) = motley(seed % 1_000);
        let input = written(form, &records, seed, is_damaged);
        let account = if by_id { object_id(&victim) } else { victim };
        let mut arguments = vec!["--account", &account];
        if with_address {
            arguments.extend(["--ip", "198.51.100.1"]);
        }
        let output = super::run(&[&arguments[..], &["--format", "json", "-"]].concat(), &input);
        let whole = super::run(&[&arguments[..], &["--parse-all", "--format", "json", "-"]].concat(), &input);
        prop_assert_eq!(output.status.code(), whole.status.code(), "{:?}", output);
        if output.status.success() {
            let [one, other] = [output, whole].map(|output| Report(serde_json::from_slice(&output.stdout).unwrap()).without_run());
            prop_assert_eq!(one, other);
        }
    }
}

#[test]
fn most_records_of_others_are_left_unread() {
    let incident = incident(4);
    for form in ["lines", "array", "CSV", "gzip"] {
        let input = written(form, &incident.records, 1, false);
        let (sifted, whole) = both(&input, &["--account", &incident.victim]);
        let run = sifted.0["Run"].clone();
        let (unread, records) = (run["Unread"].as_u64().unwrap(), run["Records"].as_u64().unwrap());
        assert!(unread * 10 > records * 8, "{form}: {run}");
        assert_eq!((&whole.0["Run"]["Unread"], &whole.0["Run"]["Records"]), (&json!(0), &run["Records"]));
        assert_eq!(sifted.without_run(), whole.without_run());
    }
}

#[test]
fn record_named_by_its_id_is_read_again() {
    let (mut records, ..) = Records::incident();
    for day in 16..19 {
        records.owners_days(W, "198.51.100.9", "w-1", &[day]);
    }
    let of_another = records.sign_in("19T11:00:00", W, A, "w-2", "0");
    let input: String = records.all.iter().map(|record| format!("{record}\n")).collect();
    let output = super::run(&["--account", V, "--log-id", of_another["Id"].as_str().unwrap(), "-"], input.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("does not concern the account"), "{err}");
}

/// An exit of an office is found although only one act of each account and day is read.
#[test]
fn exit_is_found_among_unread_records() {
    let (mut records, ..) = Records::incident();
    for number in 0..4 {
        let who = format!("c{number}@contoso.com");
        for day in 16..19 {
            records.sign_in(&format!("{day}T07:00:00"), &who, A, "", "50126");
            for minute in 10..30 {
                records.bind(&format!("{day}T08:{minute}:00"), &who, &who, A, "", &[&format!("{who}-{minute}")]);
            }
        }
    }
    let input: String = records.all.iter().map(|record| format!("{record}\n")).collect();
    let (sifted, whole) = both(input.as_bytes(), &["--account", V]);
    assert_eq!(sifted.address(A), Some("Unclear"));
    assert!(sifted.0["Run"]["Unread"].as_u64().unwrap() > 150, "{}", sifted.0["Run"]);
    assert_eq!(sifted.without_run(), whole.without_run());
}
