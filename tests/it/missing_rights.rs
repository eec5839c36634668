//! A press that fails for a missing right names the readiness item that would have said so.

use std::process::Stdio;

use chrono::Utc;
use serde_json::{Value, json};
use tenantwatch_simulator::Simulator;
use tenantwatch_simulator::scenario::{self, Planted};
use tenantwatch_simulator::world::Tenant;
use tenantwatch_simulator::world::applications::{EXCHANGE_ADMINISTRATOR, USER_ADMINISTRATOR};
use tokio::process::Command;

use crate::background_run;

/// A right that a tenant lacks: the readiness item, how it is taken away, and the step that fails for it.
struct Lack {
    item: &'static str,
    take: fn(&mut Tenant),
    step: &'static str,
}

const LACKS: [Lack; 9] = [
    Lack {
        item: "User.EnableDisableAccount.All",
        take: |t| revoke(t, "User.EnableDisableAccount.All"),
        step: "BlockSignIn",
    },
    Lack { item: "User.RevokeSessions.All", take: |t| revoke(t, "User.RevokeSessions.All"), step: "RevokeSessions" },
    Lack {
        item: "User-PasswordProfile.ReadWrite.All",
        take: |t| revoke(t, "User-PasswordProfile.ReadWrite.All"),
        step: "ResetPassword",
    },
    Lack {
        item: "UserAuthenticationMethod.ReadWrite.All",
        take: |t| revoke(t, "UserAuthenticationMethod.ReadWrite.All"),
        step: "ReviewSignInMethods",
    },
    Lack {
        item: "DelegatedPermissionGrant.ReadWrite.All",
        // Either permission shows the consents of a user.
        take: |t| {
            revoke(t, "DelegatedPermissionGrant.ReadWrite.All");
            revoke(t, "Directory.Read.All");
        },
        step: "RevokeConsents",
    },
    Lack { item: "Exchange.ManageAsApp", take: |t| revoke(t, "Exchange.ManageAsApp"), step: "ClearForwarding" },
    Lack {
        item: "Exchange Administrator",
        take: |t| t.directory.roles.retain(|(role, _)| *role != EXCHANGE_ADMINISTRATOR),
        step: "DisableInboxRules",
    },
    Lack {
        item: "User Administrator",
        take: |t| t.directory.roles.retain(|(role, _)| *role != USER_ADMINISTRATOR),
        step: "ResetPassword",
    },
    Lack {
        item: "User.Read.All",
        take: |t| {
            revoke(t, "User.Read.All");
            revoke(t, "Directory.Read.All");
        },
        step: "Verify",
    },
];

fn revoke(tenant: &mut Tenant, permission: &str) {
    tenant.directory.set(permission, false);
}

fn command(simulator: &Simulator, data: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
    command.args(arguments).args(["--data", data]).env_clear().envs(simulator.environment());
    command.env("INVESTIGATE", "off").stdin(Stdio::null());
    command
}

/// Presses the button of the notification about a threat, and returns the answer.
async fn press(simulator: &Simulator, url: &str, planted: &Planted) -> Value {
    let id = planted.record_id.to_string();
    let told = simulator.notifications().into_iter().find(|body| body["LogID"] == id.as_str()).unwrap();
    let body = json!({"Domain": told["ManagementDomain"], "User": told["SourceMailbox"], "ID": told["LogID"],
        "Token": told["ActionToken"]});
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(url).json(&body).send().await.unwrap().json().await.unwrap()
}

/// Returns the names of the items of a tenant that are `missing`.
fn missing<'a>(found: &'a Value, planted: &Planted) -> Vec<&'a str> {
    let id = planted.tenant_id.to_string();
    let tenant = found["Tenants"].as_array().unwrap().iter().find(|tenant| tenant["Tenant"] == id.as_str()).unwrap();
    let items = tenant["Items"].as_array().unwrap().iter().filter(|item| item["State"] == "missing");
    items.map(|item| item["Item"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_press_names_the_missing_item_of_readiness() {
    let (world, planted) = scenario::one_threat_each(LACKS.len(), Utc::now());
    let simulator = Simulator::start(world).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert!(command(&simulator, data, &["run", "--once"]).output().await.unwrap().status.success());
    for (lack, planted) in LACKS.iter().zip(&planted) {
        (lack.take)(simulator.world().tenants.get_mut(&planted.tenant_id).unwrap());
    }

    let output = command(&simulator, data, &["check", "--format", "json"]).output().await.unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (_process, url) = background_run::start(&mut command(&simulator, data, &["run", "--port", "0"])).await;
    for (lack, planted) in LACKS.iter().zip(&planted) {
        assert!(missing(&found, planted).contains(&lack.item), "{}: {found:#}", lack.item);
        let answer = press(&simulator, &url, planted).await;
        let steps = answer["Steps"].as_array().unwrap_or_else(|| panic!("{}: {answer:#}", lack.item));
        let step = steps.iter().find(|step| step["Step"] == lack.step).unwrap();
        assert_eq!(step["Outcome"], "Failed", "{}: {answer:#}", lack.item);
        assert!(step["Detail"].as_str().unwrap().contains(lack.item), "{}: {step:#}", lack.item);
    }
}
