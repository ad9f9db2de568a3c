"""The official Python SLS SDK against the SLS stand-in, with both signature versions, and the records it reads against those that our
client reads."""

import base64
import json
import os
import subprocess
import sys
import time

from aliyun.log import LogClient, LogException, LogItem, PutLogsRequest

from aliyun.log.auth import AUTH_VERSION_1, AUTH_VERSION_4

import checks

PROJECT, LOGSTORE = "demo-project", "ai-gateway-log"
KEY_ID, KEY_SECRET = "emulator-key-id", "emulator-key-secret"


def client(endpoint, key_id=KEY_ID, key_secret=KEY_SECRET, **options):
    made = LogClient(endpoint, key_id, key_secret, **options)
    # The SDK takes an address for one only if no port follows, so that the project stays out of the host name.
    made._isRowIp = True
    return made


class World:
    def __init__(self, sls, langfuse, program, samples):
        self.sls, self.langfuse, self.program = sls, langfuse, program
        self.endpoint = sls.removeprefix("http://")
        self.samples = [json.loads(line) for line in open(samples, encoding="utf-8")]
        self.begin = self.clients()[0].get_begin_cursor(PROJECT, LOGSTORE, 0).get_cursor()
        self.end = self.clients()[0].get_end_cursor(PROJECT, LOGSTORE, 0).get_cursor()

    def clients(self):
        versions = [(AUTH_VERSION_1, ""), (AUTH_VERSION_4, "cn-hangzhou")]
        return [client(self.endpoint, auth_version=version, region=region) for version, region in versions]

    def pulled(self, peer, compress, count=1000):
        records, cursor = [], self.begin
        while cursor != self.end:
            page = peer.pull_logs(PROJECT, LOGSTORE, 0, cursor, count, self.end, compress=compress)
            for group in page.get_loggroup_list().LogGroups:
                for log in group.Logs:
                    records.append({content.Key: content.Value for content in log.Contents})
            assert page.get_next_cursor() != cursor, "no progress"
            cursor = page.get_next_cursor()
        return records


def text_of(fields):
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in fields.items()}


def number(cursor):
    return int(base64.b64decode(cursor))


def refused(call, status, code):
    try:
        call()
    except LogException as error:
        assert (error.resp_status, error.get_error_code()) == (status, code), (error.resp_status, error.get_error_code())
    else:
        raise AssertionError(f"{code} was expected")


def check_lists_the_shards(world):
    for peer in world.clients():
        shards = peer.list_shards(PROJECT, LOGSTORE)

        assert [(shard["shardID"], shard["status"]) for shard in shards.get_shards_info()] == [(0, "readwrite")]


def check_pulls_every_record_compressed_and_plain_in_pages_of_any_size(world):
    for peer in world.clients():
        for compress in (True, False):
            for count in (1, 2, 1000):
                records = [text_of(record) for record in world.pulled(peer, compress, count)]
                assert records == world.samples, (compress, count)


def check_gets_cursors_and_times(world):
    for peer in world.clients():
        assert number(world.end) - number(world.begin) == 5
        received = peer.get_cursor_time(PROJECT, LOGSTORE, 0, world.begin).get_cursor_time()
        at = peer.get_cursor(PROJECT, LOGSTORE, 0, received).get_cursor()
        assert at == world.begin, at
        before = peer.get_previous_cursor_time(PROJECT, LOGSTORE, 0, world.end).get_cursor_time()
        assert before >= received


def check_puts_and_reads_back(world):
    for peer in world.clients():
        for compress in (True, False):
            start = peer.get_end_cursor(PROJECT, LOGSTORE, 0).get_cursor()
            items = [LogItem(int(time.time()), contents=[("question", "你好"), ("number", str(at))]) for at in range(3)]
            peer.put_logs(PutLogsRequest(PROJECT, LOGSTORE, "topic", "10.0.0.7", items, compress=compress, logtags=[("tag", "值")]))
            end = peer.get_end_cursor(PROJECT, LOGSTORE, 0).get_cursor()
            group = peer.pull_logs(PROJECT, LOGSTORE, 0, start, 10, end).get_loggroup_list().LogGroups
            assert len(group) == 1 and (group[0].Topic, group[0].Source) == ("topic", "10.0.0.7")
            contents = [{content.Key: content.Value for content in log.Contents} for log in group[0].Logs]
            assert [text_of(fields)["number"] for fields in contents] == ["0", "1", "2"]
            assert ("tag", "值") in [(tag.Key, tag.Value) for tag in group[0].LogTags]


def check_is_refused_as_by_the_service(world):
    wrong = client(world.endpoint, key_secret="another secret")
    refused(lambda: wrong.list_shards(PROJECT, LOGSTORE), 401, "SignatureNotMatch")
    unknown = client(world.endpoint, key_id="nobody")
    refused(lambda: unknown.list_shards(PROJECT, LOGSTORE), 401, "InvalidAccessKeyId")
    for peer in world.clients():
        refused(lambda: peer.list_shards("other-project", LOGSTORE), 404, "ProjectNotExist")
        refused(lambda: peer.list_shards(PROJECT, "other"), 404, "LogStoreNotExist")
        refused(lambda: peer.pull_logs(PROJECT, LOGSTORE, 0, "bm90IGEgY3Vyc29y", 10), 400, "InvalidCursor")


def check_reads_the_very_records_that_our_client_reads(world):
    event = {"source": {"endpoint": world.sls, "projectName": PROJECT, "logstoreName": LOGSTORE, "shardId": 0,
                        "beginCursor": world.begin, "endCursor": world.end}}
    for version in ("v1", "v4"):
        environment = {"SLS_ENDPOINT": world.sls, "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY_ID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": KEY_SECRET,
                       "SLS_SIGNATURE_VERSION": version, "SLS_REGION": "cn-hangzhou", "LANGFUSE_HOST": world.langfuse,
                       "LANGFUSE_PUBLIC_KEY": "pk-lf-emulator", "LANGFUSE_SECRET_KEY": "sk-lf-emulator", "PATH": os.environ["PATH"]}
        ours = subprocess.run([world.program, "invoke", "--event", "-"], input=json.dumps(event), env=environment, capture_output=True, text=True)
        assert ours.returncode == 0, ours.stderr
        report = json.loads(ours.stdout)
        assert (report["shipLines"], report["undone"]) == (12, 0), report
    lines = "\n".join(json.dumps(text_of(record)) for record in world.pulled(world.clients()[0], True))
    theirs = subprocess.run([world.program, "id", "--json", "-"], input=lines, capture_output=True, text=True, check=True)
    expected = {(row["traceId"], row["spanId"]) for row in map(json.loads, theirs.stdout.splitlines())}
    stored = subprocess.run(["python3", "-c", READ_BACK, world.langfuse], capture_output=True, text=True, check=True)
    found = {tuple(pair) for pair in json.loads(stored.stdout)}
    assert len(expected) == 12 and expected == found, expected ^ found


READ_BACK = """
import base64, json, sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "/api/public/v2/observations?limit=1000")
request.add_header("Authorization", "Basic " + base64.b64encode(b"pk-lf-emulator:sk-lf-emulator").decode())
print(json.dumps([[row["traceId"], row["id"]] for row in json.load(urllib.request.urlopen(request))["data"]]))
"""


if __name__ == "__main__":
    checks.run(globals(), World(*sys.argv[1:]))
