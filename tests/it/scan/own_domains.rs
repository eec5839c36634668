//! The domains that count as the organization's own without `--accepted-domain`: none that an attacker in a mailbox can choose.

use serde_json::{Value, json};

use super::{json_of, rule};

fn named(operation: &str, status: &str, parameter: &str, address: &str) -> Value {
    let mut record = rule(5);
    record["Operation"] = json!(operation);
    record["ResultStatus"] = json!(status);
    record["ObjectId"] = json!("x");
    record["Parameters"] = json!([{"Name": parameter, "Value": address}, {"Name": "ImapEnabled", "Value": "True"}]);
    record
}

fn accepts_evil(record: &Value) -> bool {
    let answer = json_of(format!("{record}\n{}\n", rule(1)).as_bytes());
    answer["AcceptedDomains"].as_array().unwrap().contains(&json!("evil.example"))
}

#[test]
fn only_mailboxes_of_successful_records_make_a_domain_own() {
    for (operation, status, parameter, is_own) in [
        ("Set-CASMailbox", "True", "Identity", true),
        ("Set-CASMailbox", "False", "Identity", false),
        ("Set-Mailbox", "Failed", "Identity", false),
        ("Add-MailboxPermission", "True", "Identity", true),
        ("Set-MailContact", "True", "Identity", false),
        ("New-MailContact", "True", "Identity", false),
        ("Set-MailUser", "True", "Identity", false),
        ("Add-RecipientPermission", "True", "Identity", false),
        ("Set-TransportRule", "True", "Identity", false),
        ("New-InboxRule", "True", "Mailbox", true),
        ("New-InboxRule", "False", "Mailbox", false),
        ("Set-InboxRule", "True", "Identity", false),
        ("Set-SweepRule", "True", "Identity", false),
        ("Set-InboxRule", "True", "Mailbox", true),
    ] {
        let record = named(operation, status, parameter, "amy@evil.example");
        assert_eq!(accepts_evil(&record), is_own, "{operation} {status}");
    }
}

#[test]
fn a_technician_of_a_partner_makes_no_domain_own() {
    for (kind, is_own) in [(0, true), (2, true), (5, false), (9, false), (10, false)] {
        let mut record = rule(5);
        record["UserId"] = json!("tech@evil.example");
        record["UserType"] = json!(kind);
        assert_eq!(accepts_evil(&record), is_own, "{kind}");
    }
}

#[test]
fn a_failed_attempt_makes_no_domain_own() {
    let mut failed = rule(5);
    failed["UserId"] = json!("mallory@evil.example");
    failed["ResultStatus"] = json!("False");
    assert!(!accepts_evil(&failed));
    let mut owner = failed.clone();
    owner["MailboxOwnerUPN"] = json!("amy@evil.example");
    assert!(!accepts_evil(&owner));
}
