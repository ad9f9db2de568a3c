//! `template.yaml` agrees with the code: version, settings, partial answers, and the make target that its package comes from.

use sls_to_langfuse::config::settings;

const TEMPLATE: &str = include_str!("../../template.yaml");

/// The lines of a resource, without its name.
fn resource(name: &str) -> String {
    let start = format!("  {name}:\n");
    let at = TEMPLATE.find(&start).unwrap_or_else(|| panic!("{name}")) + start.len();
    TEMPLATE[at..].lines().take_while(|line| line.is_empty() || line.starts_with("    ")).collect::<Vec<_>>().join("\n")
}

fn number(name: &str, property: &str) -> u32 {
    let block = resource(name);
    let line = block.lines().find_map(|line| line.trim().strip_prefix(&format!("{property}: "))).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn the_template_tells_this_version() {
    assert!(TEMPLATE.contains(&format!("(sls-to-langfuse {})\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_template_sets_only_settings_there_are_and_no_secret() {
    let block = resource("Forwarder");
    let variables = block.split("Variables:\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("          "));
    let pairs: Vec<_> = variables.filter_map(|line| line.trim().split_once(": ")).collect();
    let names: Vec<_> = pairs.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]);
    for (name, value) in pairs {
        let setting = settings().iter().find(|setting| setting.name == name).unwrap();
        assert!(value.starts_with("!Ref ") || value.starts_with("!Sub \"{{resolve:secretsmanager:"), "{}", setting.name);
    }
}

#[test]
fn every_source_that_knows_partial_answers_has_them_switched_on() {
    let sources = TEMPLATE.matches("Type: AWS::Lambda::EventSourceMapping").count();
    let named = ["StreamSource", "QueueSource", "LinesSource"];
    assert_eq!(sources, named.len());
    for name in named {
        assert!(resource(name).contains("FunctionResponseTypes: [ReportBatchItemFailures]"), "{name}");
        assert!(resource(name).contains("    Condition: "), "{name}");
    }
}

#[test]
fn a_message_stays_hidden_for_six_times_the_timeout() {
    assert_eq!(number("Lines", "VisibilityTimeout"), 6 * number("Forwarder", "Timeout"));
    let needed = format!("visibility timeout of {} s", 6 * number("Forwarder", "Timeout"));
    assert!(TEMPLATE.contains(&needed), "{needed}");
}

#[test]
fn the_package_is_where_make_puts_it() {
    let package = include_str!("../../.ci/package");
    assert!(package.contains("machine=aarch64 dist=${OUT:-dist-lambda} ;;") && package.contains("\"$dist/bootstrap\"\n"));
    assert!(TEMPLATE.contains("Default: arm64\n") && TEMPLATE.starts_with("# AWS Lambda with SAM: make package ARCH=arm64 && sam deploy"));
    assert!(resource("Forwarder").contains("CodeUri: dist-lambda/\n"));
    for guide in [include_str!("../../docs/deploy-lambda.md"), include_str!("../../docs/deploy-lambda.zh-CN.md")] {
        assert!(guide.contains("$ make package ARCH=arm64\n   ```\n") && guide.contains("`dist-lambda/bootstrap`"));
        assert!(guide.contains("`make package OUT=dist-lambda`"));
    }
    assert!(resource("Forwarder").contains("Handler: bootstrap "));
}

#[test]
fn a_value_with_spaces_reaches_sam_in_quotes_of_its_own() {
    for guide in [include_str!("../../docs/deploy-lambda.md"), include_str!("../../docs/deploy-lambda.zh-CN.md")] {
        assert!(guide.contains(r#"`'LogFilterPattern="{ $.ai_log = * }"'`"#));
    }
}

#[test]
fn the_guides_name_the_limit_of_an_item() {
    let limit = sls_to_langfuse::lines::MAX_PARTS.to_string();
    let (thousands, rest) = limit.split_at(limit.len() - 3);
    for guide in [include_str!("../../docs/deploy-lambda.md"), include_str!("../../docs/deploy-lambda.zh-CN.md")] {
        assert!(guide.contains(&format!("{thousands},{rest}")));
    }
}
