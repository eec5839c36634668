mod ledger;
mod store;
