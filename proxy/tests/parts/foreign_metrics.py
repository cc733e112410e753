"""The official messages and gRPC of Python as a receiver of metrics: `foreign_metrics.py http/protobuf|grpc`, on loopback, port in PORT.

Takes one request and prints its samples as a scrape names them: a JSON list of [name, labels, value as text].
"""

import http.server
import json
import os
import sys
import threading
from concurrent import futures

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)

PORT = int(os.environ["PORT"])
came = threading.Event()
taken = []


def samples(request):
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    labels = {one.key: one.value.string_value for one in point.attributes}
                    yield from shown(metric.name, kind, labels, point)


def shown(name, kind, labels, point):
    if kind in ("sum", "gauge"):
        yield name, labels, getattr(point, point.WhichOneof("value"))
    elif kind == "histogram":
        below = 0
        for bound, count in zip([*point.explicit_bounds, float("inf")], point.bucket_counts, strict=True):
            below += count
            yield f"{name}_bucket", {**labels, "le": repr(bound)}, below
        yield f"{name}_sum", labels, point.sum
        yield f"{name}_count", labels, point.count
    elif kind == "summary":
        for at in point.quantile_values:
            yield name, {**labels, "quantile": repr(at.quantile)}, at.value
        yield f"{name}_sum", labels, point.sum
        yield f"{name}_count", labels, point.count
    else:
        raise ValueError(f"{name} is a {kind}")


def take(request):
    taken.append(request)
    came.set()


class Service(MetricsServiceServicer):
    def Export(self, request, context):
        take(request)
        return ExportMetricsServiceResponse()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == "/v1/metrics", self.path
        body = self.rfile.read(int(self.headers["content-length"]))
        take(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


if sys.argv[1] == "grpc":
    server = grpc.server(futures.ThreadPoolExecutor(1))
    add_MetricsServiceServicer_to_server(Service(), server)
    server.add_insecure_port(f"127.0.0.1:{PORT}")
    server.start()
    stop = lambda: server.stop(5).wait()
else:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop = server.shutdown
print("listening", flush=True)
assert came.wait(60), "no request came"
stop()
print(json.dumps([[name, labels, repr(float(value))] for name, labels, value in samples(taken[0])]))
