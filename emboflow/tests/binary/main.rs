//! The program as people and scripts use it: the real binary, a real nats-server, the simulated runtime.

mod cli;
mod support;
mod up;
mod validate;
