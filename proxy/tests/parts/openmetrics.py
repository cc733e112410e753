"""Reads /metrics as OpenMetrics with Prometheus' own Python parser; prints the samples of one family as JSON."""

import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

url, family = sys.argv[1:]
request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text;version=1.0.0"})
with urllib.request.urlopen(request, timeout=10) as answer:
    content_type = answer.headers["Content-Type"]
    if not content_type.startswith("application/openmetrics-text; version=1.0.0"):
        sys.exit(f"the answer is {content_type}")
    # The parser fails on anything that OpenMetrics forbids.
    families = list(text_string_to_metric_families(answer.read().decode()))

samples = [sample for found in families if found.name == family for sample in found.samples]
print(json.dumps([[sample.name, sample.labels, sample.value] for sample in samples]))
