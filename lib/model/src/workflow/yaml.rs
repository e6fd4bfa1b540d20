//! From YAML (or JSON) text to the tree, within limits of size, depth and number of values.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle};
use indexmap::IndexMap;

use super::code;
use super::document::{Data, Document, Entry, Node, Problems, join, problem_at};
use super::limits::{MAX_DEPTH, MAX_SOURCE_BYTES, MAX_VALUES};
use super::problem::Problem;
use super::scalar;
use super::source::{Source, Span};
use super::suggest::shown;

/// Reads one document. Errors: everything about YAML that is wrong with it.
pub(super) fn read(text: &str) -> Result<Document, Vec<Problem>> {
    if text.len() > MAX_SOURCE_BYTES {
        let message =
            format!("the file has {} bytes; a workflow file has at most {MAX_SOURCE_BYTES}", text.len());
        let problem =
            Problem { line: 1, column: 1, ..Problem::elsewhere(code::TOO_LARGE, String::new(), message) };
        return Err(vec![problem.with_hint("move data out of the file: into the image, or into an input")]);
    }
    let mut reader = Reader::new(Source::new(text));
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        simple_key_max_lookahead: 1024,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => reader.take(event, place(&span)),
            Err(error) => {
                let span = Span::at(error.marker().byte_offset().unwrap_or_default());
                let problem = reader.problem(syntax_code(error.kind()), span, error.info());
                Err(problem.with_some_hint(syntax_hint(&reader.source, span)))
            }
        };
        if let Err(fatal) = step {
            reader.problems.push(fatal);
            break;
        }
        if reader.problems.is_full() {
            break;
        }
    }
    reader.finish()
}

fn syntax_code(kind: &granit_parser::ErrorKind) -> &'static str {
    use granit_parser::ErrorKind;
    match kind {
        ErrorKind::RecursionLimitExceeded => code::TOO_DEEP,
        _ => code::YAML_SYNTAX,
    }
}

/// Advice on what goes wrong most often.
fn syntax_hint(source: &Source, span: Span) -> Option<String> {
    let line = source.line(span.start);
    if line.contains("${{") {
        return Some("inside of [ ] and { } an expression stands in quotes: \"${{ … }}\"".to_owned());
    }
    line.starts_with('\t').then(|| "indent with spaces: YAML takes no tabs".to_owned())
}

fn place(span: &granit_parser::Span) -> Span {
    match span.byte_range() {
        Some(range) => Span { start: range.start, end: range.end },
        None => Span::default(),
    }
}

enum Open {
    List { span: Span, anchor: usize, items: Vec<Node> },
    Map { span: Span, anchor: usize, entries: IndexMap<Arc<str>, Entry>, key: Option<(Arc<str>, Span)> },
}

struct Reader {
    source: Source,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    documents: usize,
    root: Option<Node>,
    problems: Problems,
}

