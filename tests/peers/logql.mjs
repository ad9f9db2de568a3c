// Reads queries, a JSON array of texts, from stdin and writes those that Grafana's parser of LogQL does not take, as a JSON array.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { parser } = createRequire(process.argv[2] + "/")("@grafana/lezer-logql");

function isWhole(query) {
  let whole = true;
  parser.parse(query).iterate({ enter: (node) => { whole &&= !node.type.isError; } });
  return whole;
}

const queries = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(queries.filter((query) => !isWhole(query))));
