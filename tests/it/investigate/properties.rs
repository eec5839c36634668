//! The order of records, repeated records and the division into files do not change a report.

use proptest::prelude::*;
use serde_json::Value;

use super::records::{A, A2, O, OWNER, Records, S, V, W};
use super::{Report, report_of};

/// An incident with activities of the attacker, the owner and a colleague.
fn story(steps: &[(u8, u8, u8)]) -> Vec<Value> {
    let (mut records, ..) = Records::incident();
    for (minute, kind, place) in steps {
        let time = format!("19T{:02}:{:02}:00", 10 + minute / 60, minute % 60);
        let (ip, session) = [(A, S), (A2, S), (OWNER, O), ("192.0.2.77", "z-1"), (A, "")][usize::from(place % 5)];
        match kind % 5 {
            0 => records.bind(&time, V, V, ip, session, &[&format!("m{}", minute % 7)]),
            1 => records.send(&time, V, ip, session, &format!("s{}", minute % 5)),
            2 => records.file(&time, V, "FileDownloaded", ip, session, &format!("f{}", minute % 4)),
            3 => records.sign_in(&time, W, ip, session, ["0", "50126"][usize::from(minute % 2)]),
            _ => records.sign_in(&time, V, ip, session, ["0", "50074"][usize::from(minute % 2)]),
        };
    }
    records.all
}

fn of(records: &[Value]) -> Value {
    report_of(records, V, &[]).without_run()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_do_not_change_the_report(
        steps in prop::collection::vec((0_u8..120, any::<u8>(), any::<u8>()), 1..25),
        seed in any::<u64>(),
    ) {
        let records = story(&steps);
        let clean = of(&records);
        let mut mixed: Vec<Value> = records.iter().chain(&records).cloned().collect();
        let mut state = seed | 1;
        for at in (1..mixed.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            mixed.swap(at, (state >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(of(&mixed), clean);
    }

    #[test]
    fn no_act_in_the_owners_session_at_home_is_counted(
        steps in prop::collection::vec((0_u8..120, any::<u8>(), any::<u8>()), 1..25),
    ) {
        let records = story(&steps);
        let report = Report(of(&records));
        for record in &records {
            let address = record["ClientIP"].as_str().or(record["ClientIPAddress"].as_str()).unwrap_or_default();
            if record["UserId"] == V && address == OWNER {
                prop_assert_eq!(report.whose(record), "Owner");
            }
        }
    }
}
