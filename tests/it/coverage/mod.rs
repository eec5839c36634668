//! Coverage of the audit log: nothing is skipped, and content that cannot be read is reported.

mod blobs;
mod health;
mod spans;
