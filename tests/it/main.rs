mod azurite;
mod ledger;
mod store;
mod tables;
