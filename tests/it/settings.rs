//! Settings from environment variables, and the ways in which they are rejected.

use m365::AppCredential;
use table_store::StorageAccess;
use tenantwatch::settings::{
    ActionKey, ContainmentMode, Needs, ProtectedUser, SETTINGS, Settings, SettingsError, TenantSource, TrustedTarget,
};

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const OTHER: &str = "22222222-2222-2222-2222-222222222222";
const CERTIFICATE: &str = include_str!("../fixtures/app-certificate.pem");

/// The minimum that a command with storage and channels needs.
fn minimum() -> Vec<(String, String)> {
    [
        ("PARTNER_TENANT_ID", TENANT),
        ("CLIENT_ID", OTHER),
        ("CLIENT_SECRET", "a-client-secret"),
        ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
        ("FLOW_URL", "https://flow.example/triggers/manual/paths/invoke?sig=a-signature"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Reads the minimum with some settings changed; an empty value unsets.
fn read(changes: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let changes = changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_environment(minimum().into_iter().chain(changes), Needs::AZURE)
}

fn names(error: &SettingsError) -> Vec<&str> {
    error.problems.iter().map(|problem| problem.setting.as_str()).collect()
}

#[test]
fn unset_settings_have_the_documented_defaults() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.hosts.management.as_str(), "https://manage.office.com/");
    assert_eq!(settings.tenants.source, TenantSource::Contracts);
    assert_eq!(settings.collection.lookback.as_secs(), 180 * 60);
    assert_eq!(settings.collection.overlap.as_secs(), 120 * 60);
    assert_eq!(settings.collection.retention.as_secs(), 365 * 86_400);
    assert_eq!(settings.actions.token_life.as_secs(), 72 * 3_600);
    assert!(matches!(settings.actions.key, ActionKey::Unset));
    assert!(!settings.actions.remove_signin_methods);
    assert_eq!(settings.tables.coverage, "AuditLogCoverage");
    assert_eq!(settings.storage.unwrap().table_endpoint.as_str(), "http://127.0.0.1:10002/devstoreaccount1");
}

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
fn certificate_text_may_have_escaped_line_breaks() {
    let one_line = CERTIFICATE.replace('\n', "\\n");
    for pem in [CERTIFICATE, &one_line] {
        let settings = read(&[("CLIENT_SECRET", ""), ("CLIENT_CERTIFICATE", pem)]).unwrap();
        assert!(matches!(settings.partner.credential, AppCredential::Certificate(_)));
    }
}

#[test]
fn cloud_selects_the_hosts_and_each_can_be_overridden() {
    let settings = read(&[("CLOUD", "DoD"), ("GRAPH_URL", "https://graph.example:8443")]).unwrap();
    assert_eq!(settings.hosts.authority.as_str(), "https://login.microsoftonline.us/");
    assert_eq!(settings.hosts.management.as_str(), "https://manage.protection.apps.mil/");
    assert_eq!(settings.hosts.exchange.as_str(), "https://outlook-dod.office365.us/");
    assert_eq!(settings.hosts.graph.as_str(), "https://graph.example:8443/");
}

#[test]
fn schedule_accepts_names_of_days_and_months() {
    for schedule in [
        "0 0 9 * * Wed",
        "0 0 9 * * mon-fri",
        "0 */5 * * Jul *",
        "0 0 9 29 2 Mon",
        "0 0 9 1 Jan Sun",
        "30 0,15 8-18 * * 0-6",
    ] {
        assert!(read(&[("GetDomainSchedule", schedule)]).is_ok(), "{schedule}");
    }
}

#[test]
fn storage_with_managed_identity_is_accepted() {
    let settings = read(&[
        ("AzureWebJobsStorage", ""),
        ("AzureWebJobsStorage__accountName", "account1"),
        ("AzureWebJobsStorage__credential", "managedidentity"),
        ("AzureWebJobsStorage__clientId", OTHER),
    ])
    .unwrap();
    let storage = settings.storage.unwrap();
    assert_eq!(storage.table_endpoint.as_str(), "https://account1.table.core.windows.net/");
    assert_eq!(storage.account, "account1");
    assert!(matches!(storage.access, StorageAccess::ManagedIdentity(Some(id)) if id == OTHER));
}

#[test]
fn storage_account_has_the_domain_of_its_cloud() {
    for (cloud, endpoint) in [
        ("gcc", "https://account1.table.core.windows.net/"),
        ("gcchigh", "https://account1.table.core.usgovcloudapi.net/"),
        ("dod", "https://account1.table.core.usgovcloudapi.net/"),
        ("china", "https://account1.table.core.chinacloudapi.cn/"),
    ] {
        let set = [("AzureWebJobsStorage", ""), ("AzureWebJobsStorage__accountName", "account1"), ("CLOUD", cloud)];
        assert_eq!(read(&set).unwrap().storage.unwrap().table_endpoint.as_str(), endpoint, "{cloud}");
    }
}

#[test]
fn connection_string_may_name_an_endpoint_or_suffix() {
    for (text, endpoint) in [
        (
            "AccountName=a;AccountKey=AAAA;EndpointSuffix=core.chinacloudapi.cn",
            "https://a.table.core.chinacloudapi.cn/",
        ),
        ("AccountName=a;AccountKey=AAAA;TableEndpoint=http://[::1]:10002/a;", "http://[::1]:10002/a"),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=AAAA", "https://a.table.core.windows.net/"),
    ] {
        let settings = read(&[("AzureWebJobsStorage", text)]).unwrap();
        assert_eq!(settings.storage.unwrap().table_endpoint.as_str(), endpoint);
    }
}

#[test]
fn lists_are_read_in_all_their_forms() {
    let tenants = format!("contoso.com={TENANT}, FABRIKAM.com={OTHER},");
    let settings = read(&[
        ("TENANT_SOURCE", "List"),
        ("TENANTS", &tenants),
        ("TENANTS_EXCLUDE", &format!("Northwind.com,{OTHER}")),
        ("TRUSTED_DOMAINS", "tickets.example, me@gmail.com, contoso.com/crm.example, contoso.com/boss@gmail.com"),
        ("PROTECTED_USERS", &format!("Admin@contoso.com,{TENANT}")),
        ("DETECTIONS_OFF", "consent"),
    ])
    .unwrap();
    let TenantSource::List(listed) = &settings.tenants.source else { panic!("{:?}", settings.tenants) };
    assert_eq!(listed.iter().map(|tenant| tenant.domain.as_str()).collect::<Vec<_>>(), ["contoso.com", "fabrikam.com"]);
    assert!(settings.tenants.excludes(&OTHER.parse().unwrap(), &"any.example".parse().unwrap()));
    assert!(settings.tenants.excludes(&TENANT.parse().unwrap(), &"northwind.com".parse().unwrap()));
    assert!(!settings.tenants.excludes(&TENANT.parse().unwrap(), &"contoso.com".parse().unwrap()));
    let only_in = Some("contoso.com".parse().unwrap());
    assert_eq!(
        settings.trust.targets,
        [
            TrustedTarget::Domain { only_in: None, domain: "tickets.example".parse().unwrap() },
            TrustedTarget::Address { only_in: None, address: "me@gmail.com".parse().unwrap() },
            TrustedTarget::Domain { only_in: only_in.clone(), domain: "crm.example".parse().unwrap() },
            TrustedTarget::Address { only_in, address: "boss@gmail.com".parse().unwrap() },
        ]
    );
    let admin = ProtectedUser::Address("admin@contoso.com".parse().unwrap());
    assert_eq!(settings.actions.protected_users, [admin, ProtectedUser::ObjectId(TENANT.parse().unwrap())]);
    assert_eq!(settings.trust.detections_off.iter().collect::<Vec<_>>(), ["Consent"]);
}

#[test]
fn every_setting_is_listed_once() {
    let mut listed: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    listed.sort_unstable();
    let count = listed.len();
    listed.dedup();
    assert_eq!(listed.len(), count);
}

#[test]
fn action_key_is_unset_off_or_one_or_two_keys() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let read_key = |value: &str| read(&[("ACTION_KEY", value)]).unwrap().actions.key;
    assert!(matches!(read_key(" "), ActionKey::Unset));
    assert!(matches!(read_key("off"), ActionKey::Off) && matches!(read_key("Off"), ActionKey::Off));
    assert!(matches!(read_key(key), ActionKey::Signing(keys) if keys.len() == 1));
    assert!(matches!(read_key(&format!("{key},{key}")), ActionKey::Signing(keys) if keys.len() == 2));
    for (value, names) in [("", "ACTION_KEY is not set"), ("off", "ACTION_KEY is off")] {
        assert!(read_key(value).warning().unwrap().starts_with(names), "{value:?}");
    }
    assert_eq!(read_key(key).warning(), None);
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

#[test]
fn every_detection_type_can_be_disabled() {
    use tenantwatch::detection::FindingKind;

    let types: Vec<_> = FindingKind::ALL
        .iter()
        .filter(|kind| !matches!(kind, FindingKind::Coverage | FindingKind::Investigation | FindingKind::Test))
        .map(|kind| kind.as_str())
        .collect();
    assert_eq!(tenantwatch::settings::DETECTION_TYPES.as_slice(), types);
}

#[test]
fn any_one_of_five_channels_is_enough_to_start() {
    let key = ("WEBHOOK_SECRET", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let sets: [&[(&str, &str)]; 5] = [
        &[("FLOW_URL", "https://flow.example/")],
        &[("TEAMS_WEBHOOK_URL", "https://teams.example/")],
        &[("WEBHOOK_URL", "https://hooks.example/"), key],
        &[("MAIL_FROM", "alerts@provider.example"), ("MAIL_TO", "desk@provider.example")],
        &[("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/x")],
    ];
    for set in sets {
        let changes: Vec<_> = [("FLOW_URL", "")].into_iter().chain(set.iter().copied()).collect();
        assert!(read(&changes).is_ok(), "{set:?}");
    }
    let none = read(&[("FLOW_URL", "")]).unwrap_err().to_string();
    assert!(none.contains("WEBHOOK_URL, MAIL_TO, SLACK_WEBHOOK_URL"), "{none}");
}

#[test]
fn private_webhook_is_read_if_it_is_allowed() {
    let set = [
        ("WEBHOOK_URL", "https://10.0.0.1/"),
        ("WEBHOOK_SECRET", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
        ("WEBHOOK_ALLOW_PRIVATE", "true"),
    ];
    assert!(read(&set).unwrap().channels.webhook.unwrap().allow_private);
}

#[test]
fn minimum_of_one_channel_overrides_the_general_one() {
    use tenantwatch::settings::MinimumSeverity::{High, Medium};
    let minimum = read(&[("NOTIFY_MINIMUM", "High, mail=Medium")]).unwrap().channels.minimum;
    assert_eq!((minimum.of("flow"), minimum.of("slack"), minimum.of("mail")), (High, High, Medium));
    assert_eq!(read(&[]).unwrap().channels.minimum.of("flow"), Medium);
}

#[test]
fn containment_is_off_and_then_observes_by_default() {
    let contoso = "contoso.com".parse().unwrap();
    let settings = read(&[]).unwrap();
    assert!(!settings.containment.lists(&contoso));
    assert_eq!((settings.containment.mode, settings.containment.limit), (ContainmentMode::Observe, 3));
    for (list, is_listed) in [("*", true), ("fabrikam.com, CONTOSO.com", true), ("fabrikam.com", false)] {
        assert_eq!(read(&[("AUTO_CONTAIN", list)]).unwrap().containment.lists(&contoso), is_listed, "{list}");
    }
}

#[test]
fn containment_acts_only_with_an_action_key() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (value, mode) in [("", ContainmentMode::Observe), ("off", ContainmentMode::Act), (key, ContainmentMode::Act)] {
        let settings = read(&[("AUTO_CONTAIN", "*"), ("AUTO_CONTAIN_MODE", "Act"), ("ACTION_KEY", value)]).unwrap();
        assert_eq!(settings.containment.mode(&settings.actions.key), mode, "{value}");
        let warning = settings.containment.warning(&settings.actions.key);
        assert_eq!(warning.is_some(), mode == ContainmentMode::Observe, "{value}");
        assert!(warning.is_none_or(|warning| warning.contains("ACTION_KEY is not set")));
    }
    let settings = read(&[("AUTO_CONTAIN_MODE", "act")]).unwrap();
    assert_eq!(settings.containment.warning(&settings.actions.key), None, "no tenant is listed");
}
