//! From words to the syntax tree: precedence climbing, with a limit on the depth.

use serde_json::Value;

use super::lexer::{Token, TokenKind, tokens};
use super::syntax::{Expression, Kind, Loop, Operator, SyntaxError};
use crate::workflow::limits::{MAX_EXPRESSION_BYTES, MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_NESTING};

/// Reads an expression. Errors: where it stops being CEL, or that it is too long or too deep.
pub(in crate::workflow) fn parse(text: &str) -> Result<Expression, SyntaxError> {
    if text.len() > MAX_EXPRESSION_BYTES {
        let message =
            format!("an expression has at most {MAX_EXPRESSION_BYTES} bytes; this one has {}", text.len());
        return Err(SyntaxError::new(0, message));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, nesting: 0 };
    let expression = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(expression),
        _ => Err(parser.unexpected("the end of the expression")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nesting: u16,
}

const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

type Parsed = Result<Expression, SyntaxError>;

impl Parser {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.next].kind
    }

    fn at(&self) -> usize {
        self.tokens[self.next].at
    }

    fn take(&mut self) -> TokenKind {
        let kind = self.tokens[self.next].kind.clone();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        kind
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol);
        if found {
            self.take();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), SyntaxError> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> SyntaxError {
        let found = match self.peek() {
            TokenKind::End => "the expression ends".to_owned(),
            TokenKind::Symbol(symbol) => format!("there is `{symbol}`"),
            TokenKind::Name(name) | TokenKind::Escaped(name) => format!("there is `{name}`"),
            TokenKind::Text(_) => "there is a text".to_owned(),
            TokenKind::Integer(_) | TokenKind::Double(_) => "there is a number".to_owned(),
        };
        SyntaxError::new(self.at(), format!("expected {wanted}, but {found}"))
    }

    fn expression(&mut self) -> Parsed {
        self.nesting += 1;
        if self.nesting > MAX_EXPRESSION_NESTING {
            let message = format!(
                "an expression has at most {MAX_EXPRESSION_NESTING} parentheses, lists or calls inside of each other"
            );
            return Err(SyntaxError::new(self.at(), message));
        }
        let condition = self.binary(0)?;
        let result = if self.accept("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            let no = self.expression()?;
            let at = condition.at;
            node(at, Kind::Choose { condition: condition.into(), yes: yes.into(), no: no.into() })
        } else {
            Ok(condition)
        };
        self.nesting -= 1;
        result
    }

    fn binary(&mut self, least: u8) -> Parsed {
        let mut left = self.unary()?;
        while let Some((precedence, operator)) =
            self.operator().filter(|(precedence, _)| *precedence >= least)
        {
            self.take();
            let right = Box::new(self.binary(precedence + 1)?);
            let at = left.at;
            let left_box = Box::new(left);
            left = node(
                at,
                match operator {
                    None if precedence == 0 => Kind::Or(left_box, right),
                    None => Kind::And(left_box, right),
                    Some(operator) => Kind::Binary { operator, left: left_box, right },
                },
            )?;
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(u8, Option<Operator>)> {
        let found = match self.peek() {
            TokenKind::Symbol(symbol) => match *symbol {
                "||" => (0, None),
                "&&" => (1, None),
                "==" => (2, Some(Operator::Equal)),
                "!=" => (2, Some(Operator::NotEqual)),
                "<" => (2, Some(Operator::Less)),
                "<=" => (2, Some(Operator::LessOrEqual)),
                ">" => (2, Some(Operator::Greater)),
                ">=" => (2, Some(Operator::GreaterOrEqual)),
                "+" => (3, Some(Operator::Add)),
                "-" => (3, Some(Operator::Subtract)),
                "*" => (4, Some(Operator::Multiply)),
                "/" => (4, Some(Operator::Divide)),
                "%" => (4, Some(Operator::Remainder)),
                _ => return None,
            },
            TokenKind::Name(name) if name == "in" => (2, Some(Operator::In)),
            _ => return None,
        };
        Some(found)
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at();
        let mut signs = Vec::new();
        while let TokenKind::Symbol(symbol @ ("!" | "-")) = *self.peek() {
            self.take();
            signs.push(symbol);
            if signs.len() > usize::from(MAX_EXPRESSION_DEPTH) {
                return Err(too_deep(at));
            }
        }
        let negative =
            signs.last() == Some(&"-") && matches!(self.peek(), TokenKind::Integer(_) | TokenKind::Double(_));
        if negative {
            signs.pop();
        }
        let mut operand = self.postfix(negative)?;
        for sign in signs.into_iter().rev() {
            let inner = Box::new(operand);
            operand = node(at, if sign == "!" { Kind::Not(inner) } else { Kind::Negate(inner) })?;
        }
        Ok(operand)
    }

    fn postfix(&mut self, negative: bool) -> Parsed {
        let mut value = self.primary(negative)?;
        loop {
            let at = self.at();
            if self.accept(".") {
                value = self.member(value)?;
            } else if self.accept("[") {
                let index = self.expression()?;
                self.expect("]")?;
                value = node(at, Kind::Index { of: value.into(), index: index.into() })?;
            } else {
                return Ok(value);
            }
        }
    }

    fn member(&mut self, of: Expression) -> Parsed {
        let at = self.at();
        let (name, escaped) = match self.take() {
            TokenKind::Name(name) => (name, false),
            TokenKind::Escaped(name) => (name, true),
            _ => return Err(SyntaxError::new(at, "expected the name of a field after `.`")),
        };
        if !escaped && self.accept("(") {
            let arguments = self.arguments(")")?;
            return call(at, name, Some(of), arguments);
        }
        node(at, Kind::Field { of: of.into(), name })
    }

    fn primary(&mut self, negative: bool) -> Parsed {
        let at = self.at();
        match self.peek().clone() {
            TokenKind::Integer(number) => {
                self.take();
                node(
                    at,
                    Kind::Literal(Value::from(
                        signed(number, negative)
                            .ok_or_else(|| SyntaxError::new(at, "this number does not fit into 64 bits"))?,
                    )),
                )
            }
            TokenKind::Double(number) => {
                self.take();
                node(at, Kind::Literal(Value::from(if negative { -number } else { number })))
            }
            TokenKind::Text(text) => {
                self.take();
                node(at, Kind::Literal(Value::from(text)))
            }
            TokenKind::Name(name) => self.name(name),
            TokenKind::Symbol("(") => {
                self.take();
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            TokenKind::Symbol("[") => {
                self.take();
                let items = self.arguments("]")?;
                node(at, Kind::List(items))
            }
            TokenKind::Symbol("{") => self.map(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn name(&mut self, name: String) -> Parsed {
        let at = self.at();
        match name.as_str() {
            "in" => return Err(self.unexpected("a value")),
            word if RESERVED.contains(&word) => {
                return Err(SyntaxError::new(at, format!("`{word}` is a reserved word of CEL")));
            }
            _ => self.take(),
        };
        match name.as_str() {
            "true" => node(at, Kind::Literal(Value::Bool(true))),
            "false" => node(at, Kind::Literal(Value::Bool(false))),
            "null" => node(at, Kind::Literal(Value::Null)),
            _ if self.accept("(") => {
                let arguments = self.arguments(")")?;
                call(at, name, None, arguments)
            }
            _ => node(at, Kind::Name(name)),
        }
    }

    fn arguments(&mut self, close: &str) -> Result<Vec<Expression>, SyntaxError> {
        let mut arguments = Vec::new();
        while !self.accept(close) {
            arguments.push(self.expression()?);
            if !self.accept(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok(arguments)
    }

    fn map(&mut self) -> Parsed {
        let at = self.at();
        self.take();
        let mut entries = Vec::new();
        while !self.accept("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        node(at, Kind::Map(entries))
    }
}

fn signed(number: u64, negative: bool) -> Option<i64> {
    if negative { 0_i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
}

/// A call, or one of the macros that look like calls.
fn call(at: usize, name: String, receiver: Option<Expression>, mut arguments: Vec<Expression>) -> Parsed {
    if name == "has" && receiver.is_none() {
        return match (arguments.pop().map(|argument| argument.kind), arguments.is_empty()) {
            (Some(Kind::Field { of, name }), true) => node(at, Kind::Has { of, name }),
            _ => Err(SyntaxError::new(at, "`has` takes one field, such as `has(inputs.name)`")),
        };
    }
    let shape = match name.as_str() {
        "all" => Loop::All,
        "exists" => Loop::Exists,
        "exists_one" => Loop::ExistsOne,
        "map" => Loop::Map,
        "filter" => Loop::Filter,
        _ => return node(at, Kind::Call { name, receiver: receiver.map(Box::new), arguments }),
    };
    let wrong = || {
        SyntaxError::new(
            at,
            format!("`{name}` is written `list.{name}(x, …)`, with a name and an expression"),
        )
    };
    let over = receiver.ok_or_else(wrong)?;
    let (body, variable) = (arguments.pop().ok_or_else(wrong)?, arguments.pop().ok_or_else(wrong)?);
    match variable.kind {
        Kind::Name(variable) if arguments.is_empty() => {
            node(at, Kind::Loop { shape, over: over.into(), variable, body: body.into() })
        }
        _ => Err(wrong()),
    }
}

/// Makes a node, unless the tree gets too deep.
fn node(at: usize, kind: Kind) -> Parsed {
    let mut made = Expression { at, depth: 1, kind };
    let mut below = 0;
    made.children(&mut |child| below = child.depth.max(below));
    made.depth += below;
    match below < MAX_EXPRESSION_DEPTH {
        true => Ok(made),
        false => Err(too_deep(at)),
    }
}

fn too_deep(at: usize) -> SyntaxError {
    SyntaxError::new(at, format!("an expression is at most {MAX_EXPRESSION_DEPTH} levels deep"))
}
