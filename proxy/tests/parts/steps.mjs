// What the TypeScript clients do: the steps of a plan, one after another, on a client of either SDK generation.

const steps = {
    list_tools: client => client.listTools(),
    list_prompts: client => client.listPrompts(),
    list_resources: client => client.listResources(),
    call: (client, { name, arguments: args }, call) => call({ name, arguments: args }),
    prompt: (client, { name, arguments: args }) => client.getPrompt({ name, arguments: args }),
    read: (client, { uri }) => client.readResource({ uri }),
    ping: client => client.ping(),
    async progress(client, { name, arguments: args, loose }, call) {
        const reports = [];
        const result = await call({ name, arguments: args }, { onprogress: report => reports.push(report) });
        // The server may report on another stream than it answers on: then it is chance which reports come in time.
        return loose ? { result } : { reports, result };
    },
    /** Gives up at the second report of progress: then the call is surely under way. */
    async cancel(client, { name, arguments: args }, call) {
        const abort = new AbortController();
        let reports = 0;
        const onprogress = () => {
            if (++reports === 2) abort.abort('enough');
        };
        return call({ name, arguments: args }, { signal: abort.signal, onprogress });
    },
    together: (client, { calls }, call) =>
        Promise.all(calls.map(({ name, arguments: args }) => call({ name, arguments: args })))
};

/** Does every step and keeps its answer; an error is an answer too. */
export async function follow(plan, client, call) {
    const answers = [];
    for (const step of plan) {
        try {
            answers.push({ result: await steps[step.do](client, step, call) });
        } catch (error) {
            answers.push({ error: { name: error.name, code: error.code, message: error.message } });
        }
    }
    return answers;
}

/** A `fetch` that counts the JSON-RPC methods it sends, in `sent`. */
export function counting(sent) {
    return (url, init) => {
        if (typeof init?.body === 'string') count(JSON.parse(init.body), sent);
        return fetch(url, init);
    };
}

/**
 * Has a class of transports count what its instances send, in `sent`, and how many programs they start, which it gives
 * when called. It is the class that is changed: client-v2 starts programs of its own to ask which revisions they speak,
 * and does so only by exactly this class.
 */
export function countingPrograms(Transport, sent) {
    const { send, start } = Transport.prototype;
    let started = 0;
    Transport.prototype.send = function (message, ...rest) {
        count(message, sent);
        return send.call(this, message, ...rest);
    };
    Transport.prototype.start = function () {
        started++;
        return start.call(this);
    };
    return () => started;
}

function count(messages, sent) {
    for (const message of [messages].flat()) {
        const method = message.method ?? 'answer';
        sent[method] = (sent[method] ?? 0) + 1;
    }
}

/** A program with its arguments as a JSON list, as transports want to have it. */
export function program(target) {
    const [command, ...args] = JSON.parse(target);
    return { command, args };
}

/** What the fixture server's questions are answered with. */
export const ELICITED = { action: 'accept', content: { username: 'tester', email: 'tester@example.org' } };
