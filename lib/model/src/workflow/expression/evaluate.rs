//! From the syntax tree to a value, with every step paid for.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::compare::{self, Numeric, equal, numeric};
use super::functions;
use super::syntax::{Expression, Kind, Loop, Operator};
use crate::workflow::limits::{MAX_STEPS, MAX_TASK_STEPS};

/// What is left of the work that an evaluation may do.
#[derive(Debug)]
pub(in crate::workflow) struct Fuel(u64);

impl Default for Fuel {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Fuel {
    /// For the fields of one task.
    pub(in crate::workflow) fn of_task() -> Self {
        Self(MAX_TASK_STEPS)
    }
}

/// What `success()` and `failure()` give; present only where a condition is evaluated.
#[derive(Clone, Copy, Debug)]
pub(in crate::workflow) struct Status {
    pub(in crate::workflow) success: bool,
    pub(in crate::workflow) failure: bool,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workflow) struct EvaluationError {
    /// Byte offset in the text of the expression.
    pub(in crate::workflow) at: usize,
    pub(in crate::workflow) message: String,
}

pub(super) type Evaluated<'v> = Result<Cow<'v, Value>, EvaluationError>;

/// Evaluates expressions over named values.
pub(in crate::workflow) struct Evaluator<'v, 'f> {
    roots: &'v [(&'static str, &'v Value)],
    status: Option<Status>,
    fuel: &'f mut Fuel,
    locals: Vec<(String, Cow<'v, Value>)>,
}

impl<'v, 'f> Evaluator<'v, 'f> {
    pub(in crate::workflow) fn new(
        roots: &'v [(&'static str, &'v Value)],
        status: Option<Status>,
        fuel: &'f mut Fuel,
    ) -> Self {
        Self { roots, status, fuel, locals: Vec::new() }
    }

    /// The value of the expression. Errors: what went wrong and where; never a panic, never more work than the fuel.
    pub(in crate::workflow) fn evaluate(&mut self, expression: &Expression) -> Evaluated<'v> {
        let at = expression.at;
        self.pay(1, at)?;
        match &expression.kind {
            Kind::Literal(value) => self.copy(value, at),
            Kind::Name(name) => self.name(name, at),
            Kind::Field { of, name } => {
                let value = self.evaluate(of)?;
                field(value, name).map_err(|message| EvaluationError { at, message })
            }
            Kind::Has { of, name } => match &*self.evaluate(of)? {
                Value::Object(map) => Ok(truth(map.get(name).is_some_and(|value| !value.is_null()))),
                _ => Err(fail(at, format!("`has` looks for the field `{name}` in something that is no map"))),
            },
            Kind::Index { of, index } => {
                let (value, index) = (self.evaluate(of)?, self.evaluate(index)?);
                element(value, &index).map_err(|message| EvaluationError { at, message })
            }
            Kind::List(items) => {
                let items: Result<Vec<Value>, _> = items.iter().map(|item| self.owned(item)).collect();
                Ok(Cow::Owned(Value::Array(items?)))
            }
            Kind::Map(entries) => self.map(entries),
            Kind::Not(of) => Ok(truth(!self.boolean(of)?)),
            Kind::Negate(of) => {
                let value = self.evaluate(of)?;
                negated(&value).ok_or_else(|| fail(at, format!("`-` has no meaning for {}", type_of(&value))))
            }
            Kind::And(left, right) => self.logic(left, right, false),
            Kind::Or(left, right) => self.logic(left, right, true),
            Kind::Choose { condition, yes, no } => {
                if self.boolean(condition)? {
                    self.evaluate(yes)
                } else {
                    self.evaluate(no)
                }
            }
            Kind::Binary { operator, left, right } => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                self.binary(*operator, left, &right, at)
            }
            Kind::Call { name, receiver, arguments } => self.call(name, receiver.as_deref(), arguments, at),
            Kind::Loop { shape, over, variable, body } => self.go_through(*shape, over, variable, body),
        }
    }

