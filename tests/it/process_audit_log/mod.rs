//! The guarantees of ProcessAuditLog through its entry point: one message in, rows and notifications out.

mod channels;
mod costs;
mod facts;
mod once;
