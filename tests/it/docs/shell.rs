//! Commands as they stand in the documentation, taken apart as a shell does: as far as the documentation goes, and no further.

/// Every command of a block of this language, each as its words, without what is put before it (`NAME=value`) and without redirection.
pub fn commands(language: &str, text: &str) -> Vec<Vec<String>> {
    let lines = match language {
        "sh" => text.replace("\\\n", " "),
        "console" => {
            text.replace("\\\n", " ").lines().filter_map(|line| line.trim_start().strip_prefix("$ ")).collect::<Vec<_>>().join("\n")
        }
        _ => return Vec::new(),
    };
    lines.lines().flat_map(simple).collect()
}

/// The commands of one line.
pub fn simple(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    for word in words(line) {
        match word {
            Word::Text(text) => commands.last_mut().unwrap().push(text),
            Word::End => commands.push(Vec::new()),
        }
    }
    commands.into_iter().map(without_assignments).filter(|command| !command.is_empty()).collect()
}

fn without_assignments(command: Vec<String>) -> Vec<String> {
    let is_assignment = |word: &String| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let command: Vec<_> = command.into_iter().skip_while(is_assignment).collect();
    let redirected = command.iter().position(|word| word.starts_with(['>', '<']) || word.starts_with("2>")).unwrap_or(command.len());
    command[..redirected].to_vec()
}

enum Word {
    Text(String),
    End,
}

fn words(line: &str) -> Vec<Word> {
    let (mut words, mut word, mut quote, mut comment) = (Vec::new(), None::<String>, None, false);
    for letter in line.chars() {
        match (quote, letter) {
            _ if comment => {}
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => comment = true,
            (None, ' ') => words.extend(word.take().map(Word::Text)),
            (None, '|' | ';' | '&') => {
                words.extend(word.take().map(Word::Text));
                words.push(Word::End);
            }
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word.map(Word::Text));
    words
}

/// The arguments of `sls-to-langfuse`, if this command starts it in one of the ways that the documentation shows.
pub fn of_program(command: &[String]) -> Option<&[String]> {
    let first = command.first()?.as_str();
    if first == "sls-to-langfuse" || first.ends_with("/sls-to-langfuse") {
        return Some(&command[1..]);
    }
    let starts = command.starts_with(&["cargo".to_owned(), "run".to_owned()]);
    let end = command.iter().position(|word| word == "--").filter(|_| starts)?;
    Some(&command[end + 1..])
}

/// A line without its comment, for comparing lines whose comments are in two languages.
pub fn without_comment(line: &str) -> &str {
    let at = line.match_indices('#').find(|(at, _)| *at == 0 || line[..*at].ends_with([' ', '\t'])).map_or(line.len(), |(at, _)| at);
    line[..at].trim_end()
}
