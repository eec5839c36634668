//! `NOTIFY_MINIMUM`.

use tenantwatch::detection::Severity;
use tenantwatch::settings::{Needs, NotifyMinimum, Settings};
use tenantwatch::tables::FindingState;

use super::{only, with};
use crate::card::example;
use crate::collector_fixture::{CollectorFixture, forwarding_rule};

/// The minimum as the settings read it.
fn minimum(fixture: &CollectorFixture, text: &str) -> NotifyMinimum {
    let variables = fixture.sim.environment().into_iter().chain([("NOTIFY_MINIMUM".to_owned(), text.to_owned())]);
    Settings::from_environment(variables, Needs::LOCAL).unwrap().channels.minimum
}

#[tokio::test]
async fn each_channel_has_its_own_minimum_for_threats_alone() {
    let mut fixture = with(&["flow", "mail"]).await;
    let (urls, minimum) = (fixture.sim.urls().clone(), minimum(&fixture, "High,mail=Medium"));
    fixture.set_up_again(|settings| {
        settings.channels.minimum = minimum;
        only(settings, &urls, &["flow", "mail"]);
    });
    use tenantwatch::notify::Channel::{Flow, Mail};
    let notifier = &fixture.app.notifier;
    let mut row = example();
    row.severity = Severity::Medium;
    assert_eq!((notifier.wants(Flow, &row), notifier.wants(Mail, &row)), (false, true));
    row.severity = Severity::High;
    assert_eq!((notifier.wants(Flow, &row), notifier.wants(Mail, &row)), (true, true));
    (row.severity, row.threat) = (Severity::Medium, false);
    assert!(notifier.wants(Flow, &row), "a notice goes to every channel");
}

#[tokio::test]
async fn threat_that_no_channel_wants_is_recorded() {
    let mut fixture = with(&["flow"]).await;
    let (urls, minimum) = (fixture.sim.urls().clone(), minimum(&fixture, "High"));
    fixture.set_up_again(|settings| {
        settings.channels.minimum = minimum;
        only(settings, &urls, &["flow"]);
    });
    // A rule that moves mail with payment words to a folder that nobody reads, and forwards nothing, is of severity Medium.
    let mut medium = forwarding_rule(1, "To the archive", "x", fixture.now());
    medium["Parameters"] = serde_json::json!([
        { "Name": "Name", "Value": "To the archive" },
        { "Name": "SubjectContainsWords", "Value": "invoice;payment" },
        { "Name": "MoveToFolder", "Value": "RSS Feeds" },
    ]);
    fixture.publish(vec![medium, forwarding_rule(2, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let rows = fixture.findings().await;
    for row in rows.iter().filter(|row| row.threat) {
        let expected = if row.severity == Severity::High { FindingState::Sent } else { FindingState::Recorded };
        assert_eq!(row.state, expected, "{:?} {:?}", row.severity, row.reasons);
        assert!(!row.incident_id.is_empty() && row.incident_id == rows[0].incident_id, "{row:#?}");
    }
    assert!(rows.iter().any(|row| row.threat && row.severity == Severity::Medium), "{rows:#?}");
    assert!(!fixture.coverage().await.pending);
}
