"""The current official Langfuse Python SDK, which speaks OTLP, against a Langfuse stand-in. One server a
process: the SDK keeps one client for a public key."""

import base64
import json
import sys
import urllib.request

from langfuse import Langfuse, propagate_attributes

import checks


def stored(host, path):
    request = urllib.request.Request(f"{host}/api/public/{path}")
    request.add_header("Authorization", "Basic " + base64.b64encode(b"pk-lf-emulator:sk-lf-emulator").decode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def send(host):
    client = Langfuse(public_key="pk-lf-emulator", secret_key="sk-lf-emulator", host=host, environment="peer")
    assert client.auth_check()
    with client.start_as_current_observation(as_type="span", name="peer-root"):
        with propagate_attributes(user_id="u-1", session_id="s-1", tags=["a"]):
            with client.start_as_current_observation(
                    as_type="generation", name="peer-generation", model="qwen-plus", input=[{"role": "user", "content": "你好"}],
                    output={"role": "assistant", "content": "hello"}, usage_details={"input": 25, "output": 60, "total": 85}) as generation:
                trace_id, span_id = client.get_current_trace_id(), generation.id
    client.flush()
    client.shutdown()
    return trace_id, span_id


def check_its_generation_is_found(host, major):
    trace_id, span_id = send(host)
    found = found_on_4(host, trace_id) if major == "4" else found_on_3(host, trace_id)
    assert len(found) == 2 and span_id in found, list(found)
    row = found[span_id]
    assert (row["type"], row["name"], row["environment"]) == ("GENERATION", "peer-generation", "peer"), row
    assert row["usageDetails"] == {"input": 25, "output": 60, "total": 85}, row


def found_on_4(host, trace_id):
    answer = stored(host, f"v2/observations?traceId={trace_id}&fields=core,basic,io,usage,model")
    return {row["id"]: row for row in answer["data"]}


def found_on_3(host, trace_id):
    trace = stored(host, f"traces/{trace_id}")
    assert (trace["userId"], trace["sessionId"], trace["environment"]) == ("u-1", "s-1", "peer"), trace
    return {row["id"]: row for row in trace["observations"]}


def check_its_seeded_trace_ids_are_ours(*_):
    assert Langfuse.create_trace_id(seed="demo") == "2a97516c354b68848cdbd8f54a226a0a"


if __name__ == "__main__":
    checks.run(globals(), *sys.argv[1:])
