//! The fixture files: one per record shape, each with a base record that its cases change.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use audit_log::AuditRecord;
use base::ids::TenantId;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenantwatch::detection::{
    AcceptedDomains, Answer, GroupFacts, GroupKind, Knowledge, LiveMailbox, MailboxFacts, Question, RecipientFacts,
    TrustedTarget, questions,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[allow(dead_code)]
    about: String,
    base: Map<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    situation: String,
    record: Map<String, Value>,
    #[serde(default)]
    known: Known,
    #[serde(default)]
    expect: Option<Value>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Known {
    live: Option<Value>,
    mailboxes: HashMap<String, String>,
    recipients: HashMap<String, Value>,
    groups: HashMap<String, Value>,
}

/// One case, ready to be judged.
pub struct Situation {
    pub name: String,
    pub json: Value,
    pub known: Known,
    pub expect: Option<Value>,
}

impl Situation {
    pub fn record(&self) -> AuditRecord {
        AuditRecord::parse(self.json.to_string().as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Returns the knowledge after every question has been answered.
    pub fn knowledge(&self) -> Knowledge {
        let mut known = tenant();
        let record = self.record();
        for _ in 0..6 {
            let asked = questions(&record, &known);
            for question in &asked {
                self.known.answer(question, &mut known);
            }
            if asked.is_empty() {
                return known;
            }
        }
        panic!("{}: the same is asked again and again: {:?}", self.name, questions(&record, &known));
    }
}

impl Known {
    fn answer(&self, question: &Question, known: &mut Knowledge) {
        match question {
            Question::Mailbox(text) => {
                known.mailboxes.insert(text.clone(), self.mailbox(text));
            }
            Question::LiveRules(owner) => {
                known.live.insert(owner.clone(), self.live());
            }
            Question::Recipient(text) => {
                known.recipients.insert(text.clone(), self.recipient(text));
            }
            Question::GroupMembers { identity, .. } => {
                known.groups.insert(identity.clone(), self.group(identity));
            }
        }
    }

    /// Looks up an identity of Grady's mailbox in any form, or a plain address of another mailbox.
    fn mailbox(&self, text: &str) -> Answer<MailboxFacts> {
        if let Some(how) = self.mailboxes.get(text) {
            return withheld_or_not(how);
        }
        let upn = match text.rsplit('/').next().unwrap_or(text) {
            "GradyA" | "7d1f2c55-0d1e-4b0a-9c3f-5a7a1c0b2e11" => "grady@contoso.com",
            "joey" => "joey@contoso.com",
            address if address.contains('@') => address,
            _ => return Answer::Unknown,
        };
        Answer::Known(MailboxFacts {
            upn: upn.to_owned(),
            object_id: Some(format!("object of {upn}")),
            addresses: vec![upn.to_owned()],
        })
    }

    fn live(&self) -> Answer<LiveMailbox> {
        match &self.live {
            None => Answer::Known(LiveMailbox::default()),
            Some(Value::String(how)) => withheld_or_not(how),
            Some(rows) => Answer::Known(LiveMailbox {
                visible: list(rows, "visible"),
                all: list(rows, "all"),
                sweep: list(rows, "sweep"),
            }),
        }
    }

    fn recipient(&self, text: &str) -> Answer<RecipientFacts> {
        match self.recipients.get(text) {
            None => Answer::Unknown,
            Some(Value::String(how)) => withheld_or_not(how),
            Some(addresses) => Answer::Known(RecipientFacts {
                addresses: serde_json::from_value(addresses.clone()).unwrap(),
                group: self.groups.contains_key(text).then_some(GroupKind::Distribution),
            }),
        }
    }

    fn group(&self, identity: &str) -> Answer<GroupFacts> {
        match self.groups.get(identity) {
            None => Answer::Unknown,
            Some(Value::String(how)) => withheld_or_not(how),
            Some(members) => {
                let addresses = serde_json::from_value(members.clone()).unwrap();
                Answer::Known(GroupFacts { addresses, groups: Vec::new() })
            }
        }
    }
}

/// Reads a list of rows of a fixture; none if it is absent.
fn list<T: for<'a> Deserialize<'a>>(rows: &Value, name: &str) -> Vec<T> {
    rows.get(name).cloned().map(|rows| serde_json::from_value(rows).unwrap()).unwrap_or_default()
}

fn withheld_or_not<T>(how: &str) -> Answer<T> {
    match how {
        "withheld" => Answer::Withheld,
        "refused" => Answer::Refused,
        "unknown" => Answer::Unknown,
        other => panic!("no such answer: {other}"),
    }
}

/// The tenant of the fixtures.
pub fn tenant() -> Knowledge {
    let domains = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<BTreeSet<_>>();
    let address = |only_in: Option<&str>, address: &str| TrustedTarget::Address {
        only_in: only_in.map(|domain| domain.parse().unwrap()),
        address: address.parse().unwrap(),
    };
    let domain = |only_in: Option<&str>, domain: &str| TrustedTarget::Domain {
        only_in: only_in.map(|domain| domain.parse().unwrap()),
        domain: domain.parse().unwrap(),
    };
    let tenant_id = "11111111-2222-4333-8444-555555555555".parse::<TenantId>().unwrap();
    Knowledge {
        accepted: AcceptedDomains {
            exact: domains(&["contoso.com", "contoso.onmicrosoft.com", "bücher.example", "relay.example"]),
            with_sub_domains: domains(&["fabrikam.com"]),
            relayed: domains(&["relay.example"]),
            ..AcceptedDomains::default()
        },
        trusted_targets: vec![
            domain(None, "tickets.example"),
            address(Some("contoso.com"), "me@gmail.example"),
            domain(Some("fabrikam.com"), "elsewhere.example"),
        ],
        trusted_apps: ["aaaaaaaa-0000-4000-8000-00000000000a".parse().unwrap()].into(),
        ..Knowledge::new(tenant_id, "contoso.com".parse().unwrap())
    }
}

/// All cases of all files, with the name of their file.
pub fn situations() -> Vec<(String, Situation)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(read).collect()
}

fn read(path: &PathBuf) -> Vec<(String, Situation)> {
    let shape = path.file_stem().unwrap().to_string_lossy().into_owned();
    let file: File =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{shape}: {error}"));
    let situation = |case: Case| {
        let mut json = file.base.clone();
        json.extend(case.record);
        let name = format!("{shape}: {}", case.situation);
        (shape.clone(), Situation { name, json: Value::Object(json), known: case.known, expect: case.expect })
    };
    file.cases.into_iter().map(situation).collect()
}
