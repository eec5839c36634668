//! The three ways to sign in, and what each of them cannot do.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{OnboardFixture, document, step};

#[tokio::test(flavor = "multi_thread")]
async fn azure_cli_that_may_add_role_members_is_enough() {
    let fixture = OnboardFixture::with_one().await;
    fixture.simulator.world().unkindness.cli_adds_role_members = true;
    let (code, found) = document(&fixture.run(&["onboard", "--all", "--format", "json"]).await);
    assert_eq!((code, step(&found, "User Administrator").0), (Some(0), "done"), "{found:#}");
    fixture.simulator.forget_requests();
    let (code, found) = document(&fixture.run(&["onboard", "--all", "--format", "json"]).await);
    assert_eq!((code, step(&found, "User Administrator").0), (Some(0), "already there"), "{found:#}");
    assert_eq!(fixture.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_cli_that_is_refused_names_the_other_ways() {
    let fixture = OnboardFixture::with_one().await;
    let output = fixture.run(&["onboard", "--all", "--enable-auditing", "--format", "json"]).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("--sign-in browser or --sign-in device"), "{error}");
    let (code, found) = document(&output);
    assert_eq!(code, Some(1));
    for name in ["Exchange Administrator", "User Administrator", "UnifiedAuditLog"] {
        let (state, detail) = step(&found, name);
        assert_eq!(state, "failed", "{name}: {found:#}");
        assert!(detail.contains("– run again with --sign-in browser or --sign-in device"), "{detail}");
    }
    assert_eq!(step(&found, "User.Read.All").0, "done");
    assert_eq!(step(&found, "Audit.Exchange").0, "done");
    assert_eq!(step(&found, "Verification").0, "done", "the failed roles are not waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_to_sign_in_exits_2_and_names_all_three() {
    let fixture = OnboardFixture::with_one().await;
    let output = fixture.command(&["onboard", "--all"]).env("PATH", "/nowhere").output().await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    for way in ["--sign-in az", "--sign-in browser", "--sign-in device"] {
        assert!(error.contains(way), "{error}");
    }
    let without =
        fixture.command(&["onboard", "--all", "--sign-in", "device"]).env_remove("ONBOARD_CLIENT_ID").output();
    let without = without.await.unwrap();
    assert_eq!(without.status.code(), Some(2));
    assert!(String::from_utf8(without.stderr).unwrap().contains("ONBOARD_CLIENT_ID"));
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_cli_without_a_login_says_so() {
    let fixture = OnboardFixture::with_one().await;
    fixture.simulator.world().technician.signed_in_to_cli = false;
    let (code, found) = document(&fixture.run(&["onboard", "--all", "--format", "json"]).await);
    assert_eq!((code, step(&found, "Sign-in").0), (Some(1), "failed"), "{found:#}");
    assert!(step(&found, "Sign-in").1.contains("run `az login`"), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_signs_in_once_for_all_tenants() {
    let fixture = OnboardFixture::start(super::world(3)).await;
    let arguments = ["onboard", "--all", "--sign-in", "browser", "--format", "json"];
    let mut child =
        fixture.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.split("open this address to sign in: ").nth(1).unwrap().to_owned();
    let roots = reqwest::Certificate::from_pem(&std::fs::read(fixture.simulator.ca_path()).unwrap()).unwrap();
    let browser = reqwest::Client::builder().tls_certs_only([roots]).build().unwrap();
    let query = reqwest::Url::parse(&address).unwrap();
    let redirect = query.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    // A page of somebody else on this machine does not end the sign-in.
    let _ = browser.get(format!("{redirect}/?code=stolen&state=guessed")).send().await;
    let page = browser.get(&address).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("You can close this page"), "{page}");
    let (code, found) = document(&child.wait_with_output().await.unwrap());
    assert_eq!(code, Some(0), "{found:#}");
    assert_eq!(fixture.simulator.count(|request| request.path.ends_with("/authorize")), 1);
    assert!(fixture.simulator.world().tenants.values().all(|tenant| tenant.directory.roles.len() == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_that_is_declined_exits_1() {
    let fixture = OnboardFixture::with_one().await;
    fixture.simulator.world().technician.sign_in_error = Some("access_denied".to_owned());
    let output = fixture.run(&["onboard", "--all", "--sign-in", "device"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("the sign-in was not completed"));
}
