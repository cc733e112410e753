"""Reads OpenMetrics with Prometheus' own Python parser, from a URL or (`-`) from standard input; prints the samples of
one family as JSON, each with the labels of its exemplar if it has one."""

import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

url, family = sys.argv[1:]
if url == "-":
    text = sys.stdin.buffer.read().decode()
else:
    request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        content_type = answer.headers["Content-Type"]
        if not content_type.startswith("application/openmetrics-text; version=1.0.0"):
            sys.exit(f"the answer is {content_type}")
        text = answer.read().decode()

# The parser fails on anything that OpenMetrics forbids.
families = list(text_string_to_metric_families(text))

samples = [sample for found in families if found.name == family for sample in found.samples]
rows = [[sample.name, sample.labels, sample.value, sample.exemplar and sample.exemplar.labels] for sample in samples]
print(json.dumps(rows))
