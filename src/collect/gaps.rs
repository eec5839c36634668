//! Permanently lost content is a gap: stored, counted and notified, with the period that it covers.

use crate::tables::{Span, merge};

use super::Collector;
use crate::notify::notices::{Notice, Subject, stamp};
use crate::tenants::Stop;

/// The most spans that one notice spells out.
const SPELLED_OUT: usize = 10;

impl Collector<'_> {
    /// Stores spans as lost, after a notice about them: a kill in between sends the same notice again, under the same id.
    pub(super) async fn lose(&self, spans: &[Span], why: &str) -> Result<(), Stop> {
        let spans = merge(spans.to_vec());
        let Some(first) = spans.first() else { return Ok(()) };
        tracing::error!(tenant = %self.tenant, spans = spans.len(), from = %first.from, "audit content is lost: {why}");
        let subject = self.session.read(Subject::tenant).await;
        let text = format!(
            "Part of the audit log of {} is permanently lost: {why}. {}",
            subject.organization,
            in_words(&spans)
        );
        // Known by all of them: another gap may begin in the same second.
        let since: Vec<String> = spans.iter().map(|span| format!("{} {}", span.from, span.to)).collect();
        let notice = Notice { subject, what: "Gap".to_owned(), since: since.join(" "), text, at: first.from };
        self.outbox.tell(&notice, Some(self.session)).await?;
        let now = self.app.clock.now();
        self.session
            .change(|row| {
                spans.iter().for_each(|span| row.add_gap(*span));
                row.read_since = Some(now);
            })
            .await;
        self.count(|report| report.gaps += spans.len() as u64);
        Ok(())
    }
}

fn in_words(spans: &[Span]) -> String {
    let told: Vec<String> =
        spans.iter().take(SPELLED_OUT).map(|span| format!("from {} to {}", stamp(span.from), stamp(span.to))).collect();
    let more = spans.len().saturating_sub(told.len());
    let rest = if more > 0 { format!(", and in {more} more periods") } else { String::new() };
    format!(
        "The lost content became available {}{rest}. Tenantwatch has not checked it. To check it, export the period from the Purview portal and run `tenantwatch scan`.",
        told.join(", ")
    )
}
