// A client on the official TypeScript v2 SDK: `client-v2.mjs URL legacy|auto|modern|sse PLAN`. Prints one JSON object:
// the answers to the steps of PLAN, and how many messages of each method it sent.

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { ELICITED, counting, follow } from './steps.mjs';

const [url, mode, plan] = process.argv.slice(2);
const sent = {};
const negotiation = { legacy: 'legacy', sse: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };
const client = new Client(
    { name: 'typescript-v2', version: '2.4.0' },
    { versionNegotiation: { mode: negotiation[mode] }, capabilities: { elicitation: { form: {} } } }
);
client.setRequestHandler('elicitation/create', async () => ELICITED);

const options = { fetch: counting(sent) };
const transport =
    mode === 'sse'
        ? new SSEClientTransport(new URL(url), options)
        : new StreamableHTTPClientTransport(new URL(url), options);
await client.connect(transport);
const server = client.getServerVersion();
const version = client.getNegotiatedProtocolVersion();
const answers = await follow(JSON.parse(plan), client, (params, opts) => client.callTool(params, opts));
if (transport.sessionId) await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ server, version, answers, sent }));
