// Preloaded (`node --import`) in front of an unchanged client: starts the proxy named by MCP_TAP before the server
// whose URL is the last argument, and leads every connection to that server's host and port to the proxy instead. The
// client sees the server's own URL, as behind a sidecar: OAuth resource identifiers and `Host` stay what they are.
// TAP_FLAGS is a JSON list of further flags of the proxy.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Agent, buildConnector, setGlobalDispatcher } from 'undici';

const upstream = new URL(process.argv.at(-1));
const proxy = spawn(
    process.env.MCP_TAP,
    ['run', '--upstream', upstream.origin, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-format', 'json'].concat(
        JSON.parse(process.env.TAP_FLAGS ?? '[]')
    ),
    { stdio: ['ignore', 'ignore', 'pipe'] }
);
process.on('exit', () => proxy.kill());

const address = await listening(proxy);
const connect = buildConnector({});
setGlobalDispatcher(
    new Agent({
        connect(options, callback) {
            const { hostname, port } = options;
            const to = hostname === upstream.hostname && port === upstream.port ? address : { hostname, port };
            connect({ ...options, ...to }, callback);
        }
    })
);
proxy.unref();
proxy.stderr.unref();

async function listening({ stderr }) {
    const lines = createInterface({ input: stderr });
    for await (const line of lines) {
        const fields = line.startsWith('{') ? (JSON.parse(line).fields ?? JSON.parse(line)) : {};
        if (fields.message !== 'listening') continue;
        stderr.resume();
        const [hostname, port] = fields.traffic.split(':');
        return { hostname, port };
    }
    throw new Error('the proxy ended before it listened');
}
