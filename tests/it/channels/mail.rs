//! Mail through Graph.

use chrono::TimeDelta;
use tenantwatch::tables::FindingState;
use tenantwatch_simulator::{Fault, Service};

use super::{only, with};
use crate::collector_fixture::{CollectorFixture, forwarding_rule};

/// The mails that were sent, with soft line breaks and folded headers joined.
pub fn mails(fixture: &CollectorFixture) -> Vec<String> {
    let sent = fixture.sim.world().sent_mail.clone();
    sent.into_iter().map(|mime| String::from_utf8(mime).unwrap().replace("=\r\n", "").replace("\r\n\t", " ")).collect()
}

pub fn header(mail: &str, name: &str) -> String {
    let prefix = format!("{name}: ");
    mail.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn threat_is_a_mail_that_ticket_systems_can_parse() {
    let fixture = with(&["mail"]).await;
    fixture.publish(vec![forwarding_rule(1, "<b>Invoices</b>", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let row = fixture.findings().await.remove(0);
    assert_eq!(row.state, FindingState::Sent);
    let mail = mails(&fixture).remove(0);
    let incident: String = row.incident_id.chars().take(8).collect();
    let subject = format!("[Tenantwatch] High contoso.com victor@contoso.com InboxRule #{incident}");
    assert_eq!(header(&mail, "Subject"), subject);
    assert_eq!(header(&mail, "From"), "<alerts@provider.example>");
    assert_eq!(header(&mail, "To"), "<desk@provider.example>");
    assert!(
        mail.contains("multipart/alternative") && mail.contains("text/plain") && mail.contains("text/html"),
        "{mail}"
    );
    let keys = ["Customer", "Tenant", "User", "Severity", "Incident", "Time UTC", "What", "Why", "Done", "Next"];
    let (_, body) = mail.split_once("text/plain").unwrap();
    let places: Vec<usize> = keys.iter().map(|key| body.find(&format!("\n{key}: ")).expect(key)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(!mail.contains("eve@evil.example") && !mail.contains("<b>"), "{mail}");
    assert!(!mail.contains("v1.") && !mail.contains("RemediateAccount"), "{mail}");
}

#[tokio::test]
async fn later_threats_keep_the_subject_of_the_first() {
    let fixture = with(&["mail"]).await;
    for id in 1..=2 {
        fixture.publish(vec![forwarding_rule(id, &format!("Rule {id}"), "eve@evil.example", fixture.now())]);
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::hours(1));
    }
    let subjects: Vec<String> = mails(&fixture).iter().map(|mail| header(mail, "Subject")).collect();
    assert_eq!(subjects.len(), 2);
    assert_eq!(subjects[0], subjects[1]);
}

#[tokio::test]
async fn mail_of_one_tenant_goes_to_its_own_address_instead() {
    let mut fixture = with(&["mail"]).await;
    let urls = fixture.sim.urls().clone();
    fixture.set_up_again(|settings| {
        only(settings, &urls, &["mail"]);
        let mail = settings.channels.mail.as_mut().unwrap();
        mail.routes = vec![("contoso.com".parse().unwrap(), "contoso@psa.example".parse().unwrap())];
    });
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!(header(&mails(&fixture)[0], "To"), "<contoso@psa.example>");
}

#[tokio::test]
async fn missing_role_is_named_and_the_mail_stays_owed() {
    let fixture = with(&["mail", "flow"]).await;
    fixture.sim.world().mail_sender = "other@provider.example".to_owned();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Sending);
    let notices = fixture.notice_texts();
    assert!(notices.iter().any(|text| text.contains("Application Mail.Send")), "{notices:?}");
    fixture.sim.world().mail_sender = "alerts@provider.example".to_owned();
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
}

#[tokio::test]
async fn busy_graph_is_tried_again_by_a_later_run() {
    let fixture = with(&["mail"]).await;
    fixture.sim.inject(Fault::status(Service::Graph, "sendMail", 503));
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!((mails(&fixture).len(), fixture.findings().await[0].state), (0, FindingState::Sending));
    fixture.sim.clear_faults();
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    assert_eq!((mails(&fixture).len(), fixture.findings().await[0].state), (1, FindingState::Sent));
}
