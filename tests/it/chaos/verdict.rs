//! Compares the events of a seed with the guarantees of the product.

use std::collections::BTreeSet;
use std::fmt;

use chrono::DateTime;
use serde_json::Value;
use tenantwatch::tables::{ActionRow, TenantState};
use tenantwatch_simulator::scenario::Shown;
use tenantwatch_simulator::{Accepted, Service};

use super::story::{Published, Story};

/// The outcome of one seed, or of many.
#[derive(Debug, Default)]
pub struct Verdict {
    pub seeds: u64,
    pub threats: usize,
    /// Threats that a channel has taken.
    pub told: usize,
    /// Threats in content that could not be read, in a gap that was reported.
    pub in_gaps: usize,
    /// Notifications that were repeated because Tenantwatch could not know that they had arrived.
    pub repeats: usize,
    /// Harmless records told as threats because the look-up of their target failed until the last attempt.
    pub unresolved: usize,
    pub blobs_lost: usize,
    pub kills: usize,
    pub faults: u64,
    /// Accounts that cannot sign in.
    pub contained: usize,
    /// The accounts of which one run says that it blocked them. A kill may come between the act and its row.
    pub blocked_once: usize,
    pub complaints: Vec<String>,
}

impl Verdict {
    pub fn add(&mut self, seed: u64, other: Self) {
        self.seeds += 1;
        self.threats += other.threats;
        self.told += other.told;
        self.in_gaps += other.in_gaps;
        self.repeats += other.repeats;
        self.unresolved += other.unresolved;
        self.blobs_lost += other.blobs_lost;
        self.kills += other.kills;
        self.faults += other.faults;
        self.contained += other.contained;
        self.blocked_once += other.blocked_once;
        self.complaints.extend(other.complaints.into_iter().map(|complaint| format!("seed {seed}: {complaint}")));
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seeds, {} kills, {} faults: {} threats planted, {} told, {} in content that was lost and told as lost \
             ({} blobs); {} notifications came again because a kill or a lost answer fell between acceptance and mark; \
             {} targets could not be resolved; {} accounts contained; {} complaints",
            self.seeds,
            self.kills,
            self.faults,
            self.threats,
            self.told,
            self.in_gaps,
            self.blobs_lost,
            self.repeats,
            self.unresolved,
            self.contained,
            self.complaints.len()
        )?;
        self.complaints.iter().take(20).try_for_each(|complaint| write!(f, "\n  {complaint}"))
    }
}

/// Looks for everything that may not be.
pub fn judge(story: &Story) -> Verdict {
    let mut verdict = Verdict {
        threats: certain(story).count(),
        kills: story.kills.len(),
        faults: story.faults,
        ..Verdict::default()
    };
    look_for_unseen(story, &mut verdict);
    look_for_repeats(story, &mut verdict);
    look_for_false_alarms(story, &mut verdict);
    look_for_unreported_gaps(story, &mut verdict);
    look_at_containments(story, &mut verdict);
    look_at_the_end(story, &mut verdict);
    verdict
}

/// No account was contained twice, and none without a notification that says so.
fn look_at_containments(story: &Story, verdict: &mut Verdict) {
    verdict.contained = story.blocked.len();
    for account in &story.blocked {
        let has_blocked = |run: &&ActionRow| {
            let steps: Value = serde_json::from_str(&run.steps).unwrap_or_default();
            // A run that goes on shows what an earlier one did as `AlreadyDone`.
            let is_done = |step: &&Value| step["Step"] == "BlockSignIn" && step["Outcome"] == "Done";
            let details = steps.as_array().into_iter().flatten().filter(is_done);
            let said = format!("{account}: sign-in is blocked");
            details.filter_map(|step| step["Detail"].as_str()).any(|detail| detail.to_lowercase().contains(&said))
        };
        let times = story.containments.iter().filter(has_blocked).count();
        verdict.blocked_once += usize::from(times == 1);
        if times > 1 {
            verdict.complaints.push(format!("{account} was contained {times} times"));
        }
        let is_of_account = |body: &&Value| {
            let names = |member: &str| body[member].as_str().is_some_and(|name| name.eq_ignore_ascii_case(account));
            names("SourceMailbox") || names("Actor")
        };
        let mut told = story.bodies.values().filter(is_of_account);
        if !told.any(|body| matches!(body["Containment"].as_str(), Some("Done" | "Partly"))) {
            verdict.complaints.push(format!("{account} was contained, and no notification says so"));
        }
    }
    for run in story.containments.iter().filter(|run| run.action != "Contain" || run.incident_id.is_empty()) {
        verdict.complaints.push(format!("a run of {} belongs to no incident", run.record_id));
    }
}

