"""template.yaml by the rules of AWS: expanded as SAM does, then linted; and that the linter sees what is wrong.

cfn-lint alone does not look into AWS::Serverless::*, so it gets the expanded template. No account and no network is needed.
"""
import copy
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# The translator asks for a region where it has none.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

import checks


class NoPolicies:
    def load(self):
        return {}


def expanded(template):
    template = copy.deepcopy(template)
    # The translator wants a place that packages were uploaded to.
    template["Resources"]["Forwarder"]["Properties"]["CodeUri"] = "s3://bucket/key"
    return transform(template, {}, NoPolicies())


def complaints(template):
    try:
        text = json.dumps(expanded(template))
    except Exception as error:  # the translator's own complaint
        return [f"translator: {error}"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        lint = Path(sys.executable).with_name("cfn-lint")
        run = subprocess.run([lint, "--format", "json", "--regions", "eu-central-1", "--", file.name], capture_output=True, text=True)
    return [f"{one['Rule']['Id']} {one['Message']}" for one in json.loads(run.stdout or "[]")] + run.stderr.splitlines()


def change(path, value):
    def apply(template):
        at = template["Resources"]
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = value

    return apply


WRONG = {
    "a runtime that there is not": (("Forwarder", "Properties", "Runtime"), "provided.al2099"),
    "an architecture that there is not": (("Forwarder", "Properties", "Architectures"), ["arm63"]),
    "too little memory": (("Forwarder", "Properties", "MemorySize"), 64),
    "a timeout beyond the limit": (("Forwarder", "Properties", "Timeout"), 901),
    "a batch answer that there is not": (("StreamSource", "Properties", "FunctionResponseTypes"), ["ReportItemFailures"]),
    "a retry limit that there is not": (("StreamSource", "Properties", "MaximumRetryAttempts"), 10001),
    "a reference into nothing": (("StreamSource", "Properties", "FunctionName"), {"Ref": "Forwarders"}),
    "a property that there is not": (("LagAlarm", "Properties", "Treshold"), 1),
}


def check_the_template_is_clean_once_it_is_expanded(template):
    assert complaints(template) == [], complaints(template)


def check_the_linter_sees_what_is_wrong(template):
    for name, (path, value) in WRONG.items():
        wrong = copy.deepcopy(template)
        change(path, value)(wrong)
        assert complaints(wrong), name


checks.run(globals(), yaml_parse(Path("template.yaml").read_text()))
