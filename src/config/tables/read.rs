//! The parsed file → entries of the right shape, and everything that has another. Knows types, names and lines, and no meaning.

use toml::de::{DeTable, DeValue};

use super::super::nearest::nearest;
use super::super::problem::{Place, Problem};
use super::super::setting::Setting;
use super::super::table::settings;
use super::TABLES;
use super::entry::{Entry, Member, Node, Text};
use super::kind::{Form, Key, Need, Shape, TableKind};

/// The longest name of a table or key that somebody chose. Characters.
const LONGEST_NAME: usize = 64;

/// What the file holds in tables.
#[derive(Debug, Default)]
pub(in super::super) struct Tables {
    /// The name of the kind, and the tables of it, in the order of the file.
    pub entries: Vec<(&'static str, Entry)>,
    /// What has the wrong shape.
    pub problems: Vec<Problem>,
}

/// True if a key of the file is the name of a table.
pub(in super::super) fn is_table(key: &str) -> bool {
    TABLES.iter().any(|kind| kind.name == key)
}

/// From an offset in the file to a place.
pub(in super::super) type Places<'p> = &'p dyn Fn(usize) -> Place;

impl Tables {
    /// Takes in what stands under the name of a table.
    pub(in super::super) fn take(&mut self, key: &str, value: &DeValue<'_>, at: usize, places: Places<'_>) {
        let Some((index, kind)) = TABLES.iter().enumerate().find(|(_, kind)| kind.name == key) else { return };
        let order = settings().len() + index;
        self.take_kind(kind, order, value, at, places);
    }

    fn take_kind(&mut self, kind: &'static TableKind, order: usize, value: &DeValue<'_>, at: usize, places: Places<'_>) {
        let mut shaper = Shaper { places, order, problems: &mut self.problems };
        let mut new = Vec::new();
        match (kind.form, value) {
            (Form::One, DeValue::Table(table)) => {
                new.push(shaper.entry(Heading { path: kind.name.into(), name: "", at }, kind.keys, table));
            }
            (Form::Named(_), DeValue::Table(tables)) => {
                for (name, table) in tables.iter() {
                    let at = name.span().start;
                    let named = shaper.name(kind, name.get_ref(), at);
                    match (named, table.get_ref()) {
                        (Some(name), DeValue::Table(table)) => {
                            let path = format!("{}.{}", kind.name, shown(name));
                            new.push(shaper.entry(Heading { path, name, at }, kind.keys, table));
                        }
                        (Some(_), _) => shaper.misplaced(kind, at),
                        (None, _) => {}
                    }
                }
            }
            (Form::List, DeValue::Array(tables)) => {
                for table in tables.iter() {
                    let at = table.span().start;
                    match table.get_ref() {
                        DeValue::Table(table) => new.push(shaper.entry(Heading { path: kind.name.into(), name: "", at }, kind.keys, table)),
                        _ => shaper.misplaced(kind, at),
                    }
                }
            }
            _ => shaper.misplaced(kind, at),
        }
        // The parser sorts by name; the order that somebody wrote is the order of the lines.
        new.sort_by_key(|entry| entry.place);
        self.entries.extend(new.into_iter().map(|entry| (kind.name, entry)));
    }
}

/// How a table is called and where it begins.
struct Heading<'n> {
    path: String,
    name: &'n str,
    at: usize,
}

/// Compares values with shapes.
struct Shaper<'p> {
    places: Places<'p>,
    order: usize,
    problems: &'p mut Vec<Problem>,
}

