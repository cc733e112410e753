// What the fixture server offers: the tools, prompts and resources that the conformance suite calls by name, and a few
// more for our own client tests. One definition serves both eras: input from the client is asked for by
// `inputRequired`, which the SDK turns into server-to-client requests for 2025 clients.

import {
    McpServer,
    ResourceTemplate,
    acceptedContent,
    completable,
    createRequestStateCodec,
    fromJsonSchema,
    inputRequired,
    inputResponse
} from '@modelcontextprotocol/server';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
// One red pixel, and a WAV header without samples.
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';

const stateCodec = createRequestStateCodec({ key: randomBytes(32) });

const text = value => ({ content: [{ type: 'text', text: value }] });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const embedded = (uri, mimeType, value) => ({ type: 'resource', resource: { uri, mimeType, text: value } });
const form = (properties, required = Object.keys(properties)) => ({ type: 'object', properties, required });
const question = (message, properties) =>
    inputRequired.elicit({ message, requestedSchema: form(properties) });
const sampling = (prompt, maxTokens) =>
    inputRequired.createMessage({
        messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
        maxTokens
    });

/** A server for one session (2025) or one request (2026); `changed` tells open streams that a list changed. */
export function buildServer(changed) {
    const server = new McpServer(
        { name: 'mcp-tap-fixture', version: '1.0.0' },
        {
            capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } },
            requestState: { verify: stateCodec.verify }
        }
    );
    contentTools(server);
    timedTools(server);
    askingTools(server);
    statefulTools(server);
    changeTools(server, changed);
    schemaTools(server);
    prompts(server);
    resources(server);
    return server;
}

function contentTools(server) {
    const plain = (name, description, result) =>
        server.registerTool(name, { description }, async () => result);
    // First in the list on purpose: the suite calls the first tool it finds without arguments.
    plain('test_simple_text', 'Answers one text', text('This is a simple text response for testing.'));
    plain('test_image_content', 'Answers one image', { content: [image] });
    plain('test_audio_content', 'Answers one sound', {
        content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }]
    });
    plain('test_embedded_resource', 'Answers one embedded resource', {
        content: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')]
    });
    plain('test_multiple_content_types', 'Answers text, image and resource', {
        content: [
            { type: 'text', text: 'Multiple content types test:' },
            image,
            embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}')
        ]
    });
    server.registerTool('test_error_handling', { description: 'Always fails' }, async () => {
        throw new Error('This tool intentionally returns an error for testing');
    });
    server.registerTool(
        'add',
        {
            description: 'Adds two numbers; answers structured content too',
            inputSchema: z.object({ a: z.number(), b: z.number() }),
            outputSchema: z.object({ sum: z.number() })
        },
        async ({ a, b }) => ({ ...text(String(a + b)), structuredContent: { sum: a + b } })
    );
    server.registerTool(
        'repeat',
        {
            description: 'Answers a text as often as asked',
            inputSchema: z.object({ text: z.string(), times: z.number().int().min(0).max(1_000_000) })
        },
        async args => text(args.text.repeat(args.times))
    );
}

function timedTools(server) {
    const progress = async (ctx, done, total) => {
        const progressToken = ctx.mcpReq._meta?.progressToken;
        if (progressToken === undefined) return;
        await ctx.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress: done, total }
        });
    };
    server.registerTool('test_tool_with_progress', { description: 'Reports 0, 50 and 100 %' }, async ctx => {
        await progress(ctx, 0, 100);
        await sleep(50);
        await progress(ctx, 50, 100);
        await sleep(50);
        await progress(ctx, 100, 100);
        return text('Done after three reports of progress');
    });
    server.registerTool(
        'slow',
        {
            description: 'Reports each step; ends early, without an answer, when cancelled',
            inputSchema: z.object({ steps: z.number().int().max(10_000), millis: z.number().int() })
        },
        async ({ steps, millis }, ctx) => {
            for (let step = 1; step <= steps; step++) {
                await progress(ctx, step, steps);
                // Also after the last one: clients drop reports that they read together with the answer.
                await sleep(millis, undefined, { signal: ctx.mcpReq.signal });
            }
            return text(`${steps} steps done`);
        }
    );
    server.registerTool('test_tool_with_logging', { description: 'Logs three times' }, async ctx => {
        await ctx.mcpReq.log('info', 'Tool execution started');
        await sleep(50);
        await ctx.mcpReq.log('info', 'Tool processing data');
        await sleep(50);
        await ctx.mcpReq.log('info', 'Tool execution completed');
        return text('Logged three messages');
    });
    server.registerTool('test_logging_tool', { description: 'Logs once, if that was asked for' }, async ctx => {
        await ctx.mcpReq.log('info', 'A message for those who want it');
        return text('Logged one message');
    });
    server.registerTool('test_reconnection', { description: 'Closes its stream before it answers' }, async ctx => {
        ctx.http?.closeSSE?.();
        await sleep(100);
        return text('Answered after the stream was closed');
    });
}

