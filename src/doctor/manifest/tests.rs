//! Every rule over a manifest that is well but for one thing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::check::Status;
use super::*;

fn props() -> Value {
    json!({
        "region": "cn-hangzhou", "functionName": "f", "runtime": "custom.debian12", "code": "./dist", "cpu": 0.1, "memorySize": 128,
        "diskSize": 512, "timeout": 120, "instanceConcurrency": 4, "internetAccess": true, "role": "acs:ram::1:role/f",
        "customRuntimeConfig": {"command": ["/code/bootstrap"], "port": 9000},
        "environmentVariables": {"LANGFUSE_HOST": "${env('LANGFUSE_HOST')}"},
        "logConfig": {"project": "p", "logstore": "own"},
    })
}

fn log_trigger() -> Value {
    json!({
        "triggerName": "t", "triggerType": "log", "sourceArn": "acs:log:cn-hangzhou:1:project/p",
        "invocationRole": "acs:ram::1:role/t",
        "triggerConfig": {
            "enable": true, "sourceConfig": {"logstore": "l"}, "jobConfig": {"triggerInterval": 60, "maxRetryTime": 3},
            "logConfig": {"project": "p", "logstore": "trigger"}, "functionParameter": {},
        },
    })
}

fn shell() -> BTreeMap<String, String> {
    [("LANGFUSE_HOST".to_owned(), "https://langfuse.example".to_owned())].into()
}

/// The finding of this id after a change.
fn finding(id: &str, change: impl FnOnce(&mut Value, &mut Value), package: Package) -> Check {
    let (mut props, mut trigger) = (props(), log_trigger());
    change(&mut props, &mut trigger);
    let (environment, trace) = (environment(&props, &shell()), TraceSettings::default());
    let deployed =
        Deployed { props: &props, trigger: &trigger, environment: &environment, package, request_timeout: Some(30.0), trace: Some(&trace) };
    let checks = examine(&deployed);
    assert_eq!(checks.iter().map(|check| check.id).collect::<Vec<_>>(), IDS);
    checks.into_iter().find(|check| check.id == id).unwrap()
}

fn after(id: &str, change: impl FnOnce(&mut Value, &mut Value)) -> Status {
    finding(id, change, Package::Ready).status
}

#[test]
fn a_good_manifest_is_well_in_everything() {
    for id in IDS {
        assert_eq!(after(id, |_, _| {}), Status::Ok, "{id}");
    }
}

#[test]
fn what_is_reckoned_with_is_what_the_manifest_of_this_program_says() {
    let text = include_str!("../../../s.yaml");
    for wanted in ["cpu: 0.1", "memorySize: 128", "triggerInterval: 60"] {
        assert!(text.contains(wanted), "Plan::default is that of s.yaml: {wanted}");
    }
}

#[test]
fn function_and_project_must_be_in_one_region() {
    assert_eq!(after("manifest.region", |props, _| props["region"] = json!("cn-beijing")), Status::Fail);
    assert_eq!(after("manifest.region", |_, trigger| trigger["sourceArn"] = Value::Null), Status::Fail);
    assert_eq!(after("manifest.region", |props, _| props["region"] = Value::Null), Status::Fail);
}

#[test]
fn a_trigger_without_a_role_is_worth_a_look() {
    for role in [Value::Null, json!(" ")] {
        assert_eq!(after("manifest.role", |_, trigger| trigger["invocationRole"] = role), Status::Warn);
    }
    let neither = |props: &mut Value, trigger: &mut Value| (props["role"], trigger["invocationRole"]) = (Value::Null, Value::Null);
    assert_eq!(after("manifest.role", neither), Status::Fail);
}

#[test]
fn a_function_without_a_role_cannot_read() {
    assert_eq!(after("manifest.role", |props, _| props["role"] = Value::Null), Status::Fail);
    assert_eq!(after("manifest.role", |props, _| props["role"] = json!(" ")), Status::Fail);
}

#[test]
fn no_log_of_ours_may_go_into_the_logstore_that_is_read() {
    let status = |change: fn(&mut Value, &mut Value)| after("manifest.log", change);
    assert_eq!(status(|props, _| props["logConfig"]["logstore"] = json!("l")), Status::Fail);
    assert_eq!(status(|props, _| props["logConfig"] = json!({"project": "other", "logstore": "l"})), Status::Ok, "another project");
    assert_eq!(status(|_, trigger| trigger["triggerConfig"]["logConfig"]["logstore"] = json!("l")), Status::Fail);
    assert_eq!(status(|props, _| props["environmentVariables"]["DEAD_LETTER_LOGSTORE"] = json!("l")), Status::Fail);
    assert_eq!(status(|props, _| props["environmentVariables"]["DEAD_LETTER_LOGSTORE"] = json!("dead")), Status::Ok);
    assert_eq!(status(|props, _| props["logConfig"] = Value::Null), Status::Warn);
    assert_eq!(status(|props, _| props["logConfig"] = json!("auto")), Status::Ok);
}

#[test]
fn a_call_must_have_time_for_a_request_and_for_its_range() {
    for (timeout, interval, status) in [
        (json!(null), 60, Status::Fail),
        (json!(9), 60, Status::Fail),
        (json!(30), 10, Status::Warn),
        (json!(59), 60, Status::Warn),
        (json!(60), 60, Status::Ok),
        (json!("120"), 60, Status::Ok),
        (json!(86_401), 60, Status::Fail),
    ] {
        let change = |props: &mut Value, trigger: &mut Value| {
            props["timeout"] = timeout.clone();
            trigger["triggerConfig"]["jobConfig"]["triggerInterval"] = json!(interval);
        };
        assert_eq!(after("manifest.timeout", change), status, "{timeout} {interval}");
    }
}

