//! Addresses of the pages on which an administrator looks at a user or a mailbox, in each Microsoft cloud.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::tables::ProcessedRow;
use base::ids::TenantId;
use m365::{AppRegistration, Cloud, Hosts};

/// The characters that are not escaped in a part of a path.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest address of mail, in characters (RFC 3696, errata 1690).
const ADDRESS_LIMIT: usize = 254;

/// The page on which an administrator of a tenant grants consent to the app
/// (<https://learn.microsoft.com/entra/identity-platform/v2-admin-consent>).
#[derive(Debug, Clone)]
pub struct ConsentPage {
    authority: String,
    client_id: String,
}

impl ConsentPage {
    /// That of the provider's app in this cloud.
    pub fn new(hosts: &Hosts, partner: &AppRegistration) -> Self {
        let authority = hosts.authority.as_str().trim_end_matches('/').to_owned();
        Self { authority, client_id: partner.client_id.to_string() }
    }

    /// For one tenant. Holds nothing that anybody but us has chosen.
    pub fn of(&self, tenant: &TenantId) -> String {
        format!("{}/{tenant}/adminconsent?client_id={}", self.authority, self.client_id)
    }
}

/// The user of the finding in the Entra admin center (Azure portal in China, where there is no other; portals by cloud:
/// <https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud>).
pub(super) fn entra_user(cloud: Cloud, row: &ProcessedRow) -> String {
    let portal = match cloud {
        Cloud::Worldwide | Cloud::Gcc => "https://entra.microsoft.com",
        Cloud::GccHigh | Cloud::Dod => "https://entra.microsoft.us",
        Cloud::China => "https://portal.azure.cn",
    };
    let user = utf8_percent_encode(account(row), UNRESERVED);
    let tenant = row.tenant_id;
    format!("{portal}/{tenant}/#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/{user}")
}

/// Returns the page of the mailbox in the Exchange admin center, or the front page if only the classic center is known.
pub(super) fn exchange_mailbox(cloud: Cloud, row: &ProcessedRow) -> String {
    let centre = match cloud {
        Cloud::Worldwide | Cloud::Gcc => "https://admin.exchange.microsoft.com",
        Cloud::GccHigh => "https://admin.exchange.office365.us",
        Cloud::Dod => return format!("https://outlook-dod.office365.us/ecp/@{}/", row.domain),
        Cloud::China => return format!("https://partner.outlook.cn/ecp/@{}/", row.domain),
    };
    let mailbox = utf8_percent_encode(account(row), UNRESERVED);
    format!("{centre}/?delegatedOrg={}#/mailboxes/:/MailboxDetails/{mailbox}", row.domain)
}

/// The account, as far as an address can be long: a text that is none must not make the card too large to be taken.
fn account(row: &ProcessedRow) -> &str {
    let account = if row.source_mailbox.is_empty() { &row.actor } else { &row.source_mailbox };
    let end = account.char_indices().nth(ADDRESS_LIMIT).map_or(account.len(), |(at, _)| at);
    &account[..end]
}
