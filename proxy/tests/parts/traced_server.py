"""server.py's first tools on an instrumented server: `traced_server.py COLLECTOR mcp|http`, on loopback, port in PORT.

`mcp`: the SDK's own spans, whose parents stand in `_meta`. `http`: also those of the HTTP framework, whose parents stand in
the header `traceparent`. Every span goes to COLLECTOR when it ends.
"""

import os
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

COLLECTOR, INSTRUMENTED = sys.argv[1:]
provider = TracerProvider(resource=Resource.create({"service.name": "server"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{COLLECTOR}/v1/traces")))
trace.set_tracer_provider(provider)

server = MCPServer("mcp-tap-traced", version="1.0.0", log_level="WARNING")


@server.tool(structured_output=False)
def repeat(text: str, times: int) -> str:
    """Answers a text as often as asked."""
    return text * times


@server.tool(structured_output=False)
def test_error_handling() -> str:
    """Always fails."""
    raise ValueError("This tool intentionally returns an error for testing")


app = server.streamable_http_app()
if INSTRUMENTED == "http":
    app = OpenTelemetryMiddleware(app, exclude_spans=["receive", "send"])
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
