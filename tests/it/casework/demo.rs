//! The attacker of the demo: what the report says, and that it is made again after the account was secured.

use serde_json::{Value, json};
use table_store::RowKey;
use tenantwatch::cli::cycle;
use tenantwatch::tables::{ACTIONS, InvestigationRow};
use tenantwatch_simulator::Simulator;

use crate::demo_page::Demo;

async fn reports(simulator: &Simulator, account: &str) -> Vec<Value> {
    let is_report = |body: &Value| body["Operation"].as_str().is_some_and(|operation| operation.starts_with("Report"));
    let is_own = |body: &Value| is_report(body) && body["SourceMailbox"] == account;
    simulator.notifications().into_iter().filter(is_own).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn demos_attacker_is_followed_and_again_after_the_press() {
    let Demo { simulator, planted, app, page, .. } = &Demo::after_a_cycle().await;
    let attack = &planted[0];
    let told = reports(simulator, &attack.mailbox).await;
    let [report] = &told[..] else { panic!("{told:#?}") };
    let text = report["Description"].as_str().unwrap();
    assert!(text.contains("Signed in: 1 × from 1 address · Other accounts:"), "{text}");
    assert!(text.contains("Messages read: 16 ·") && text.contains("Sent: 2 ·"), "{text}");
    assert!(text.contains(": tried."), "{text}");

    let body = json!({"LogID": attack.record_id, "Action": "Remediate"});
    let answer = reqwest::Client::new().post(format!("{}press", page.url())).json(&body).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["Status"], "Completed");
    cycle(app).await.unwrap();
    let told = reports(simulator, &attack.mailbox).await;
    let names: Vec<&Value> = told.iter().map(|body| &body["Operation"]).collect();
    assert_eq!(names, ["Report 1", "Report 2"]);

    let log_id = base::ids::RecordId::new(attack.record_id);
    let key = InvestigationRow::key(&attack.tenant_domain.parse().unwrap(), &log_id);
    assert_eq!(key.row, RowKey::parse(&format!("investigation_{log_id}")).unwrap());
    let stored = app.store.get(ACTIONS, &key).await.unwrap().unwrap();
    assert_eq!(InvestigationRow::from_stored(&stored).unwrap().0.number, 2);
}
