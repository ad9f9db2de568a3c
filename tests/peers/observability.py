"""deploy/observability against the vendors' own models and parsers, and its queries for SLS on lines that the function really wrote.

Nobody's account is asked: the SDK says whether a definition has a form that it knows, sqlglot turns the SQL, which is Presto's, into that of
DuckDB, and DuckDB runs it over the lines, whose members are columns as the index makes them.
"""
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from pathlib import Path

import duckdb
import sqlglot
from alibabacloud_sls20201230 import models
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

import checks

FOLDER = Path("deploy/observability")
LONG = "BIGINT"


def load(name):
    return json.loads((FOLDER / name).read_text())


def without_nothing(value):
    """The value without members that are null, which the SDK adds for everything that was not said."""
    if isinstance(value, dict):
        return {key: without_nothing(member) for key, member in value.items() if member is not None}
    return [without_nothing(member) for member in value] if isinstance(value, list) else value


def known(model, value):
    """Nothing is lost on the way through the SDK's model, so it knows every member, and nothing that it demands is missing."""
    read = model().from_map(value)
    read.validate()
    assert without_nothing(read.to_map()) == value, (without_nothing(read.to_map()), value)


class Platform(http.server.BaseHTTPRequestHandler):
    """The runtime API of Lambda, with these events; then nothing more happens."""

    events = []
    answered = threading.Event()

    def do_GET(self):
        if not Platform.events:
            Platform.answered.set()
            threading.Event().wait()
        body = Platform.events.pop(0).encode()
        self.send_response(200)
        headers = {"Lambda-Runtime-Aws-Request-Id": "r-1", "Lambda-Runtime-Deadline-Ms": "99999999999999", "Content-Length": str(len(body))}
        headers |= {"Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def lines_of(bootstrap, langfuse):
    """What the function writes about a good event and a bad one."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Platform.events = [Path("events/lambda-kinesis.json").read_text(), "{}"]
    variables = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "_",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "LANGFUSE_HOST": langfuse,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-emulator",
        "LANGFUSE_SECRET_KEY": "sk-lf-emulator",
    }
    function = subprocess.Popen([bootstrap], env=variables, stdout=subprocess.PIPE, text=True)
    assert Platform.answered.wait(60)
    function.terminate()
    return [json.loads(line) for line in function.communicate()[0].splitlines()]


def flat(line):
    for name, value in line.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{member}", inner) for member, inner in value.items())
        else:
            yield name, value


class Store:
    """The lines as a Logstore whose index is ours: a column for each key of it."""

    def __init__(self, lines):
        self.lines = lines
        keys = load("sls/index.json")["keys"]["message"]["json_keys"]
        types = {"text": "VARCHAR", "long": LONG, "double": "DOUBLE"}
        self.database = duckdb.connect()
        columns = ", ".join(f'"message.{name}" {types[key["type"]]}' for name, key in keys.items())
        self.database.execute(f"CREATE TABLE log (__time__ {LONG}, {columns})")
        for number, line in enumerate(lines):
            row = {f"message.{name}": value for name, value in flat(line) if name in keys} | {"__time__": 1_772_417_400 + number}
            names = ", ".join(f'"{name}"' for name in row)
            self.database.execute(f"INSERT INTO log ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))

    def ask(self, query):
        """The rows of a query, by column: its search before the pipe becomes a condition."""
        search, sql = query.split(" | ", 1)
        condition = re.sub(r"(message\.\w+): (\w+)", r""""\1" = '\2'""", search)
        tree = sqlglot.parse_one(sql, read="presto")
        tree = tree.from_("log").where(condition, dialect="presto")
        # Both want a time there, and SLS takes UNIX seconds.
        text = re.sub(r"STRFTIME\((__time__(?: - __time__ % \d+)?),", r"STRFTIME(make_timestamp((\1) * 1000000),", tree.sql("duckdb"))
        answer = self.database.execute(text)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row)) for row in answer.fetchall()]

    def sum(self, event, field):
        return sum(dict(flat(line)).get(field, 0) for line in self.lines if line.get("event") == event)


def charts():
    return {chart["title"]: chart for chart in load("sls/dashboard.json")["charts"]}


def query_of(chart):
    return chart["search"]["chartQueries"][0]["query"]


def alerts():
    return [json.loads(file.read_text()) for file in sorted((FOLDER / "sls/alerts").iterdir())]


def of_newer_api(alert):
    """The older API of the command line keeps alerts among all jobs, and so wants to know what this is and whether it runs."""
    return {name: member for name, member in alert.items() if name not in ("type", "state")}


class Proxy(http.server.BaseHTTPRequestHandler):
    """Takes every request for itself and answers that all is well."""

    seen = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Proxy.seen.append((self.command, urllib.parse.urlsplit(self.path).path, json.loads(body)))
        self.send_response(200)
        for name, value in {"x-log-requestid": "r", "Content-Type": "application/json", "Content-Length": "2"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_POST

    def log_message(self, *_):
        pass


def check_the_commands_of_the_run_book_send_the_files_as_they_are(_):
    """The lines of docs/operations.md, with the command line's endpoint behind a proxy of ours."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    commands = lambda book: [line.split("   #")[0] for line in Path(book).read_text().splitlines() if "aliyunlog log " in line]
    lines = commands("docs/operations.md")
    assert len(lines) == 3 and lines == commands("docs/operations.zh-CN.md"), lines
    command = f"{Path(sys.executable).with_name('aliyunlog')} log"
    options = "--region-endpoint=http://cn-hangzhou.log.aliyuncs.com --access-id=a --access-key=b"
    script = "\n".join(lines).replace("aliyunlog log", command).replace("target/sls", str(FOLDER / "sls"))
    script = re.sub(r'(\)")', rf"\1 {options}", script)
    with tempfile.TemporaryDirectory() as home:
        variables = {"HOME": home, "PATH": os.environ["PATH"], "http_proxy": f"http://127.0.0.1:{server.server_port}"}
        subprocess.run(["bash", "-euc", script], env=variables, check=True, stdout=subprocess.DEVNULL)
    (put, index_path, index), (_, dashboard_path, dashboard), *rest = Proxy.seen
    assert (put, index_path, dashboard_path) == ("PUT", "/logstores/LOGSTORE/index", "/dashboards")
    assert index["keys"] == load("sls/index.json")["keys"] and dashboard == load("sls/dashboard.json")
    assert [(path, alert) for _, path, alert in rest] == [("/jobs", alert) for alert in alerts()]


def check_the_sdk_of_sls_knows_index_dashboard_and_alerts(_):
    known(models.Index, load("sls/index.json"))
    known(models.Dashboard, load("sls/dashboard.json"))
    for alert in alerts():
        known(models.CreateAlertRequest, of_newer_api(alert))


def check_the_sdk_of_sls_sees_what_it_does_not_know(_):
    alert = of_newer_api(alerts()[0])
    for wrong in ({"displayname": "x"}, {"schedule": {**alert["schedule"], "every": "5m"}}):
        try:
            known(models.CreateAlertRequest, {**alert, **wrong})
        except AssertionError:
            continue
        raise AssertionError(wrong)


def check_every_query_of_sls_runs_and_has_the_columns_that_are_drawn(store):
    for title, chart in charts().items():
        rows = store.ask(query_of(chart))
        assert rows, title
        drawn = chart["display"].get("queryOptionMap", {}).get("A", {})
        columns = [drawn[key] for key in ("xAxisKey", "yAxisKey", "aggField") if key in drawn] + drawn.get("yAxisKeys", [])
        assert set(columns) <= set(rows[0]), (title, columns, rows[0])
    for alert in alerts():
        assert len(store.ask(alert["configuration"]["queryList"][0]["query"])) == 1, alert["name"]


def check_the_figures_of_sls_are_those_of_the_lines(store):
    ask = lambda title: store.ask(query_of(charts()[title]))
    assert ask("calls") == [{"calls": 2}] and ask("failed-calls") == [{"failed": 1}]
    assert ask("read") == [{"read_in": store.sum("report", "ingestLines")}] and store.sum("report", "ingestLines") == 12
    assert ask("delivered") == [{"delivered": 12}]
    [records] = ask("records-over-time")
    assert [records[name] for name in ("read_in", "delivered", "skipped", "dead_letters", "undone")] == [12, 12, 0, 0, 0], records
    found = ask("models")
    assert len(found) == 7 and sum(row["calls"] for row in found) == 11, found
    for column, field in {"input_tokens": "inputTokens", "output_tokens": "outputTokens", "total_tokens": "totalTokens"}.items():
        assert sum(row[column] for row in found) == store.sum("usage", field) > 0, column
    assert abs(ask("cost")[0]["usd"] - store.sum("usage", "costUsd")) < 1e-4 and store.sum("usage", "costUsd") > 0
    [failure] = ask("failures")
    assert (failure["stage"], failure["error_type"], failure["times"]) == ("event", "invalid_event", 1) and failure["what_to_do"]
    assert [row["event"] for row in ask("problems")] == ["failure"]


def check_every_line_of_a_call_carries_its_id_and_trace(store):
    for line in store.lines:
        if line["event"] != "polling":
            assert (line["request_id"], line["trace_id"]) == ("r-1", "1-5759e988-bd862e3fe1be46a994272793"), line


def check_the_sdk_of_grafana_knows_the_dashboard(_):
    register_default_plugins()
    dashboard = load("grafana/dashboard.json")
    read = Dashboard.from_json(dashboard)
    written = json.loads(JSONEncoder(sort_keys=True).encode(read))
    for member in ("uid", "title", "schemaVersion", "refresh", "time", "tags"):
        assert written[member] == dashboard[member], member
    assert len(written["panels"]) == len(dashboard["panels"]) == 16
    for ours, theirs in zip(dashboard["panels"], written["panels"]):
        assert {name: theirs[name] for name in ("id", "type", "title", "gridPos")} == {name: ours[name] for name in ("id", "type", "title", "gridPos")}
        assert [target["expr"] for target in theirs["targets"]] == [target["expr"] for target in ours["targets"]]
        assert all(target["queryType"] in ("range", "instant") for target in theirs["targets"])


def exprs():
    panels = load("grafana/dashboard.json")["panels"]
    of_panels = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = (FOLDER / "grafana/rules.yaml").read_text().split("expr: >-\n")[1:]
    return of_panels + [rule.splitlines()[0].strip() for rule in rules]


def check_grafana_s_parser_takes_every_query_of_loki(_):
    if NPM is None:
        return print("skipped: npm is not here")
    queries = [re.sub(r"\$__(interval|range)", "5m", expr) for expr in exprs()]
    assert len(queries) > 30
    wrong = "sum(count_over_time({job=\"x\"} | json | unwrap [5m])"
    run = ["node", "tests/peers/logql.mjs", str(Path(NPM).resolve())]
    refused = json.loads(subprocess.run(run, input=json.dumps([*queries, wrong]), capture_output=True, text=True, check=True).stdout)
    assert refused == [wrong], refused


NPM = sys.argv[3] if len(sys.argv) > 3 else None
checks.run(globals(), Store(lines_of(sys.argv[2], sys.argv[1])))
