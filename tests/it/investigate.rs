//! `tenantwatch investigate`, the built binary: the situations of an incident, and what may not change its report.

mod damage;
mod figures;
mod forms;
mod generator;
mod identity;
mod layout;
mod long_stays;
mod ordinary_places;
mod output_file;
mod page;
mod properties;
pub mod records;
mod sentences;
mod sifted;
mod situations;
mod usage;

use std::process::Output;

use serde_json::Value;

use crate::scan::{command, feed};

/// Runs the command over its standard input.
pub fn run(arguments: &[&str], input: &[u8]) -> Output {
    feed(command("investigate", arguments).spawn().unwrap(), input)
}

/// Returns the records as JSON Lines.
fn lines(records: &records::Records) -> Vec<u8> {
    records.all.iter().map(|record| format!("{record}\n")).collect::<String>().into_bytes()
}

/// Returns the report about an account in JSON.
pub fn report_of(records: &[Value], account: &str, arguments: &[&str]) -> Report {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    report(lines.as_bytes(), &[&["--account", account], arguments].concat())
}

/// Returns the report that these arguments give.
pub fn report(input: &[u8], arguments: &[&str]) -> Report {
    let output = run(&[arguments, &["--format", "json", "-"]].concat(), input);
    assert!(output.status.success(), "{output:?}");
    Report(serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

/// A report in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Report(pub Value);

impl Report {
    /// Returns one of the numbers.
    pub fn count(&self, name: &str) -> u64 {
        self.0["Counts"][name].as_u64().unwrap_or_else(|| panic!("{name}: {}", self.0["Counts"]))
    }

    /// Returns the judgement and the rule of a record.
    pub fn judged(&self, record: &Value) -> (&str, &str) {
        let rows = self.0["Activities"].as_array().unwrap();
        let row = rows.iter().find(|row| row["Id"] == record["Id"]).unwrap_or_else(|| panic!("not listed: {record}"));
        (row["Attribution"].as_str().unwrap(), row["Rule"].as_str().unwrap())
    }

    /// Returns whose act a record is.
    pub fn whose(&self, record: &Value) -> &str {
        self.judged(record).0
    }

    /// Returns whether a record is listed.
    pub fn lists(&self, record: &Value) -> bool {
        self.0["Activities"].as_array().unwrap().iter().any(|row| row["Id"] == record["Id"])
    }

    /// Returns the other accounts with how far the attacker got.
    pub fn others(&self) -> Vec<(&str, &str)> {
        let rows = self.0["OtherAccounts"].as_array().unwrap().iter();
        rows.map(|row| (row["Account"].as_str().unwrap(), row["Kind"].as_str().unwrap())).collect()
    }

    /// Returns whose an address is.
    pub fn address(&self, ip: &str) -> Option<&str> {
        let rows = self.0["Addresses"].as_array().unwrap();
        rows.iter().find(|row| row["IP"] == ip).map(|row| row["Attribution"].as_str().unwrap())
    }

    /// Returns what was not recorded, in one text.
    pub fn not_logged(&self) -> String {
        self.0["NotLogged"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    /// Returns the report without what depends on the run.
    pub fn without_run(mut self) -> Value {
        self.0.as_object_mut().unwrap().remove("Run");
        self.0
    }
}