impl Shaper<'_> {
    fn entry(&mut self, heading: Heading<'_>, keys: &'static [Key], table: &DeTable<'_>) -> Entry {
        let place = (self.places)(heading.at);
        let mut entry = Entry { path: heading.path, name: heading.name.to_owned(), place, members: Vec::new(), keys, order: self.order };
        for (key, value) in table.iter() {
            let at = key.span().start;
            match keys.iter().find(|known| known.name == key.get_ref().as_ref()) {
                None => self.unknown(&entry, key.get_ref(), at),
                Some(known) => {
                    let path = format!("{}.{}", entry.path, known.name);
                    match self.node(&path, known.shape, value.get_ref(), value.span().start) {
                        Some(node) => entry.members.push(Member { key: known.name.to_owned(), place: (self.places)(at), node }),
                        None => self.problem(&path, at, known.shape.rule(), known.example_in_file()),
                    }
                }
            }
        }
        let is_missing = |key: &&Key| key.need == Need::Required && !table.iter().any(|(there, _)| there.get_ref() == key.name);
        for key in keys.iter().filter(is_missing) {
            self.problem(
                &format!("{}.{}", entry.path, key.name),
                heading.at,
                "must be set in this table".to_owned(),
                key.example_in_file(),
            );
        }
        entry.members.sort_by_key(|member| member.place);
        entry
    }

    /// The value as a node, None if it has another shape.
    fn node(&mut self, path: &str, shape: Shape, value: &DeValue<'_>, at: usize) -> Option<Node> {
        let place = (self.places)(at);
        let text = |text: &str| Text { text: text.trim().to_owned(), place };
        Some(match (shape, value) {
            (Shape::Text, DeValue::String(written)) => Node::Text(text(written)),
            (Shape::Secret, DeValue::String(written)) => Node::Secret(text(written)),
            (Shape::Number, DeValue::Integer(number)) if number.radix() == 10 => Node::Number(text(number.as_str())),
            (Shape::Number, DeValue::Float(number)) => Node::Number(text(number.as_str())),
            (Shape::Switch, DeValue::Boolean(on)) => Node::Switch(*on),
            (Shape::Choice(words), DeValue::String(word)) => {
                let known = words.iter().find(|known| known.eq_ignore_ascii_case(word.trim()))?;
                Node::Text(text(known))
            }
            (Shape::Texts, DeValue::String(written)) => Node::Texts(vec![text(written)]),
            (Shape::Texts, DeValue::Array(elements)) => {
                let element = |element: &toml::Spanned<DeValue<'_>>| {
                    let place = (self.places)(element.span().start);
                    element.get_ref().as_str().map(|text| Text { text: text.trim().to_owned(), place })
                };
                Node::Texts(elements.iter().map(element).collect::<Option<_>>()?)
            }
            (Shape::Table(keys), DeValue::Table(table)) => {
                Node::Table(self.entry(Heading { path: path.into(), name: "", at }, keys, table))
            }
            (Shape::Tables(keys), DeValue::Array(elements)) => {
                let mut entries = Vec::new();
                for element in elements.iter() {
                    let DeValue::Table(table) = element.get_ref() else { return None };
                    entries.push(self.entry(Heading { path: path.into(), name: "", at: element.span().start }, keys, table));
                }
                Node::Tables(entries)
            }
            (Shape::Map(shape), DeValue::Table(table)) => Node::Table(self.map(path, *shape, table, at)),
            _ => return None,
        })
    }

    fn map(&mut self, path: &str, shape: Shape, table: &DeTable<'_>, at: usize) -> Entry {
        let place = (self.places)(at);
        let mut entry = Entry { path: path.to_owned(), name: String::new(), place, members: Vec::new(), keys: &[], order: self.order };
        for (key, value) in table.iter() {
            let inner = format!("{path}.{}", shown(key.get_ref()));
            match self.node(&inner, shape, value.get_ref(), value.span().start) {
                Some(node) => {
                    let place = (self.places)(key.span().start);
                    entry.members.push(Member { key: key.get_ref().to_string(), place, node });
                }
                None => self.problem(&inner, key.span().start, shape.rule(), format!("{} = \"…\"", shown(key.get_ref()))),
            }
        }
        entry.members.sort_by_key(|member| member.place);
        entry
    }

    fn name<'n>(&mut self, kind: &TableKind, name: &'n str, at: usize) -> Option<&'n str> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(known) {
            return Some(name);
        }
        let rule = format!("must have a name of 1 to {LONGEST_NAME} letters, digits, _ and -");
        self.problem(kind.name, at, rule, kind.heading());
        None
    }

    fn misplaced(&mut self, kind: &TableKind, at: usize) {
        let rule = match kind.form {
            Form::One => "must be one table",
            Form::Named(_) => "must be tables with names of their own",
            Form::List => "must be a list of tables, each under its own heading in double brackets",
        };
        self.problem(kind.name, at, rule.to_owned(), kind.heading());
    }

    fn unknown(&mut self, entry: &Entry, key: &str, at: usize) {
        let meant = nearest(key, entry.keys.iter().map(|known| known.name));
        let rule = match meant {
            Some(meant) => format!("must be a key of this table; did you mean {meant}?"),
            None => format!("must be a key of this table: {}", entry.keys.iter().map(|known| known.name).collect::<Vec<_>>().join(", ")),
        };
        let example = entry.example(meant.unwrap_or_default());
        self.problem(&format!("{}.{}", entry.path, shown(key)), at, rule, example);
    }

    fn problem(&mut self, path: &str, at: usize, rule: String, example: String) {
        self.problems.push(Problem { setting: path.to_owned(), rule: rule.into(), example, place: (self.places)(at), order: self.order });
    }
}

