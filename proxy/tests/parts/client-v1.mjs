// A client on the official TypeScript v1 SDK: `client-v1.mjs URL http|sse PLAN`. Prints what client-v2.mjs prints.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { ELICITED, counting, follow } from './steps.mjs';

const [url, mode, plan] = process.argv.slice(2);
const sent = {};
const client = new Client(
    { name: 'typescript-v1', version: '1.32.2' },
    { capabilities: { elicitation: { form: {} } } }
);
client.setRequestHandler(ElicitRequestSchema, async () => ELICITED);

const Transport = mode === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
const transport = new Transport(new URL(url), { fetch: counting(sent) });
await client.connect(transport);
const server = client.getServerVersion();
const answers = await follow(JSON.parse(plan), client, (params, opts) => client.callTool(params, undefined, opts));
if (transport.sessionId) await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ server, version: transport.protocolVersion ?? null, answers, sent }));
