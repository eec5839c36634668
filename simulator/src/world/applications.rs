//! Names the applications and roles that Microsoft gives fixed ids in every tenant.
//!
//! Ids of permissions: KelvinTegelaar/CIPP-API `Config/PermissionsTranslator.json`. Ids of directory roles: Microsoft Entra,
//! `permissions-reference`.

use uuid::Uuid;

/// Microsoft Graph.
pub const GRAPH: Uuid = Uuid::from_u128(0x0000_0003_0000_0000_c000_0000_0000_0000);
/// Exchange Online.
pub const EXCHANGE: Uuid = Uuid::from_u128(0x0000_0002_0000_0ff1_ce00_0000_0000_0000);
/// Office 365 Management APIs.
pub const MANAGEMENT: Uuid = Uuid::from_u128(0xc539_3580_f805_4401_95e8_94b7_a6ef_2fc2);
/// The Azure CLI.
pub const AZURE_CLI: Uuid = Uuid::from_u128(0x04b0_7795_8ddb_461a_bbee_02f9_e1bf_7b46);

/// The directory role that every service principal has in its tokens.
/// Source: microsoftgraph/msgraph-sdk-powershell#1782.
pub const MARKER: Uuid = Uuid::from_u128(0x0997_a1d0_0d1d_4acb_b408_d5ca_7312_1e90);
/// Global Administrator.
pub const GLOBAL_ADMINISTRATOR: Uuid = Uuid::from_u128(0x62e9_0394_69f5_4237_9190_0121_7714_5e10);
/// Privileged Role Administrator.
pub const PRIVILEGED_ROLE_ADMINISTRATOR: Uuid = Uuid::from_u128(0xe861_1ab8_c189_46e8_94e1_6021_3ab1_f814);
/// Cloud Application Administrator.
pub const CLOUD_APPLICATION_ADMINISTRATOR: Uuid = Uuid::from_u128(0x158c_047a_c907_4556_b7ef_4465_51a6_b5f7);
/// Exchange Administrator.
pub const EXCHANGE_ADMINISTRATOR: Uuid = Uuid::from_u128(0x2923_2cdf_9323_42fd_ade2_1d09_7af3_e4de);
/// User Administrator.
pub const USER_ADMINISTRATOR: Uuid = Uuid::from_u128(0xfe93_0be7_5e62_47db_91af_98c3_a49a_38b1);
/// Privileged Authentication Administrator.
pub const PRIVILEGED_AUTHENTICATION_ADMINISTRATOR: Uuid = Uuid::from_u128(0x7be4_4c8a_adaf_4e2a_84d6_ab26_49e0_8a13);
/// Entra SOC Identity Responder.
pub const SOC_IDENTITY_RESPONDER: Uuid = Uuid::from_u128(0x58f9_30cc_fcf4_4152_852c_1d7d_bf50_2139);

/// The directory roles that are simulated, with their names.
pub const DIRECTORY_ROLES: [(Uuid, &str); 7] = [
    (GLOBAL_ADMINISTRATOR, "Global Administrator"),
    (PRIVILEGED_ROLE_ADMINISTRATOR, "Privileged Role Administrator"),
    (CLOUD_APPLICATION_ADMINISTRATOR, "Cloud Application Administrator"),
    (EXCHANGE_ADMINISTRATOR, "Exchange Administrator"),
    (USER_ADMINISTRATOR, "User Administrator"),
    (PRIVILEGED_AUTHENTICATION_ADMINISTRATOR, "Privileged Authentication Administrator"),
    (SOC_IDENTITY_RESPONDER, "Entra SOC Identity Responder"),
];

/// An application permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppRole {
    /// The application whose permission it is.
    pub resource: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Its value, as in the claim `roles`.
    pub value: &'static str,
}

const fn role(resource: Uuid, id: u128, value: &'static str) -> AppRole {
    AppRole { resource, id: Uuid::from_u128(id), value }
}

/// The application permissions that are simulated.
pub const APP_ROLES: [AppRole; 13] = [
    role(MANAGEMENT, 0x594c_1fb6_4f81_4475_ae41_0c39_4909_246c, "ActivityFeed.Read"),
    role(EXCHANGE, 0xdc50_a0fb_09a3_484d_be87_e023_b12c_6440, "Exchange.ManageAsApp"),
    role(GRAPH, 0x7ab1_d382_f21e_4acd_a863_ba3e_13f7_da61, "Directory.Read.All"),
    role(GRAPH, 0xdf02_1288_bdef_4463_88db_98f2_2de8_9214, "User.Read.All"),
    role(GRAPH, 0x6931_bccd_447a_43d1_b442_00a1_9547_4933, "MailboxSettings.ReadWrite"),
    role(GRAPH, 0x3011_c876_62b7_4ada_afa2_506c_bbec_c68c, "User.EnableDisableAccount.All"),
    role(GRAPH, 0x77f3_a031_c388_4f99_b373_dc68_676a_979e, "User.RevokeSessions.All"),
    role(GRAPH, 0xcc11_7bb9_00cf_4eb8_b580_ea2a_878f_e8f7, "User-PasswordProfile.ReadWrite.All"),
    role(GRAPH, 0x5048_3e42_d915_4231_9639_7fdb_7fd1_90e5, "UserAuthenticationMethod.ReadWrite.All"),
    role(GRAPH, 0x8e8e_4742_1d95_4f68_9d56_6ee7_5648_c72a, "DelegatedPermissionGrant.ReadWrite.All"),
    role(GRAPH, 0xf6e9_e124_4586_492f_adc0_c6f9_6e48_23fd, "DelegatedAdminRelationship.Read.All"),
    // The id of this one is invented: it is read from the resource's own list of roles.
    role(GRAPH, 0x5e1e_9171_754d_478c_812c_f175_5a9a_4c2d, "AuditLogsQuery.Read.All"),
    role(GRAPH, 0xb633_e1c5_b582_4048_a93e_9f11_b44c_7e96, "Mail.Send"),
];
