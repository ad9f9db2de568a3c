"""cargo lambda, which stands in for the Lambda service, against the real bootstrap: every example event, and one that is none."""
import json
import socket
import subprocess
import sys
import urllib.request
from base64 import b64encode
from pathlib import Path

import checks

LAMBDA = str(Path(sys.executable).with_name("cargo-lambda"))
EVENTS = sorted(Path("events").glob("lambda-*.json"))


class Function:
    """A runtime API and the function that polls it; both end with the script."""

    def __init__(self, langfuse, bootstrap):
        self.langfuse = langfuse
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = ["-A", "127.0.0.1", "-P", str(free.getsockname()[1])]
        watch = [LAMBDA, "lambda", "watch", "--only-lambda-apis", *self.address]
        self.watch = subprocess.Popen(watch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.watch.stdout:
            if "starting Runtime server" in line:
                break
        variables = {
            "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{self.address[-1]}/.rt",
            "AWS_LAMBDA_FUNCTION_NAME": "_",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "LANGFUSE_HOST": langfuse,
            "LANGFUSE_PUBLIC_KEY": "pk-lf-emulator",
            "LANGFUSE_SECRET_KEY": "sk-lf-emulator",
        }
        self.bootstrap = subprocess.Popen([bootstrap], env=variables, stdout=subprocess.DEVNULL)

    def invoke(self, data):
        run = [LAMBDA, "lambda", "invoke", "_", *self.address, "--data-file", str(data)]
        return subprocess.run(run, capture_output=True, text=True, timeout=120)

    def observations(self):
        request = urllib.request.Request(f"{self.langfuse}/api/public/v2/observations?limit=100")
        request.add_header("Authorization", "Basic " + b64encode(b"pk-lf-emulator:sk-lf-emulator").decode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["data"]

    def end(self):
        for process in (self.bootstrap, self.watch):
            process.terminate()
            process.wait()


def check_every_example_event_is_answered_as_its_kind_is(function):
    assert len(EVENTS) == 4, EVENTS
    for event in EVENTS:
        run = function.invoke(event)
        assert run.returncode == 0, (event, run.stdout, run.stderr)
        answer = json.loads(run.stdout)
        if "cloudwatch-logs" in event.name:
            assert answer["shipLines"] == 12, answer
        else:
            assert answer == {"batchItemFailures": []}, answer


def check_the_same_twelve_observations_came_from_all_of_them(function):
    ids = {row["id"] for row in function.observations()}
    assert len(ids) == 12, ids


def check_an_event_that_is_none_is_a_function_error(function):
    run = function.invoke("tests/fixtures/sls-vectors.json")
    assert run.returncode == 1 and "invalid_event" in run.stderr, (run.returncode, run.stdout, run.stderr)


function = Function(*sys.argv[1:])
try:
    checks.run(globals(), function)
finally:
    function.end()