    /// Takes the cost of a piece of work. Errors: none of the fuel is left.
    pub(super) fn pay(&mut self, steps: u64, at: usize) -> Result<(), EvaluationError> {
        match self.fuel.0.checked_sub(steps) {
            Some(left) => {
                self.fuel.0 = left;
                Ok(())
            }
            None => Err(fail(at, "the expression takes too much work; make its lists shorter")),
        }
    }

    fn copy(&mut self, value: &Value, at: usize) -> Evaluated<'v> {
        self.pay(weight(value), at)?;
        Ok(Cow::Owned(value.clone()))
    }

    fn owned(&mut self, expression: &Expression) -> Result<Value, EvaluationError> {
        let value = self.evaluate(expression)?;
        self.pay(weight(&value), expression.at)?;
        Ok(value.into_owned())
    }

    fn boolean(&mut self, expression: &Expression) -> Result<bool, EvaluationError> {
        let value = self.evaluate(expression)?;
        value.as_bool().ok_or_else(|| {
            fail(expression.at, format!("expected true or false here, but this is {}", type_of(&value)))
        })
    }

    fn name(&mut self, name: &str, at: usize) -> Evaluated<'v> {
        if let Some(index) = self.locals.iter().rposition(|(local, _)| local == name) {
            if let Cow::Borrowed(value) = self.locals[index].1 {
                return Ok(Cow::Borrowed(value));
            }
            let value = self.locals[index].1.clone();
            self.pay(weight(&value), at)?;
            return Ok(value);
        }
        match self.roots.iter().find(|(root, _)| *root == name) {
            Some((_, value)) => Ok(Cow::Borrowed(*value)),
            None => Err(fail(at, format!("there is no `{name}` here"))),
        }
    }

    fn map(&mut self, entries: &[(Expression, Expression)]) -> Evaluated<'v> {
        let mut map = Map::new();
        for (key, value) in entries {
            let Value::String(name) = self.owned(key)? else {
                return Err(fail(key.at, "the keys of a map are texts"));
            };
            let value = self.owned(value)?;
            if map.insert(name, value).is_some() {
                return Err(fail(key.at, "this key is in the map a second time"));
            }
        }
        Ok(Cow::Owned(Value::Object(map)))
    }

    /// `&&` and `||` as in CEL: the side that decides wins, even over an error on the other side.
    fn logic(&mut self, left: &Expression, right: &Expression, decisive: bool) -> Evaluated<'v> {
        let first = self.boolean(left);
        if first == Ok(decisive) {
            return Ok(truth(decisive));
        }
        let second = self.boolean(right)?;
        if second == decisive { Ok(truth(decisive)) } else { first.map(truth) }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: Cow<'v, Value>,
        right: &Value,
        at: usize,
    ) -> Evaluated<'v> {
        use std::cmp::Ordering;
        if !matches!((&*left, right), (Value::Number(_), Value::Number(_))) {
            self.pay(weight(&left).saturating_add(weight(right)), at)?;
        }
        let ordered = |accept: fn(Ordering) -> bool| match compare::order(&left, right) {
            Some(order) => Ok(truth(accept(order))),
            None => Err(fail(at, format!("{} and {} have no order", type_of(&left), type_of(right)))),
        };
        match operator {
            Operator::Equal => Ok(truth(equal(&left, right))),
            Operator::NotEqual => Ok(truth(!equal(&left, right))),
            Operator::Less => ordered(Ordering::is_lt),
            Operator::LessOrEqual => ordered(Ordering::is_le),
            Operator::Greater => ordered(Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(Ordering::is_ge),
            Operator::In => match right {
                Value::Array(items) => Ok(truth(items.iter().any(|item| equal(&left, item)))),
                Value::Object(map) => Ok(truth(left.as_str().is_some_and(|key| map.contains_key(key)))),
                _ => Err(fail(at, format!("`in` looks into a list or a map, not into {}", type_of(right)))),
            },
            _ => arithmetic(operator, left, right).map_err(|message| EvaluationError { at, message }),
        }
    }

    fn call(
        &mut self,
        name: &str,
        receiver: Option<&Expression>,
        arguments: &[Expression],
        at: usize,
    ) -> Evaluated<'v> {
        if let (Some(status), None, []) = (self.status, receiver, arguments) {
            match name {
                "success" => return Ok(truth(status.success)),
                "failure" => return Ok(truth(status.failure)),
                "always" => return Ok(truth(true)),
                _ => {}
            }
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in receiver.into_iter().chain(arguments) {
            values.push(self.evaluate(argument)?);
        }
        self.pay(functions::cost(name, &values), at)?;
        let result = functions::call(name, &values).map_err(|message| EvaluationError { at, message })?;
        Ok(Cow::Owned(result))
    }

    fn go_through(
        &mut self,
        shape: Loop,
        over: &Expression,
        variable: &str,
        body: &Expression,
    ) -> Evaluated<'v> {
        let at = over.at;
        let items: Vec<Cow<'v, Value>> = match self.evaluate(over)? {
            Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
            Cow::Owned(Value::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
            other => match &*other {
                Value::Object(map) => map.keys().map(|key| Cow::Owned(Value::from(key.as_str()))).collect(),
                _ => {
                    return Err(fail(
                        at,
                        format!("expected a list or a map here, but this is {}", type_of(&other)),
                    ));
                }
            },
        };
        self.pay(items.len() as u64, at)?;
        let mut kept = Vec::new();
        let mut hits = 0_usize;
        let mut trouble = None;
        for item in items {
            self.locals.push((variable.to_owned(), item));
            let step = if shape == Loop::Map {
                self.owned(body).map(Some)
            } else {
                self.boolean(body).map(|hit| hit.then_some(Value::Null))
            };
            let item = self.locals.pop().map(|(_, item)| item);
            match (shape, step) {
                (Loop::Map, Ok(Some(value))) => kept.push(value),
                (Loop::All, Ok(None)) => return Ok(truth(false)),
                (Loop::Exists, Ok(Some(_))) => return Ok(truth(true)),
                (Loop::All | Loop::Exists, Err(error)) => trouble = Some(error),
                (_, Err(error)) => return Err(error),
                (Loop::Filter, Ok(Some(_))) => {
                    if let Some(item) = item {
                        self.pay(weight(&item), at)?;
                        kept.push(item.into_owned());
                    }
                }
                (_, Ok(Some(_))) => hits += 1,
                (_, Ok(None)) => {}
            }
        }
        match (shape, trouble) {
            (_, Some(error)) => Err(error),
            (Loop::Map | Loop::Filter, None) => Ok(Cow::Owned(Value::Array(kept))),
            (Loop::ExistsOne, None) => Ok(truth(hits == 1)),
            (Loop::All, None) => Ok(truth(true)),
            (Loop::Exists, None) => Ok(truth(false)),
        }
    }
}

