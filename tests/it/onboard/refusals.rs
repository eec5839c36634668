//! Tenants in which something is refused: the meaning, what to do, and that the rest goes on.

use tenantwatch_simulator::world::Tenant;
use tenantwatch_simulator::world::applications::{
    CLOUD_APPLICATION_ADMINISTRATOR, EXCHANGE, EXCHANGE_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR,
};
use tokio::process::Command;

use super::{OnboardFixture, step};

/// Onboards one tenant after a change, and returns the state and detail of a step.
async fn refused(change: impl FnOnce(&mut Tenant), name: &str) -> (String, String) {
    let fixture = OnboardFixture::with_one().await;
    fixture.simulator.world().unkindness.replication_misses = 0;
    fixture.tenant(change);
    let (code, found) = fixture.onboard(&["--enable-auditing"]).await;
    assert_eq!(code, Some(1), "{found:#}");
    let (state, detail) = step(&found, name);
    (state.to_owned(), detail.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_sign_in_says_what_it_means_and_what_to_do() {
    for (number, expected) in [
        (50_020, "security group of the GDAP relationship"),
        (50_177, "security group of the GDAP relationship"),
        (53_003, "exclude service provider users"),
        (90_002, "TENANTS_EXCLUDE"),
        (900_023, "TENANTS_EXCLUDE"),
        (5_000_224, "TENANTS_EXCLUDE"),
        (500_011, "check its licences"),
        (500_014, "check its licences"),
        (650_051, "run the same command again in a minute"),
        (650_052, "check its licences"),
    ] {
        let (state, detail) = refused(|tenant| tenant.technician.refused = Some(number), "Sign-in").await;
        assert_eq!(state, "failed");
        assert!(detail.contains(expected) && detail.contains(&format!("(AADSTS{number}) – ")), "{detail}");
    }
    for number in [65_001, 700_016, 7_000_229] {
        let (_, detail) = refused(|tenant| tenant.technician.client_refused = Some(number), "Sign-in").await;
        assert!(detail.contains("ONBOARD_CLIENT_ID") && detail.contains("/adminconsent?client_id="), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_role_of_the_technician_is_named_and_the_rest_goes_on() {
    let roles = |roles: &[uuid::Uuid]| {
        let roles = roles.iter().copied().collect();
        move |tenant: &mut Tenant| tenant.technician.roles = roles
    };
    let no_privileged = || roles(&[CLOUD_APPLICATION_ADMINISTRATOR, EXCHANGE_ADMINISTRATOR]);
    let (state, detail) = refused(no_privileged(), "User.Read.All").await;
    assert!(state == "failed" && detail.contains("Privileged Role Administrator"), "{detail}");
    assert_eq!(refused(no_privileged(), "Exchange.ManageAsApp").await.0, "done");
    let (state, detail) = refused(no_privileged(), "User Administrator").await;
    assert!(state == "failed" && detail.contains("Privileged Role Administrator"), "{detail}");
    let (_, detail) = refused(roles(&[PRIVILEGED_ROLE_ADMINISTRATOR]), "Service principal").await;
    assert!(detail.contains("Cloud Application Administrator"), "{detail}");
    let no_exchange = roles(&[CLOUD_APPLICATION_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR]);
    let (_, detail) = refused(no_exchange, "UnifiedAuditLog").await;
    assert!(detail.contains("Exchange Administrator"), "{detail}");
    let (_, detail) = refused(|tenant| tenant.technician.cannot_write = true, "Service principal").await;
    assert!(detail.contains("GDAP relationship lets nothing be written"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_without_a_licence_is_named_and_the_rest_goes_on() {
    let unlicensed = |tenant: &mut Tenant| {
        tenant.directory.service_principals.retain(|principal| principal.app_id != EXCHANGE);
        tenant.directory.unlicensed.insert(EXCHANGE);
    };
    let name = "Service principal of Office 365 Exchange Online";
    let (state, detail) = refused(unlicensed, name).await;
    assert!(state == "failed" && detail.contains("licence"), "{detail}");
    assert_eq!(refused(unlicensed, "User.Read.All").await.0, "done");
    assert_eq!(refused(unlicensed, "Audit.Exchange").await.0, "done");
    assert_eq!(refused(unlicensed, "Exchange.ManageAsApp").await.0, "absent", "one cause is named once");
}

/// Runs a command with a settings file and nothing else.
async fn with_file(text: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("local.settings.json"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
    command.args(["onboard", "--all", "--links", "--data", "rows"]).current_dir(folder.path()).env_clear();
    let output = command.output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_settings_are_one_clear_message() {
    let (code, error) = with_file("{ \"Values\": { ").await;
    assert_eq!((code, error.trim_end().lines().count()), (Some(2), 1), "{error}");
    assert!(error.contains("local.settings.json"), "{error}");
    let id = "11111111-1111-1111-1111-111111111111";
    let vault = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)";
    let text = format!(r#"{{"Values":{{"PARTNER_TENANT_ID":"{id}","CLIENT_ID":"{id}","CLIENT_SECRET":"{vault}"}}}}"#);
    let (code, error) = with_file(&text).await;
    assert_eq!(code, Some(2));
    assert!(error.contains("CLIENT_SECRET: the Key Vault reference was not resolved"), "{error}");
    assert!(!error.contains("vault.azure.net"), "{error}");
}
