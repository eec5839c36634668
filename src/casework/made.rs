//! From gathered records to a report. Offline and live investigations are judged here.

use audit_log::AnyRecord;
use base::ids::{RecordId, TenantId};
use chrono::{DateTime, Utc};

use super::{Gathered, SpillError};
use crate::investigation::{
    Act, Activity, ActivityRow, Attribution, Builder, FixedPoints, Gaps, Judgement, Report, Subject, Timeline,
    attribute, details,
};

/// A report with everything that it is written from.
#[derive(Debug)]
pub struct Made {
    /// The report.
    pub report: Report,
    /// The time line of the page.
    pub timeline: Timeline,
    /// The judgement of every activity.
    pub attribution: Attribution,
    /// The reported time.
    pub span: (DateTime<Utc>, DateTime<Utc>),
    gathered: Gathered,
}

/// The account, the start and the bounds of an investigation.
#[derive(Debug)]
pub struct Scope {
    /// The account.
    pub subject: Subject,
    /// Its tenant, if the records name it.
    pub tenant: Option<TenantId>,
    /// The fixed points.
    pub points: FixedPoints,
    /// The begin of the report; by default the first record.
    pub since: Option<DateTime<Utc>>,
    /// The end of the report; by default the last record.
    pub until: Option<DateTime<Utc>>,
    /// The kinds of records of which some could not be read.
    pub gaps: Gaps,
}

/// Judges what was gathered. `None` if no fixed point is among it.
///
/// # Errors
/// Returns an error if the temporary database cannot be used.
pub fn make(gathered: Gathered, scope: Scope) -> Result<Option<Made>, SpillError> {
    let Scope { subject, tenant, points, since, until, gaps } = scope;
    let Some(attribution) = attribute(&gathered.spill, subject, &points)? else { return Ok(None) };
    let seen = gathered.seen(tenant);
    let (first, last) = seen.span.unwrap_or((attribution.alarm, attribution.alarm));
    let span = (since.unwrap_or(first), until.unwrap_or(last));
    let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
    gathered.spill.look_at(&attribution)?;
    let mut builder = Builder::new(&attribution, tenant, (seen, gaps), span);
    gathered.spill.looked_at(|activity, text| -> rusqlite::Result<()> {
        let (judgement, is_within) = (attribution.judge(&activity), is_within(&activity, span));
        // Outside of the time only a record of reading tells something more: that Microsoft recorded no further ones.
        let is_told = is_within || matches!(activity.act, Act::MailRead | Act::FolderSync);
        let text = text.filter(|_| is_told);
        let found = text.and_then(|text| AnyRecord::read(text, |record| details(record, &activity)).ok());
        match is_within {
            true => builder.add(&activity, judgement, found.as_ref()),
            false => builder.note_outside(&activity, judgement, found.as_ref()),
        }
        Ok(())
    })?;
    let (report, timeline) = builder.finish();
    Ok(Some(Made { report, timeline, attribution, span, gathered }))
}

fn is_within(activity: &Activity, span: (DateTime<Utc>, DateTime<Utc>)) -> bool {
    activity.time >= span.0 && activity.time <= span.1
}

impl Made {
    /// Returns what the report was made of, to add to it.
    pub fn into_gathered(self) -> Gathered {
        self.gathered
    }

    /// Returns whether a record was read.
    ///
    /// # Errors
    /// Returns an error if the temporary database cannot be used.
    pub fn has(&self, id: &RecordId) -> Result<bool, SpillError> {
        self.gathered.spill.has(id)
    }

    /// Returns the number of records that were left unread.
    pub fn unread(&self) -> u64 {
        self.gathered.spill.unread()
    }

    /// Hands on every activity of the report, in the order of time, with its judgement.
    ///
    /// # Errors
    /// Returns the error of the sink, or of the temporary database.
    pub fn activities<E: From<rusqlite::Error>>(
        &self,
        mut sink: impl FnMut(&ActivityRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.gathered.spill.looked_at(|activity, _| {
            if !is_within(&activity, self.span) {
                return Ok(());
            }
            let judgement = self.attribution.judge(&activity);
            sink(&row(&activity, judgement))
        })
    }
}

/// Returns an activity as the report lists it.
pub fn row(activity: &Activity, judgement: Judgement) -> ActivityRow<'_> {
    ActivityRow {
        id: activity.id,
        time: activity.time,
        account: &activity.account,
        mailbox: &activity.mailbox,
        operation: &activity.operation,
        ip: activity.address.map(|address| address.to_string()).unwrap_or_default(),
        session: activity.sessions.first().map_or("", String::as_str),
        attribution: judgement.attributed,
        rule: judgement.rule,
        client: &activity.client,
        result: match activity.act {
            Act::SignIn(result) => result.as_text(),
            _ => "",
        },
    }
}
