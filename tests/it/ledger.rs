//! Rows as types: what is stored comes back, and two writers never undo each other.
