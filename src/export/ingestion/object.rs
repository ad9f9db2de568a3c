//! Writing of JSON objects member by member into a byte buffer. Nothing about anybody's members. Pure.

use super::super::json::put_string;

/// An object in the making.
pub struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    separator: u8,
}

/// Appends an object with the members that `write` puts into it.
pub fn put_object(out: &mut Vec<u8>, write: impl FnOnce(&mut ObjectWriter<'_>)) {
    let mut object = ObjectWriter { out, separator: b'{' };
    write(&mut object);
    if object.separator == b'{' {
        object.out.push(b'{');
    }
    out.push(b'}');
}

impl ObjectWriter<'_> {
    /// A member that is a string.
    pub fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        put_string(self.out, text);
    }

    /// A member that is a string, where there is one.
    pub fn some_text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A member that is a list of strings, unless there are none.
    pub fn texts(&mut self, key: &str, texts: &[&str]) {
        let Some((first, others)) = texts.split_first() else { return };
        self.key(key);
        self.out.push(b'[');
        put_string(self.out, first);
        for text in others {
            self.out.push(b',');
            put_string(self.out, text);
        }
        self.out.push(b']');
    }

    /// A member that is a number.
    pub fn number(&mut self, key: &str, number: impl ToString) {
        self.raw(key, number.to_string().as_bytes());
    }

    /// A member that is JSON already.
    pub fn raw(&mut self, key: &str, json: &[u8]) {
        self.key(key);
        self.out.extend_from_slice(json);
    }

    /// A member that is an object.
    pub fn object(&mut self, key: &str, write: impl FnOnce(&mut ObjectWriter<'_>)) {
        self.key(key);
        put_object(self.out, write);
    }

    fn key(&mut self, key: &str) {
        self.out.push(self.separator);
        self.separator = b',';
        put_string(self.out, key);
        self.out.push(b':');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_follow_each_other_and_absent_ones_leave_no_trace() {
        let mut out = Vec::new();
        put_object(&mut out, |object| {
            object.some_text("none", None);
            object.texts("nothing", &[]);
            object.text("a", "\"");
            object.texts("b", &["x", "y"]);
            object.object("c", |_| {});
            object.object("d", |inner| inner.number("e", 1));
            object.raw("f", b"null");
        });
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":"\"","b":["x","y"],"c":{},"d":{"e":1},"f":null}"#);
    }
}
