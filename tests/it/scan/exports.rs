//! Large exports of a tenant that was attacked: exactly the records that were planted are found.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tenantwatch_simulator::Tenant;
use tenantwatch_simulator::records::{
    Envelope, MadeWith, RuleChange, Seeded, add_mailbox_permission, forwarding_to, mail_items_accessed,
    move_to_deleted_items, new_inbox_rule, newsletter_rule, send, system_set_mailbox, update_inbox_rules_a,
    update_inbox_rules_b, user_logged_in,
};
use tenantwatch_simulator::world::Mailbox;
use uuid::Uuid;

use super::scan_input;

/// Bytes of each file.
const LARGE: usize = 12 << 20;
/// Number of records among which one is of interest.
const ONE_IN: u64 = 100;

/// The expected result for a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Threat,
    Quiet,
    Nothing,
}

/// Records as they come, and what each should be found as.
struct Export {
    tenant: Tenant,
    seeded: Seeded,
    at: DateTime<Utc>,
    threats: BTreeSet<String>,
    quiet: BTreeSet<String>,
}

impl Export {
    fn new(seed: u64) -> Self {
        let mut tenant = Tenant::new(Uuid::from_u128(0xc0), "contoso.com", "Contoso");
        for person in 0..50 {
            tenant.add_person(&format!("person{person}"), "Person");
        }
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        Self { tenant, seeded: Seeded::new(seed), at, threats: BTreeSet::new(), quiet: BTreeSet::new() }
    }

    fn next(&mut self) -> Value {
        self.at += TimeDelta::seconds(1);
        let mailbox = self.seeded.pick(&self.tenant.mailboxes).unwrap();
        let own = Envelope::new(&self.tenant, &mailbox.upn, self.at, &mut self.seeded);
        let (label, record) = if self.seeded.range(0, ONE_IN) == 0 {
            of_interest(&own, mailbox, &mut self.seeded)
        } else {
            (Label::Nothing, ordinary(&own, mailbox, self.seeded.range(0, 6)))
        };
        match label {
            Label::Threat => self.threats.insert(own.id.to_string()),
            Label::Quiet => self.quiet.insert(own.id.to_string()),
            Label::Nothing => false,
        };
        record
    }

    /// At least `LARGE` bytes of records, each handed to `write`, which says how long the file is now.
    fn fill(&mut self, mut write: impl FnMut(&Value) -> usize) {
        while write(&self.next()) < LARGE {}
    }
}

fn of_interest(own: &Envelope, mailbox: &Mailbox, seeded: &mut Seeded) -> (Label, Value) {
    use Label::{Quiet, Threat};
    let (id, web, shell) = (seeded.rule_id(), MadeWith::OutlookWeb, MadeWith::PowerShell);
    let forwards = json!([{"ActionType": "Forward", "Recipients": ["eve@evil.example"]}]);
    match seeded.range(0, 11) {
        0 => (Threat, new_inbox_rule(own, mailbox, "Sync", &[("ForwardTo", "eve@evil.example")], web)),
        1 => (Threat, new_inbox_rule(own, mailbox, " ", &[("DeleteMessage", "True")], shell)),
        2 => {
            let hides = [("SubjectContainsWords", "invoice"), ("MoveToFolder", "RSS Feeds"), ("MarkAsRead", "True")];
            (Threat, new_inbox_rule(own, mailbox, "Tidy, \"now\"", &hides, web))
        }
        3 => (Threat, update_inbox_rules_a(own, mailbox, &RuleChange::added(id, None), &forwards)),
        4 => {
            let change = RuleChange::added(id, Some("Kopie"));
            (Threat, update_inbox_rules_b(own, mailbox, &change, "ForwardToRecipientsAction", &["eve@evil.example"]))
        }
        5 => (Threat, forwarding_to(own, mailbox, "eve@evilcontoso.com", false)),
        6 => (Threat, add_mailbox_permission(&own.clone().by("helper@contoso.com"), mailbox, "helper", "FullAccess")),
        7 => (Quiet, newsletter_rule(own, mailbox, "News; \"all\"", "news@shop.example", "Newsletters")),
        8 => (Quiet, forwarding_to(own, mailbox, "anna@contoso.com", true)),
        9 => (
            Quiet,
            add_mailbox_permission(&own.clone().by("admin@contoso.com"), mailbox, "anna@contoso.com", "FullAccess"),
        ),
        _ => {
            let change = RuleChange { operation: "RemoveMailboxRule", ..RuleChange::added(id, None) };
            (Quiet, update_inbox_rules_a(own, mailbox, &change, &forwards))
        }
    }
}

