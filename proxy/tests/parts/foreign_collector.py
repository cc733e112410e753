"""Another maker's OTLP receiver (oteltap): `foreign_collector.py COUNT`, HTTP/protobuf on loopback, port in PORT.

Waits for COUNT spans and prints them as it gives them back, as one JSON list.
"""

import asyncio
import json
import os
import sys

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

COUNT = int(sys.argv[1])


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


async def main() -> None:
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
    print(json.dumps(spans))


asyncio.run(main())
