//! Records of one consent.

use tenantwatch::detection::{ReasonName, Severity, has_new_scope};

use super::Log;
use super::repeats::repeats;

#[test]
fn records_of_one_consent_are_one_finding() {
    let mut log = Log::new();
    log.consent(0, "grady@contoso.com", "Consent to application.", "User.Read");
    log.consent(1, "grady@contoso.com", "Add delegated permission grant.", "User.Read Mail.Read");
    log.consent(9, "grady@contoso.com", "Add delegated permission grant.", "Files.Read.All");
    let first = log.findings[0].clone();
    let found = log.correlated();
    let [consent] = found.as_slice() else { panic!("{}", found.len()) };
    assert_eq!((consent.record_id, &consent.fingerprint), (first.record_id, &first.fingerprint));
    assert_eq!(consent.scopes, ["User.Read", "Mail.Read", "Files.Read.All"]);
    assert_eq!((consent.severity, consent.threat), (Severity::Medium, true));
    let sentence = &consent.reasons.iter().find(|reason| reason.name == ReasonName::AppReadsMail).unwrap().sentence;
    assert!(sentence.contains("Files.Read.All, Mail.Read"), "{sentence}");
}

#[test]
fn consents_of_others_or_later_are_findings_of_their_own() {
    let mut log = Log::new();
    log.consent(0, "grady@contoso.com", "Consent to application.", "Mail.Read");
    log.consent(1, "joey@contoso.com", "Consent to application.", "Mail.Read");
    log.consent(11, "grady@contoso.com", "Consent to application.", "Mail.Read");
    assert_eq!(log.correlated().len(), 3);
}

#[test]
fn later_consent_is_a_repeat_unless_it_has_a_new_scope() {
    let mut log = Log::new();
    log.consent(0, "grady@contoso.com", "Consent to application.", "Mail.Read");
    log.consent(60, "grady@contoso.com", "Consent to application.", "mail.read");
    log.consent(120, "grady@contoso.com", "Consent to application.", "Mail.Read Mail.Send");
    log.consent(180, "grady@contoso.com", "Consent to application.", "Mail.Read");
    let found = log.correlated();
    assert_eq!(repeats(&found), [None, Some(0), None, Some(2)]);
    assert!(!has_new_scope(&found[0].scopes, &found[1].scopes) && has_new_scope(&found[0].scopes, &found[2].scopes));
}
