// Starts a server by an official TypeScript SDK, and stops it: `start-stop.mjs v1|v2|v2-auto TARGET DIRECTORY`. The
// target is a program with its arguments as a JSON list, to be started in that directory. Prints one JSON object: why
// connecting failed, how many milliseconds closing took, and what came by standard error.

import { program } from './steps.mjs';

const [generation, target, cwd] = process.argv.slice(2);
const [sdk, stdio] =
    generation === 'v1'
        ? ['@modelcontextprotocol/sdk/client/index.js', '@modelcontextprotocol/sdk/client/stdio.js']
        : ['@modelcontextprotocol/client', '@modelcontextprotocol/client/stdio'];
const { Client } = await import(sdk);
const { StdioClientTransport } = await import(stdio);

const options = generation === 'v2-auto' ? { versionNegotiation: { mode: 'auto' } } : {};
const client = new Client({ name: generation, version: '1' }, options);
const transport = new StdioClientTransport({ ...program(target), cwd, env: { GIVEN: 'é 1' }, stderr: 'pipe' });
let said = '';
transport.stderr.setEncoding('utf8').on('data', text => (said += text));
const ended = new Promise(resolve => transport.stderr.once('end', resolve));

let error = null;
try {
    await client.connect(transport);
} catch ({ name, code, message }) {
    error = { name, code, message };
}
const began = performance.now();
await client.close();
const closed = performance.now() - began;
// What still runs may hold it.
await Promise.race([ended, new Promise(resolve => setTimeout(resolve, 2000))]);
console.log(JSON.stringify({ error, closed, said }));
process.exit();
