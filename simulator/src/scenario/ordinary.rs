//! Simulates the ordinary days of a tenant and the traces of them in its mailboxes. Nothing of this is a threat.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::records::{self, Envelope, Seeded};
use crate::world::{Mailbox, Tenant};

/// Senders of newsletters, with the rule and folder for each.
const NEWSLETTERS: [(&str, &str, &str); 4] = [
    ("newsletter@fachverlag.example", "Newsletter Fachverlag", "Newsletter"),
    ("news@branchenblatt.example", "Branchenblatt", "Lesen"),
    ("events@messe-termine.example", "Messetermine", "Messen"),
    ("info@vereinsnachrichten.example", "Verein", "Verein"),
];

const SUBJECTS: [&str; 6] = [
    "Protokoll vom Dienstag",
    "Mittagessen?",
    "Lieferplan KW 48",
    "Re: Termin Montag",
    "Fotos vom Sommerfest",
    "Urlaubsplanung",
];

/// The people who are not attacked, and their settings.
#[derive(Debug)]
pub(super) struct Settled {
    /// The index of the first of them in the tenant's mailboxes.
    first: usize,
    /// The colleague to whom mail is forwarded.
    colleague: String,
}

/// Adds an ordinary rule for everyone except the first `victims` people, and lets the first of the others forward to a
/// colleague.
pub(super) fn settle(tenant: &mut Tenant, victims: usize, seeded: &mut Seeded) -> Settled {
    let colleague = tenant.mailboxes.get(victims + 1).map(|mailbox| mailbox.upn.clone()).unwrap_or_default();
    for (number, mailbox) in tenant.mailboxes.iter_mut().enumerate().skip(victims) {
        let (sender, name, folder) = NEWSLETTERS[number % NEWSLETTERS.len()];
        let properties = json!({"From": [format!("\"{sender}\" [SMTP:{sender}]")], "MoveToFolder": folder, "StopProcessingRules": true});
        mailbox.add_rule(seeded.rule_id(), name, properties).description = format!(
            "If the message:\r\n\tthe message was received from '{sender}'\r\nTake the following actions:\r\n\t\
             move the message to folder '{folder}'\r\n\tand stop processing more rules on this message\r\n"
        );
    }
    if let Some(mailbox) = tenant.mailboxes.get_mut(victims) {
        mailbox.forwarding_smtp_address = Some(format!("smtp:{colleague}"));
        mailbox.deliver_and_forward = true;
    }
    Settled { first: victims, colleague }
}

impl Settled {
    /// Returns a record of Exchange.
    pub(super) fn record(&self, tenant: &Tenant, at: DateTime<Utc>, seeded: &mut Seeded) -> Value {
        let Some((number, mailbox)) = self.somebody(tenant, seeded) else { return Value::Null };
        let own = Envelope::new(tenant, &mailbox.upn, at, seeded);
        let (sender, name, folder) = NEWSLETTERS[number % NEWSLETTERS.len()];
        // The person must not be a victim, because an automatic reply set after a threat to the same account is suspicious.
        let is_calm = number == self.first;
        match seeded.range(0, 100) {
            0..34 => records::system_set_mailbox(&own, mailbox),
            34..62 => records::mail_items_accessed(&own, mailbox, 1 + number as u64 % 4),
            62..78 => records::send(&own, mailbox, subject(seeded)),
            78..88 => records::move_to_deleted_items(&own, mailbox, subject(seeded)),
            88..91 => records::newsletter_rule(&own, mailbox, name, sender, folder),
            91..93 if is_calm => records::auto_reply(&own, mailbox, "Ich bin ab Montag wieder im Haus."),
            93..95 => self.forwards_to_a_colleague(tenant, own),
            95..96 => self.no_longer_forwards(tenant, own),
            96..97 => self.is_given_a_shared_mailbox(tenant, own),
            _ => own_rule(mailbox).map_or(Value::Null, |id| records::update_inbox_rules_blank(&own, mailbox, id)),
        }
    }

    /// Returns a record of Entra.
    pub(super) fn directory_record(&self, tenant: &Tenant, at: DateTime<Utc>, seeded: &mut Seeded) -> Value {
        let Some((number, mailbox)) = self.somebody(tenant, seeded) else { return Value::Null };
        let own = Envelope::new(tenant, &mailbox.upn, at, seeded);
        // The person must not be a victim, because a new sign-in method near a threat to the same account is suspicious.
        let is_calm = number == self.first;
        match (seeded.range(0, 60), tenant.user(&mailbox.upn)) {
            (0..8, Some(user)) if is_calm => records::update_user_strong_auth(&own, user, "+49 30 5550 0147"),
            _ => records::user_logged_in(&own),
        }
    }

    fn somebody<'a>(&self, tenant: &'a Tenant, seeded: &mut Seeded) -> Option<(usize, &'a Mailbox)> {
        let calm: Vec<(usize, &Mailbox)> = tenant.mailboxes.iter().enumerate().skip(self.first).collect();
        seeded.pick(&calm).copied()
    }

    fn forwards_to_a_colleague(&self, tenant: &Tenant, envelope: Envelope) -> Value {
        let mailbox = &tenant.mailboxes[self.first];
        records::forwarding_to(&envelope.by(&mailbox.upn), mailbox, &self.colleague, true)
    }

    /// Returns the end of a forwarding that the third of them once had.
    fn no_longer_forwards(&self, tenant: &Tenant, envelope: Envelope) -> Value {
        let mailbox = &tenant.mailboxes[self.first + 2];
        records::forwarding_turned_off(&envelope.by(&mailbox.upn), mailbox)
    }

    /// Returns a grant of access to a colleague's mailbox by the administrator.
    fn is_given_a_shared_mailbox(&self, tenant: &Tenant, envelope: Envelope) -> Value {
        let administrator = format!("admin@{}", tenant.default_domain);
        // The mailbox must not be a victim's, because access granted after a threat to the same account is suspicious.
        let mailbox = &tenant.mailboxes[self.first];
        records::add_mailbox_permission(&envelope.by(&administrator), mailbox, &self.colleague, "FullAccess")
    }
}

fn subject(seeded: &mut Seeded) -> &'static str {
    seeded.pick(&SUBJECTS).copied().unwrap_or_default()
}

/// Returns the rule that [`settle`] added.
fn own_rule(mailbox: &Mailbox) -> Option<u64> {
    mailbox.rules.iter().find(|rule| !rule.hidden).map(|rule| rule.id)
}
