//! The settings of channels.

use super::read;

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
