mod azurite;
mod ledger;
mod store;
