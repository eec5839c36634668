//! What is lost for good is a gap: stored, counted and told, with the time it covers.

use crate::tables::{Span, merge};

use super::notices::{Notice, Subject, stamp};
use super::{Stop, TenantRun};

/// The most spans that one notice spells out.
const SPELLED_OUT: usize = 10;

impl TenantRun<'_> {
    /// Notes spans as lost, and tells. Told first: a kill before they are stored finds and tells the same again, under the
    /// same id.
    pub(super) async fn lose(&self, spans: &[Span], why: &str) -> Result<(), Stop> {
        let spans = merge(spans.to_vec());
        let Some(first) = spans.first() else { return Ok(()) };
        tracing::error!(tenant = %self.tenant, spans = spans.len(), from = %first.from, "audit content is lost: {why}");
        let subject = self.kept.read(Subject::tenant).await;
        let text =
            format!("Part of the audit log of {} is lost for good: {why}. {}", subject.organization, in_words(&spans));
        // Known by all of them: another gap may begin in the same second.
        let since: Vec<String> = spans.iter().map(|span| format!("{} {}", span.from, span.to)).collect();
        let notice = Notice { subject, what: "Gap".to_owned(), since: since.join(" "), text, at: first.from };
        self.outbox.tell(&notice, Some(&self.kept)).await?;
        self.kept.change(|row| spans.iter().for_each(|span| row.add_gap(*span))).await;
        self.count(|report| report.gaps += spans.len() as u64);
        Ok(())
    }
}

fn in_words(spans: &[Span]) -> String {
    let told: Vec<String> =
        spans.iter().take(SPELLED_OUT).map(|span| format!("from {} to {}", stamp(span.from), stamp(span.to))).collect();
    let more = spans.len().saturating_sub(told.len());
    let rest = if more > 0 { format!(", and {more} more spans") } else { String::new() };
    format!("It became available {}{rest}. Nobody has looked at it.", told.join(", "))
}