/** Tools that ask the client one thing and say what it answered. */
function askingTools(server) {
    const asking = (name, description, inputSchema, key, ask, say) =>
        server.registerTool(name, { description, ...(inputSchema && { inputSchema }) }, async (...args) => {
            const ctx = args.at(-1);
            const answer = inputResponse(ctx.mcpReq.inputResponses, key);
            if (answer.kind === 'missing') return inputRequired({ inputRequests: { [key]: ask(args[0]) } });
            return text(say(answer));
        });
    const elicited = ({ action, content }) =>
        `Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`;
    const sampled = ({ result }) => `LLM response: ${[result.content].flat().map(part => part.text).join('')}`;

    asking('test_sampling', 'Asks the model', z.object({ prompt: z.string() }), 'reply',
        ({ prompt }) => sampling(prompt, 100), sampled);
    asking('test_elicitation', 'Asks the user', z.object({ message: z.string() }), 'user',
        ({ message }) => question(message, {
            username: { type: 'string', description: "User's response" },
            email: { type: 'string', description: "User's email address" }
        }),
        ({ action, content }) => `User response: action=${action}, content=${JSON.stringify(content ?? {})}`);
    asking('test_elicitation_sep1034_defaults', 'Asks with defaults', undefined, 'form',
        () => inputRequired.elicit({ message: 'Check these values', requestedSchema: DEFAULTS_FORM }), elicited);
    asking('test_elicitation_sep1330_enums', 'Asks with choices', undefined, 'form',
        () => inputRequired.elicit({ message: 'Choose', requestedSchema: ENUMS_FORM }), elicited);
    asking('test_streaming_elicitation', 'Asks on a stream', undefined, 'confirm',
        () => question('Go on?', { confirm: { type: 'boolean' } }), elicited);

    asking('test_input_required_result_sampling', 'Asks the model', undefined, 'capital_question',
        () => sampling('What is the capital of France?', 100), sampled);
    asking('test_input_required_result_list_roots', 'Asks for roots', undefined, 'client_roots',
        () => inputRequired.listRoots(), ({ roots }) => `Roots: ${roots.map(root => root.uri).join(', ')}`);
    const nameSchema = z.object({ name: z.string() });
    server.registerTool(
        'test_input_required_result_elicitation',
        { description: 'Asks for a name until it gets one' },
        async ctx => {
            const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', nameSchema);
            if (answer) return text(`Hello, ${answer.name}!`);
            const user_name = question('What is your name?', { name: { type: 'string' } });
            return inputRequired({ inputRequests: { user_name } });
        }
    );
    server.registerTool(
        'test_input_required_result_capabilities',
        { description: 'Asks only what the client can answer' },
        async ctx => {
            if (ctx.mcpReq.inputResponses) return text('Answered');
            const can = ctx.mcpReq.envelope?.[CAPABILITIES] ?? {};
            return inputRequired({
                inputRequests: {
                    ...(can.sampling && { model: sampling('Say hello', 50) }),
                    ...(can.elicitation && { user: question('Your name?', { name: { type: 'string' } }) })
                }
            });
        }
    );
    // Nothing to say for itself: the SDK refuses the question when the client cannot sample.
    asking('test_missing_capability', 'Needs the sampling capability', undefined, 'reply',
        () => sampling('Say hello', 50), sampled);
}

/** Tools whose rounds are tied together by a signed `requestState`. */
function statefulTools(server) {
    const rounds = (name, description, asks, done) =>
        server.registerTool(name, { description }, async ctx => {
            const round = ctx.mcpReq.requestState()?.round ?? 0;
            if (round >= asks.length) return text(done);
            return inputRequired({
                inputRequests: asks[round](),
                requestState: await stateCodec.mint({ round: round + 1 })
            });
        });
    const confirm = () => ({ confirm: question('Please confirm', { ok: { type: 'boolean' } }) });
    rounds('test_input_required_result_request_state', 'One round with state', [confirm], 'state-ok');
    rounds('test_input_required_result_tampered_state', 'One round with signed state', [confirm], 'state-ok');
    rounds('test_input_required_result_multiple_inputs', 'Three questions at once', [() => ({
        user_name: question('What is your name?', { name: { type: 'string' } }),
        greeting: sampling('Generate a greeting', 50),
        client_roots: inputRequired.listRoots()
    })], 'All three answered');
    rounds('test_input_required_result_multi_round', 'Two rounds', [
        () => ({ step1: question('Step 1: What is your name?', { name: { type: 'string' } }) }),
        () => ({ step2: question('Step 2: What is your favorite color?', { color: { type: 'string' } }) })
    ], 'Both rounds done');
}

