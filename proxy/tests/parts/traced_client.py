"""An instrumented client on the official Python SDK: `traced_client.py URL legacy|modern COLLECTOR`.

Lists the tools, calls one well and one that fails, all under one span `agent`; every span goes to COLLECTOR. The SDK
puts the context of its spans into `_meta` of each request. Prints the id of the trace.
"""

import sys

import anyio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

URL, MODE, COLLECTOR = sys.argv[1:]
provider = TracerProvider(resource=Resource.create({"service.name": "client"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{COLLECTOR}/v1/traces")))
trace.set_tracer_provider(provider)


async def main() -> None:
    mode = {"modern": "2026-07-28"}.get(MODE, MODE)
    with trace.get_tracer("agent").start_as_current_span("agent") as agent:
        async with Client(streamable_http_client(URL), mode=mode) as client:
            await client.list_tools()
            await client.call_tool("repeat", {"text": "ab", "times": 2})
            failed = await client.call_tool("test_error_handling", {})
            assert failed.is_error
    print(f"trace {agent.get_span_context().trace_id:032x}")


anyio.run(main)
provider.shutdown()
