//! Parses the request of a caller. Callers are flows that people build, so member names may be in any case, and a string may come
//! as a number or a Boolean and the reverse.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::Refusal;
use crate::notify::token::Scope;
use crate::tables::ProcessedRow;
use base::ids::{Domain, RecordId};

/// The longest body that is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The longest account name, in characters: that of a user principal name with room to spare.
const ACCOUNT_LIMIT: usize = 400;

/// The longest `Reason` that is kept, in characters.
const REASON_LIMIT: usize = 2_000;

/// The requested action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Secure the account.
    Remediate,
    /// Say what Remediate would do; change nothing.
    Preview,
    /// Put back what the snapshot holds.
    Undo,
    /// It was a false positive: do not tell of it again.
    Dismiss,
    /// The automatic containment. No request can ask for it.
    Contain,
}

impl Action {
    /// Those that a request can ask for.
    pub const OF_REQUESTS: [Self; 4] = [Self::Remediate, Self::Preview, Self::Undo, Self::Dismiss];

    /// The word in requests, answers and rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Remediate => "Remediate",
            Self::Preview => "Preview",
            Self::Undo => "Undo",
            Self::Dismiss => "Dismiss",
            Self::Contain => "Contain",
        }
    }

    /// Returns the scope of the token that it takes.
    fn scope(self, force: bool) -> Scope {
        match self {
            Self::Undo if force => Scope::Force,
            Self::Undo => Scope::Undo,
            Self::Remediate | Self::Preview | Self::Dismiss | Self::Contain => Scope::Act,
        }
    }
}

/// The choice of the account that the account steps act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountChoice {
    /// The mailbox owner, and the actor when that is another enabled user of the tenant.
    Auto,
    /// The mailbox owner alone.
    Owner,
    /// The actor alone.
    Actor,
    /// Both.
    Both,
}

impl AccountChoice {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Owner, Self::Actor, Self::Both];

    /// The word in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Owner => "Owner",
            Self::Actor => "Actor",
            Self::Both => "Both",
        }
    }
}

/// A request whose members have the form they must have. Nothing of it is believed yet.
#[derive(Debug)]
pub struct Request {
    /// `Domain`
    pub domain: Domain,
    /// `User`
    pub user: String,
    /// `ID`
    pub record_id: RecordId,
    /// `Token`
    pub token: Option<SecretString>,
    /// `Action`
    pub action: Action,
    /// `Account`
    pub account: AccountChoice,
    /// `Force`
    pub force: bool,
    /// `Reason`
    pub reason: String,
}

impl Request {
    /// Returns the scope that its token must have.
    pub fn scope(&self) -> Scope {
        self.action.scope(self.force)
    }

    /// The request that stands for the automatic containment of a threat.
    pub(super) fn contain(finding: &ProcessedRow) -> Self {
        let owner = finding.source_mailbox.trim();
        Self {
            domain: finding.domain.clone(),
            user: if owner.is_empty() { finding.actor.clone() } else { owner.to_owned() },
            record_id: finding.record_id,
            token: None,
            action: Action::Contain,
            account: AccountChoice::Auto,
            force: false,
            reason: String::new(),
        }
    }

    /// Reads a body. Unknown members are ignored, null ones are as good as missing.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`], or [`Refusal::BadRequest`] that names the member.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if body.len() > BODY_LIMIT {
            return Err(Refusal::TooLarge);
        }
        let members = Members::parse(body)?;
        Ok(Self {
            domain: members.name("Domain", "a domain name")?,
            user: members.account("User")?,
            record_id: members.name("ID", "the GUID of a log record")?,
            token: members.text("Token")?.map(SecretString::from),
            action: members.word("Action", &Action::OF_REQUESTS, Action::as_str)?.unwrap_or(Action::Remediate),
            account: members
                .word("Account", &AccountChoice::ALL, AccountChoice::as_str)?
                .unwrap_or(AccountChoice::Auto),
            force: members.flag("Force")?,
            reason: members.text("Reason")?.unwrap_or_default().chars().take(REASON_LIMIT).collect(),
        })
    }
}

struct Members(Map<String, Value>);

impl Members {
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        serde_json::from_slice(body).map(Self).map_err(|_| bad("the body must be a JSON object"))
    }

    /// The member under this name in any case. Two that differ in case only must not say different things.
    fn find(&self, name: &str) -> Result<Option<&Value>, Refusal> {
        let mut found = None;
        for (key, value) in &self.0 {
            if !key.eq_ignore_ascii_case(name) || value.is_null() {
                continue;
            }
            if found.is_some_and(|earlier| earlier != value) {
                return Err(bad(&format!("{name} is given twice")));
            }
            found = Some(value);
        }
        Ok(found)
    }

    /// A text, empty ones as if missing.
    fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let text = match self.find(name)? {
            None => return Ok(None),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(value)) => value.to_string(),
            Some(_) => return Err(bad(&format!("{name} must be a string"))),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn required(&self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| bad(&format!("{name} is missing")))
    }

    fn name<T: std::str::FromStr>(&self, name: &str, form: &str) -> Result<T, Refusal> {
        self.required(name)?.parse().map_err(|_| bad(&format!("{name} must be {form}")))
    }

    fn account(&self, name: &str) -> Result<String, Refusal> {
        let text = self.required(name)?;
        let is_sound = text.chars().count() <= ACCOUNT_LIMIT && !text.chars().any(char::is_control);
        if is_sound { Ok(text) } else { Err(bad(&format!("{name} must be the name of an account"))) }
    }

    fn word<T: Copy>(&self, name: &str, all: &[T], word: fn(T) -> &'static str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let known = all.iter().copied().find(|one| word(*one).eq_ignore_ascii_case(&text));
        let words = || all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ");
        known.map(Some).ok_or_else(|| bad(&format!("{name} must be one of {}", words())))
    }

    fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name)?.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "false" | "0" => Ok(false),
            "true" | "1" => Ok(true),
            _ => Err(bad(&format!("{name} must be true or false"))),
        }
    }
}

fn bad(what: &str) -> Refusal {
    Refusal::BadRequest(what.to_owned())
}
