"""The official Langfuse Python SDK of the 2.x line, which speaks the batch API, against the Langfuse stand-in of a 3.x server."""

import sys
from datetime import datetime, timedelta, timezone

from langfuse import Langfuse

import checks

START = datetime(2026, 3, 2, 2, 10, 1, 37000, tzinfo=timezone.utc)


def check_its_trace_and_generation_are_found(host):
    client = Langfuse(public_key="pk-lf-emulator", secret_key="sk-lf-emulator", host=host, release="r1")
    assert client.auth_check()
    trace = client.trace(name="peer-trace", user_id="u-1", session_id="s-1", tags=["a", "b"], metadata={"k": "v"})
    generation = trace.generation(
        name="peer-generation", model="qwen-plus", start_time=START, end_time=START + timedelta(milliseconds=1500),
        completion_start_time=START + timedelta(milliseconds=371), input=[{"role": "user", "content": "你好"}],
        output={"role": "assistant", "content": "hello"}, usage_details={"input": 25, "output": 60, "total": 85}, level="WARNING")
    client.flush()
    found = client.fetch_trace(trace.id).data
    assert (found.name, found.user_id, found.session_id, sorted(found.tags)) == ("peer-trace", "u-1", "s-1", ["a", "b"]), found
    assert [observation.id for observation in found.observations] == [generation.id]
    row = found.observations[0]
    assert (row.type, row.model, row.level, row.start_time) == ("GENERATION", "qwen-plus", "WARNING", START), row
    assert row.usage_details == {"input": 25, "output": 60, "total": 85}, row.usage_details


def check_a_wrong_key_is_told(host):
    client = Langfuse(public_key="pk-lf-emulator", secret_key="wrong", host=host)
    try:
        client.auth_check()
    except Exception as error:
        assert "401" in str(error), error
    else:
        raise AssertionError("a wrong key was accepted")


if __name__ == "__main__":
    checks.run(globals(), sys.argv[1])
