//! The commands that apply policy documents, for the command line of Alibaba Cloud (`aliyun`). Pure: text for people to run.

use std::path::Path;

use super::deployment::Deployment;
use super::policies::Document;

/// Commands that make the roles and policies from files in `directory`, one a line.
pub fn applying(deployment: &Deployment, documents: &[Document], directory: &Path) -> String {
    let has = |file: &str| documents.iter().any(|document| document.file == file);
    let content = |file: &str| format!("\"$(cat {})\"", quoted(&directory.join(file).display().to_string()));
    let mut lines = Vec::new();
    for (kind, role) in [("function-role", &deployment.function_role), ("trigger-role", &deployment.trigger_role)] {
        let (trust, policy) = (format!("{kind}.trust.json"), format!("{kind}.policy.json"));
        if has(&policy) {
            lines.push(format!("aliyun ram CreateRole --RoleName {role} --AssumeRolePolicyDocument {}", content(&trust)));
            lines.push(format!("aliyun ram CreatePolicy --PolicyName {role} --PolicyDocument {}", content(&policy)));
            lines.push(format!("aliyun ram AttachPolicyToRole --PolicyType Custom --PolicyName {role} --RoleName {role}"));
        }
    }
    let deployer = format!("{}-deployer", deployment.function);
    lines.push(format!("aliyun ram CreatePolicy --PolicyName {deployer} --PolicyDocument {}", content("deployer.policy.json")));
    lines.push(format!("aliyun ram AttachPolicyToUser --PolicyType Custom --PolicyName {deployer} --UserName \"$DEPLOYER\""));
    lines.join("\n")
}

/// A path as one word of a shell.
fn quoted(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    if !path.is_empty() && path.bytes().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::super::deployment::Names;
    use super::super::policies::documents;
    use super::*;

    fn deployment(trigger_role: &str) -> Deployment {
        let text = |text: &str| Some(text.to_owned());
        let names = Names {
            region: text("cn-hangzhou"),
            project: text("p"),
            logstore: text("l"),
            trigger_role: text(trigger_role),
            trigger_log_store: text("tl"),
            ..Names::default()
        };
        Deployment::of(names).unwrap()
    }

    #[test]
    fn each_role_gets_its_trust_and_its_policy() {
        let deployment = deployment("my-trigger");
        let expected = r#"aliyun ram CreateRole --RoleName sls-to-langfuse-function --AssumeRolePolicyDocument "$(cat my/dir/function-role.trust.json)"
aliyun ram CreatePolicy --PolicyName sls-to-langfuse-function --PolicyDocument "$(cat my/dir/function-role.policy.json)"
aliyun ram AttachPolicyToRole --PolicyType Custom --PolicyName sls-to-langfuse-function --RoleName sls-to-langfuse-function
aliyun ram CreateRole --RoleName my-trigger --AssumeRolePolicyDocument "$(cat my/dir/trigger-role.trust.json)"
aliyun ram CreatePolicy --PolicyName my-trigger --PolicyDocument "$(cat my/dir/trigger-role.policy.json)"
aliyun ram AttachPolicyToRole --PolicyType Custom --PolicyName my-trigger --RoleName my-trigger
aliyun ram CreatePolicy --PolicyName sls-to-langfuse-deployer --PolicyDocument "$(cat my/dir/deployer.policy.json)"
aliyun ram AttachPolicyToUser --PolicyType Custom --PolicyName sls-to-langfuse-deployer --UserName "$DEPLOYER""#;
        assert_eq!(applying(&deployment, &documents(&deployment), Path::new("my/dir")), expected);
    }

    #[test]
    fn the_role_that_alibaba_cloud_keeps_is_not_made() {
        let deployment = deployment("aliyunlogetlrole");
        let commands = applying(&deployment, &documents(&deployment), Path::new("d"));
        assert_eq!((commands.lines().count(), commands.contains("aliyunlogetlrole")), (5, false));
    }

    #[test]
    fn a_path_is_one_word_whatever_it_is_called() {
        assert_eq!([quoted("a/b-c.d"), quoted("a b"), quoted("it's $x")], ["a/b-c.d", "'a b'", r"'it'\''s $x'"]);
    }
}
