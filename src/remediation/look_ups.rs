//! Looks up the recipients of mail, and whether they are in the organization. Each is looked up once for a request.

use tokio::sync::Mutex;

use crate::detection::{
    AcceptedDomains, Answer, GroupFacts, GroupKind, Knowledge, MailTargets, Question, RecipientFacts,
};
use crate::facts::{group_facts, recipient_facts};
use crate::tables::added_domains;
use base::ids::MailAddress;
use m365::ServiceError;
use m365::exchange;
use table_store::StoreError;

use super::boundary::{Boundary, Recipient, inner, smtp_target};
use super::context::RemediationContext;

/// The number of times that the answers about targets may raise further questions.
const ROUNDS: usize = 3;

impl RemediationContext<'_> {
    /// Returns the boundary of the organization. It is read once.
    pub async fn boundary(&self) -> Result<&Boundary, ServiceError> {
        self.boundary.get_or_try_init(|| Boundary::read(self)).await
    }

    /// Returns the recipient that mail to a target reaches. Each target is looked up once.
    pub async fn recipient(&self, target: &str) -> Recipient {
        let mut known = self.recipients.lock().await;
        if let Some(recipient) = known.get(target) {
            return recipient.clone();
        }
        let recipient = look_up(self, target).await;
        known.insert(target.to_owned(), recipient.clone());
        recipient
    }

    /// The address that mail to a target goes to, `None` where that cannot be told.
    pub async fn address_of(&self, target: &str) -> Option<MailAddress> {
        match smtp_target(target) {
            Some(address) => Some(address),
            None => match self.recipient(target).await {
                Recipient::Mailbox(address) | Recipient::Other(address) => Some(address),
                Recipient::None | Recipient::Unread => None,
            },
        }
    }
}

impl Boundary {
    /// As judging does: Exchange's accepted domains, else the directory's verified ones.
    pub async fn read(context: &RemediationContext<'_>) -> Result<Self, ServiceError> {
        let accepted = match context.accepted_domains().await {
            Ok(domains) if !domains.is_empty() => AcceptedDomains::of_exchange(&domains),
            Ok(_) => verified_domains(context).await?,
            // The error of Exchange is returned, because access to Exchange has to be granted.
            Err(error) => verified_domains(context).await.map_err(|_| error)?,
        };
        let (trusted, tenant_domain) = (context.app.settings.trust.targets.clone(), context.finding.domain.clone());
        Ok(Self { accepted, trusted, tenant_domain, known: Mutex::default() })
    }

    /// Returns whether it is proven that mail to a target, in any of Exchange's forms, stays inside or goes to trusted recipients. It
    /// is evaluated as in a record: a contact counts by its external address, a group by its members.
    pub async fn is_proven_inside(&self, context: &RemediationContext<'_>, target: &str) -> bool {
        let targets = MailTargets::read(target);
        let mut known = self.known.lock().await;
        if known.is_none() {
            *known = self.knowledge(context).await.ok();
        }
        let Some(known) = known.as_mut() else { return false };
        for _ in 0..ROUNDS {
            for question in targets.questions(known) {
                answer(context, question, known).await;
            }
        }
        targets.are_proven_inside(known)
    }

    /// Returns the facts to evaluate targets with. As in a record, a domain that was added lately is not the tenant's own.
    async fn knowledge(&self, context: &RemediationContext<'_>) -> Result<Knowledge, StoreError> {
        let mut known = Knowledge {
            accepted: self.accepted.clone(),
            trusted_targets: self.trusted.clone(),
            recently_added: added_domains(context.app.store.as_ref(), context.tenant()).await?,
            ..Knowledge::new(*context.tenant(), context.finding.domain.clone())
        };
        known.forget_old_domains(context.app.clock.now());
        Ok(known)
    }
}

/// Looks up what the evaluation of a target asks for. Questions about anything else do not arise.
async fn answer(context: &RemediationContext<'_>, question: Question, known: &mut Knowledge) {
    match question {
        Question::Recipient(name) => {
            let answer = recipient_answer(context, &name).await;
            known.recipients.insert(name, answer);
        }
        Question::GroupMembers { identity, kind } => {
            let answer = members_answer(context, &identity, kind).await;
            known.groups.insert(identity, answer);
        }
        Question::Mailbox(_) | Question::LiveRules(_) => {}
    }
}

async fn recipient_answer(context: &RemediationContext<'_>, name: &str) -> Answer<RecipientFacts> {
    let call = context.app.exchange.recipient(context.tenant(), name);
    match context.ask_exchange("recipient", call).await {
        Ok(Some(found)) => Answer::Known(recipient_facts(&found)),
        Ok(None) => Answer::Unknown,
        Err(_) => Answer::Withheld,
    }
}

/// A member without an address, or one beyond the limit, could be anybody.
async fn members_answer(context: &RemediationContext<'_>, group: &str, kind: GroupKind) -> Answer<GroupFacts> {
    let call = context.app.exchange.group_members(context.tenant(), kind, group);
    let Ok(members) = context.ask_exchange("members of a group", call).await else { return Answer::Withheld };
    let is_known = |member: &exchange::Recipient| member.group_kind().is_some() || member.target().is_some();
    match members.is_complete && members.recipients.iter().all(is_known) {
        true => Answer::Known(group_facts(&members.recipients)),
        false => Answer::Refused,
    }
}

async fn verified_domains(context: &RemediationContext<'_>) -> Result<AcceptedDomains, ServiceError> {
    let domains = context.ask_graph("domains", context.app.graph.domains(context.tenant())).await?;
    let verified = domains.iter().filter(|domain| domain.is_verified);
    Ok(AcceptedDomains::of_directory(verified.map(|domain| domain.id.as_str())))
}

/// Looks a target up in the directory.
pub async fn look_up(context: &RemediationContext<'_>, target: &str) -> Recipient {
    let identity = match smtp_target(target) {
        Some(address) => address.to_string(),
        None => inner(target).strip_prefix("EX:").unwrap_or(inner(target)).to_owned(),
    };
    let call = context.app.exchange.recipient(context.tenant(), &identity);
    match context.ask_exchange("recipient", call).await {
        Ok(found) => found.as_ref().map_or(Recipient::None, recipient),
        Err(_) => Recipient::Unread,
    }
}

fn recipient(found: &exchange::Recipient) -> Recipient {
    match found.target().and_then(|address| address.parse().ok()) {
        Some(address) if found.is_mailbox() => Recipient::Mailbox(address),
        // A group mailbox is a group: guests may be among its members.
        Some(address) => Recipient::Other(address),
        None => Recipient::None,
    }
}