function changeTools(server, changed) {
    server.registerTool('test_trigger_tool_change', { description: 'Says that the tools changed' }, async () => {
        changed.toolsChanged();
        return text('Told');
    });
    server.registerTool('test_trigger_prompt_change', { description: 'Says that the prompts changed' }, async () => {
        changed.promptsChanged();
        return text('Told');
    });
}

function schemaTools(server) {
    server.registerTool(
        'json_schema_2020_12_tool',
        { description: 'Has a schema of many keywords', inputSchema: fromJsonSchema(RICH_SCHEMA) },
        async args => text(JSON.stringify(args))
    );
    server.registerTool(
        'test_custom_headers',
        {
            description: 'Has an argument that is mirrored into a header',
            inputSchema: fromJsonSchema({
                type: 'object',
                properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, query: { type: 'string' } },
                required: ['region']
            })
        },
        async ({ region }) => text(`Region: ${region}`)
    );
}

function prompts(server) {
    const user = content => ({ role: 'user', content });
    const say = value => user({ type: 'text', text: value });
    server.registerPrompt('test_simple_prompt', { description: 'No arguments' }, async () => ({
        messages: [say('This is a simple prompt for testing.')]
    }));
    const words = completable(z.string().describe('First test argument'), start =>
        ['paris', 'park', 'party', 'test'].filter(word => word.startsWith(start))
    );
    server.registerPrompt(
        'test_prompt_with_arguments',
        {
            description: 'Two arguments',
            argsSchema: z.object({ arg1: words, arg2: z.string().describe('Second test argument') })
        },
        async ({ arg1, arg2 }) => ({ messages: [say(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] })
    );
    server.registerPrompt(
        'test_prompt_with_embedded_resource',
        { description: 'Embeds a resource', argsSchema: z.object({ resourceUri: z.string() }) },
        async ({ resourceUri }) => ({
            messages: [
                user(embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
                say('Please process the embedded resource above.')
            ]
        })
    );
    server.registerPrompt('test_prompt_with_image', { description: 'Holds an image' }, async () => ({
        messages: [user(image), say('Please analyze the image above.')]
    }));
    server.registerPrompt('test_input_required_result_prompt', { description: 'Asks first' }, async ctx => {
        const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_context');
        if (answer) return { messages: [say(`Context: ${answer.context}`)] };
        const user_context = question('What context should the prompt use?', { context: { type: 'string' } });
        return inputRequired({ inputRequests: { user_context } });
    });
}

function resources(server) {
    const fixed = (name, uri, mimeType, body) =>
        server.registerResource(name, uri, { description: name, mimeType }, async () => ({
            contents: [{ uri, mimeType, ...body }]
        }));
    fixed('Static text', 'test://static-text', 'text/plain', {
        text: 'This is the content of the static text resource.'
    });
    fixed('Static binary', 'test://static-binary', 'image/png', { blob: PNG });
    fixed('Watched resource', 'test://watched-resource', 'text/plain', { text: 'Nothing new' });
    server.registerResource(
        'Template',
        new ResourceTemplate('test://template/{id}/data', { list: undefined }),
        { description: 'Data by id', mimeType: 'application/json' },
        async (uri, { id }) => ({
            contents: [{
                uri: uri.href,
                mimeType: 'application/json',
                text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` })
            }]
        })
    );
    server.server.setRequestHandler('resources/subscribe', async () => ({}));
    server.server.setRequestHandler('resources/unsubscribe', async () => ({}));
}

const DEFAULTS_FORM = form({
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true }
}, []);

const options = ['option1', 'option2', 'option3'];
const titled = (...names) => names.map((title, index) => ({ const: `value${index + 1}`, title }));
const ENUMS_FORM = form({
    untitledSingle: { type: 'string', enum: options },
    titledSingle: { type: 'string', oneOf: titled('First Option', 'Second Option', 'Third Option') },
    legacyEnum: {
        type: 'string',
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three']
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
    titledMulti: { type: 'array', items: { anyOf: titled('First Choice', 'Second Choice', 'Third Choice') } }
}, []);

const RICH_SCHEMA = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: {
        address: {
            $anchor: 'addressDef',
            type: 'object',
            properties: { street: { type: 'string' }, city: { type: 'string' } }
        }
    },
    properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' }
    },
    allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
    if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
    then: { required: ['phone'] },
    else: { required: ['email'] },
    additionalProperties: false
};
