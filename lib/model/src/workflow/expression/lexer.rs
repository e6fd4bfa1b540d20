//! From the text of an expression to its words.

use super::syntax::SyntaxError;

/// A word and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Name(String),
    /// A name between backticks, as CEL writes field names with other characters.
    Escaped(String),
    Text(String),
    /// Digits without a sign; the parser knows whether a minus stands before them.
    Integer(u64),
    Double(f64),
    Symbol(&'static str),
    End,
}

const SYMBOLS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", "{", "}", ",", ".", ":", "?", "!", "<", ">", "+",
    "-", "*", "/", "%",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let is_end = token.kind == TokenKind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Result<Token, SyntaxError> {
        self.skip_blanks();
        let at = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token { at, kind: TokenKind::End });
        };
        let kind = match first {
            'r' | 'R' if rest[1..].starts_with(['"', '\'']) => {
                self.at += 1;
                TokenKind::Text(self.string(true)?)
            }
            'b' | 'B' if rest[1..].starts_with(['"', '\'']) => {
                return Err(SyntaxError::new(at, "byte strings are not supported; use a text"));
            }
            'a'..='z' | 'A'..='Z' | '_' => TokenKind::Name(self.name()),
            '0'..='9' => self.number()?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
            '"' | '\'' => TokenKind::Text(self.string(false)?),
            '`' => self.escaped()?,
            _ => self.symbol(first)?,
        };
        Ok(Token { at, kind })
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blanks;
            if !self.rest().starts_with("//") {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn name(&mut self) -> String {
        let length = self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let name = self.rest()[..length].to_owned();
        self.at += length;
        name
    }

    fn escaped(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        let inner = &self.rest()[1..];
        let end = inner.find('`').ok_or_else(|| SyntaxError::new(start, "this backtick is never closed"))?;
        self.at += end + 2;
        Ok(TokenKind::Escaped(inner[..end].to_owned()))
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind, SyntaxError> {
        let symbol = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol));
        match symbol {
            Some(symbol) => {
                self.at += symbol.len();
                Ok(TokenKind::Symbol(symbol))
            }
            None => {
                let message = match first {
                    '=' => "a single `=` compares nothing; write `==`".to_owned(),
                    '&' | '|' => format!("write `{first}{first}`"),
                    _ => format!("the character `{}` has no meaning here", first.escape_debug()),
                };
                Err(SyntaxError::new(self.at, message))
            }
        }
    }

    fn number(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        let rest = self.rest();
        let (kind, length) = if rest.starts_with("0x") || rest.starts_with("0X") {
            let digits = rest[2..].bytes().take_while(u8::is_ascii_hexdigit).count();
            (u64::from_str_radix(&rest[2..2 + digits], 16).ok().map(TokenKind::Integer), 2 + digits)
        } else {
            let (length, is_double) = decimal_length(rest);
            let digits = &rest[..length];
            match is_double {
                true => (digits.parse().ok().filter(|v: &f64| v.is_finite()).map(TokenKind::Double), length),
                false => (digits.parse().ok().map(TokenKind::Integer), length),
            }
        };
        self.at += length;
        if self.rest().starts_with(['u', 'U']) {
            return Err(SyntaxError::new(start, "unsigned numbers are not supported; leave the `u` out"));
        }
        if self.rest().starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return Err(SyntaxError::new(start, "a name cannot start with a digit"));
        }
        kind.ok_or_else(|| SyntaxError::new(start, "this number does not fit into 64 bits"))
    }

    fn string(&mut self, raw: bool) -> Result<String, SyntaxError> {
        let start = self.at;
        let rest = self.rest();
        let quote =
            ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote)).unwrap_or("\"");
        self.at += quote.len();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.at += quote.len();
                return Ok(text);
            }
            let Some(next) = rest.chars().next() else {
                return Err(SyntaxError::new(start, "this text is never closed"));
            };
            if next == '\n' && quote.len() == 1 {
                return Err(SyntaxError::new(start, "this text is not closed in its line"));
            }
            if next == '\\' && !raw {
                text.push(self.escape()?);
            } else {
                text.push(next);
                self.at += next.len_utf8();
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let start = self.at;
        let wrong =
            || SyntaxError::new(start, "there is no such escape in a text; write `\\\\` for a backslash");
        let letter = self.rest()[1..].chars().next().ok_or_else(wrong)?;
        let (digits, radix) = match letter {
            'x' | 'X' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            '0'..='3' => (3, 8),
            _ => (0, 0),
        };
        self.at += 1 + letter.len_utf8();
        if digits > 0 {
            if radix == 8 {
                self.at -= 1;
            }
            let code = self.rest().get(..digits).and_then(|code| u32::from_str_radix(code, radix).ok());
            self.at += digits;
            return code.and_then(char::from_u32).ok_or_else(wrong);
        }
        match letter {
            'a' => Ok('\u{7}'),
            'b' => Ok('\u{8}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            '\\' | '?' | '"' | '\'' | '`' => Ok(letter),
            _ => Err(wrong()),
        }
    }
}

/// Length of a decimal number, and whether it has a fraction or an exponent.
fn decimal_length(text: &str) -> (usize, bool) {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(0);
    let mut is_double = false;
    if text[length..].starts_with('.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
        is_double = true;
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
            is_double = true;
        }
    }
    (length, is_double)
}
