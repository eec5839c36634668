//! The choice of tenants that are read: partial or empty customer lists, and messages that are queued at any time.

use chrono::TimeDelta;
use tenantwatch::tables::TenantState;
use tenantwatch_simulator::{Fault, Service};

use super::records::{add_mailboxes, blank};
use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, forwarding_rule};

/// Runs one cycle, and returns the domains that were queued.
async fn cycle(fixture: &CollectorFixture) -> Vec<String> {
    fixture.wait(TimeDelta::minutes(15));
    let messages = fixture.get_domain().await;
    for message in &messages {
        fixture.deliver(message).await.unwrap();
    }
    messages.iter().map(|message| message.domain.to_string()).collect()
}

#[tokio::test]
async fn partial_list_unwatches_nobody_until_it_is_confirmed() {
    let fixture = CollectorFixture::start().await;
    fixture.list_customers(&[CONTOSO, FABRIKAM]);
    assert_eq!(cycle(&fixture).await.len(), 2);
    fixture.list_customers(&[FABRIKAM]);
    assert_eq!(cycle(&fixture).await.len(), 2, "one listing may be partial");
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy);
    fixture.list_customers(&[CONTOSO, FABRIKAM]);
    assert_eq!(cycle(&fixture).await.len(), 2);
    fixture.list_customers(&[FABRIKAM]);
    assert_eq!(cycle(&fixture).await.len(), 2, "the two listings must follow each other");
    assert_eq!(fixture.notice_texts(), Vec::<String>::new());
    assert_eq!(cycle(&fixture).await, ["fabrikam.com"]);
    assert_eq!(fixture.coverage().await.state, TenantState::NotListed);
    assert_eq!(fixture.notice_texts().len(), 1, "{:?}", fixture.notice_texts());
}

#[tokio::test]
async fn failed_listing_between_two_does_not_confirm_the_first() {
    let fixture = CollectorFixture::start().await;
    fixture.list_customers(&[CONTOSO, FABRIKAM]);
    cycle(&fixture).await;
    fixture.list_customers(&[FABRIKAM]);
    cycle(&fixture).await;
    fixture.fail_customers(true);
    assert_eq!(cycle(&fixture).await.len(), 2);
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy, "a listing that fails is not complete");
}

#[tokio::test]
async fn empty_first_customer_list_is_a_problem_of_ours_at_once() {
    let fixture = CollectorFixture::start().await;
    fixture.sim.world().lists_contracts = false;
    assert_eq!(cycle(&fixture).await, Vec::<String>::new());
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("no customers found by contracts"), "{texts:?}");
    cycle(&fixture).await;
    assert_eq!(fixture.notice_texts().len(), 1, "it is notified once");
    fixture.sim.world().lists_contracts = true;
    cycle(&fixture).await;
    cycle(&fixture).await;
    assert_eq!(fixture.notice_texts().len(), 2, "{:?}", fixture.notice_texts());
    assert!(fixture.notice_texts()[1].contains("working again"), "{:?}", fixture.notice_texts());
}

#[tokio::test]
async fn message_queued_during_a_run_is_not_skipped() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 1);
    fixture.read().await.unwrap();
    fixture.publish(vec![blank(CONTOSO, &mailboxes[0], 1, fixture.now())]);
    fixture.sim.inject(Fault::hang(Service::Exchange, "Get-Mailbox").times(1));
    fixture.wait(TimeDelta::minutes(1));
    let first = fixture.message();
    let queued_meanwhile = async {
        while fixture.sim.hanging() == 0 {
            tokio::task::yield_now().await;
        }
        // The run has listed what there was. This message is about what comes after.
        fixture.wait(TimeDelta::seconds(1));
        fixture.message()
    };
    let (report, second) =
        fixture.while_hanging(async { tokio::join!(fixture.deliver(&first), queued_meanwhile) }).await;
    report.unwrap();
    assert!(second.queued_at < fixture.now(), "it was queued before the end of the run");
    fixture.publish(vec![forwarding_rule(2, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.wait(TimeDelta::seconds(1));
    assert_eq!(fixture.deliver(&second).await.unwrap().threats, 1);
}

#[tokio::test]
async fn message_for_a_tenant_without_a_row_reads_nothing() {
    let fixture = CollectorFixture::start().await;
    let message = fixture.message_for(FABRIKAM);
    assert_eq!(fixture.deliver_unlisted(&message).await.unwrap(), Default::default());
    assert_eq!(fixture.sim.requests().len(), 0, "no service is asked about a tenant that a message invents");
}
