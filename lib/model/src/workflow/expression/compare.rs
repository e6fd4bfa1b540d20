//! Equality and order of values, as CEL has them: numbers compare by value whatever their type.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// A number as CEL sees it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numeric {
    Integer(i64),
    Double(f64),
}

pub(super) fn numeric(number: &Number) -> Numeric {
    match number.as_i64() {
        Some(integer) => Numeric::Integer(integer),
        None => Numeric::Double(number.as_f64().unwrap_or(f64::NAN)),
    }
}

pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_numbers(left, right) == Some(Ordering::Equal),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => left == right,
    }
}

/// The order of two numbers, texts or booleans; none for anything else.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_numbers(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn order_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (numeric(left), numeric(right)) {
        (Numeric::Integer(left), Numeric::Integer(right)) => Some(left.cmp(&right)),
        (Numeric::Double(left), Numeric::Double(right)) => left.partial_cmp(&right),
        (Numeric::Integer(left), Numeric::Double(right)) => order_mixed(left, right),
        (Numeric::Double(left), Numeric::Integer(right)) => order_mixed(right, left).map(Ordering::reverse),
    }
}

/// Exact, where turning the integer into a double would round it.
fn order_mixed(integer: i64, double: f64) -> Option<Ordering> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        None
    } else if double >= BOUND {
        Some(Ordering::Less)
    } else if double < -BOUND {
        Some(Ordering::Greater)
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "the double is within the range of i64")]
        let whole = double.trunc() as i64;
        Some(integer.cmp(&whole).then(0.0.partial_cmp(&double.fract())?))
    }
}
