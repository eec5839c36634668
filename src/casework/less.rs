//! Tells whether a report was made from less than the stored one, which must not be lost for it.

use std::net::IpAddr;

use base::ids::RecordId;
use serde::Deserialize;
use serde_json::Value;

use super::made::Made;
use super::spill::SpillError;
use crate::tables::InvestigationRow;

/// A row of the stored annex.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Act {
    id: RecordId,
    attribution: String,
}

/// Returns whether the stored report knows more: acts of the attacker whose records were not read this time, or, where not all was read,
/// a place of the owner that would be the attacker's now because the owner's days before are missing.
pub(super) fn knows_less(made: &Made, before: &InvestigationRow, is_partial: bool) -> Result<bool, SpillError> {
    let acts: Vec<Act> = serde_json::from_str(&before.activities).unwrap_or_default();
    for act in acts.iter().filter(|act| is_attackers(&act.attribution)) {
        if !made.has(&act.id)? {
            return Ok(true);
        }
    }
    let report: Value = serde_json::from_str(&before.report).unwrap_or_default();
    Ok(is_partial && (has_owners_place(made, &report) || (acts.is_empty() && has_fewer(made, &report))))
}

fn is_attackers(attribution: &str) -> bool {
    matches!(attribution, "Proven" | "Linked" | "Likely")
}

fn has_owners_place(made: &Made, before: &Value) -> bool {
    let rows = before["Addresses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let owners = rows.iter().filter(|row| row["Attribution"] == "Owner");
    let owners: Vec<IpAddr> = owners.filter_map(|row| row["IP"].as_str()?.parse().ok()).collect();
    made.report.addresses.iter().any(|row| row.attribution.is_attacker() && owners.contains(&row.ip))
}

/// The annex was too long to be stored, so only the numbers can be compared.
fn has_fewer(made: &Made, before: &Value) -> bool {
    let now = serde_json::to_value(&made.report.counts).unwrap_or_default();
    let counts = before["Counts"].as_object().into_iter().flatten();
    counts.into_iter().any(|(name, count)| now[name].as_u64() < count.as_u64())
}