/// The threats of tenants that do not choose Tenantwatch's facts themselves.
fn certain(story: &Story) -> impl Iterator<Item = &Shown> {
    story.shown.iter().filter(|shown| Some(shown.planted.tenant_id) != story.hostile)
}

/// Every threat was taken by both channels, or lies in nothing but content that was lost.
fn look_for_unseen(story: &Story, verdict: &mut Verdict) {
    for shown in certain(story) {
        let id = shown.planted.record_id.to_string();
        let taken_by = |channel| story.accepted.iter().any(|one| one.channel == channel && one.tracking_id == id);
        match (taken_by(Service::Flow), taken_by(Service::Teams)) {
            (true, true) => verdict.told += 1,
            (false, false) if is_lost(story, shown) => verdict.in_gaps += 1,
            (flow, teams) => verdict.complaints.push(format!(
                "{id} ({}, {}, in {}) was told to the flow: {flow}, to Teams: {teams}",
                shown.planted.shape,
                shown.planted.mailbox,
                shown.blobs.join(" and ")
            )),
        }
    }
}

/// Returns whether every blob with the record was lost: never read, or in a gap at the end because the run that read it could not
/// store its findings. `look_for_unreported_gaps` checks that the loss was reported.
fn is_lost(story: &Story, shown: &Shown) -> bool {
    let tenant = shown.planted.tenant_id;
    let is_in = |blob: &&Published| blob.tenant == tenant && shown.blobs.contains(&blob.id);
    story.blobs.iter().filter(is_in).all(|blob| !blob.was_read || is_gap(story, blob))
}

fn is_gap(story: &Story, blob: &Published) -> bool {
    let row = story.coverage.iter().find(|row| *row.tenant_id.as_uuid() == blob.tenant);
    row.is_some_and(|row| row.gaps.iter().any(|gap| gap.from <= blob.created && blob.created < gap.to))
}

/// Complains about repeated notifications, unless Tenantwatch could not know that the first one had arrived.
fn look_for_repeats(story: &Story, verdict: &mut Verdict) {
    let ids: BTreeSet<_> = story.accepted.iter().map(|one| (one.channel, one.tracking_id.as_str())).collect();
    for (channel, id) in ids {
        let same: Vec<&Accepted> =
            story.accepted.iter().filter(|one| (one.channel, one.tracking_id.as_str()) == (channel, id)).collect();
        for pair in same.windows(2) {
            let [first, second] = pair else { continue };
            if is_marked(story, first, second.order) {
                verdict.complaints.push(format!("{id} was told to {channel:?} again after its mark was stored"));
            } else if first.lost || happened_between(story, first.begun, second.order) {
                verdict.repeats += 1;
            } else {
                verdict.complaints.push(format!("{id} was told to {channel:?} twice for no reason"));
            }
        }
    }
}

