//! Stories about the whole system, each on the cells of {SQLite, MongoDB wire} × {simulated, Docker}.

mod after;
mod fan_out;
