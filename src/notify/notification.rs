//! A finding as it is sent, with its place among the threats of its incident.

use crate::tables::{IncidentRow, ProcessedRow};

/// A finding and what only the time of sending knows about it.
#[derive(Debug, Clone, Copy)]
pub struct Notification<'a> {
    /// The finding.
    pub row: &'a ProcessedRow,
    /// The number of threats that its incident had before it.
    pub earlier: u32,
    /// The number of further threats of the same account for which this notification stands.
    pub further: u32,
}

impl<'a> From<&'a ProcessedRow> for Notification<'a> {
    fn from(row: &'a ProcessedRow) -> Self {
        Self { row, earlier: 0, further: 0 }
    }
}

impl<'a> Notification<'a> {
    /// The notification of a finding of this incident.
    pub fn of_incident(row: &'a ProcessedRow, incident: Option<&IncidentRow>, further: u32) -> Self {
        Self { row, earlier: incident.map_or(0, |incident| incident.earlier_than(&row.record_id)), further }
    }

    /// One sentence about the other threats of the incident. Empty if there are none.
    pub fn others(&self) -> String {
        let earlier = match self.earlier {
            0 => String::new(),
            1 => "One earlier threat belongs to this incident.".to_owned(),
            earlier => format!("{earlier} earlier threats belong to this incident."),
        };
        let further = match self.further {
            0 => String::new(),
            1 => "This notification also stands for one further threat to this account.".to_owned(),
            further => format!(
                "This notification also stands for {further} further threats to this account, of which it shows the worst."
            ),
        };
        [earlier, further].into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(" ")
    }
}
