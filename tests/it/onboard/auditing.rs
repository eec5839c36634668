//! Auditing of the organization and of its mailboxes.

use chrono::TimeDelta;

use super::{OnboardFixture, step, world};

#[tokio::test(flavor = "multi_thread")]
async fn new_organization_is_customized_and_enabled_by_a_later_run() {
    let mut world = world(1);
    let tenant = world.tenants.values_mut().next().unwrap();
    *tenant = tenant.clone().brand_new();
    tenant.oddities.audit_disabled = true;
    let fixture = OnboardFixture::start(world).await;
    let (code, found) = fixture.onboard(&["--enable-auditing"]).await;
    assert_eq!((code, step(&found, "OrganizationCustomization").0), (Some(1), "done"), "{found:#}");
    assert_eq!(step(&found, "OrganizationAuditing").0, "done");
    let (state, detail) = step(&found, "UnifiedAuditLog");
    assert!(state == "failed" && detail.ends_with("run the same command again later"), "{found:#}");
    let (_, found) = fixture.onboard(&["--enable-auditing"]).await;
    assert!(step(&found, "UnifiedAuditLog").1.ends_with("run the same command again later"), "{found:#}");
    fixture.simulator.world().unkindness.hydration_time = TimeDelta::zero();
    let (code, found) = fixture.onboard(&["--enable-auditing"]).await;
    assert_eq!((code, step(&found, "UnifiedAuditLog").0), (Some(0), "done"), "{found:#}");
    assert_eq!(step(&found, "Audit.Exchange").0, "done");
    let (code, found) = fixture.onboard(&["--enable-auditing"]).await;
    assert_eq!((code, super::states(&found)), (Some(0), vec!["already there"]), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_are_audited_and_an_interrupted_run_is_continued() {
    let mut world = world(1);
    let tenant = world.tenants.values_mut().next().unwrap();
    for name in ["ann", "bob", "cid"] {
        tenant.add_person(name, name);
    }
    tenant.mailboxes[0].audit.premium = true;
    tenant.mailboxes[1].audit.needs_toggle = true;
    // An interrupted run has left this one off.
    tenant.mailboxes[2].audit.enabled = Some(false);
    let fixture = OnboardFixture::start(world).await;
    let (code, found) = fixture.onboard(&["--enable-mailbox-auditing"]).await;
    assert_eq!((code, step(&found, "MailboxAuditing")), (Some(0), ("done", "enabled for 2 mailboxes")), "{found:#}");
    fixture.tenant(|tenant| {
        assert_eq!(tenant.mailboxes[0].audit.enabled, None, "its records reach the feed anyway");
        assert!(tenant.mailboxes[1..].iter().all(|mailbox| mailbox.audit.is_explicit()));
    });
    fixture.simulator.forget_requests();
    let (_, found) = fixture.onboard(&["--enable-mailbox-auditing"]).await;
    assert_eq!((step(&found, "MailboxAuditing").0, fixture.writes()), ("already there", 0));
}
