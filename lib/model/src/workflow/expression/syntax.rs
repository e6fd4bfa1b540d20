//! The syntax tree of an expression.

use serde_json::Value;

/// A node of the tree.
#[derive(Clone, Debug)]
pub(in crate::workflow) struct Expression {
    /// Byte offset in the text of the expression.
    pub(in crate::workflow) at: usize,
    /// Levels below and including this node.
    pub(in crate::workflow) depth: u16,
    pub(in crate::workflow) kind: Kind,
}

/// What a node does.
#[derive(Clone, Debug)]
pub(in crate::workflow) enum Kind {
    Literal(Value),
    Name(String),
    Field { of: Box<Expression>, name: String },
    Has { of: Box<Expression>, name: String },
    Index { of: Box<Expression>, index: Box<Expression> },
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Negate(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Choose { condition: Box<Expression>, yes: Box<Expression>, no: Box<Expression> },
    Binary { operator: Operator, left: Box<Expression>, right: Box<Expression> },
    Call { name: String, receiver: Option<Box<Expression>>, arguments: Vec<Expression> },
    Loop { shape: Loop, over: Box<Expression>, variable: String, body: Box<Expression> },
}

/// The operators between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workflow) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

/// The macros that go through a list or the keys of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workflow) enum Loop {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workflow) struct SyntaxError {
    /// Byte offset in the text of the expression.
    pub(in crate::workflow) at: usize,
    pub(in crate::workflow) message: String,
}

impl SyntaxError {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

impl Expression {
    /// Calls `visit` with this node and every node below it.
    pub(in crate::workflow) fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expression)) {
        visit(self);
        self.children(&mut |child| child.walk(visit));
    }

    /// Calls `visit` with every node directly below this one.
    pub(in crate::workflow) fn children<'e>(&'e self, visit: &mut impl FnMut(&'e Expression)) {
        match &self.kind {
            Kind::Literal(_) | Kind::Name(_) => {}
            Kind::Field { of, .. } | Kind::Has { of, .. } | Kind::Not(of) | Kind::Negate(of) => visit(of),
            Kind::Index { of: left, index: right }
            | Kind::And(left, right)
            | Kind::Or(left, right)
            | Kind::Binary { left, right, .. }
            | Kind::Loop { over: left, body: right, .. } => {
                visit(left);
                visit(right);
            }
            Kind::List(items) => items.iter().for_each(visit),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                visit(key);
                visit(value);
            }),
            Kind::Choose { condition, yes, no } => {
                visit(condition);
                visit(yes);
                visit(no);
            }
            Kind::Call { receiver, arguments, .. } => {
                receiver.iter().for_each(|receiver| visit(receiver));
                arguments.iter().for_each(visit);
            }
        }
    }
}
