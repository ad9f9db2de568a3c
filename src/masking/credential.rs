//! What opens something: keys known by their beginning, values known by their name, keys in PEM, passwords in URLs. Pure.

use std::ops::Range;

use super::kind::{Kind, Span};
use super::name::{Strength, strength};
use super::scan::{Haystack, span};

/// A key known by its beginning: what it begins with, how many bytes follow at the least, and further bytes it may hold.
struct Prefix {
    begins: &'static [u8],
    least: usize,
    also: &'static [u8],
}

const fn prefix(begins: &'static str, least: usize, also: &'static str) -> Prefix {
    Prefix { begins: begins.as_bytes(), least, also: also.as_bytes() }
}

/// Beginnings of the keys of model services, clouds, repositories and messengers. The more special one stands first.
static PREFIXES: [Prefix; 34] = [
    prefix("sk-lf-", 4, "-_"),
    prefix("sk-", 16, "-_"),
    prefix("sk_live_", 8, "_"),
    prefix("sk_test_", 8, "_"),
    prefix("pk-lf-", 4, "-_"),
    prefix("pk_live_", 8, "_"),
    prefix("rk_live_", 8, "_"),
    prefix("AKIA", 16, ""),
    prefix("ASIA", 16, ""),
    prefix("AKID", 16, ""),
    prefix("AKLT", 16, "=_-"),
    prefix("AIza", 30, "-_"),
    prefix("LTAI", 8, ""),
    prefix("STS.", 12, ""),
    prefix("ghp_", 20, "_"),
    prefix("gho_", 20, "_"),
    prefix("ghu_", 20, "_"),
    prefix("ghs_", 20, "_"),
    prefix("ghr_", 20, "_"),
    prefix("github_pat_", 20, "_"),
    prefix("glpat-", 16, "-_"),
    prefix("gsk_", 20, ""),
    prefix("xoxb-", 8, "-"),
    prefix("xoxa-", 8, "-"),
    prefix("xoxp-", 8, "-"),
    prefix("xoxr-", 8, "-"),
    prefix("xoxs-", 8, "-"),
    prefix("xapp-", 8, "-"),
    prefix("eyJ", 16, "-_.=+/"),
    prefix("hf_", 20, ""),
    prefix("npm_", 20, ""),
    prefix("ya29.", 16, "-_"),
    prefix("GOCSPX-", 16, "-_"),
    prefix("bce-v3/", 16, "-/"),
];

/// What stands before a token in a header.
const SCHEMES: [&[u8]; 4] = [b"bearer", b"basic", b"token", b"apikey"];

/// The longest value between quotes. Bytes.
const LONGEST_QUOTED: usize = 256;

/// The longest name of a value, quotes around it and blanks behind it. Bytes.
const LONGEST_NAME: usize = 64;

/// The key that begins with this word, or that the scheme which is this word announces.
pub(super) fn key(haystack: Haystack<'_>, word: Range<usize>) -> Option<Span> {
    let first = haystack.at(word.start);
    let known = PREFIXES.iter().filter(|prefix| prefix.begins[0] == first).find_map(|prefix| end_of_key(haystack, word.start, prefix));
    match known {
        Some(end) => span(haystack, word.start, end, Kind::ApiKey),
        None => announced(haystack, word),
    }
}

/// True if a word is what a key begins with, or a part of that.
pub(super) fn begins_as_key(word: &[u8]) -> bool {
    PREFIXES.iter().any(|prefix| word.starts_with(prefix.begins))
}

fn end_of_key(haystack: Haystack<'_>, start: usize, prefix: &Prefix) -> Option<usize> {
    if !haystack.goes_on(start, prefix.begins) {
        return None;
    }
    let from = start + prefix.begins.len();
    let end = haystack.end_of(from, |byte| byte.is_ascii_alphanumeric() || prefix.also.contains(&byte));
    // A point at the end ends the sentence.
    let end = if haystack.before(end) == b'.' { end - 1 } else { end };
    (end >= from + prefix.least).then_some(end)
}

fn announced(haystack: Haystack<'_>, word: Range<usize>) -> Option<Span> {
    let scheme = SCHEMES.iter().find(|scheme| haystack.bytes[word.clone()].eq_ignore_ascii_case(scheme))?;
    let start = haystack.end_of(word.end, |byte| byte == b' ');
    let end = haystack.end_of(start, |byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte));
    let token = haystack.bytes.get(start..end)?;
    let is_header = scheme.len() == 6 || haystack.before(word.start) == b' ' && haystack.before(word.start - 1) == b':';
    let is_token = start > word.end && token.len() >= 8 && looks_random(token) && (is_header || *scheme == b"basic");
    if is_token { span(haystack, start, end, Kind::ApiKey) } else { None }
}

/// The value behind the `:` or `=` at `at`, if its name is that of a secret.
pub(super) fn value(haystack: Haystack<'_>, at: usize) -> Option<Span> {
    if haystack.goes_on(at, b"://") {
        return password_in_url(haystack, at + 3);
    }
    let name = name_before(haystack, at);
    let strength = strength(name).or_else(|| is_in_query(haystack, at, name).then_some(Strength::Weak))?;
    let from = haystack.end_of(at + 1, |byte| matches!(byte, b' ' | b'=' | b'>')).min(at + 5);
    let quote = Some(haystack.at(from)).filter(|byte| b"\"'`".contains(byte));
    let (start, end) = match quote {
        Some(quote) => (from + 1, end_of_quoted(haystack, from + 1, quote)),
        None => (from, haystack.end_within(from, LONGEST_QUOTED, is_bare)),
    };
    let value = haystack.bytes.get(start..end)?;
    // `a: SECRET@b: SECRET`: what was taken is also the name of what follows.
    let is_name = quote.is_none() && value.ends_with(b":") && haystack.at(end) == b' ';
    let (value, end) = if is_name { (&value[..value.len() - 1], end - 1) } else { (value, end) };
    let is_said = quote.is_some() || haystack.at(at) == b'=' || from == at + 1 || ends_line(haystack, end);
    let end = if quote.is_none() && end - start == LONGEST_QUOTED { haystack.end_of(end, is_bare) } else { end };
    if is_secret(value, strength, is_said) { span(haystack, start, end, Kind::ApiKey) } else { None }
}

