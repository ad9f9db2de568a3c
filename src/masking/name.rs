//! Names under which secrets stand: in headers, in JSON, in settings. Pure.

/// How much a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    /// Any value is a secret.
    Strong,
    /// A value is one if it looks like one: the name has other meanings.
    Weak,
}

/// What the names of secrets end with, in lower case, without what joins words.
const STRONG: [&str; 14] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "apikey",
    "secretkey",
    "clientsecret",
    "accesskeysecret",
    "accesskey",
    "privatekey",
    "accesstoken",
    "refreshtoken",
    "密码",
    "口令",
];

/// The same for names that have other meanings.
const WEAK: [&str; 12] =
    ["secret", "token", "authorization", "credential", "credentials", "accesskeyid", "signature", "cookie", "pass", "密钥", "私钥", "令牌"];

/// The longest name that is looked at. Bytes.
const LONGEST: usize = 64;

/// How much this name says. `None` for a name that says nothing.
pub(super) fn strength(name: &[u8]) -> Option<Strength> {
    // Most names end with another letter and are done with.
    let last = name.last()?.to_ascii_lowercase();
    if !matches!(last, b'd' | b'e' | b'l' | b'n' | b's' | b't' | b'y' | 0x80..) {
        return None;
    }
    let (mut plain, mut length) = ([0_u8; LONGEST], 0);
    for byte in name.iter().rev().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).take(LONGEST) {
        plain[LONGEST - 1 - length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = &plain[LONGEST - length..];
    let is = |names: &[&str]| names.iter().any(|known| plain.ends_with(known.as_bytes()));
    if is(&STRONG) {
        return Some(Strength::Strong);
    }
    is(&WEAK).then_some(Strength::Weak)
}
