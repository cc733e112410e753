// A client on the official TypeScript v2 SDK over standard input and output: `client-v2.mjs PROGRAM legacy|auto|modern
// PLAN`. Prints one JSON object: the answers to the steps of PLAN.

import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { follow } from '../../../proxy/tests/parts/steps.mjs';

const [command, mode, plan] = process.argv.slice(2);
const negotiation = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };
const client = new Client(
    { name: 'typescript-v2', version: '2.4.0' },
    { versionNegotiation: { mode: negotiation[mode] } }
);
await client.connect(new StdioClientTransport({ command, args: ['--stdio', '--sim-latency', 'off'] }));
const server = client.getServerVersion();
const version = client.getNegotiatedProtocolVersion();
const answers = await follow(JSON.parse(plan), client, (params, opts) => client.callTool(params, opts));
await client.close();
console.log(JSON.stringify({ server, version, answers }));
