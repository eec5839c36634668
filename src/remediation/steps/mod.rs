//! Lists the steps in their order. Account steps come before the slow mailbox steps; each step is tried even if others have failed,
//! and each is safe to repeat.

pub(super) mod block_sign_in;
pub(super) mod clear_forwarding;
pub(super) mod disable_auto_reply;
pub(super) mod disable_client_access;
pub(super) mod disable_inbox_rules;
mod excused_rules;
mod password;
mod remove_delegates;
mod reset_password;
mod review_sign_in_methods;
mod revoke_consents;
mod revoke_sessions;
pub(super) mod rule_switch;
pub(super) mod rules;
pub(super) mod snapshot;
pub(super) mod verify;

use super::context::RemediationContext;
use super::step::StepReport;
use super::{Step, StepName};
use crate::detection::FindingKind;

/// The step before all others. The run itself takes it, because its result is part of the record.
pub const FIRST: StepName = StepName::Snapshot;

/// The step after all others, because it verifies them.
pub const LAST: StepName = StepName::Verify;

/// The steps between, in their order.
pub const BETWEEN: [StepName; 11] = [
    StepName::BlockSignIn,
    StepName::RevokeSessions,
    StepName::ResetPassword,
    StepName::ClearForwarding,
    StepName::DisableClientAccess,
    StepName::DisableInboxRules,
    StepName::DisableAutoReply,
    StepName::RemoveDelegates,
    StepName::ReviewSignInMethods,
    StepName::RevokeConsents,
    StepName::RevokeSessionsAgain,
];

/// All of them, none taken yet.
pub fn all() -> Vec<Step> {
    std::iter::once(FIRST).chain(BETWEEN).chain([LAST]).map(Step::planned).collect()
}

/// The steps of an automatic containment: the least that stops an attacker who has made such a change.
pub fn least(kind: FindingKind) -> Vec<Step> {
    let change = match kind {
        FindingKind::InboxForward => StepName::ClearForwarding,
        _ => StepName::DisableInboxRules,
    };
    let between = [StepName::BlockSignIn, StepName::RevokeSessions, change, StepName::RevokeSessionsAgain];
    std::iter::once(FIRST).chain(between).chain([LAST]).map(Step::planned).collect()
}

/// Takes one of the steps between.
pub(super) async fn take(step: StepName, context: &RemediationContext<'_>) -> StepReport {
    if is_about_mailbox(step) && !context.accounts.has_mailbox {
        return StepReport::skipped("The finding is not about a mailbox.");
    }
    match step {
        StepName::BlockSignIn => block_sign_in::run(context).await,
        StepName::RevokeSessions | StepName::RevokeSessionsAgain => revoke_sessions::run(context).await,
        StepName::ResetPassword => reset_password::run(context).await,
        StepName::ClearForwarding => clear_forwarding::run(context).await,
        StepName::DisableInboxRules => disable_inbox_rules::run(context).await,
        StepName::DisableClientAccess => disable_client_access::run(context).await,
        StepName::DisableAutoReply => disable_auto_reply::run(context).await,
        StepName::RemoveDelegates => remove_delegates::run(context).await,
        StepName::ReviewSignInMethods => review_sign_in_methods::run(context).await,
        StepName::RevokeConsents => revoke_consents::run(context).await,
        StepName::Snapshot | StepName::Verify => StepReport::skipped(""),
    }
}

fn is_about_mailbox(step: StepName) -> bool {
    matches!(
        step,
        StepName::ClearForwarding
            | StepName::DisableInboxRules
            | StepName::DisableClientAccess
            | StepName::DisableAutoReply
            | StepName::RemoveDelegates
    )
}
