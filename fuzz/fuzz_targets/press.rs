//! Any bytes as a press on a stored threat: as the whole body, and as changes of a genuine request and of genuine tokens. Nothing may
//! panic, no press without a genuine token may be accepted, change a row or repeat the token in its answer.
#![no_main]

use std::sync::{Arc, LazyLock};

use base::clock::{Clock, SystemClock};
use base::ids::{Domain, RecordId};
use chrono::{TimeDelta, Utc};
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use table_store::{Column, Entity, Key, MemoryStore, PartitionKey, Query, RowKey, Store as _, list_all};
use tenantwatch::app::App;
use tenantwatch::functions::remediate_account;
use tenantwatch::notify::seal::Seals;
use tenantwatch::notify::token::{ActionTokens, Scope};
use tenantwatch::settings::{Needs, Settings};
use tenantwatch::tables::{ACTIONS, COVERAGE, PROCESSED, ProcessedRow, load};
use tokio::runtime::Runtime;

const RECORDS: [&str; 2] = ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"];
const MEMBERS: [&str; 10] =
    ["Domain", "User", "ID", "Token", "Action", "Account", "Force", "Reason", "domain", "TOKEN"];

static WARD: LazyLock<Ward> = LazyLock::new(Ward::open);

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (form, token, bytes) = input;
    let ward = &*WARD;
    let body = match form % 4 {
        0 => bytes.to_vec(),
        1 => ward.with_member(token, bytes),
        2 => ward.with_token(&changed(ward.token(token), bytes)),
        _ => ward.with_signature(token, bytes),
    };
    let answer = ward.runtime.block_on(remediate_account::run(&ward.app, &body));
    let text = answer.body.to_string();
    assert!((400..500).contains(&answer.status), "{} {text} for {}", answer.status, String::from_utf8_lossy(&body));
    assert!(ward.tokens.iter().all(|token| !text.contains(token.as_str())), "{text}");
    assert_eq!(ward.rows(), ward.before, "{}", String::from_utf8_lossy(&body));
});

/// The product with two stored threats, and services that nothing can reach.
struct Ward {
    runtime: Runtime,
    app: App,
    /// Tokens that are not for Remediate of the first threat: of another finding, of another scope, of the past.
    tokens: Vec<String>,
    before: String,
}