fn fail(at: usize, message: impl Into<String>) -> EvaluationError {
    EvaluationError { at, message: message.into() }
}

fn truth<'v>(value: bool) -> Cow<'v, Value> {
    Cow::Owned(Value::Bool(value))
}

/// What it costs to copy or compare a value.
pub(super) fn weight(value: &Value) -> u64 {
    match value {
        Value::String(text) => 1 + text.len() as u64 / 16,
        Value::Array(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Object(map) => {
            1 + map.iter().map(|(key, value)| 1 + key.len() as u64 / 16 + weight(value)).sum::<u64>()
        }
        _ => 1,
    }
}

/// About how many bytes a value has as JSON.
pub(in crate::workflow) fn bytes_of(value: &Value) -> u64 {
    match value {
        Value::String(text) => 2 + text.len() as u64,
        Value::Array(items) => 2 + items.iter().map(|item| 1 + bytes_of(item)).sum::<u64>(),
        Value::Object(map) => {
            2 + map.iter().map(|(key, value)| 4 + key.len() as u64 + bytes_of(value)).sum::<u64>()
        }
        _ => 8,
    }
}

/// What people call the type of a value.
pub(in crate::workflow) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_i64() => "an integer",
        Value::Number(_) => "a double",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn field<'v>(of: Cow<'v, Value>, name: &str) -> Result<Cow<'v, Value>, String> {
    let found = match of {
        Cow::Borrowed(Value::Object(map)) => map.get(name).map(Cow::Borrowed),
        Cow::Owned(Value::Object(mut map)) => map.remove(name).map(Cow::Owned),
        other => return Err(format!("{} has no field `{name}`", type_of(&other))),
    };
    found.ok_or_else(|| format!("the map has no key `{name}`"))
}

