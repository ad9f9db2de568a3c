//! `when = [{ field = …, operator = … }]`, wherever a table chooses records → [`Conditions`].

use super::super::reader::Reader;
use super::super::rules::{self, Rule};
use super::{Entry, Key, Need, Node, Shape};
use crate::gateway::field_path::FieldPath;
use crate::gateway::value::is_marker;
use crate::select::contradiction::{NeverApplies, is_impossible, never_applies};
use crate::select::{Condition, Conditions, Pattern, Test};

/// The operators, without the one that turns them round.
const OPERATORS: [Key; 9] = [
    operator("equals", Shape::Text, r#""team-a""#, "The value is this text", "值等于该文本"),
    operator("in", Shape::Texts, r#"["team-a", "team-b"]"#, "The value is one of these texts", "值为其中之一"),
    operator("prefix", Shape::Text, r#""team-""#, "The value begins so", "值以此开头"),
    operator("suffix", Shape::Text, r#""-prod""#, "The value ends so", "值以此结尾"),
    operator("contains", Shape::Text, r#""test""#, "This stands somewhere in the value", "值包含该文本"),
    operator(
        "matches",
        Shape::Text,
        r#"'^team-[0-9]+$'"#,
        "A regular expression that is found somewhere in the value; ^ and $ tie it to its ends",
        "在值中查找的正则表达式；用 ^ 与 $ 固定首尾",
    ),
    operator("exists", Shape::Switch, "true", "true: there is a value; false: there is none", "true 表示有值；false 表示没有值"),
    operator("above", Shape::Number, "499", "The value is a number above this one", "值为大于该数的数字"),
    operator("below", Shape::Number, "500", "The value is a number below this one", "值为小于该数的数字"),
];

static NOT: [Key; 9] = OPERATORS;

/// What one condition may hold.
pub(in super::super) static CONDITION: [Key; 11] = {
    let [equals, one_of, prefix, suffix, contains, matches, exists, above, below] = OPERATORS;
    let field = Key {
        name: "field",
        shape: Shape::Text,
        need: Need::Required,
        example: r#""consumer""#,
        meaning: "Path of the field that is looked at; without a value there, only exists = false and not can hold",
        meaning_zh: "要检查的字段路径；没有值时，只有 exists = false 与 not 可能成立",
    };
    let not = operator("not", Shape::Table(&NOT), r#"{ equals = "team-a" }"#, "Not all of these are so", "其中的条件不全部成立");
    [field, equals, one_of, prefix, suffix, contains, matches, exists, above, below, not]
};

const fn operator(name: &'static str, shape: Shape, example: &'static str, meaning: &'static str, meaning_zh: &'static str) -> Key {
    Key { name, shape, need: Need::Optional, example, meaning, meaning_zh }
}

/// The key that holds conditions.
pub(in super::super) const fn when(meaning: &'static str, meaning_zh: &'static str) -> Key {
    Key {
        name: "when",
        shape: Shape::Tables(&CONDITION),
        need: Need::Optional,
        example: r#"[{ field = "consumer", equals = "team-a" }]"#,
        meaning,
        meaning_zh,
    }
}

/// The conditions of a rule; none where it has no `when`. What is wrong is recorded.
pub(super) fn conditions(reader: &mut Reader<'_>, rule: &Entry) -> Conditions {
    if let Some(member) = rule.member("when").filter(|_| rule.tables("when").is_empty()) {
        reader.refuse_entry(rule, "when", member.place, "must hold at least one condition; a rule for all records has no when");
    }
    let mut all = Vec::new();
    for entry in rule.tables("when") {
        let field = reader.text(entry, "field", field);
        let tests = tests(reader, entry);
        if let Some(field) = field {
            all.extend(tests.into_iter().map(|test| Condition { field: field.clone(), test }));
        }
    }
    Conditions::new(all)
}

fn field(text: &str) -> Result<FieldPath, Rule> {
    FieldPath::parse(text).map_err(|error| error.to_string().into())
}

/// The tests of a condition, each that can be read.
fn tests(reader: &mut Reader<'_>, entry: &Entry) -> Vec<Test> {
    let mut tests = Vec::new();
    for member in entry.members.iter().filter(|member| member.key != "field") {
        let read = match &member.node {
            Node::Table(not) => Ok(Test::Not(self::tests(reader, not))),
            node => operand(node).ok_or(Rule::Borrowed("")).and_then(|operand| test(&member.key, operand)),
        };
        match read {
            Ok(test) => tests.push(test),
            Err(rule) => reader.refuse_entry(entry, &member.key, member.place, rule),
        }
    }
    if !entry.members.iter().any(|member| member.key != "field") {
        let example = if entry.path.ends_with(".not") { "equals" } else { "field" };
        reader.refuse_entry(entry, example, entry.place, format!("must say what the value is tested for: {}", operators()));
    }
    tests
}

/// What an operator compares with.
pub(in super::super) enum Operand {
    /// A text, or a number as it is written.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// A truth value.
    Switch(bool),
}

fn operand(node: &Node) -> Option<Operand> {
    match node {
        Node::Text(text) | Node::Number(text) => Some(Operand::Text(text.text.clone())),
        Node::Texts(texts) => Some(Operand::Texts(texts.iter().map(|text| text.text.clone()).collect())),
        Node::Switch(on) => Some(Operand::Switch(*on)),
        Node::Secret(_) | Node::Table(_) | Node::Tables(_) => None,
    }
}

/// The names of all operators.
pub(in super::super) fn operators() -> String {
    CONDITION.iter().map(|key| key.name).filter(|name| *name != "field").collect::<Vec<_>>().join(", ")
}

/// An operator and its operand as a test; also for the filter of a call.
pub(in super::super) fn test(operator: &str, operand: Operand) -> Result<Test, Rule> {
    match (operator, operand) {
        ("equals", Operand::Text(text)) => value(text).map(Test::Equals),
        ("in", Operand::Texts(texts)) if !texts.is_empty() => texts.into_iter().map(value).collect::<Result<_, _>>().map(Test::In),
        ("in", _) => Err("must be a list of at least one text".into()),
        ("prefix", Operand::Text(text)) => some(text).map(Test::Prefix),
        ("suffix", Operand::Text(text)) => some(text).map(Test::Suffix),
        ("contains", Operand::Text(text)) => some(text).map(Test::Contains),
        ("matches", Operand::Text(text)) => pattern(&text).map(Test::Matches),
        ("exists", Operand::Switch(on)) => Ok(Test::Exists(on)),
        ("above", Operand::Text(text)) => rules::number(&text).map(Test::Above),
        ("below", Operand::Text(text)) => rules::number(&text).map(Test::Below),
        ("exists", _) => Err("must be true or false".into()),
        ("equals" | "prefix" | "suffix" | "contains" | "matches", _) => Err("must be text".into()),
        ("above" | "below", _) => Err("must be a number".into()),
        _ => Err(format!("must be one of {}", operators()).into()),
    }
}

/// What stands for no value is never the text of one.
fn value(text: String) -> Result<String, Rule> {
    if is_marker(&text) { Err("must be a value; this stands for none: exists = false holds where there is none".into()) } else { Ok(text) }
}

/// Every text begins with the empty one; whoever wants that means `exists`.
fn some(text: String) -> Result<String, Rule> {
    if text.is_empty() { Err("must not be empty; exists = true holds for every value".into()) } else { Ok(text) }
}

fn pattern(text: &str) -> Result<Pattern, Rule> {
    // The library's message may quote the pattern.
    Pattern::new(text).map_err(|_| "must be a regular expression without look-around and back-references, as in ^team-[0-9]+$".into())
}

/// One rule of an ordered list, as far as the checks between rules need it.
pub(super) struct Listed<'r> {
    /// The table it was written in.
    pub entry: &'r Entry,
    /// Its name.
    pub name: &'r str,
    /// When it holds, as far as it could be read.
    pub when: &'r Conditions,
}

/// Records what is wrong between the rules of an ordered list: names that stand twice, and rules that can never apply.
pub(super) fn check_list(reader: &mut Reader<'_>, rules: &[Listed<'_>]) {
    for (index, rule) in rules.iter().enumerate() {
        if let Some(first) = rules[..index].iter().find(|other| other.name == rule.name) {
            let rule_text = format!("must have a name of its own; there is one of this name on {}", line(first.entry));
            reader.refuse_entry(rule.entry, "name", rule.entry.place, rule_text);
        }
    }
    // A condition that could not be read is missing: the rule would look like one for more records.
    let ends = rules.iter().skip(1).map(|next| Some(next.entry.place)).chain([None]);
    let read: Vec<_> = rules.iter().zip(ends).map(|(rule, end)| reader.has_read(rule.entry, "when", end).then_some(rule.when)).collect();
    for (index, why) in never_applies(read) {
        reader.refuse_entry(rules[index].entry, "when", rules[index].entry.place, reason(why, rules));
    }
}

fn reason(why: NeverApplies, rules: &[Listed<'_>]) -> Rule {
    match why {
        NeverApplies::Impossible => "can never hold: its conditions exclude each other; take one of them out".into(),
        NeverApplies::TakenBy(earlier) => {
            let earlier = &rules[earlier];
            let is_for_all = earlier.when.is_empty();
            let reach = if is_for_all { "takes every record" } else { "takes every record that this one would" };
            let name_and_line = format!("{} ({})", earlier.name, line(earlier.entry));
            format!("can never be reached: {name_and_line} stands before it and {reach}; move that one behind it").into()
        }
    }
}

/// True if no record can meet these, for a filter that stands alone.
pub(in super::super) fn can_never_hold(conditions: &Conditions) -> bool {
    is_impossible(conditions)
}

fn line(entry: &Entry) -> String {
    match entry.place {
        super::super::problem::Place::File { line } => format!("line {line}"),
        other => other.to_string(),
    }
}