/// Records that say the names of watched operations only in their texts are ordinary ones.
fn ordinary(own: &Envelope, mailbox: &Mailbox, sort: u64) -> Value {
    match sort {
        0 => system_set_mailbox(own, mailbox),
        1 => send(own, mailbox, "\"Operation\":\"New-InboxRule\", ForwardTo eve@evil.example"),
        2 => move_to_deleted_items(own, mailbox, "Rechnung; \"dringend\",\r\nZahlung"),
        3 => user_logged_in(own),
        _ => mail_items_accessed(own, mailbox, 2),
    }
}

fn json_lines(export: &mut Export) -> String {
    let mut out = String::new();
    export.fill(|record| {
        writeln!(out, "{record}").unwrap();
        out.len()
    });
    out
}

fn json_array(export: &mut Export) -> String {
    let mut out = "[\n".to_owned();
    export.fill(|record| {
        write!(out, "{record:#},\r\n").unwrap();
        out.len()
    });
    format!("{}]\n", out.trim_end().trim_end_matches(','))
}

/// As Purview exports a search.
fn purview(export: &mut Export) -> String {
    let mut out = "\u{feff}RecordId,CreationDate,RecordType,Operation,UserId,AuditData,AssociatedAdminUnits,\
                   AssociatedAdminUnitsNames\r\n"
        .to_owned();
    export.fill(|record| {
        let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace('"', "\"\"");
        let columns = ["Id", "CreationTime", "RecordType", "Operation", "UserId"].map(|name| cell(&record[name]));
        write!(out, "{},\"{}\",,\r\n", columns.join(","), record.to_string().replace('"', "\"\"")).unwrap();
        out.len()
    });
    out
}

fn file(folder: &Path, name: &str, content: String) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

#[test]
fn large_exports_yield_exactly_the_planted_findings() {
    let folder = tempfile::tempdir().unwrap();
    let mut export = Export::new(12);
    let files = [
        file(folder.path(), "lines.jsonl", json_lines(&mut export)),
        file(folder.path(), "array.json", json_array(&mut export)),
        file(folder.path(), "purview.csv", purview(&mut export)),
    ];
    let mut arguments = vec!["--format", "json", "--accepted-domain", "contoso.com"];
    arguments.extend(files.iter().map(String::as_str));
    let output = scan_input(&arguments, b"");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((output.status.code(), &answer["BrokenCount"]), (Some(1), &json!(0)), "{}", answer["Broken"]);
    let found = |threat: bool| -> BTreeSet<String> {
        // An ordinary grant on a mailbox with a threat of the same day becomes one by that alone.
        let is_threat = |finding: &&Value| {
            let is_raised = finding["Reasons"].as_array().unwrap().contains(&json!("AfterThreat"));
            (finding["Threat"] == true && !is_raised) == threat
        };
        let findings = answer["Findings"].as_array().unwrap().iter().filter(is_threat);
        let ids = findings.flat_map(|finding| finding["LogIDs"].as_array().unwrap());
        ids.map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    assert!(export.threats.len() > 50 && export.quiet.len() > 25, "the files are as large as they should be");
    let differ = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    for (is_threat, planted) in [(true, &export.threats), (false, &export.quiet)] {
        let found = found(is_threat);
        assert_eq!(differ(planted, &found), Vec::<String>::new(), "missed, threats: {is_threat}");
        assert_eq!(differ(&found, planted), Vec::<String>::new(), "too many, threats: {is_threat}");
    }
}
