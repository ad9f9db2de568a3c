//! `[masking]`, and `CONTENT_POLICY` beside it → [`ContentSettings`].

use std::sync::Arc;

use super::super::problem::Place;
use super::super::reader::Reader;
use super::super::rules::Rule;
use super::super::table;
use super::{Entry, Form, Key, Need, Shape, TableKind};
use crate::masking::{BUILT_IN, ContentPolicy, ContentSettings, IdForm, Kind, Kinds, Masking, Pattern};
use crate::policy::is_keepable;
use crate::secret::Secret;

/// The shortest key of hashes. Characters; whoever guesses it can try every telephone number.
const SHORTEST_KEY: usize = 16;

const FORMS: Shape = Shape::Choice(&["logged", "hash"]);

pub(in super::super) static MASKING: TableKind = TableKind {
    name: "masking",
    form: Form::One,
    keys: KEYS,
    meaning: "What is masked where CONTENT_POLICY is masked, lengths or none, and how users and sessions are shown",
    meaning_zh: "CONTENT_POLICY 为 masked、lengths 或 none 时对哪些内容脱敏，以及用户和会话如何显示",
};

const fn key(name: &'static str, shape: Shape, example: &'static str, meaning: &'static str, meaning_zh: &'static str) -> Key {
    Key { name, shape, need: Need::Optional, example, meaning, meaning_zh }
}

