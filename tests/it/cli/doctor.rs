//! `doctor`: whose names count, what is printed, what is written.

use super::{run, temporary};

const NAMES: [&str; 10] =
    ["doctor", "--policies", "--region", "cn-hangzhou", "--project", "p", "--logstore", "l", "--trigger-log-store", "tl"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&NAMES[..], more].concat()
}

#[tokio::test]
async fn policies_are_printed_each_under_the_name_of_its_file() {
    let ended = run(&NAMES, &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let headings: Vec<_> = ended.stdout.lines().filter_map(|line| line.strip_prefix("# ")?.split(':').next()).collect();
    let files = [
        "function-role.trust.json",
        "function-role.policy.json",
        "trigger-role.trust.json",
        "trigger-role.policy.json",
        "deployer.policy.json",
    ];
    assert_eq!(headings, files);
    let role = ended.stdout.split("# ").nth(2).unwrap().split_once('\n').unwrap().1;
    let expected = r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "log:GetCursorOrData"
      ],
      "Resource": [
        "acs:log:cn-hangzhou:*:project/p/logstore/l"
      ]
    }
  ]
}

"#;
    assert_eq!(role, expected);
}

#[tokio::test]
async fn policies_are_written_and_the_commands_for_them_printed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("my policies");
    let ended = run(&with(&["--write", target.to_str().unwrap()]), &[]).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 5);
    assert_eq!(ended.stderr.lines().filter(|line| line.starts_with("wrote ")).count(), 5);
    let first = format!(
        "aliyun ram CreateRole --RoleName sls-to-langfuse-function --AssumeRolePolicyDocument \"$(cat '{}/function-role.trust.json')\"",
        target.display()
    );
    assert_eq!(ended.stdout.lines().next(), Some(first.as_str()));
    assert!(ended.stdout.lines().all(|line| line.starts_with("aliyun ram ")));
}

#[tokio::test]
async fn a_manifest_names_what_no_option_does() {
    let ended = run(&["doctor", "--policies", "--manifest", "s.yaml", "--account", "7", "--dead-letter-logstore", "dead"], &[]).await;
    assert_eq!(ended.code, Some(0));
    for resource in ["project/my-gateway-project/logstore/ai-gateway-log", "project/my-gateway-project/logstore/dead"] {
        assert!(ended.stdout.contains(&format!("\"acs:log:cn-hangzhou:7:{resource}\"")), "{resource}");
    }
    assert!(!ended.stdout.contains("1000000000000001"));
}

#[tokio::test]
async fn names_that_are_missing_or_could_widen_a_policy_are_wrong_usage() {
    let broken = temporary("resources: [");
    let bare = temporary("resources: {}");
    let (broken, bare) = (broken.path().to_str().unwrap(), bare.path().to_str().unwrap());
    for (arguments, said) in [
        (vec!["doctor", "--policies"], "--region is missing"),
        (with(&["--account", "*/x"]), "is no account id"),
        (with(&["--log-store", "*"]), "\"*\" is no name"),
        (with(&["--manifest", "no-such-file"]), "cannot read the manifest no-such-file"),
        (with(&["--manifest", broken]), "it is not YAML"),
        (with(&["--manifest", bare]), "no resource of component fc3"),
    ] {
        let ended = run(&arguments, &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_failure() {
    let file = temporary("");
    let ended = run(&with(&["--write", file.path().to_str().unwrap()]), &[]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("cannot make the folder"));
}