/// A name that somebody chose, as far as it cannot well be a key of another sort, written there by mistake.
fn shown(name: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if (1..=24).contains(&name.len()) && name.bytes().all(plain) { name } else { "…" }
}

/// The names that a key at the top of the file may have been meant to be.
pub(in super::super) fn nearest_table(key: &str, settings: impl Iterator<Item = &'static Setting>) -> Option<&'static TableKind> {
    let names = settings.map(|setting| setting.name).chain(TABLES.iter().map(|kind| kind.name));
    let meant = nearest(key, names)?;
    TABLES.iter().copied().find(|kind| kind.name == meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    static INNER: &[Key] = &[key("path", Shape::Text, Need::Required), key("equals", Shape::Texts, Need::Optional)];
    static KIND: TableKind = TableKind {
        name: "kind",
        form: Form::List,
        keys: &[
            key("title", Shape::Text, Need::Required),
            key("secret", Shape::Secret, Need::Optional),
            key("share", Shape::Number, Need::Optional),
            key("on", Shape::Switch, Need::Optional),
            key("mode", Shape::Choice(&["fast", "slow"]), Need::Optional),
            key("list", Shape::Texts, Need::Optional),
            key("inner", Shape::Table(INNER), Need::Optional),
            key("when", Shape::Tables(INNER), Need::Optional),
            key("free", Shape::Map(&Shape::Texts), Need::Optional),
        ],
        meaning: "",
        meaning_zh: "",
    };

    const fn key(name: &'static str, shape: Shape, need: Need) -> Key {
        Key { name, shape, need, example: "'x'", meaning: "", meaning_zh: "" }
    }

    fn read_as(kind: &'static TableKind, text: &str) -> (Vec<Entry>, Vec<String>) {
        let root = DeTable::parse(text).unwrap();
        let places = |offset: usize| Place::File { line: text[..offset].matches('\n').count() + 1 };
        let mut tables = Tables::default();
        for (key, value) in root.get_ref().iter() {
            tables.take_kind(kind, 0, value.get_ref(), key.span().start, &places);
        }
        let problems = tables.problems.iter().map(ToString::to_string).collect();
        (tables.entries.into_iter().map(|(_, entry)| entry).collect(), problems)
    }

    fn read(text: &str) -> (Vec<Entry>, Vec<String>) {
        read_as(&KIND, text)
    }

    #[test]
    fn values_of_every_shape_arrive_in_the_order_of_the_file_with_their_lines() {
        let (entries, problems) = read(
            "[[kind]]\ntitle = ' b '\nsecret = 'env:KEY'\nshare = 0.5\non = false\nmode = 'FAST'\nlist = ['x',\n  'y']\n\
             inner = { path = 'p' }\nwhen = [{ path = 'q', equals = 'one' }]\nfree = { z = 'u', a = ['v', 'w'] }\n[[kind]]\ntitle = 'second'\n",
        );
        assert_eq!(problems, [""; 0]);
        let first = &entries[0];
        let texts = |texts: &[Text]| texts.iter().map(|text| text.text.clone()).collect::<Vec<_>>();
        assert_eq!(first.text("title").unwrap(), &Text { text: "b".into(), place: Place::File { line: 2 } });
        assert!(matches!(&first.member("secret").unwrap().node, Node::Secret(text) if text.text == "env:KEY"));
        assert_eq!((first.text("share").unwrap().text.as_str(), first.switch("on")), ("0.5", Some(false)));
        assert_eq!(first.text("mode").unwrap().text, "fast");
        assert_eq!(texts(first.texts("list")), ["x", "y"]);
        assert_eq!(first.texts("list")[1].place, Place::File { line: 8 });
        assert_eq!(first.table("inner").unwrap().text("path").unwrap().text, "p");
        assert_eq!(texts(first.tables("when")[0].texts("equals")), ["one"]);
        assert_eq!(texts(first.table("free").unwrap().texts("a")), ["v", "w"]);
        assert_eq!(entries.iter().map(|entry| entry.place).collect::<Vec<_>>(), [1, 12].map(|line| Place::File { line }));
    }

    #[test]
    fn everything_of_another_shape_is_named_at_once() {
        let (_, problems) = read(
            "[[kind]]\nshare = 'half'\non = 1\nmode = 'quick'\nlist = [1]\ninner = 'x'\nwhen = [{ equals = 'x', eqals = 'y' }]\nfree = { a = 1 }\ntittle = 'x'\nzzzzzz = 1\n",
        );
        let mut problems: Vec<_> = problems.iter().map(|problem| problem.split("; example").next().unwrap()).collect();
        problems.sort_unstable();
        assert_eq!(
            problems,
            [
                "kind.free.a (CONFIG_FILE line 8): must be a list of texts, or one text in quotes",
                "kind.inner (CONFIG_FILE line 6): must be a table, as in { name = value }",
                "kind.list (CONFIG_FILE line 5): must be a list of texts, or one text in quotes",
                "kind.mode (CONFIG_FILE line 4): must be one of fast, slow",
                "kind.on (CONFIG_FILE line 3): must be true or false",
                "kind.share (CONFIG_FILE line 2): must be a number",
                "kind.title (CONFIG_FILE line 1): must be set in this table",
                "kind.tittle (CONFIG_FILE line 9): must be a key of this table; did you mean title?",
                "kind.when.eqals (CONFIG_FILE line 7): must be a key of this table; did you mean equals?",
                "kind.when.path (CONFIG_FILE line 7): must be set in this table",
                "kind.zzzzzz (CONFIG_FILE line 10): must be a key of this table: title, secret, share, on, mode, list, inner, when, free",
            ]
        );
    }

    #[test]
    fn a_table_stands_as_often_as_its_form_says() {
        static ONE: TableKind = TableKind { form: Form::One, ..KIND };
        static NAMED: TableKind = TableKind { form: Form::Named("example"), ..KIND };
        let rules = |kind, text| read_as(kind, text).1.join("\n");
        assert_eq!(
            rules(&KIND, "[kind]\ntitle = 'x'"),
            "kind (CONFIG_FILE line 1): must be a list of tables, each under its own heading in double brackets; example: [[kind]]"
        );
        assert_eq!(rules(&ONE, "[[kind]]\ntitle = 'x'"), "kind (CONFIG_FILE line 1): must be one table; example: [kind]");
        assert_eq!(
            rules(&NAMED, "[kind]\ntitle = 'x'"),
            "kind (CONFIG_FILE line 2): must be tables with names of their own; example: [kind.example]"
        );
        assert_eq!(
            rules(&NAMED, "[kind.'a b']\ntitle = 'x'"),
            "kind (CONFIG_FILE line 1): must have a name of 1 to 64 letters, digits, _ and -; example: [kind.example]"
        );
        let (entries, _) = read_as(&NAMED, "[kind.b-1]\ntitle = 'x'\n[kind.a]\ntitle = 'y'");
        assert_eq!(entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["kind.b-1", "kind.a"]);
    }

    #[test]
    fn a_text_that_may_be_a_key_is_not_repeated_as_a_name() {
        let (_, problems) = read("[[kind]]\ntitle = 'x'\nsk-lf-0123456789-0123456789 = 1\nfree = { 'two words' = 1 }\n");
        assert!(
            problems.len() == 2 && problems.iter().all(|problem| problem.starts_with("kind.…") || problem.starts_with("kind.free.…")),
            "{problems:?}"
        );
    }
}