static KEYS: &[Key] = &[
    key(
        "patterns",
        Shape::Texts,
        r#"["id_card", "mobile", "bank_card", "passport", "plate", "email", "api_key", "ip"]"#,
        "The built-in patterns to apply; not set: all of them",
        "启用的内置模式；不设置则全部启用",
    ),
    key(
        "pattern",
        Shape::Tables(PATTERN_KEYS),
        r#"[{ name = "employee", regex = "EMP[0-9]{6}" }]"#,
        "Your own patterns, each also as a table under [[masking.pattern]]",
        "自定义模式，每个也可写成 [[masking.pattern]] 下的一个表",
    ),
    key(
        "user_id",
        FORMS,
        r#""hash""#,
        "How users are shown, under every policy: logged, or hash (HMAC-SHA256 under hash_key); not set: logged",
        "用户 ID 的显示方式，对所有策略生效：logged 为原样，hash 为以 hash_key 计算的 HMAC-SHA256；不设置为 logged",
    ),
    key("session_id", FORMS, r#""hash""#, "The same for sessions; not set: logged", "会话 ID 的显示方式；不设置为 logged"),
    key(
        "hash_key",
        Shape::Secret,
        r#""env:MASKING_KEY""#,
        "The key of the hashes, at least 16 characters; the same key gives the same hash in every instance",
        "计算哈希的密钥，至少 16 个字符；密钥相同，各实例得到的哈希也相同",
    ),
    key(
        "keep",
        Shape::Texts,
        r#"["metadata.upstream_host", "tags"]"#,
        "Fields that no policy touches: input, output, name, user_id, session_id, tags, model, status_message, prompt, environment, release, version, \
         metadata.KEY",
        "任何策略都不处理的字段：input、output、name、user_id、session_id、tags、model、status_message、prompt、environment、release、version、metadata.键名",
    ),
];

static PATTERN_KEYS: &[Key] = &[
    Key {
        need: Need::Required,
        ..key("name", Shape::Text, r#""employee""#, "What its matches become: [masked:name]", "匹配内容替换为 [masked:名称]")
    },
    Key {
        need: Need::Required,
        ..key(
            "regex",
            Shape::Text,
            r#"'EMP[0-9]{6}'"#,
            "A regular expression in the syntax of Rust's regex crate, classes in ASCII, at most 1000 bytes",
            "正则表达式，采用 Rust regex 库的语法，字符类按 ASCII，最长 1000 字节",
        )
    },
];

/// What becomes of texts, under this policy.
pub(in super::super) fn content(reader: &mut Reader<'_>, policy: ContentPolicy) -> Option<ContentSettings> {
    let entries = reader.entries(&MASKING);
    let Some(entry) = entries.first() else { return Some(ContentSettings { policy, ..ContentSettings::default() }) };
    demand_policy(reader, entry);
    let kinds = reader.texts(entry, "patterns", kind).map(Kinds::of);
    let kinds = if entry.member("patterns").is_some() { kinds } else { Some(Kinds::ALL) };
    let patterns = patterns(reader, entry);
    let (user_id, session_id) = (form(entry, "user_id"), form(entry, "session_id"));
    let hash_key = reader.secret_of(entry, "hash_key", hash_key);
    if entry.member("hash_key").is_none()
        && let Some(hashed) = ["user_id", "session_id"].iter().find(|key| form(entry, key) == IdForm::Hash)
    {
        reader.refuse_entry(entry, "hash_key", place(entry, hashed), format!("must be set where {hashed} is hash"));
    }
    let keep = reader.texts(entry, "keep", |field| keepable(field, policy));
    let masking =
        Masking::new(kinds?, patterns?).map_err(|error| reader.refuse_entry(entry, "pattern", place(entry, "pattern"), error.rule)).ok();
    Some(ContentSettings {
        policy,
        masking: Arc::new(masking?),
        user_id,
        session_id,
        hash_key: hash_key.map(Secret::new),
        keep: keep.unwrap_or_default(),
    })
}

/// Whoever says what is covered believes that it is; without a policy nothing would be. One that says `full` himself knows.
fn demand_policy(reader: &mut Reader<'_>, entry: &Entry) {
    let covers = ["patterns", "pattern"].into_iter().find(|key| entry.member(key).is_some());
    if let Some(key) = covers.filter(|_| reader.written(&table::CONTENT_POLICY).is_none()) {
        let rule = "must stand beside CONTENT_POLICY, as in content_policy = \"masked\": without one everything is sent as logged";
        reader.refuse_entry(entry, key, place(entry, key), rule);
    }
}

fn place(entry: &Entry, key: &str) -> Place {
    entry.member(key).map_or(entry.place, |member| member.place)
}

fn kind(name: &str) -> Result<Kind, Rule> {
    let known = BUILT_IN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let names = || BUILT_IN.map(|(name, _)| name).join(", ");
    known
        .map(|(_, kind)| *kind)
        .ok_or_else(|| format!("must be names of built-in patterns: {}; your own stand under pattern", names()).into())
}

fn form(entry: &Entry, key: &str) -> IdForm {
    if entry.text(key).is_some_and(|word| word.text == "hash") { IdForm::Hash } else { IdForm::Logged }
}

fn hash_key(text: &str) -> Result<String, Rule> {
    let long = text.chars().count() >= SHORTEST_KEY;
    long.then(|| text.to_owned()).ok_or_else(|| format!("must have at least {SHORTEST_KEY} characters").into())
}

fn keepable(field: &str, policy: ContentPolicy) -> Result<String, Rule> {
    let is_content = matches!(field, "input" | "output") && matches!(policy, ContentPolicy::Lengths | ContentPolicy::None);
    match () {
        () if is_content => Err(format!("must not keep input or output under CONTENT_POLICY={}", policy.name()).into()),
        () if is_keepable(field) => Ok(field.to_owned()),
        () => Err("must be names of fields, such as user_id or metadata.upstream_host".into()),
    }
}

/// The operator's patterns; None if one of them cannot be used.
fn patterns(reader: &mut Reader<'_>, entry: &Entry) -> Option<Vec<Pattern>> {
    let mut read: Vec<Pattern> = Vec::new();
    let mut sound = true;
    for table in entry.tables("pattern") {
        let (Some(name), Some(regex)) = (table.text("name"), table.text("regex")) else {
            sound = false;
            continue;
        };
        let pattern = Pattern { name: name.text.clone(), regex: regex.text.clone() };
        let twice = read.iter().any(|known| known.name == pattern.name);
        match pattern.check() {
            Ok(()) if twice => reader.refuse_entry(table, "name", name.place, "must stand once"),
            Ok(()) => {
                read.push(pattern);
                continue;
            }
            Err(error) if error.is_of_name() => reader.refuse_entry(table, "name", name.place, error.rule),
            Err(error) => reader.refuse_entry(table, "regex", regex.place, error.rule),
        }
        sound = false;
    }
    sound.then_some(read)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::super::super::load_trace;
    use super::*;

    const KEY: &str = "0123456789abcdef";

    fn loaded(policy: &str, file: &str) -> Result<ContentSettings, Vec<String>> {
        let pairs = [("CONFIG_FILE", "s.toml"), ("CONTENT_POLICY", policy), ("MASKING_KEY", KEY)];
        let variables: BTreeMap<String, String> = pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let files = BTreeMap::from([(PathBuf::from("s.toml"), file.as_bytes().to_vec())]);
        let trace = load_trace(&variables, &files).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok((*trace.content).clone())
    }

    fn rules(policy: &str, file: &str) -> Vec<String> {
        let problems = loaded(policy, file).unwrap_err();
        problems.iter().map(|problem| problem.split("; example").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn without_a_table_everything_built_in_is_masked_and_ids_are_shown() {
        let settings = loaded("Masked", "").unwrap();
        assert_eq!(settings, ContentSettings { policy: ContentPolicy::Masked, ..ContentSettings::default() });
        assert_eq!(
            (settings.user_id, settings.session_id, *settings.masking == Masking::default()),
            (IdForm::Logged, IdForm::Logged, true)
        );
    }

    #[test]
    fn patterns_without_any_policy_stop_the_start_because_nothing_would_be_covered() {
        let told = |file: &str| {
            let variables = BTreeMap::from([("CONFIG_FILE".to_owned(), "s.toml".to_owned())]);
            let files = BTreeMap::from([(PathBuf::from("s.toml"), file.as_bytes().to_vec())]);
            load_trace(&variables, &files).map(|_| ()).map_err(|problems| problems.to_string())
        };
        let own = "[[masking.pattern]]\nname = 'staff'\nregex = 'EMP[0-9]{6}'\n";
        for (file, key) in [("[masking]\npatterns = ['email']\n", "patterns"), (own, "pattern")] {
            let problem = told(file).unwrap_err();
            assert!(problem.starts_with(&format!("masking.{key} (CONFIG_FILE line ")), "{problem}");
            assert!(problem.contains("must stand beside CONTENT_POLICY") && !problem.contains('\n'), "{problem}");
            for policy in ["full", "masked", "lengths"] {
                assert_eq!(told(&format!("content_policy = '{policy}'\n{file}")), Ok(()));
            }
        }
        assert_eq!(told("[masking]\nkeep = ['tags']\n"), Ok(()));
    }

    #[test]
    fn every_key_reaches_its_field() {
        let settings = loaded(
            "none",
            "[masking]\npatterns = ['email', 'ip']\nuser_id = 'hash'\nsession_id = 'hash'\nhash_key = 'env:MASKING_KEY'\n\
             keep = ['metadata.team', 'tags']\n[[masking.pattern]]\nname = 'staff'\nregex = 'EMP[0-9]{6}'\n",
        )
        .unwrap();
        let own = vec![Pattern { name: "staff".into(), regex: "EMP[0-9]{6}".into() }];
        assert_eq!(*settings.masking, Masking::new(Kinds::of([Kind::Email, Kind::Ip]), own).unwrap());
        assert_eq!((settings.user_id, settings.session_id), (IdForm::Hash, IdForm::Hash));
        assert_eq!(settings.hash_key.unwrap().expose(), KEY);
        assert_eq!((settings.policy, settings.keep), (ContentPolicy::None, vec!["metadata.team".to_owned(), "tags".to_owned()]));
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_with_its_line() {
        assert_eq!(
            rules("full", "[masking]\nuser_id = 'hash'"),
            ["masking.hash_key (CONFIG_FILE line 2): must be set where user_id is hash"]
        );
        assert_eq!(
            rules("none", "[masking]\nkeep = ['tags',\n 'input', 'consumer']\nhash_key = 'short'"),
            [
                "masking.keep (CONFIG_FILE line 3): must not keep input or output under CONTENT_POLICY=none",
                "masking.keep (CONFIG_FILE line 3): must be names of fields, such as user_id or metadata.upstream_host",
                "masking.hash_key (CONFIG_FILE line 4): must have at least 16 characters",
            ]
        );
        assert_eq!(
            rules(
                "full",
                "[masking]\npatterns = ['phone']\n[[masking.pattern]]\nname = 'a'\nregex = '('\n[[masking.pattern]]\nname = 'email'\n\
                 regex = 'x'\n[[masking.pattern]]\nname = 'big'\nregex = '(\\w{200}){200}'\n[[masking.pattern]]\nname = 'b'\nregex = 'x'\n\
                 [[masking.pattern]]\nname = 'b'\nregex = 'y'\n[[masking.pattern]]\nname = 'c'\nregexp = 'y'"
            ),
            [
                "masking.patterns (CONFIG_FILE line 2): must be names of built-in patterns: id_card, mobile, bank_card, passport, plate, email, \
                 api_key, ip; your own stand under pattern",
                "masking.pattern.regex (CONFIG_FILE line 5): must be a regular expression, without look-around and back-references",
                "masking.pattern.name (CONFIG_FILE line 7): must not have the name of a built-in pattern",
                "masking.pattern.regex (CONFIG_FILE line 11): must be smaller: count less, or in fewer places",
                "masking.pattern.name (CONFIG_FILE line 16): must stand once",
                "masking.pattern.regex (CONFIG_FILE line 18): must be set in this table",
                "masking.pattern.regexp (CONFIG_FILE line 20): must be a key of this table; did you mean regex?",
            ]
        );
    }
}