impl Ward {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let settings = Settings::from_environment(environment(), Needs::LOCAL).expect("settings");
        let seals = Seals::new(&settings.actions.key);
        for id in RECORDS {
            let mut threat = threat(id);
            let version = runtime.block_on(store.insert(PROCESSED, &threat)).expect("an empty store");
            let row =
                runtime.block_on(load::<ProcessedRow>(store.as_ref(), &threat.key)).expect("a store").expect("a row").0;
            threat.set_text("Seal", &seals.of_finding(&row));
            runtime.block_on(store.replace(PROCESSED, &threat, &version)).expect("a row that nobody changed");
        }
        let app = App::new(settings, store, clock).expect("an app");
        let mut ward = Self { runtime, app, tokens: Vec::new(), before: String::new() };
        let hour = TimeDelta::hours(1);
        ward.tokens = [(1, Scope::Act, hour), (0, Scope::Undo, hour), (0, Scope::Force, hour), (0, Scope::Act, -hour)]
            .map(|(record, scope, life)| ward.mint(RECORDS[record], scope, life))
            .to_vec();
        ward.before = ward.rows();
        ward
    }

    fn mint(&self, id: &str, scope: Scope, life: TimeDelta) -> String {
        let domain: Domain = "contoso.com".parse().expect("a domain");
        let record: RecordId = id.parse().expect("a GUID");
        let key = Key::new(PartitionKey::domain(&domain), RowKey::record(&record));
        let row: ProcessedRow =
            self.runtime.block_on(load(self.app.store.as_ref(), &key)).expect("a store").expect("a row").0;
        let token = ActionTokens::new(&self.app.settings.actions).mint(&row, scope, Utc::now(), life);
        token.expect("a key").expose_secret().to_owned()
    }

    fn token(&self, which: u8) -> &str {
        &self.tokens[usize::from(which) % self.tokens.len()]
    }

    fn with_token(&self, token: &str) -> Vec<u8> {
        json!({ "Domain": "contoso.com", "User": "bob@contoso.com", "ID": RECORDS[0], "Token": token })
            .to_string()
            .into_bytes()
    }

    /// Returns a request whose members and tokens are genuine, except some members that the input chooses.
    fn with_member(&self, token: u8, bytes: &[u8]) -> Vec<u8> {
        let mut body: Map<String, Value> =
            serde_json::from_slice(&self.with_token(self.token(token))).expect("an object");
        for part in bytes.split(|byte| *byte == 0) {
            let Some((member, value)) = part.split_first() else { continue };
            let member = MEMBERS[usize::from(*member) % MEMBERS.len()];
            // Undo and Force with their own tokens would be accepted, rightly.
            if matches!(member, "Action" | "Force" | "ID") {
                continue;
            }
            let text = || Value::String(String::from_utf8_lossy(value).into_owned());
            body.insert(member.to_owned(), serde_json::from_slice(value).unwrap_or_else(|_| text()));
        }
        Value::Object(body).to_string().into_bytes()
    }

    /// A token with genuine parts and a signature of the input's choice.
    fn with_signature(&self, token: u8, bytes: &[u8]) -> Vec<u8> {
        let genuine = self.token(token);
        let (head, _) = genuine.rsplit_once('.').unwrap_or_default();
        self.with_token(&format!("{}.{}", head.replace("undo", "act"), String::from_utf8_lossy(bytes)))
    }

    fn rows(&self) -> String {
        let domain = || PartitionKey::parse("contoso.com").expect("a key");
        let list = |table| list_all(self.app.store.as_ref(), table, Query::partition(domain()));
        let rows =
            [PROCESSED, ACTIONS, COVERAGE].map(|table| self.runtime.block_on(list(table)).expect("a store in memory"));
        format!("{rows:?}")
    }
}

/// A token in which bytes are replaced: pairs of a place and a value.
fn changed(token: &str, bytes: &[u8]) -> String {
    let mut token = token.as_bytes().to_vec();
    for pair in bytes.chunks_exact(2) {
        let at = usize::from(pair[0]) % token.len();
        token[at] = pair[1];
    }
    String::from_utf8_lossy(&token).into_owned()
}

fn environment() -> impl Iterator<Item = (String, String)> {
    [
        ("PARTNER_TENANT_ID", "00000000-0000-0000-0000-000000000099"),
        ("CLIENT_ID", "00000000-0000-0000-0000-0000000000c1"),
        ("CLIENT_SECRET", "simulated"),
        ("ACTION_KEY", "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE="),
        ("FLOW_URL", "https://flow.example/?sig=simulated"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn threat(id: &str) -> Entity {
    let domain: Domain = "contoso.com".parse().expect("a domain");
    let record: RecordId = id.parse().expect("a GUID");
    let mut entity = Entity::new(Key::new(PartitionKey::domain(&domain), RowKey::record(&record)));
    let texts = [
        ("Threat", "True"),
        ("Type", "InboxRule"),
        ("LogID", id),
        ("ManagementDomain", "contoso.com"),
        ("TenantId", "00000000-0000-0000-0000-0000000000c0"),
        ("SourceMailbox", "bob@contoso.com"),
        ("Actor", "harry@contoso.com"),
        ("Operation", "New-InboxRule"),
        ("RuleName", "."),
        ("Severity", "High"),
        ("Reasons", "[]"),
        ("Fingerprint", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("State", "Sent"),
        ("ClaimId", "00000000-0000-0000-0000-000000000005"),
        ("Notified", "{}"),
    ];
    for (name, text) in texts {
        entity.set_text(name, text);
    }
    entity.set("EventTime", Column::Time(Utc::now()));
    entity.set("Score", Column::Int(95));
    entity
}