fn element<'v>(of: Cow<'v, Value>, index: &Value) -> Result<Cow<'v, Value>, String> {
    let position = index.as_i64().and_then(|index| usize::try_from(index).ok());
    match (of, index) {
        (of, Value::String(name)) if of.is_object() => field(of, name),
        (Cow::Borrowed(Value::Array(items)), Value::Number(_)) => position
            .and_then(|at| items.get(at))
            .map(Cow::Borrowed)
            .ok_or_else(|| out_of_list(index, items.len())),
        (Cow::Owned(Value::Array(mut items)), Value::Number(_)) => {
            match position.filter(|at| *at < items.len()) {
                Some(at) => Ok(Cow::Owned(items.swap_remove(at))),
                None => Err(out_of_list(index, items.len())),
            }
        }
        (of, index) => Err(format!("{} cannot be indexed with {}", type_of(&of), type_of(index))),
    }
}

fn out_of_list(index: &Value, length: usize) -> String {
    format!("there is no element {index} in a list of {length}")
}

fn negated<'v>(value: &Value) -> Option<Cow<'v, Value>> {
    let Value::Number(number) = value else { return None };
    match numeric(number) {
        Numeric::Integer(value) => value.checked_neg().map(|value| Cow::Owned(Value::from(value))),
        Numeric::Double(value) => Some(Cow::Owned(Value::from(-value))),
    }
}

fn arithmetic<'v>(operator: Operator, left: Cow<'v, Value>, right: &Value) -> Result<Cow<'v, Value>, String> {
    let result = match (&*left, right) {
        (Value::Number(first), Value::Number(second)) => match (numeric(first), numeric(second)) {
            (Numeric::Integer(first), Numeric::Integer(second)) => integers(operator, first, second)?,
            (Numeric::Double(first), Numeric::Double(second)) => doubles(operator, first, second)?,
            _ => {
                return Err(
                    "an integer and a double do not mix; turn one into the other with double() or int()"
                        .to_owned(),
                );
            }
        },
        (Value::String(first), Value::String(second)) if operator == Operator::Add => {
            Value::String(format!("{first}{second}"))
        }
        (Value::Array(first), Value::Array(second)) if operator == Operator::Add => {
            first.iter().chain(second).cloned().collect()
        }
        (first, second) => {
            let advice = match (operator, first.is_string() || second.is_string()) {
                (Operator::Add, true) => "; turn the other one into a text with string()",
                _ => "",
            };
            return Err(format!("{} and {} do not calculate{advice}", type_of(first), type_of(second)));
        }
    };
    Ok(Cow::Owned(result))
}

fn integers(operator: Operator, left: i64, right: i64) -> Result<Value, String> {
    if right == 0 && matches!(operator, Operator::Divide | Operator::Remainder) {
        return Err("division by zero".to_owned());
    }
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    result.map(Value::from).ok_or_else(|| "the result does not fit into 64 bits".to_owned())
}

fn doubles(operator: Operator, left: f64, right: f64) -> Result<Value, String> {
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        _ => return Err("`%` is for integers".to_owned()),
    };
    if result.is_finite() {
        Ok(Value::from(result))
    } else {
        Err("the result is not a finite number".to_owned())
    }
}
