//! Wrong and missing settings, and the messages about them.

use tenantwatch::settings::{Needs, SETTINGS, Settings};

use super::TENANT;
use super::{CERTIFICATE, OTHER, minimum, names, read};

#[test]
fn each_wrong_value_is_rejected_by_its_name() {
    let short_key = "c2hvcnQ=";
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let webhook_key = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let three_webhook_keys = [webhook_key; 3].join(",");
    let three_keys = [key, key, key].join(",");
    let twice = format!("contoso.com={TENANT},CONTOSO.com={OTHER}");
    let same_id = format!("contoso.com={TENANT},fabrikam.com={TENANT}");
    let named = format!("contoso.com={TENANT}");
    let table: &[(&str, &[(&str, &str)])] = &[
        ("PARTNER_TENANT_ID", &[("PARTNER_TENANT_ID", "")]),
        ("PARTNER_TENANT_ID", &[("PARTNER_TENANT_ID", "contoso.com")]),
        ("CLIENT_ID", &[("CLIENT_ID", " ")]),
        ("AUTO_CONTAIN", &[("AUTO_CONTAIN", "contoso")]),
        ("AUTO_CONTAIN", &[("AUTO_CONTAIN", "*,contoso.com")]),
        ("AUTO_CONTAIN", &[("AUTO_CONTAIN", ",")]),
        ("AUTO_CONTAIN_MODE", &[("AUTO_CONTAIN_MODE", "on")]),
        ("AUTO_CONTAIN_LIMIT", &[("AUTO_CONTAIN_LIMIT", "0")]),
        ("AUTO_CONTAIN_LIMIT", &[("AUTO_CONTAIN_LIMIT", "three")]),
        ("CLIENT_ID", &[("CLIENT_ID", "x")]),
        ("CLIENT_SECRET", &[("CLIENT_SECRET", "")]),
        ("CLIENT_SECRET", &[("FEDERATED_IDENTITY_CLIENT_ID", OTHER)]),
        ("FEDERATED_IDENTITY_CLIENT_ID", &[("CLIENT_SECRET", ""), ("FEDERATED_IDENTITY_CLIENT_ID", "x")]),
        ("CLIENT_CERTIFICATE", &[("CLIENT_SECRET", ""), ("CLIENT_CERTIFICATE", "no pem")]),
        ("CLIENT_CERTIFICATE_PATH", &[("CLIENT_SECRET", ""), ("CLIENT_CERTIFICATE_PATH", "/nowhere/at/all.pem")]),
        ("CLOUD", &[("CLOUD", "moon")]),
        ("GRAPH_URL", &[("GRAPH_URL", "http://graph.example")]),
        ("GRAPH_URL", &[("GRAPH_URL", "https://somebody@graph.example")]),
        ("MANAGEMENT_API_URL", &[("MANAGEMENT_API_URL", "http://127.0.0.1:80")]),
        ("EXCHANGE_URL", &[("EXCHANGE_URL", "https://exchange.example/path")]),
        ("AZURE_AUTHORITY_HOST", &[("AZURE_AUTHORITY_HOST", "login.microsoftonline.com")]),
        ("TENANT_SOURCE", &[("TENANT_SOURCE", "everyone")]),
        ("TENANTS", &[("TENANT_SOURCE", "list")]),
        ("TENANTS", &[("TENANT_SOURCE", "list"), ("TENANTS", " , ")]),
        ("TENANTS", &[("TENANTS", &named)]),
        ("TENANTS", &[("TENANT_SOURCE", "list"), ("TENANTS", "contoso.com")]),
        ("TENANTS", &[("TENANT_SOURCE", "list"), ("TENANTS", &twice)]),
        ("TENANTS", &[("TENANT_SOURCE", "list"), ("TENANTS", &same_id)]),
        ("TENANTS_EXCLUDE", &[("TENANTS_EXCLUDE", "not a domain")]),
        ("GetDomainSchedule", &[("GetDomainSchedule", "*/15 * * * *")]),
        ("GetDomainSchedule", &[("GetDomainSchedule", "0 0 9 * * 7")]),
        ("GetDomainSchedule", &[("GetDomainSchedule", "0 0 9 L * *")]),
        ("GetDomainSchedule", &[("GetDomainSchedule", "0 0 9 * * MON#1")]),
        ("GetDomainSchedule", &[("GetDomainSchedule", "0 0 9 15W * *")]),
        ("GetDomainSchedule", &[("GetDomainSchedule", "0 0 25 * * *")]),
        ("GetDomainSchedule", &[("GetDomainSchedule", "0 0 0 31 2 *")]),
        ("GetDomainSchedule", &[("GetDomainSchedule", "0 0 0 30,31 FEB *")]),
        ("AzureWebJobsStorage", &[("AzureWebJobsStorage", "")]),
        ("AzureWebJobsStorage", &[("AzureWebJobsStorage", "AccountName=a")]),
        ("AzureWebJobsStorage", &[("AzureWebJobsStorage", "AccountName=a;AccountKey=***")]),
        (
            "AzureWebJobsStorage",
            &[("AzureWebJobsStorage", "AccountName=a;AccountKey=AAAA;TableEndpoint=http://tables.example")],
        ),
        ("AzureWebJobsStorage", &[("AzureWebJobsStorage__accountName", "account")]),
        (
            "AzureWebJobsStorage__tableServiceUri",
            &[("AzureWebJobsStorage", ""), ("AzureWebJobsStorage__tableServiceUri", "http://127.0.0.1:10002")],
        ),
        (
            "AzureWebJobsStorage__accountName",
            &[("AzureWebJobsStorage", ""), ("AzureWebJobsStorage__accountName", "No.Account")],
        ),
        (
            "AzureWebJobsStorage__credential",
            &[
                ("AzureWebJobsStorage", ""),
                ("AzureWebJobsStorage__accountName", "account"),
                ("AzureWebJobsStorage__credential", "password"),
            ],
        ),
        ("PROCESSED_TABLE", &[("PROCESSED_TABLE", "1st")]),
        ("PROCESSED_TABLE", &[("PROCESSED_TABLE", "auditlogcoverage")]),
        ("ACTIONS_TABLE", &[("ACTIONS_TABLE", "ab")]),
        ("COVERAGE_TABLE", &[("COVERAGE_TABLE", "with-hyphen")]),
        ("FLOW_URL", &[("FLOW_URL", "")]),
        ("FLOW_URL", &[("FLOW_URL", "http://flow.example/")]),
        ("TEAMS_WEBHOOK_URL", &[("TEAMS_WEBHOOK_URL", "teams")]),
        ("WEBHOOK_URL", &[("WEBHOOK_URL", "http://hooks.example/"), ("WEBHOOK_SECRET", webhook_key)]),
        ("WEBHOOK_URL", &[("WEBHOOK_SECRET", webhook_key)]),
        ("WEBHOOK_URL", &[("WEBHOOK_URL", "https://10.0.0.1/"), ("WEBHOOK_SECRET", webhook_key)]),
        ("WEBHOOK_URL", &[("WEBHOOK_URL", "https://127.1/"), ("WEBHOOK_SECRET", webhook_key)]),
        ("WEBHOOK_URL", &[("WEBHOOK_URL", "https://0x7f000001/"), ("WEBHOOK_SECRET", webhook_key)]),
        ("WEBHOOK_URL", &[("WEBHOOK_URL", "https://169.254.169.254/"), ("WEBHOOK_SECRET", webhook_key)]),
        ("WEBHOOK_URL", &[("WEBHOOK_URL", "https://[::1]/"), ("WEBHOOK_SECRET", webhook_key)]),
        ("WEBHOOK_URL", &[("WEBHOOK_URL", "https://[::ffff:10.0.0.1]/"), ("WEBHOOK_SECRET", webhook_key)]),
        ("WEBHOOK_SECRET", &[("WEBHOOK_URL", "https://hooks.example/")]),
        ("WEBHOOK_SECRET", &[("WEBHOOK_URL", "https://hooks.example/"), ("WEBHOOK_SECRET", "whsec_c2hvcnQ=")]),
        ("WEBHOOK_SECRET", &[("WEBHOOK_URL", "https://hooks.example/"), ("WEBHOOK_SECRET", &three_webhook_keys)]),
        ("WEBHOOK_ALLOW_PRIVATE", &[("WEBHOOK_ALLOW_PRIVATE", "maybe")]),
        ("SLACK_WEBHOOK_URL", &[("SLACK_WEBHOOK_URL", "http://hooks.slack.com/services/x")]),
        ("MAIL_FROM", &[("MAIL_FROM", "alerts"), ("MAIL_TO", "desk@provider.example")]),
        ("MAIL_FROM", &[("MAIL_TO", "desk@provider.example")]),
        ("MAIL_TO", &[("MAIL_FROM", "alerts@provider.example")]),
        ("MAIL_TO", &[("MAIL_FROM", "alerts@provider.example"), ("MAIL_TO", "contoso.com=desk@provider.example")]),
        ("MAIL_TO", &[("MAIL_FROM", "alerts@provider.example"), ("MAIL_TO", "a@b.example,contoso.com=nobody")]),
        ("NOTIFY_MINIMUM", &[("NOTIFY_MINIMUM", "Low")]),
        ("NOTIFY_MINIMUM", &[("NOTIFY_MINIMUM", "pager=High")]),
        ("NOTIFY_MINIMUM", &[("NOTIFY_MINIMUM", "High,Medium")]),
        ("NOTIFY_MINIMUM", &[("NOTIFY_MINIMUM", "mail=High,Mail=Medium")]),
        ("ACTION_KEY", &[("ACTION_KEY", short_key)]),
        ("ACTION_KEY", &[("ACTION_KEY", "this is not base64, at all")]),
        ("ACTION_KEY", &[("ACTION_KEY", &three_keys)]),
        ("ACTION_KEY", &[("ACTION_KEY", "on")]),
        ("ACTION_KEY", &[("ACTION_KEY", " , ")]),
        ("ACTION_TOKEN_HOURS", &[("ACTION_TOKEN_HOURS", "0")]),
        ("LOOKBACK_MINUTES", &[("LOOKBACK_MINUTES", "10080")]),
        ("OVERLAP_MINUTES", &[("OVERLAP_MINUTES", "-1")]),
        ("RETENTION_DAYS", &[("RETENTION_DAYS", "for ever")]),
        ("REMOVE_SIGNIN_METHODS", &[("REMOVE_SIGNIN_METHODS", "perhaps")]),
        ("TRUSTED_DOMAINS", &[("TRUSTED_DOMAINS", "gmail.com")]),
        ("TRUSTED_DOMAINS", &[("TRUSTED_DOMAINS", "contoso.com/outlook.com")]),
        ("TRUSTED_DOMAINS", &[("TRUSTED_DOMAINS", "com")]),
        ("TRUSTED_DOMAINS", &[("TRUSTED_DOMAINS", "a b@contoso.com")]),
        ("TRUSTED_APPS", &[("TRUSTED_APPS", "Thunderbird")]),
        ("PROTECTED_USERS", &[("PROTECTED_USERS", "admin")]),
        ("DETECTIONS_OFF", &[("DETECTIONS_OFF", "Everything")]),
        ("DETECTIONS_OFF", &[("DETECTIONS_OFF", "Test")]),
        ("GEOIP_DATABASE", &[("GEOIP_DATABASE", "/nowhere/at/all.mmdb")]),
        ("SSL_CERT_FILE", &[("SSL_CERT_FILE", "/nowhere/at/all.pem")]),
    ];
    for (setting, changes) in table {
        let error = read(changes).expect_err(&format!("{changes:?}"));
        assert!(names(&error).iter().all(|name| name == setting), "{changes:?} gave {error}");
    }
}

