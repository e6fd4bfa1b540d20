//! Who is let in, and what they may.

mod admins;
mod audit;
mod escalation;
mod guessing;
mod keys;
mod matrix;
mod passwords;
mod projects;
mod removal;
mod services;
mod sessions;
mod unreadable;
