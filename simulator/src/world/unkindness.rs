//! Lists the ways in which the services are less helpful than their documentation says.

use chrono::TimeDelta;

/// The reported unkindnesses of Microsoft's services, for all tenants. Everything that was reported is on by default.
///
/// Switches of a single tenant are fields of [`crate::world::Tenant`], those of a mailbox fields of
/// [`crate::world::Mailbox`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unkindness {
    /// `true` if Exchange rejects a call about a rule that names the mailbox in `Identity` and in `Mailbox`.
    /// Source: MicrosoftDocs/office-docs-powershell#4087.
    pub rejects_mailbox_beside_identity: bool,
    /// `true` if a right counts only in tokens that were issued after it was granted.
    /// Source: Microsoft's document on app-only authentication for Exchange Online PowerShell, March 2026.
    pub reads_rights_from_token: bool,
    /// The time after a start of a subscription in which another start of it is throttled.
    /// Source: elastic/integrations pull request 15476.
    pub start_interval: TimeDelta,
    /// The HTTP status of a throttled start: elastic/integrations saw 429, opensearch-project/data-prepper 403.
    pub start_throttle_status: u16,
    /// The time for which listings still answer AF20023 after a stopped subscription was started again.
    /// Source: MicrosoftDocs/office-365-management-api#479, which gives no duration.
    pub restart_lag: TimeDelta,
    /// The same after the very first start of a subscription. No report says that it happens, so it is zero by default.
    pub first_start_lag: TimeDelta,
    /// The time that `Enable-OrganizationCustomization` takes to have its effect, although it succeeds at once.
    /// Source: wazuh/wazuh#26956 and MicrosoftLearning/MS-102T00 pull request 171.
    pub hydration_time: TimeDelta,
    /// `true` if `Get-Mailbox` finds a mailbox by a part of its name, if only one fits. Off, because this is not confirmed.
    pub answers_to_parts_of_names: bool,
    /// The number of requests about a new service principal that are answered as if it did not exist: it is not replicated yet.
    /// Source: KelvinTegelaar/CIPP-API waits and reads again.
    pub replication_misses: u32,
    /// The time after an assignment in which Exchange still denies access to the app.
    /// Source: Microsoft's document on app-only authentication for Exchange Online PowerShell.
    pub exchange_role_delay: TimeDelta,
    /// `true` if the Azure CLI's token, which lacks `RoleManagement.ReadWrite.Directory`, may add members to directory roles.
    /// Public scripts do so (Azure/caf-terraform-landingzones#157); there is no report of it for a customer's tenant.
    pub cli_adds_role_members: bool,
    /// `true` if Exchange accepts the Azure CLI at all. If not, Entra responds with AADSTS65002.
    pub cli_reaches_exchange: bool,
    /// `true` if app-only tokens carry `wids`. Microsoft calls the tokens of Graph opaque.
    pub tokens_have_wids: bool,
}

impl Default for Unkindness {
    fn default() -> Self {
        Self {
            rejects_mailbox_beside_identity: true,
            reads_rights_from_token: true,
            start_interval: TimeDelta::minutes(15),
            start_throttle_status: 429,
            restart_lag: TimeDelta::minutes(5),
            first_start_lag: TimeDelta::zero(),
            hydration_time: TimeDelta::minutes(90),
            answers_to_parts_of_names: false,
            replication_misses: 1,
            exchange_role_delay: TimeDelta::minutes(30),
            cli_adds_role_members: false,
            cli_reaches_exchange: false,
            tokens_have_wids: true,
        }
    }
}

impl Unkindness {
    /// Returns services that do as documented.
    pub fn none() -> Self {
        Self {
            rejects_mailbox_beside_identity: false,
            reads_rights_from_token: false,
            start_interval: TimeDelta::zero(),
            start_throttle_status: 429,
            restart_lag: TimeDelta::zero(),
            first_start_lag: TimeDelta::zero(),
            hydration_time: TimeDelta::zero(),
            answers_to_parts_of_names: false,
            replication_misses: 0,
            exchange_role_delay: TimeDelta::zero(),
            cli_adds_role_members: true,
            cli_reaches_exchange: true,
            tokens_have_wids: true,
        }
    }
}
