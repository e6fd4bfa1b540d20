//! Stories about the whole system, each on cells of {SQLite, MongoDB wire} × {simulated, Docker}.

mod after;
mod cancelling;
mod fan_out;
mod garbage;
mod killed_processes;
mod killed_scheduler;
mod outsider;
mod requests;
