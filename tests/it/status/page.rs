//! The page: it needs nothing else, runs nothing, and text of an attacker's choice stays text.

use super::*;
use crate::remediation::remediation_fixture::threat;
use base64::Engine as _;
use sha2::Digest as _;
use tenantwatch::tables::ProcessedRow;

/// Text that would leave its place in a page, or turn the text around it.
const HOSTILE: &str = "</title><script>alert(1)</script>\"' onload=x \u{202e}\u{2066}\u{200b}";

async fn hostile_page() -> String {
    let data = Data::empty();
    let store = data.store();
    let tenant_id = uuid::Uuid::from_u128(1);
    let readiness = json!([{"Item": HOSTILE, "State": "missing", "Detail": HOSTILE}]);
    let changes = [
        ("DisplayName", text(HOSTILE)),
        ("Readiness", text(&readiness.to_string())),
        ("State", text("AccessLost")),
        ("LastOutcome", text(HOSTILE)),
    ];
    store.insert(COVERAGE, &super::rows::tenant(1, "contoso.com", &changes)).await.unwrap();
    for (id, state) in [(1, tenantwatch::tables::FindingState::Sent), (2, tenantwatch::tables::FindingState::Dismissed)]
    {
        let row = ProcessedRow {
            tenant_id: base::ids::TenantId::new(tenant_id),
            rule_name: HOSTILE.to_owned(),
            source_mailbox: HOSTILE.to_owned(),
            state,
            ..threat(id, Utc::now())
        };
        store.insert(PROCESSED, &row.to_entity()).await.unwrap();
    }
    let run = [
        ("RunId", text(&uuid::Uuid::new_v4().to_string())),
        ("Action", text(HOSTILE)),
        ("Status", text(HOSTILE)),
        ("User", text(HOSTILE)),
        ("Reason", text(HOSTILE)),
        ("Started", Column::Time(hours_ago(1))),
    ];
    let row = uuid::Uuid::from_u128(1).to_string();
    store.insert(ACTIONS, &entity("contoso.com", &row, &run)).await.unwrap();
    let answer = data.status(&["--format", "html"]).await;
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    answer.out
}

#[tokio::test]
async fn text_of_an_attacker_stays_text_in_the_page() {
    let page = hostile_page().await;
    assert!(page.matches("alert(1)").count() >= 8, "every place shows it");
    for forbidden in ["<script", "</title>\"", "\u{202e}", "\u{2066}", "\u{200b}", "\"' onload"] {
        assert!(!page.contains(forbidden), "{forbidden:?} is in the page");
    }
}

#[tokio::test]
async fn page_needs_nothing_else_and_allows_only_its_own_style() {
    let page = hostile_page().await;
    for outside in ["http://", "https://", "src=", "href=", "url(", "@import", " style="] {
        assert!(!page.contains(outside), "{outside}");
    }
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style.as_bytes()));
    assert!(
        page.contains(&format!("content=\"default-src 'none'; style-src 'sha256-{hash}'\"")),
        "the policy names another style"
    );
    assert!(style.contains("@media print") && style.contains("prefers-color-scheme:dark"));
}

/// An address as the page writes it: a line may end before the at sign.
fn shown(address: &str) -> String {
    address.replace('@', "<wbr>@")
}

#[tokio::test(flavor = "multi_thread")]
async fn page_has_strips_incidents_actions_and_dismissals() {
    let (runs, planted) = three_threats().await;
    runs.press(&[(&planted[0].mailbox, "Remediate"), (&planted[1].mailbox, "Dismiss")]).await;
    let page = runs.data.status(&["--format", "html"]).await.out;
    assert_eq!(page.matches("<svg class=\"flat strip\"").count(), 3, "one strip for each tenant");
    assert!(page.matches("<rect class=\"read\"").count() >= 3);
    let section = |title: &str| {
        page.split(&format!("<h2>{title}</h2>")).nth(1).unwrap().split("</section>").next().unwrap().to_owned()
    };
    let incidents = section("Incidents");
    assert!(planted.iter().all(|planted| incidents.contains(&shown(&planted.mailbox))), "{incidents}");
    assert!(
        incidents.contains(">Secured</td>")
            && incidents.contains(">Dismissed</td>")
            && incidents.contains(">Open</td>")
    );
    let actions = section("Actions");
    assert!(actions.contains(">Remediate</td>") && actions.contains("tess@msp.example"), "{actions}");
    let dismissed = section("Dismissed as false positive");
    assert!(dismissed.contains(&shown(&planted[1].mailbox)) && dismissed.contains("tess@msp.example"), "{dismissed}");
    assert!(section("Readiness").contains("No tenant has been checked yet."));
    assert!(section("Threats by day").contains("<rect class=\"High\""));
}