/// The name before a colon or an equals sign, without its quotes.
fn name_before(haystack: Haystack<'_>, at: usize) -> &[u8] {
    let end = haystack.start_of(at, 4, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'`'));
    let start = haystack.start_of(end, LONGEST_NAME, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | 0x80..));
    &haystack.bytes[start..end]
}

/// `?key=`: the name says little elsewhere.
fn is_in_query(haystack: Haystack<'_>, at: usize, name: &[u8]) -> bool {
    name == b"key" && haystack.at(at) == b'=' && matches!(haystack.before(at - name.len()), b'?' | b'&')
}

fn end_of_quoted(haystack: Haystack<'_>, from: usize, quote: u8) -> usize {
    haystack.end_within(from, LONGEST_QUOTED, |byte| byte != quote && byte != b'\n')
}

/// What a value without quotes is made of. Brackets, commas and Chinese end it.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b",;&\"'`<>(){}[]|".contains(&byte)
}

fn ends_line(haystack: Haystack<'_>, end: usize) -> bool {
    !matches!(haystack.at(end), b' ' | b',') || matches!(haystack.at(end + 1), b'\n' | 0)
}

/// True if a value under the name of a secret is one; `is_said` where it is written as a value, and not as the next word of a sentence.
pub(super) fn is_secret(value: &[u8], strength: Strength, is_said: bool) -> bool {
    const NONE: [&[u8]; 8] = [b"null", b"true", b"false", b"none", b"undefined", b"string", b"None", b"[masked:"];
    // A structure is no secret, and what is in it is looked at for itself.
    let is_none = matches!(value.first(), Some(b'{' | b'['))
        || NONE.iter().any(|none| value.starts_with(none))
        || value.iter().all(|byte| b"*x.-".contains(byte));
    match strength {
        _ if is_none => false,
        Strength::Strong => value.len() >= 4 && (is_said || looks_random(value)),
        // Counts of tokens are called tokens, too.
        Strength::Weak => {
            value.len() >= 6
                && !value.contains(&b' ')
                && !value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
                && looks_random(value)
        }
    }
}

/// Digits, signs, letters of both cases in the middle or great length: no word of a language.
pub(super) fn looks_random(text: &[u8]) -> bool {
    let has = |sort: fn(&u8) -> bool| text.iter().any(sort);
    let mixed = has(u8::is_ascii_lowercase) && text.iter().skip(1).any(u8::is_ascii_uppercase);
    mixed || has(u8::is_ascii_digit) || has(|byte| b"!#$%^&*+/=~@".contains(byte)) || text.len() >= 24
}

/// `://user:password@`: the password.
fn password_in_url(haystack: Haystack<'_>, from: usize) -> Option<Span> {
    let end = haystack.end_of(from, |byte| byte.is_ascii_graphic() && !b"/?#@\"'<>".contains(&byte));
    let colon = haystack.bytes.get(from..end)?.iter().position(|byte| *byte == b':')?;
    let start = from + colon + 1;
    if haystack.at(end) == b'@' && start < end { span(haystack, start, end, Kind::ApiKey) } else { None }
}

/// The longest heading of a key in PEM. Bytes.
const LONGEST_HEADING: usize = 48;

/// A private key in PEM whose dashes begin at `at`, from its beginning or up to its end, whatever of it is there.
pub(super) fn pem(haystack: Haystack<'_>, at: usize) -> Option<Span> {
    if haystack.at(at + 1) != b'-' {
        return None;
    }
    let line = &haystack.bytes[at..haystack.bytes.len().min(at + LONGEST_HEADING)];
    let is_line = |word: &[u8]| haystack.goes_on(at, word) && place(line, b"PRIVATE KEY").is_some();
    let end_of_line = |from| haystack.end_of(from, |byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'-'));
    if is_line(b"-----BEGIN ") {
        let last = place(&haystack.bytes[at..], b"-----END ");
        return span(haystack, at, last.map_or(haystack.bytes.len(), |last| end_of_line(at + last)), Kind::ApiKey);
    }
    if !is_line(b"-----END ") {
        return None;
    }
    let start = haystack.start_of(at, at, |byte| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte));
    span(haystack, start, end_of_line(at), Kind::ApiKey)
}

fn place(text: &[u8], of: &[u8]) -> Option<usize> {
    text.windows(of.len()).position(|part| part == of)
}

/// `密码是 …`, `口令为…`: what a sentence says is a password.
pub(super) fn named_in_chinese(haystack: Haystack<'_>, at: usize) -> Option<Span> {
    let name = ["密码", "口令", "密钥", "私钥", "令牌"].iter().find(|name| haystack.goes_on(at, name.as_bytes()))?;
    let behind = at + name.len();
    let verb = ["是", "为", "改为", "设为"].iter().find(|verb| haystack.goes_on(behind, verb.as_bytes()))?;
    let start = haystack.end_of(behind + verb.len(), |byte| matches!(byte, b' ' | b'"' | b'\'' | b':' | b'`'));
    let end = haystack.end_of(start, is_bare);
    let value = haystack.bytes.get(start..end)?;
    if is_secret(value, Strength::Strong, true) { span(haystack, start, end, Kind::ApiKey) } else { None }
}