#[test]
fn sizes_follow_the_rules_of_the_platform() {
    for (cpu, memory, status) in [
        (json!(0.05), json!(128), Status::Ok),
        (json!(0.05), json!(192), Status::Ok),
        (json!(0.05), json!(256), Status::Fail),
        (json!(0.1), json!(100), Status::Fail),
        (json!(0.12), json!(256), Status::Fail),
        (json!(0.35), json!(1408), Status::Ok),
        (json!(0.5), json!(448), Status::Fail),
        (json!(null), json!(512), Status::Ok),
        (json!(null), json!(1024), Status::Fail),
        (json!(17), json!(32768), Status::Fail),
    ] {
        let change = |props: &mut Value, _: &mut Value| {
            props["cpu"] = cpu.clone();
            props["memorySize"] = memory.clone();
        };
        assert_eq!(after("manifest.size", change), status, "{cpu} {memory}");
    }
    assert_eq!(after("manifest.size", |props, _| props["instanceConcurrency"] = json!(201)), Status::Fail);
}

#[test]
fn the_program_must_be_there_and_be_what_is_started() {
    let id = "manifest.startup";
    assert_eq!(after(id, |props, _| props["runtime"] = json!("python3.12")), Status::Fail);
    assert_eq!(after(id, |props, _| props["customRuntimeConfig"]["command"] = json!(["/code/other"])), Status::Fail);
    assert_eq!(after(id, |props, _| props["customRuntimeConfig"] = Value::Null), Status::Ok);
    let packages = [Package::Ready, Package::NotLookedInto, Package::Missing, Package::NotExecutable];
    let statuses = packages.map(|package| finding(id, |_, _| {}, package).status);
    assert_eq!(statuses, [Status::Ok, Status::Ok, Status::Warn, Status::Fail]);
}

#[test]
fn a_function_without_any_network_cannot_deliver() {
    let id = "manifest.network";
    assert_eq!(after(id, |props, _| props["internetAccess"] = json!(false)), Status::Fail);
    let inside = |props: &mut Value, _: &mut Value| {
        props["internetAccess"] = json!(false);
        props["vpcConfig"] = json!({"vpcId": "v"});
    };
    assert_eq!(after(id, inside), Status::Ok);
}

#[test]
fn the_environment_fits_and_is_whole() {
    let id = "manifest.environment";
    let with = |name: &str, value: Value| {
        let name = name.to_owned();
        finding(id, move |props, _| props["environmentVariables"][name] = value, Package::Ready)
    };
    assert_eq!(with("A", json!("x".repeat(4096 - 38))).facts["bytes"], 4096);
    assert_eq!(with("A", json!("x".repeat(4096 - 38))).status, Status::Warn);
    assert_eq!(with("A", json!("x".repeat(4097 - 38))).status, Status::Fail);
    assert_eq!(with("FC_A", json!("1")).status, Status::Fail);
    assert_eq!(with("A", json!(1)).status, Status::Fail);
    let unknown = with("A", json!("${config('AccountID')}"));
    assert_eq!((unknown.status, unknown.what.contains("without A, whose values are not looked into")), (Status::Ok, true));
    let missing = with("A", json!("${env(\"SENTINEL\")}"));
    assert_eq!((missing.status, missing.what.as_str()), (Status::Fail, "not set in this shell: SENTINEL"));
    let defaulted = environment(&json!({"environmentVariables": {"A": "a${env('B', 'b')}c"}}), &shell());
    assert_eq!(defaulted.values["A"], "abc");
}

#[test]
fn the_trigger_keeps_to_its_ranges_and_may_not_fail_every_call() {
    let with = |pointer: &str, value: Value| {
        let pointer = pointer.to_owned();
        after("manifest.trigger", move |_, trigger| *trigger.pointer_mut(&pointer).unwrap() = value)
    };
    let interval = "/triggerConfig/jobConfig/triggerInterval";
    assert_eq!([2, 3, 600, 601].map(|seconds| with(interval, json!(seconds))), [Status::Fail, Status::Ok, Status::Ok, Status::Fail]);
    let retries = "/triggerConfig/jobConfig/maxRetryTime";
    assert_eq!([0, 1, 100, 101].map(|times| with(retries, json!(times))), [Status::Warn, Status::Ok, Status::Ok, Status::Fail]);
    assert_eq!(with("/triggerConfig/enable", json!(false)), Status::Warn);
    assert_eq!(with("/triggerConfig/sourceConfig", json!({})), Status::Fail);
    assert_eq!(with("/triggerConfig/functionParameter", json!({"environment": "prod"})), Status::Ok);
    assert_eq!(with("/triggerConfig/functionParameter", json!({"langfuse_host": "https://elsewhere"})), Status::Fail);
}

#[test]
fn what_it_costs_by_is_read_from_the_manifest() {
    let expected = Plan { region: Some("cn-hangzhou".into()), ..Plan::default() };
    assert_eq!(plan(&props(), &log_trigger()), expected);
    let bare = plan(&json!({}), &json!({}));
    assert_eq!(bare, Plan { cpu: 0.35, memory: 512.0, disk: 512.0, interval: 60.0, region: None });
}