/// Returns whether a row that marks the notification as sent was stored after the acceptance and before `until`.
fn is_marked(story: &Story, accepted: &Accepted, until: u64) -> bool {
    let channel = if accepted.channel == Service::Flow { "flow" } else { "teams" };
    story.marks.iter().any(|mark| {
        let notified = mark.columns["Notified"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        mark.columns["RowKey"] == accepted.tracking_id.as_str()
            && (accepted.order..until).contains(&mark.order)
            && notified.is_some_and(|notified| notified[channel].is_string())
    })
}

fn happened_between(story: &Story, from: u64, to: u64) -> bool {
    story.kills.iter().chain(&story.failures).any(|order| (from..=to).contains(order))
}

fn look_for_false_alarms(story: &Story, verdict: &mut Verdict) {
    let planted: BTreeSet<String> = story.shown.iter().map(|shown| shown.planted.record_id.to_string()).collect();
    let hostile = story.hostile.map(|tenant| tenant.to_string()).unwrap_or_default();
    let is_false = |id: &String, body: &Value| {
        body["Threat"] == "True" && !planted.contains(id) && body["TenantId"] != hostile.as_str()
    };
    let by_design = |body: &Value| is_told_as_unresolved(body) || is_after_unresolved(story, body);
    for (id, body) in story.bodies.iter().filter(|(id, body)| is_false(id, body)) {
        if story.faults > 0 && by_design(body) {
            verdict.unresolved += 1;
        } else {
            verdict.complaints.push(format!("{id} is a false alarm: {}, {}", body["Description"], body["Reasons"]));
        }
    }
}

/// Returns whether a notification says that its target could not be looked up. That is told after the third run that could not.
fn is_told_as_unresolved(body: &Value) -> bool {
    body["Reasons"].as_str().is_some_and(|reasons| reasons.contains("could not be resolved and may be external"))
}

/// Returns whether a change weighs more only because of an earlier one to the same mailbox whose target could not be looked up.
fn is_after_unresolved(story: &Story, body: &Value) -> bool {
    let is_same_mailbox = |other: &Value| ["TenantId", "SourceMailbox"].iter().all(|name| other[*name] == body[*name]);
    let is_after =
        body["Reasons"].as_str().is_some_and(|reasons| reasons.contains("after a threat to the same account"));
    is_after && story.bodies.values().any(|other| is_same_mailbox(other) && is_told_as_unresolved(other))
}

/// Complains about blobs that were never read, unless they are in a gap of their tenant and a notification reports that gap.
fn look_for_unreported_gaps(story: &Story, verdict: &mut Verdict) {
    for blob in story.blobs.iter().filter(|blob| !blob.was_read) {
        verdict.blobs_lost += 1;
        let is_stored = is_gap(story, blob);
        if !is_stored || !is_told(story, blob) {
            verdict.complaints.push(format!("{} was never read, and no gap is told (stored: {is_stored})", blob.id));
        }
    }
}

/// Returns whether a notification of a gap names a span that contains the blob. The times in it are whole seconds.
fn is_told(story: &Story, blob: &Published) -> bool {
    let time = |text: &str| DateTime::parse_from_rfc3339(text.trim_end_matches(['.', ','])).ok().map(|t| t.to_utc());
    story.bodies.values().filter(|body| body["Type"] == "Coverage").any(|body| {
        let text = body["Description"].as_str().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let spans = words.windows(4).filter(|words| words[0] == "from" && words[2] == "to");
        let mut spans = spans.filter_map(|words| Some((time(words[1])?, time(words[3])?)));
        spans.any(|(from, to)| from <= blob.created && blob.created <= to + chrono::TimeDelta::seconds(1))
    })
}

/// Complains if a tenant is not healthy at the end, content or notifications are pending, or a log line has a panic or a secret.
fn look_at_the_end(story: &Story, verdict: &mut Verdict) {
    for row in &story.coverage {
        if row.state != TenantState::Healthy || row.pending || row.owed > 0 {
            let (state, pending, owed) = (row.state.as_str(), row.pending, row.owed);
            let outcome = &row.last_outcome;
            verdict.complaints.push(format!("{} ends {state}, pending {pending}, owed {owed}: {outcome}", row.domain));
        }
    }
    verdict.complaints.extend(story.lines.iter().map(|line| format!("a line of the log: {line}")));
}
