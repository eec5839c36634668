//! The page of a live report: the demo's attacker, as `tenantwatch investigate --format html` tells it.

use serde_json::Value;
use tenantwatch_simulator::{Simulator, scenario};

use super::command::Folder;

/// Always the same tenants, people and attacks, as in the demo.
const SEED: u64 = 20_261_123;

/// `REPORT_PAGE=report.html` keeps the page, for the pictures in `docs/images`.
#[tokio::test(flavor = "multi_thread")]
async fn page_of_the_demos_attack_tells_the_whole_story() {
    let (world, planted) = scenario::demo(SEED, chrono::Utc::now());
    // One of the demo's tenants has not consented, so the run does not end well.
    let (folder, ..) = Folder::read(Simulator::start(world).await.unwrap()).await;
    let id = planted[0].record_id.to_string();
    let arguments = ["investigate", "--log-id", &id, "--hours", "167", "--format"];
    let (code, page, err) = folder.tenantwatch(&[&arguments[..], &["html"]].concat()).await;
    assert_eq!(code, Some(0), "{err}");
    if let Some(path) = std::env::var_os("REPORT_PAGE") {
        std::fs::write(path, &page).unwrap();
    }
    for text in
        ["was not seen from", "How it began", "Sent", "Searches", "Changes", "still there", "Other accounts", "tried"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
    let (code, json, err) = folder.tenantwatch(&[&arguments[..], &["json"]].concat()).await;
    assert_eq!(code, Some(0), "{err}");
    let report: Value = serde_json::from_str(&json).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../../docs/investigation.schema.json")).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&report), "{report:#}");
    assert_eq!(report["Changes"][0]["State"], "Present", "{:#}", report["Changes"]);
}