#[test]
fn all_problems_are_in_one_message() {
    let nothing = Settings::from_environment([], Needs::AZURE).unwrap_err();
    assert_eq!(names(&nothing), ["PARTNER_TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "AzureWebJobsStorage", "FLOW_URL"]);
    let text = nothing.to_string();
    assert!(names(&nothing).iter().all(|name| text.contains(name)), "{text}");
}

#[test]
fn secrets_are_neither_in_messages_nor_in_debug_output() {
    let marked = "s3cr3t-marker";
    for setting in SETTINGS.iter().filter(|setting| setting.secret) {
        let storage = format!("AccountName=a;AccountKey={marked}");
        let value = if setting.name == "AzureWebJobsStorage" { storage.as_str() } else { marked };
        match read(&[(setting.name, value)]) {
            Err(error) => assert!(!format!("{error} {error:?}").contains(marked), "{}", setting.name),
            Ok(settings) => assert!(!format!("{settings:?}").contains(marked), "{}", setting.name),
        }
    }
    let settings = read(&[("CLIENT_SECRET", ""), ("CLIENT_CERTIFICATE", CERTIFICATE)]).unwrap();
    assert!(!format!("{settings:?}").contains("PRIVATE KEY"));
    assert!(!format!("{settings:?}").contains("a-signature"));
}

#[test]
fn storage_and_channels_are_required_only_if_needed() {
    let variables = minimum().into_iter().filter(|(name, _)| name != "AzureWebJobsStorage" && name != "FLOW_URL");
    let settings = Settings::from_environment(variables, Needs { storage: false, channels: false }).unwrap();
    assert!(settings.storage.is_none());
    assert!(settings.channels.flow_url.is_none());
}

#[test]
fn unresolved_key_vault_reference_is_named_once_per_setting() {
    let reference = "@Microsoft.KeyVault(SecretUri=https://vault.example/secrets/hush)";
    let by_name = "@microsoft.keyvault(VaultName=vault;SecretName=hush)";
    for setting in SETTINGS {
        let unset: &[&str] = match setting.name {
            "CLIENT_CERTIFICATE" | "CLIENT_CERTIFICATE_PATH" | "FEDERATED_IDENTITY_CLIENT_ID" => &["CLIENT_SECRET"],
            "AzureWebJobsStorage__accountName" | "AzureWebJobsStorage__tableServiceUri" => &["AzureWebJobsStorage"],
            _ => &[],
        };
        for value in [reference, by_name] {
            let changes: Vec<_> = unset.iter().map(|name| (*name, "")).chain([(setting.name, value)]).collect();
            let error = read(&changes).expect_err(setting.name);
            let [problem] = &error.problems[..] else { panic!("{}: {error}", setting.name) };
            assert_eq!(problem.setting, setting.name);
            assert!(problem.what.starts_with("the Key Vault reference was not resolved: check "), "{error}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}

#[test]
fn problems_are_counted_by_setting() {
    let one = read(&[("CLIENT_ID", "x")]).unwrap_err().to_string();
    assert_eq!(one, "1 setting must be corrected:\n  CLIENT_ID: must be a GUID");
    let two = read(&[("CLIENT_ID", "x"), ("TRUSTED_APPS", "x,y")]).unwrap_err().to_string();
    assert!(two.starts_with("2 settings must be corrected:\n  CLIENT_ID: "), "{two}");
}
