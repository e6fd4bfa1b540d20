//! Expressions: a subset of CEL, with a bound on the work that one evaluation can do.
//!
//! Integers of 64 bits, doubles, strings, booleans, null, lists and maps with string keys; the operators of CEL; the
//! macros `has`, `all`, `exists`, `exists_one`, `map`, `filter`; and the functions of [`functions`]. No bytes, no
//! unsigned integers, no timestamps.

mod compare;
mod evaluate;
pub(super) mod functions;
mod lexer;
mod parser;
mod syntax;
mod template;

pub(super) use evaluate::{Evaluator, Fuel, Status, bytes_of, type_of};
pub(super) use syntax::{Expression, Kind};
pub(super) use template::{Part, Template};
