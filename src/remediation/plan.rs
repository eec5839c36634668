//! Which steps there are, and in which order. Account steps come before the slow mailbox steps; each is tried whatever happened
//! to the others, and each is safe to repeat.

use super::case::Case;
use super::step::StepReport;
use super::{
    Step, StepName, block_sign_in, clear_forwarding, disable_auto_reply, disable_client_access, disable_inbox_rules,
    remove_delegates, reset_password, review_sign_in_methods, revoke_consents, revoke_sessions,
};

/// What is taken before everything else, and by the run itself, for it goes into the record.
pub const FIRST: StepName = StepName::Snapshot;

/// What is taken after everything else, for it judges the other steps.
pub const LAST: StepName = StepName::Verify;

/// The steps between, in their order.
pub const BETWEEN: [StepName; 11] = [
    StepName::BlockSignIn,
    StepName::RevokeSessions,
    StepName::ResetPassword,
    StepName::ClearForwarding,
    StepName::DisableInboxRules,
    StepName::DisableClientAccess,
    StepName::DisableAutoReply,
    StepName::RemoveDelegates,
    StepName::ReviewSignInMethods,
    StepName::RevokeConsents,
    StepName::RevokeSessionsAgain,
];

/// All of them, none taken yet.
pub fn steps() -> Vec<Step> {
    std::iter::once(FIRST).chain(BETWEEN).chain([LAST]).map(Step::planned).collect()
}

/// Takes one of the steps between.
pub(super) async fn take(step: StepName, case: &Case<'_>) -> StepReport {
    if is_about_mailbox(step) && !case.accounts.has_mailbox {
        return StepReport::skipped("The finding is not about a mailbox.");
    }
    match step {
        StepName::BlockSignIn => block_sign_in::run(case).await,
        StepName::RevokeSessions | StepName::RevokeSessionsAgain => revoke_sessions::run(case).await,
        StepName::ResetPassword => reset_password::run(case).await,
        StepName::ClearForwarding => clear_forwarding::run(case).await,
        StepName::DisableInboxRules => disable_inbox_rules::run(case).await,
        StepName::DisableClientAccess => disable_client_access::run(case).await,
        StepName::DisableAutoReply => disable_auto_reply::run(case).await,
        StepName::RemoveDelegates => remove_delegates::run(case).await,
        StepName::ReviewSignInMethods => review_sign_in_methods::run(case).await,
        StepName::RevokeConsents => revoke_consents::run(case).await,
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
