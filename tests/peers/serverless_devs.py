"""Serverless Devs' own command line against s.yaml and the template, without an account: preview, verify, init."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import checks

CLI = Path(sys.argv[1]).resolve()
WORK = Path(sys.argv[2]).resolve()
ROOT = Path(__file__).resolve().parents[2]
KEYS = {"LANGFUSE_HOST": "https://langfuse.example.com", "LANGFUSE_PUBLIC_KEY": "pk-lf-a", "LANGFUSE_SECRET_KEY": "sk-lf-b"}


def folder(name):
    path = WORK / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def s(arguments, where, environment=KEYS):
    # A home of its own: the command line keeps logs and credentials there.
    own = {"PATH": os.environ["PATH"], "HOME": str(WORK / "home"), "CI": "true"}
    command = [str(CLI), *arguments]
    return subprocess.run(command, cwd=where, env={**own, **environment}, capture_output=True, text=True, timeout=120)


def preview(where, environment=KEYS):
    ended = s(["preview", "-o", "json"], where, environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout[ended.stdout.index("{\n"):])


def manifest(name):
    where = folder(name)
    shutil.copy(ROOT / "s.yaml", where)
    return where


def check_preview_fills_in_every_variable():
    resolved = preview(manifest("preview"))
    assert "${" not in json.dumps(resolved), resolved
    assert resolved["resources"]["forwarder"]["props"]["environmentVariables"] == KEYS


def check_a_file_beside_the_manifest_may_hold_the_keys():
    where = manifest("dotenv")
    (where / ".env").write_text("".join(f"{name}={value}\n" for name, value in KEYS.items()))
    assert preview(where, {})["resources"]["forwarder"]["props"]["environmentVariables"] == KEYS


def check_without_a_key_nothing_is_deployed():
    ended = s(["preview"], manifest("keyless"), {name: value for name, value in KEYS.items() if name != "LANGFUSE_SECRET_KEY"})
    assert "env('LANGFUSE_SECRET_KEY') not found" in ended.stdout + ended.stderr, ended


def check_verify_takes_the_manifest_and_refuses_others():
    """The component is not to be had offline; one that knows only a schema stands in for it."""
    where = manifest("verify")
    component = where / "component"
    component.mkdir()
    schema = json.loads((ROOT / "tests/fixtures/s.schema.json").read_text())
    (component / "schema.json").write_text(json.dumps({"$ref": "#/definitions/function", "definitions": schema["definitions"]}))
    (component / "package.json").write_text('{"name": "component", "version": "0.0.0", "main": "index.js"}')
    (component / "index.js").write_text("module.exports = class { getSchema() { return JSON.stringify(require('./schema.json')) } }\n")
    good = (where / "s.yaml").read_text().replace("component: fc3", "component: ./component")
    for text, fine in [(good, True), (good.replace("memorySize: 128", "memorySize: 200"), False), (good.replace("debian12", "debian9"), False)]:
        assert fine == (text == good)
        (where / "s.yaml").write_text(text)
        ended = s(["verify"], where)
        assert (ended.returncode == 0) == fine, ended.stdout + ended.stderr


def check_the_template_becomes_the_manifest():
    template = folder("template")
    shutil.copytree(ROOT / "deploy/serverless-devs", template, dirs_exist_ok=True)
    expected = preview(manifest("expected"))
    made = WORK / "made"
    shutil.rmtree(made, ignore_errors=True)
    answers = json.dumps({**expected["vars"], **KEYS})
    ended = s(["init", "sls-to-langfuse", "--uri", str(template), "-d", str(made), "--access", "default", "--parameters", answers], WORK)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not re.search(r"\{\{", (made / "s.yaml").read_text())
    assert preview(made) == expected


checks.run(globals())
