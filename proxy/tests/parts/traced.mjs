// Another script of this folder on an instrumented Node.js: `traced.mjs COLLECTOR SERVICE SCRIPT ARGS…`. The SDKs for
// TypeScript make no spans; what is traced is HTTP, by the header `traceparent`: what the script fetches, and what it
// serves. What the script does hangs under one span `agent`, whose trace is printed. Every span goes to COLLECTOR.

import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { context, propagation, trace } from '@opentelemetry/api';
import { createRequire } from 'node:module';
import { resourceFromAttributes } from '@opentelemetry/resources';

const [, , collector, service, script] = process.argv;
const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new SimpleSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${collector}/v1/traces` }) })]
});
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] });
// The instrumentation of HTTP waits for the module to be asked for in the old way.
createRequire(import.meta.url)('node:http');

process.argv.splice(1, 4, script);
await trace.getTracer('agent').startActiveSpan('agent', async span => {
    console.log(`trace ${span.spanContext().traceId}`);
    await import(`./${script}`);
    span.end();
});
