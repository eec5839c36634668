//! Defaults, and the forms in which values are accepted.

use m365::AppCredential;
use tenantwatch::settings::{ActionKey, ContainmentMode, ProtectedUser, SETTINGS, TenantSource, TrustedTarget};

use super::{CERTIFICATE, OTHER, TENANT, read};

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
fn every_detection_type_can_be_disabled() {
    use tenantwatch::detection::FindingKind;

    let types: Vec<_> = FindingKind::ALL
        .iter()
        .filter(|kind| !matches!(kind, FindingKind::Coverage | FindingKind::Investigation | FindingKind::Test))
        .map(|kind| kind.as_str())
        .collect();
    assert_eq!(
        tenantwatch::settings::DETECTION_TYPES.as_slice(),
        types,
        "left is DETECTION_TYPES in src/settings/trust.rs"
    );
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
