"""The current official Langfuse Python SDK, which speaks OTLP, against the Langfuse stand-ins of a 4.x and a 3.x server."""

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


def check_its_generation_is_found_on_a_4(four, _):
    trace_id, span_id = send(four)
    rows = {row["id"]: row for row in stored(four, f"v2/observations?traceId={trace_id}&fields=core,basic,io,usage,model")["data"]}
    assert len(rows) == 2 and span_id in rows, list(rows)
    row = rows[span_id]
    assert (row["type"], row["name"], row["environment"]) == ("GENERATION", "peer-generation", "peer"), row
    assert row["usageDetails"] == {"input": 25, "output": 60, "total": 85}, row


def check_its_generation_is_found_on_a_3(_, three):
    trace_id, span_id = send(three)
    trace = stored(three, f"traces/{trace_id}")
    assert span_id in [row["id"] for row in trace["observations"]], trace
    assert (trace["userId"], trace["sessionId"], trace["environment"]) == ("u-1", "s-1", "peer"), trace


def check_its_seeded_trace_ids_are_ours(four, _):
    assert Langfuse.create_trace_id(seed="demo") == "2a97516c354b68848cdbd8f54a226a0a"


if __name__ == "__main__":
    checks.run(globals(), *sys.argv[1:])