impl Reader {
    fn new(source: Source) -> Self {
        Self {
            source,
            open: Vec::new(),
            anchors: HashMap::new(),
            values: 0,
            documents: 0,
            root: None,
            problems: Problems::default(),
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let tag = event.tag().map(granit_parser::Tag::original);
        if let Some(tag) = tag {
            let message = format!("the tag `{}` is not allowed: values have the types of JSON", shown(&tag));
            let problem = self.problem(code::YAML_TAG, span, message);
            self.problems.push(problem.with_hint("leave the tag out"));
        }
        match event {
            Event::DocumentStart(..) => self.start_document(span),
            Event::Scalar(text, style, anchor, _) => self.scalar(&text, style, anchor, span),
            Event::SequenceStart(_, anchor, _) => {
                self.start(Open::List { span, anchor, items: Vec::new() }, span)
            }
            Event::MappingStart(_, anchor, _) => {
                self.start(Open::Map { span, anchor, entries: IndexMap::new(), key: None }, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn start_document(&mut self, span: Span) -> Result<(), Problem> {
        self.documents += 1;
        if self.documents > 1 {
            let problem = self.problem(
                code::MULTIPLE_DOCUMENTS,
                span,
                "a second document starts here; a file holds one workflow",
            );
            return Err(problem.with_hint("put each workflow into a file of its own"));
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, span: Span) -> Result<(), Problem> {
        if self.expects_key() {
            let key: Arc<str> = text.into();
            if anchor != 0 {
                self.anchors.insert(anchor, Node { span, data: Data::Text(key.clone()) });
            }
            return self.take_key(key, style, span);
        }
        let data = match style {
            ScalarStyle::Plain => scalar::plain(text).unwrap_or_else(|bad| {
                let problem = self.problem(bad.code, span, bad.message).with_hint(bad.hint);
                self.problems.push(problem);
                Data::Text(text.into())
            }),
            _ => Data::Text(text.into()),
        };
        self.close(Node { span, data }, anchor)
    }

    fn take_key(&mut self, key: Arc<str>, style: ScalarStyle, span: Span) -> Result<(), Problem> {
        if key.is_empty() || (style == ScalarStyle::Plain && matches!(&*key, "<<" | "~")) {
            let (message, hint) = match &*key {
                "<<" => {
                    ("the merge key `<<` is not part of YAML 1.2", "write the fields out, or use `defaults`")
                }
                _ => ("a key is empty", "give the key a name"),
            };
            let problem = self.problem(code::YAML_KEY, span, message).with_hint(hint);
            self.problems.push(problem);
        }
        if let Some(Open::Map { entries, .. }) = self.open.last()
            && let Some(first) = entries.get(&key)
        {
            let (line, _) = self.source.position(first.key.start);
            let message =
                format!("the key `{}` is here a second time; the first is in line {line}", shown(&key));
            let problem = self.problem(code::DUPLICATE_KEY, span, message).with_hint("keep one of the two");
            self.problems.push(problem);
        }
        if let Some(Open::Map { key: pending, .. }) = self.open.last_mut() {
            *pending = Some((key, span));
        }
        Ok(())
    }

    fn start(&mut self, open: Open, span: Span) -> Result<(), Problem> {
        if self.expects_key() {
            return Err(self.problem(code::YAML_KEY, span, "a key must be a text, not a list or a mapping"));
        }
        if self.open.len() >= MAX_DEPTH {
            let message = format!("lists and mappings are nested more than {MAX_DEPTH} levels deep");
            return Err(self.problem(code::TOO_DEEP, span, message));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Problem> {
        let within = |start: Span| Span { start: start.start, end: end.end.max(start.end) };
        match self.open.pop() {
            Some(Open::List { span, anchor, items }) => {
                self.close(Node { span: within(span), data: Data::List(items) }, anchor)
            }
            Some(Open::Map { span, anchor, entries, .. }) => {
                self.close(Node { span: within(span), data: Data::Map(entries) }, anchor)
            }
            None => Ok(()),
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor) else {
            let message = "this alias stands inside of what it refers to";
            return Err(self.problem(code::ALIAS_BOMB, span, message));
        };
        if self.expects_key() {
            return match &node.data {
                Data::Text(text) => {
                    let key = text.clone();
                    self.take_key(key, ScalarStyle::DoubleQuoted, span)
                }
                _ => Err(self.problem(code::YAML_KEY, span, "a key must be a text")),
            };
        }
        let node = node.clone();
        self.spend(count(&node), span)?;
        if self.open.len() + depth(&node) > MAX_DEPTH {
            let message = format!("with this alias the nesting is more than {MAX_DEPTH} levels deep");
            return Err(self.problem(code::TOO_DEEP, span, message));
        }
        self.attach(node);
        Ok(())
    }

    /// A value is complete: it becomes a part of what is open.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.spend(1, node.span)?;
        if anchor != 0 {
            self.spend(count(&node), node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.attach(node);
        Ok(())
    }

    fn attach(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                if let Some((key, span)) = key.take() {
                    entries.entry(key).or_insert(Entry { key: span, value: node });
                }
            }
            None => self.root = Some(node),
        }
    }

    fn spend(&mut self, values: usize, span: Span) -> Result<(), Problem> {
        self.values += values;
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        let message = format!("the aliases of this file unfold into more than {MAX_VALUES} values");
        Err(self.problem(code::ALIAS_BOMB, span, message).with_hint("write the values out, or use a matrix"))
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map { key: None, .. }))
    }

    fn problem(&self, code: &'static str, span: Span, message: impl Into<String>) -> Problem {
        let mut pointer = String::new();
        for open in &self.open {
            let segment = match open {
                Open::List { items, .. } => items.len().to_string(),
                Open::Map { key: Some((key, _)), .. } => key.to_string(),
                Open::Map { key: None, .. } => break,
            };
            pointer = join(&pointer, &shown(&segment));
        }
        problem_at(&self.source, code, &pointer, span, message)
    }

    fn finish(mut self) -> Result<Document, Vec<Problem>> {
        let is_nothing = match &self.root {
            None => true,
            Some(node) => matches!(node.data, Data::Null),
        };
        if is_nothing && self.problems.is_empty() {
            let problem = problem_at(&self.source, code::EMPTY, "", Span::at(0), "the file is empty");
            self.problems.push(problem.with_hint("a workflow needs `version: 1`, `name` and `tasks`"));
        }
        self.problems.into_result()?;
        let root = self.root.unwrap_or(Node { span: Span::at(0), data: Data::Null });
        Ok(Document { source: self.source, root })
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.data {
        Data::List(items) => items.iter().map(count).sum(),
        Data::Map(entries) => entries.values().map(|entry| count(&entry.value)).sum(),
        _ => 0,
    }
}

fn depth(node: &Node) -> usize {
    match &node.data {
        Data::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Data::Map(entries) => 1 + entries.values().map(|entry| depth(&entry.value)).max().unwrap_or(0),
        _ => 0,
    }
}
