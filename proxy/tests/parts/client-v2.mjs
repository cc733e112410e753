// A client on the official TypeScript v2 SDK: `client-v2.mjs TARGET legacy|auto|modern|sse PLAN`. The target is an
// address, or a program with its arguments as a JSON list, which is spoken to over standard input and output. Prints one
// JSON object: the answers to the steps of PLAN, how many messages of each method it sent, and how many programs it
// started.

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { ELICITED, counting, countingPrograms, follow, program } from './steps.mjs';

const [target, mode, plan] = process.argv.slice(2);
const sent = {};
const started = countingPrograms(StdioClientTransport, sent);
const negotiation = { legacy: 'legacy', sse: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };
const client = new Client(
    { name: 'typescript-v2', version: '2.4.0' },
    { versionNegotiation: { mode: negotiation[mode] }, capabilities: { elicitation: { form: {} } } }
);
client.setRequestHandler('elicitation/create', async () => ELICITED);

const Transport = mode === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
const transport = target.startsWith('[')
    ? new StdioClientTransport(program(target))
    : new Transport(new URL(target), { fetch: counting(sent) });
await client.connect(transport);
const server = client.getServerVersion();
const version = client.getNegotiatedProtocolVersion();
const answers = await follow(JSON.parse(plan), client, (params, opts) => client.callTool(params, opts));
if (transport.sessionId) await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ server, version, answers, sent, started: started() }));
