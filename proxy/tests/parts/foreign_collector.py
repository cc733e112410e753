"""Other makers' OTLP receivers: `foreign_collector.py COUNT http/protobuf|grpc`, on loopback, port in PORT.

HTTP/protobuf is oteltap; gRPC is the official service on the gRPC of C and Python. Waits for COUNT spans and prints them as
they are given back, as one JSON list.
"""

import asyncio
import json
import os
import sys

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

COUNT, PROTOCOL = int(sys.argv[1]), sys.argv[2]
ADDRESS = f"127.0.0.1:{os.environ['PORT']}"


def shown(span: Span) -> dict:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_span_id.hex(),
        "name": span.name,
        "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        "status": Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        "nanos": span.end_time_unix_nano - span.start_time_unix_nano,
        "events": [event.name for event in span.events],
        "attributes": {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes},
    }


class Service(TraceServiceServicer):
    """Hands each span to `take`."""

    def __init__(self, take) -> None:
        self.take = take

    async def Export(self, request, context) -> ExportTraceServiceResponse:
        for of_resource in request.resource_spans:
            for of_scope in of_resource.scope_spans:
                for span in of_scope.spans:
                    self.take(span)
        return ExportTraceServiceResponse()


async def over_grpc() -> list:
    spans = []
    whole = asyncio.Event()

    def take(span: Span) -> None:
        spans.append(shown(span))
        if len(spans) == COUNT:
            whole.set()

    server = grpc.aio.server()
    add_TraceServiceServicer_to_server(Service(take), server)
    server.add_insecure_port(ADDRESS)
    await server.start()
    print("listening", flush=True)
    await asyncio.wait_for(whole.wait(), timeout=60)
    await server.stop(grace=5)
    return spans


async def over_http() -> list:
    spans = []

    def last(span: Span) -> bool:
        spans.append(shown(span))
        return len(spans) == COUNT

    settings = OtelTapHttpProtobufReceiverSettings(http_port=int(os.environ["PORT"]))
    async with OtelTapHttpProtobufReceiver(settings) as receiver:
        # It asks for each span that comes, and keeps none that came before.
        waiting = asyncio.create_task(receiver.await_trace(last, timeout=60))
        await asyncio.sleep(0)
        print("listening", flush=True)
        await waiting
    return spans


print(json.dumps(asyncio.run(over_grpc() if PROTOCOL == "grpc" else over_http())))
