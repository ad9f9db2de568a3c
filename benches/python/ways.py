"""Other ways to bring gateway logs into Langfuse, in Python: what one record takes of a processor.

usage: ways.py WAY SLS LANGFUSE FIRST GROUPS, where FIRST is the number of the first log group

They do less than the function: no checks of what was stored, no retries, no dead letters, no masking, no prices. `by_hand` is as fast as a loop in
Python was made here; `sdks` is what somebody writes in an hour; `sdk_2` has the batch API of the older SDK. Prints µs a record, without the start
of the interpreter and after a first tenth of the records.
"""

import base64
import hashlib
import http.client
import sys
import time
from datetime import datetime, timedelta, timezone

PAGE_GROUPS = 50


def cursor(number):
    return base64.b64encode(str(number).encode()).decode()


def start_of(record):
    return datetime.fromisoformat(record["start_time"].replace("Z", "+00:00"))


def seconds(milliseconds):
    return timedelta(milliseconds=float(milliseconds or 0))


class ByHand:
    """http.client, LZ4 and protobuf in C, orjson; one POST of OTLP as JSON for each page, without compression."""

    def __init__(self, sls, langfuse):
        import lz4.block
        import orjson
        from aliyun.log.log_logs_raw_pb2 import LogGroupListRaw

        self.unpack, self.json, self.pages = lz4.block.decompress, orjson, LogGroupListRaw
        self.sls = http.client.HTTPConnection(sls)
        self.langfuse = http.client.HTTPConnection(langfuse)

    def run(self, first, groups):
        records = 0
        for at in range(first, first + groups, PAGE_GROUPS):
            spans = [self.span(log) for group in self.page(at, min(at + PAGE_GROUPS, first + groups)) for log in group.Logs]
            self.post(self.json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))
            records += len(spans)
        return records

    def page(self, begin, end):
        query = f"type=log&cursor={cursor(begin)}&end_cursor={cursor(end)}&count={end - begin}".replace("=" * 2, "%3D%3D")
        self.sls.request("GET", f"/logstores/gateway/shards/0?{query}", headers={"Accept-Encoding": "lz4"})
        answer = self.sls.getresponse()
        body = answer.read()
        list_of = self.pages()
        list_of.ParseFromString(self.unpack(body, uncompressed_size=int(answer.headers["x-log-bodyrawsize"])))
        return list_of.LogGroups

    def span(self, log):
        fields = {content.Key: content.Value for content in log.Contents}
        ai = self.json.loads(fields["ai_log"])
        get = lambda name: fields.get(name, b"").decode()
        begin = int(start_of({"start_time": get("start_time")}).timestamp() * 1e9)
        texts = {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": ai.get("model", ""),
            "langfuse.observation.input": ai.get("question", ""),
            "langfuse.observation.output": ai.get("answer", ""),
            "langfuse.observation.usage_details": self.json.dumps({"input": ai.get("input_token"), "output": ai.get("output_token")}).decode(),
            "langfuse.session.id": str(ai.get("session_id", "")),
            "langfuse.user.id": get("consumer"),
        }
        texts.update({f"langfuse.observation.metadata.{name}": get(name) for name in ("request_id", "route_name", "response_code")})
        request_id = get("request_id")
        digest = hashlib.sha256(request_id.encode()).hexdigest()
        return {
            "traceId": get("trace_id") or digest[:32],
            "spanId": digest[:16],
            "name": "chat",
            "startTimeUnixNano": str(begin),
            "endTimeUnixNano": str(begin + int(float(get("duration") or 0) * 1e6)),
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in texts.items()],
        }

    def post(self, body):
        self.langfuse.request("POST", "/api/public/otel/v1/traces", body, {"Content-Type": "application/json", "Authorization": "Basic eDp5"})
        self.langfuse.getresponse().read()

    def end(self):
        pass


class BySdk:
    """PullLogs of the official SLS SDK."""

    def __init__(self, sls):
        import json
        from aliyun.log import LogClient

        self.loads = json.loads
        self.sls = LogClient(sls, "key", "secret")
        # The SDK takes an address for one only if no port follows.
        self.sls._isRowIp = True

    def run(self, first, groups):
        records = 0
        for at in range(first, first + groups, PAGE_GROUPS):
            end = min(at + PAGE_GROUPS, first + groups)
            page = self.sls.pull_logs("bench", "gateway", 0, cursor(at), end - at, cursor(end), compress=True)
            for record in page.get_flatten_logs_json():
                self.send(record, self.loads(record["ai_log"]))
                records += 1
            self.client.flush()
        return records

    def usage(self, ai):
        return {"input": int(ai.get("input_token") or 0), "output": int(ai.get("output_token") or 0)}


class Sdks(BySdk):
    """With the current Langfuse SDK, which knows no start in the past."""

    def __init__(self, sls, langfuse):
        super().__init__(sls)
        from langfuse import Langfuse, propagate_attributes

        self.attributes = propagate_attributes
        self.client = Langfuse(public_key="pk-lf-bench", secret_key="sk-lf-bench", host=f"http://{langfuse}", flush_at=512)

    def send(self, record, ai):
        with self.attributes(user_id=record.get("consumer") or None, session_id=ai.get("session_id")):
            self.client.start_observation(
                name="chat", as_type="generation", model=ai.get("model"), input=ai.get("question"), output=ai.get("answer"),
                usage_details=self.usage(ai), metadata={name: record.get(name) for name in ("request_id", "route_name", "response_code")}).end()

    def end(self):
        self.client.shutdown()


class Sdk2(BySdk):
    """With the Langfuse SDK 2: a trace and a generation by the batch API."""

    def __init__(self, sls, langfuse):
        super().__init__(sls)
        from langfuse import Langfuse

        self.client = Langfuse(public_key="pk-lf-bench", secret_key="sk-lf-bench", host=f"http://{langfuse}", flush_at=100)

    def send(self, record, ai):
        start = start_of(record)
        trace = self.client.trace(id=record.get("request_id"), name="chat", user_id=record.get("consumer"), session_id=ai.get("session_id"))
        trace.generation(
            name="chat", model=ai.get("model"), start_time=start, end_time=start + seconds(record.get("duration")), input=ai.get("question"),
            output=ai.get("answer"), usage_details=self.usage(ai),
            metadata={name: record.get(name) for name in ("request_id", "route_name", "response_code")})

    def end(self):
        self.client.shutdown()


def main(way, sls, langfuse, first, groups):
    first, groups = int(first), int(groups)
    made = {"by_hand": ByHand, "sdks": Sdks, "sdk_2": Sdk2}[way](sls, langfuse)
    made.run(first, max(groups // 10, 1))
    began = time.process_time()
    records = made.run(first, groups)
    made.end()
    print(f"{1e6 * (time.process_time() - began) / records:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
