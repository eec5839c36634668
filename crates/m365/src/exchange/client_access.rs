//! The protocols and programs by which a client reaches a mailbox.
//! <https://learn.microsoft.com/powershell/module/exchange/set-casmailbox>

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use base::ids::TenantId;

use super::row::{Row, boolean};
use super::{Exchange, MailboxId};
use crate::ServiceError;

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident = $wire:literal closed $closed:literal),+ $(,)?) => {
        /// A switch of [`ClientAccess`] that Exchange Online offers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ClientAccessSwitch { $($(#[$doc])* $name),+ }

        impl ClientAccessSwitch {
            /// All switches, in the order in which people know them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the name that Exchange uses.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }

            /// Returns the value of the switch that keeps clients out.
            pub fn closed(self) -> bool {
                match self { $(Self::$name => $closed),+ }
            }
        }
    };
}

switches! {
    /// Outlook on the web.
    Owa = "OWAEnabled" closed false,
    /// Outlook on the web for devices.
    OwaForDevices = "OWAforDevicesEnabled" closed false,
    /// Exchange ActiveSync.
    ActiveSync = "ActiveSyncEnabled" closed false,
    /// Exchange Web Services.
    Ews = "EwsEnabled" closed false,
    /// IMAP4.
    Imap = "ImapEnabled" closed false,
    /// POP3.
    Pop = "PopEnabled" closed false,
    /// MAPI: Outlook for Windows.
    Mapi = "MAPIEnabled" closed false,
    /// Outlook for iOS and Android.
    OutlookMobile = "OutlookMobileEnabled" closed false,
    /// The new Outlook for Windows.
    OneWinNativeOutlook = "OneWinNativeOutlookEnabled" closed false,
    /// Windows Mail.
    UniversalOutlook = "UniversalOutlookEnabled" closed false,
    /// Outlook for Mac.
    MacOutlook = "MacOutlookEnabled" closed false,
    /// Authenticated SMTP.
    SmtpClientAuthenticationDisabled = "SmtpClientAuthenticationDisabled" closed true,
}

impl ClientAccessSwitch {
    /// Returns the switch of this name, if it is known.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|switch| switch.as_str() == name)
    }
}

impl fmt::Display for ClientAccessSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The switches of a mailbox. One that is absent does not exist in the tenant; one without a value follows the organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientAccess(BTreeMap<ClientAccessSwitch, Option<bool>>);

impl ClientAccess {
    /// Returns the switches that are open. One without a value counts as open, because the organization may allow it.
    pub fn open(&self) -> Vec<ClientAccessSwitch> {
        let open = self.0.iter().filter(|(switch, value)| **value != Some(switch.closed()));
        open.map(|(switch, _)| *switch).collect()
    }

    /// Returns the same switches, all of them closed.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self(self.0.keys().map(|switch| (*switch, Some(switch.closed()))).collect())
    }

    /// Returns whether no switch is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of a switch: `None` if the tenant does not have it, `Some(None)` if it follows the organization.
    pub fn get(&self, switch: ClientAccessSwitch) -> Option<Option<bool>> {
        self.0.get(&switch).copied()
    }

    /// Iterates over the switches and their values.
    pub fn iter(&self) -> impl Iterator<Item = (ClientAccessSwitch, Option<bool>)> {
        self.0.iter().map(|(switch, value)| (*switch, *value))
    }
}

impl FromIterator<(ClientAccessSwitch, Option<bool>)> for ClientAccess {
    fn from_iter<I: IntoIterator<Item = (ClientAccessSwitch, Option<bool>)>>(switches: I) -> Self {
        Self(switches.into_iter().collect())
    }
}

impl From<&Row> for ClientAccess {
    fn from(row: &Row) -> Self {
        let known = ClientAccessSwitch::ALL.iter().filter(|switch| row.contains_key(switch.as_str()));
        known.map(|switch| (*switch, boolean(row, switch.as_str()))).collect()
    }
}

/// Written with Exchange's names, so that a stored snapshot can be read by people.
impl Serialize for ClientAccess {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(switch, value)| (switch.as_str(), value)))
    }
}

/// Names that are not switches, and values that are not Booleans, are skipped: whatever else is stored is set on no mailbox.
impl<'de> Deserialize<'de> for ClientAccess {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Switches)
    }
}

struct Switches;

impl<'de> Visitor<'de> for Switches {
    type Value = ClientAccess;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("switches of client access")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClientAccess, A::Error> {
        let mut switches = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if let Some(switch) = ClientAccessSwitch::of(&name)
                && (value.is_boolean() || value.is_null())
            {
                switches.insert(switch, value.as_bool());
            }
        }
        Ok(ClientAccess(switches))
    }
}

impl Exchange {
    /// Reads the switches that the tenant knows. Returns `None` if there is no such mailbox.
    ///
    /// # Errors
    /// Returns what Exchange answered; an answer without any switch is a transient error.
    pub async fn client_access(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
    ) -> Result<Option<ClientAccess>, ServiceError> {
        let row = self.row_of(tenant, mailbox, "Get-CASMailbox").await?;
        let Some(access) = row.as_ref().map(ClientAccess::from) else { return Ok(None) };
        match access.is_empty() {
            true => Err(self.caller.unreachable("Get-CASMailbox returned no switch of client access".to_owned())),
            false => Ok(Some(access)),
        }
    }

    /// Sets switches in one call. Some tenants reject single switches (MicrosoftDocs/office-docs-powershell#11445) and then set none.
    ///
    /// # Errors
    /// Returns what Exchange answered; see [`super::is_unknown_parameter`].
    pub async fn set_client_access(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        access: &ClientAccess,
    ) -> Result<(), ServiceError> {
        let switches = access.iter().map(|(switch, value)| (switch.as_str().to_owned(), json!(value)));
        let mut parameters: Row = switches.collect();
        parameters.insert("Identity".to_owned(), json!(mailbox.identity()));
        self.invoke(tenant, &mailbox.into(), "Set-CASMailbox", Value::Object(parameters)).await.map(drop)
    }
}
