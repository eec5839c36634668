//! Keeps the addresses of attackers for all tenants.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use table_store::StoreError;

use crate::app::App;
use crate::investigation::Report;
use crate::tables::incidents::account_of;
use crate::tables::{AttackerRow, ProcessedRow, VictimAccount, update};

/// The most addresses of one investigation. An attacker with more uses a network of proxies, in which an address means little.
const ADDRESSES: usize = 200;

/// The autonomous systems of Microsoft, some of which databases list without a name.
const MICROSOFT: [&str; 5] = ["AS8075", "AS8068", "AS8069", "AS3598", "AS12076"];

/// The most accounts that a row names.
const ACCOUNTS: usize = 100;

/// Keeps the addresses that the report proves or links, with the accounts in which their use is known already: the victim and those that
/// were named to a person. An account that was only tried, or that nobody was told of, is news when its sign-in succeeds.
pub(super) async fn remember(
    app: &App,
    finding: &ProcessedRow,
    report: &Report,
    named: &BTreeSet<String>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let of = |account: &str| VictimAccount { tenant_id: finding.tenant_id, account: account.to_lowercase() };
    let named = named.iter().map(|account| of(account));
    let accounts: BTreeSet<VictimAccount> = named.chain([of(&account_of(finding))]).collect();
    let mut rows = Vec::new();
    for address in addresses(report) {
        let new =
            AttackerRow { address, seen: now, log_id: finding.record_id, accounts: accounts.clone(), told: Vec::new() };
        let row =
            update::<AttackerRow, AttackerRow>(app.store.as_ref(), &app.clock, &AttackerRow::key(address), |stored| {
                let mut row = new.clone();
                if let Some(known) = stored.filter(|stored| stored.counts_at(now)) {
                    let room = ACCOUNTS.saturating_sub(row.accounts.len());
                    row.accounts.extend(known.accounts.into_iter().take(room));
                    row.told = known.told;
                }
                (Some(row.clone()), row)
            })
            .await?;
        rows.push(row);
    }
    app.attackers.add(&rows).await;
    Ok(())
}

/// Addresses of Microsoft's services, private ones and exits are never proven or linked. Machines that Microsoft rents out are, but many
/// customers share their addresses, so they are not kept. Only `ASN_DATABASE` tells them from others.
fn addresses(report: &Report) -> impl Iterator<Item = IpAddr> + Send {
    let kept = report.addresses.iter().filter(|row| row.attribution.is_certain() && !is_microsofts(&row.network));
    kept.map(|row| row.ip).take(ADDRESSES)
}

/// Returns whether a network such as `AS8075 MICROSOFT-CORP-MSN-AS-BLOCK` is one of Microsoft's.
fn is_microsofts(network: &str) -> bool {
    let number = network.split(' ').next().unwrap_or_default();
    MICROSOFT.contains(&number) || network.to_ascii_lowercase().contains("microsoft")
}
