// The client under test for the conformance suite's client scenarios, on the official v2 SDK. The suite appends the
// server's URL, names the scenario and the revision in its MCP_CONFORMANCE_* variables, and passes secrets that a
// scenario needs as MCP_CONFORMANCE_CONTEXT.

import {
    Client,
    ClientCredentialsProvider,
    CrossAppAccessProvider,
    DpopSession,
    PrivateKeyJwtProvider,
    StreamableHTTPClientTransport,
    UnauthorizedError,
    requestJwtAuthorizationGrant
} from '@modelcontextprotocol/client';

const url = new URL(process.argv.at(-1));
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? 'tools_call';
const version = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION ?? '2025-11-25';
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
/** More rounds of authorization than any honest server asks for; the suite wants an end before the fourth. */
const MAX_AUTHORIZATIONS = 2;

/** A person who says yes at once: follows the authorization URL and keeps what the redirect carries. */
class Consent {
    redirectUrl = 'http://localhost:3000/callback';
    clientMetadataUrl = 'https://conformance-test.local/client-metadata.json';
    clientMetadata = {
        client_name: 'mcp-tap fixture client',
        redirect_uris: [this.redirectUrl],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        application_type: 'native'
    };
    callback;
    #clients = new Map();
    #tokens = new Map();
    #lastTokens;
    #verifier;
    #discovery;
    #dpop;

    constructor({ dpop }) {
        this.#dpop = dpop;
        if (context.client_id) {
            const { client_id, client_secret, issuer } = context;
            this.#clients.set(issuer, { client_id, client_secret, issuer });
        }
    }

    dpop() { return this.#dpop; }
    clientInformation(ctx) { return this.#clients.get(ctx?.issuer); }
    saveClientInformation(client, ctx) { this.#clients.set(ctx?.issuer, client); }
    tokens(ctx) { return ctx ? this.#tokens.get(ctx.issuer) : this.#lastTokens; }
    saveTokens(tokens, ctx) {
        this.#tokens.set(ctx?.issuer, tokens);
        this.#lastTokens = tokens;
    }
    saveCodeVerifier(verifier) { this.#verifier = verifier; }
    codeVerifier() { return this.#verifier; }
    saveDiscoveryState(state) { this.#discovery = state; }
    discoveryState() { return this.#discovery; }
    invalidateCredentials(scope) {
        if (scope === 'all' || scope === 'tokens') {
            this.#tokens.clear();
            this.#lastTokens = undefined;
        }
        if (scope === 'all' || scope === 'client') this.#clients.clear();
        if (scope === 'all' || scope === 'discovery') this.#discovery = undefined;
    }
    async redirectToAuthorization(authorizationUrl) {
        const answer = await fetch(authorizationUrl, { redirect: 'manual' });
        this.callback = new URL(answer.headers.get('location'), authorizationUrl).searchParams;
    }
}

async function authProvider() {
    if (!scenario.startsWith('auth/')) return undefined;
    const { client_id: clientId, client_secret: clientSecret } = context;
    switch (scenario) {
        case 'auth/client-credentials-basic':
            return new ClientCredentialsProvider({ clientId, clientSecret });
        case 'auth/client-credentials-jwt':
            return new PrivateKeyJwtProvider({
                clientId,
                privateKey: context.private_key_pem,
                algorithm: context.signing_algorithm
            });
        case 'auth/enterprise-managed-authorization':
            return new CrossAppAccessProvider({ clientId, clientSecret, assertion: identityAssertion });
        default:
            return new Consent({ dpop: scenario.startsWith('auth/dpop') ? await DpopSession.create() : undefined });
    }
}

async function identityAssertion({ authorizationServerUrl, resourceUrl, scope, fetchFn }) {
    const grant = await requestJwtAuthorizationGrant({
        tokenEndpoint: context.idp_token_endpoint,
        audience: authorizationServerUrl,
        resource: resourceUrl,
        idToken: context.idp_id_token,
        clientId: context.idp_client_id,
        scope,
        fetchFn
    });
    return grant.jwtAuthGrant;
}

const auth = await authProvider();
const client = new Client(
    { name: 'mcp-tap-fixture-client', version: '1.0.0' },
    {
        versionNegotiation: { mode: version >= '2026' ? { pin: version } : 'legacy' },
        capabilities: {
            roots: { listChanged: true },
            sampling: {},
            elicitation: { form: { applyDefaults: true } }
        }
    }
);
client.setRequestHandler('elicitation/create', async ({ params }) => ({
    action: 'accept',
    content: params.requestedSchema?.properties?.confirmed ? { confirmed: true } : {}
}));
client.setRequestHandler('roots/list', async () => ({ roots: [] }));
client.setRequestHandler('sampling/createMessage', async () => ({
    role: 'assistant',
    model: 'fixture',
    content: { type: 'text', text: 'A fixed answer' }
}));

let transport;

/** Does `action`; when the server wants authorization first, gets it and does it again. */
async function authorized(action) {
    for (let round = 0; ; round++) {
        try {
            return await action();
        } catch (error) {
            if (!(error instanceof UnauthorizedError) || !auth?.callback || round === MAX_AUTHORIZATIONS) throw error;
            const callback = auth.callback;
            auth.callback = undefined;
            await transport.finishAuth(callback);
            // Next time the resource may name another authorization server: look again.
            auth.invalidateCredentials('discovery');
        }
    }
}

const connect = () =>
    authorized(async () => {
        transport = new StreamableHTTPClientTransport(url, { authProvider: auth });
        await client.connect(transport);
    });

const ACTIONS = {
    async initialize() {
        await client.listTools();
    },
    async tools_call() {
        await client.listTools();
        await client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } });
    },
    'elicitation-sep1034-client-defaults': callAll,
    async 'sse-retry'() {
        await client.listTools();
        await client.callTool({ name: 'test_reconnection', arguments: {} });
    },
    async 'sep-2322-client-request-state'() {
        await client.listTools();
        const call = name => client.callTool({ name, arguments: {} });
        await Promise.all(['test_mrtr_echo_state', 'test_mrtr_unrelated'].map(call));
        await call('test_mrtr_no_state');
        await call('test_mrtr_no_result_type');
    },
    async 'http-standard-headers'() {
        await callAll();
        const { resources } = await client.listResources();
        for (const { uri } of resources) await client.readResource({ uri });
        const { prompts } = await client.listPrompts();
        for (const { name } of prompts) await client.getPrompt({ name });
    },
    async 'http-custom-headers'() {
        await client.listTools();
        for (const call of context.toolCalls) await client.callTool(call);
    },
    'http-invalid-tool-headers': callAll,
    async 'json-schema-2020-12-preservation'() {
        const { tools } = await client.listTools();
        const focal = tools.find(tool => tool.name === 'json_schema_2020_12_tool');
        const echo = tools.find(tool => tool !== focal);
        await client.callTool({ name: echo.name, arguments: { schema: focal.inputSchema } });
    }
};

async function callAll() {
    const { tools } = await authorized(() => client.listTools());
    for (const { name } of tools) await authorized(() => client.callTool({ name, arguments: {} }));
}

try {
    await connect();
    await (ACTIONS[scenario] ?? (auth ? callAll : () => client.listTools()))();
} finally {
    await client.close();
}
