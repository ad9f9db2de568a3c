//! `[[filter]]` → [`Filter`].

use super::super::reader::Reader;
use super::super::rules;
use super::conditions::{Listed, check_list, conditions, when};
use super::{Form, Key, Need, Shape, TableKind};
use crate::select::{Action, Filter, FilterRule};

pub(in super::super) static FILTER: TableKind = TableKind {
    name: "filter",
    form: Form::List,
    keys: &KEYS,
    meaning: "Which records are wanted: the first rule that holds decides; what no rule holds for is kept if the last rule excludes, and \
              skipped if it includes",
    meaning_zh: "需要哪些记录：第一条成立的规则生效；没有规则成立时，最后一条为 exclude 则保留，为 include 则跳过",
};

static KEYS: [Key; 3] = [
    Key {
        name: "name",
        shape: Shape::Text,
        need: Need::Required,
        example: r#""no-health-checks""#,
        meaning: "Name of the rule, unique among the filters",
        meaning_zh: "规则名称，在过滤规则中唯一",
    },
    Key {
        name: "action",
        shape: Shape::Choice(&["include", "exclude"]),
        need: Need::Required,
        example: r#""exclude""#,
        meaning: "What becomes of a record for which the rule holds; exclude counts it as skipped, filtered",
        meaning_zh: "规则成立时如何处理；exclude 计入 skipped 的 filtered",
    },
    when(
        "When the rule holds: all of these conditions; left out, it holds for every record",
        "规则成立的条件，须全部满足；省略则对所有记录成立",
    ),
];

/// The rules in the order of the file.
pub(in super::super) fn filter(reader: &mut Reader<'_>) -> Filter {
    let entries = reader.entries(&FILTER);
    let mut rules = Vec::new();
    for entry in &entries {
        let name = reader.text(entry, "name", rules::label);
        let when = conditions(reader, entry);
        let action = entry.text("action").map(|text| if text.text == "include" { Action::Include } else { Action::Exclude });
        if let (Some(name), Some(action)) = (name, action) {
            rules.push((entry, FilterRule { name, action, when }));
        }
    }
    let listed: Vec<_> = rules.iter().map(|(entry, rule)| Listed { entry, name: &rule.name, when: &rule.when }).collect();
    check_list(reader, &listed);
    Filter { rules: rules.into_iter().map(|(_, rule)| rule).collect(), of_call: None }
}
