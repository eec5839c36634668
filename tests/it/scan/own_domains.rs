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
fn actor_whose_domain_is_called_as_the_organization_makes_it_own() {
    let accepted = |user: &str, kind: u8, status: &str, organization: &str| {
        let mut record = named("New-TransportRule", status, "BlindCopyTo", "archive@fabrikam.com");
        (record["UserId"], record["UserType"]) = (json!(user), json!(kind));
        record["OrganizationName"] = json!(organization);
        let answer = json_of(format!("{record}\n").as_bytes());
        let is_own = answer["AcceptedDomains"].as_array().unwrap().contains(&json!("fabrikam.com"));
        assert_eq!(answer["Findings"][0]["Threat"], json!(!is_own), "{answer}");
        is_own
    };
    assert!(accepted("admin@fabrikam.com", 2, "True", "fabrikam.onmicrosoft.com"));
    assert!(accepted("Admin@Fabrikam.com", 0, "True", "Fabrikam.onmicrosoft.com"));
    assert!(!accepted("admin@fabrikam.com", 9, "True", "fabrikam.onmicrosoft.com"), "a partner's technician");
    assert!(!accepted("x_y.example#EXT#@fabrikam.com", 10, "True", "fabrikam.onmicrosoft.com"), "a guest");
    assert!(!accepted("admin@fabrikam.com", 2, "True", "contoso.onmicrosoft.com"), "another organization");
    assert!(!accepted("admin@fabrikam.com", 2, "True", "fabrikam.evil.example"), "no initial domain");
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

#[test]
fn mailbox_that_is_named_in_any_way_makes_its_domain_own() {
    let with = |operation: &str, user: &str, object: &str, identity: &str| {
        let mut record = named(operation, "True", "Identity", identity);
        record["UserId"] = json!(user);
        record["ObjectId"] = json!(object);
        accepts_evil(&record)
    };
    let (amy, other) = ("amy@evil.example", "admin@contoso.onmicrosoft.com");
    for (operation, user, object, identity, is_own) in [
        ("Add-MailboxFolderPermission", other, "x", "amy@evil.example:\\Inbox", true),
        ("Set-MailboxFolderPermission", other, "x", "amy@evil.example:\\Inbox", true),
        ("Add-RecipientPermission", "admin@evil.example", "x", amy, true),
        ("Add-RecipientPermission", other, "x", amy, false),
        ("Set-InboxRule", other, "amy@evil.example\\Fwd", "amy@evil.example\\Fwd", true),
        ("Set-InboxRule", other, "x", "amy@evil.example\\Fwd", false),
        ("Set-Mailbox", amy, "amy", "amy", true),
        ("Set-Mailbox", amy, "x", "bob", false),
    ] {
        assert_eq!(with(operation, user, object, identity), is_own, "{operation} {user} {object} {identity}");
    }
}

#[test]
fn mailbox_owners_of_records_that_are_not_selected_make_domains_own() {
    for (owner, is_own) in [("amy@evil.example", true), ("x_evil.example#EXT#@evil.example", false)] {
        let mut record = rule(5);
        record["Operation"] = json!("MailItemsAccessed");
        record["MailboxOwnerUPN"] = json!(owner);
        record["UserId"] = json!("x");
        assert_eq!(accepts_evil(&record), is_own, "{owner}");
    }
}
