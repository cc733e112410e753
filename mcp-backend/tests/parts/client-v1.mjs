// A client on the official TypeScript v1 SDK over standard input and output: `client-v1.mjs PROGRAM stdio PLAN`. Prints
// what client-v2.mjs prints.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { follow } from '../../../proxy/tests/parts/steps.mjs';

const [command, , plan] = process.argv.slice(2);
const client = new Client({ name: 'typescript-v1', version: '1.32.2' });
await client.connect(new StdioClientTransport({ command, args: ['--stdio', '--sim-latency', 'off'] }));
const server = client.getServerVersion();
const answers = await follow(JSON.parse(plan), client, (params, opts) => client.callTool(params, undefined, opts));
await client.close();
console.log(JSON.stringify({ server, version: null, answers }));
