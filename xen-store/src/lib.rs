//! A xenstore client: sans-IO core, transactions, watches, and a blocking facade.
#![no_std]
