// A server of both eras on one endpoint, `/mcp`, on loopback: sessions, resumable streams and server-to-client
// requests for 2025 clients, stateless exchanges for 2026-07-28. Prints `listening on PORT` once it accepts.

import { NodeStreamableHTTPServerTransport, localhostHostValidation, localhostOriginValidation, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import { createMcpHandler, isInitializeRequest, isLegacyRequest } from '@modelcontextprotocol/server';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { buildServer } from './fixture-surface.mjs';

/** Keeps the events of one session so that a client can resume a stream it lost. */
class Events {
    #events = [];

    async storeEvent(stream, message) {
        this.#events.push({ stream, message });
        return `${stream}#${this.#events.length - 1}`;
    }

    async getStreamIdForEventId(id) {
        return this.#events[Events.#index(id)]?.stream;
    }

    async replayEventsAfter(id, { send }) {
        const index = Events.#index(id);
        const stream = this.#events[index]?.stream;
        for (const [offset, event] of this.#events.entries()) {
            // Priming events are stored too; they have nothing to replay.
            if (offset > index && event.stream === stream && event.message?.jsonrpc)
                await send(`${stream}#${offset}`, event.message);
        }
        return stream;
    }

    static #index(id) {
        return Number(id.slice(id.lastIndexOf('#') + 1));
    }
}

const modern = createMcpHandler(() => buildServer(modern.notify), { legacy: 'reject' });
const answerModern = toNodeHandler(modern);
const sessions = new Map();

async function openSession() {
    const events = new Events();
    const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        eventStore: events,
        retryInterval: 100,
        onsessioninitialized: id => { sessions.set(id, transport); },
        onsessionclosed: id => { sessions.delete(id); }
    });
    const server = buildServer({
        toolsChanged: () => server.sendToolListChanged(),
        promptsChanged: () => server.sendPromptListChanged()
    });
    await server.connect(transport);
    return transport;
}

async function answerLegacy(req, res, body) {
    const id = req.headers['mcp-session-id'];
    let transport = sessions.get(id);
    if (!transport && id !== undefined) return refuse(res, 404, 'Session not found');
    if (!transport && !isInitializeRequest(body)) return refuse(res, 400, 'Server not initialized');
    transport ??= await openSession();
    await transport.handleRequest(req, res, body);
}

function refuse(res, status, message) {
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: null }));
}

async function readBody(req) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    try {
        return JSON.parse(Buffer.concat(chunks).toString());
    } catch {
        return undefined;
    }
}

const validHost = localhostHostValidation();
const validOrigin = localhostOriginValidation();

const http = createServer(async (req, res) => {
    if (!validHost(req, res) || !validOrigin(req, res)) return;
    if (new URL(req.url, 'http://localhost').pathname !== '/mcp') return refuse(res, 404, 'Not found');
    try {
        const body = req.method === 'POST' ? await readBody(req) : undefined;
        if (req.method === 'POST' && body === undefined) {
            res.writeHead(400, { 'content-type': 'application/json' });
            return res.end('{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}');
        }
        const legacy = await isLegacyRequest(await toWebRequest(req, body), body);
        await (legacy ? answerLegacy(req, res, body) : answerModern(req, res, body));
    } catch (error) {
        console.error(error);
        if (!res.headersSent) refuse(res, 500, 'Internal error');
    }
});
http.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
    console.log(`listening on ${http.address().port}`);
});
