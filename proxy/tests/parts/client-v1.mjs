// A client on the official TypeScript v1 SDK: `client-v1.mjs TARGET http|sse|stdio PLAN`. Takes the targets that
// client-v2.mjs takes, and prints what it prints.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { ELICITED, counting, countingPrograms, follow, program } from './steps.mjs';

const [target, mode, plan] = process.argv.slice(2);
const sent = {};
const started = countingPrograms(StdioClientTransport, sent);
const client = new Client(
    { name: 'typescript-v1', version: '1.32.2' },
    { capabilities: { elicitation: { form: {} } } }
);
client.setRequestHandler(ElicitRequestSchema, async () => ELICITED);

const Transport = mode === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
const transport = target.startsWith('[')
    ? new StdioClientTransport(program(target))
    : new Transport(new URL(target), { fetch: counting(sent) });
await client.connect(transport);
const server = client.getServerVersion();
const answers = await follow(JSON.parse(plan), client, (params, opts) => client.callTool(params, undefined, opts));
if (transport.sessionId) await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ server, version: transport.protocolVersion ?? null, answers, sent, started: started() }));
