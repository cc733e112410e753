// Makes the pictures of the dashboard guide: node pictures.mjs PROGRAMS-FOLDER PICTURES-FOLDER [SECONDS]
// Starts two simulated MCP servers with mcp-tap before each, agents that use them, and a Prometheus with the rules of
// deploy/prometheus/trial; lets one server fail for a while; draws what the queries of the dashboards answer. Loopback only, ports
// from the system; ends what it started.
import { spawn, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const [programs, pictures, seconds = '480'] = process.argv.slice(2);
const program = (name) => join(resolve(programs), name);
const config = resolve(import.meta.dirname, '../../../deploy/prometheus/trial/tap.yaml');
const folder = await mkdtemp(join(tmpdir(), 'mcp-tap-pictures-'));
const targets = new Map();
const started = [];

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer()
      .on('error', fail)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address();
        server.close(() => done(port));
      });
  });
}

// Starts a program and waits for the line that `pattern` finds something in.
function start(command, argv, pattern) {
  const child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  return new Promise((done, fail) => {
    let text = '';
    const read = (part) => {
      text += part;
      const found = pattern.exec(text);
      if (found) done({ child, found: found[1] });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', fail);
    child.on('exit', (code) => fail(new Error(`${basename(command)} ended with ${code}:\n${text}`)));
    setTimeout(() => fail(new Error(`${basename(command)} is not ready:\n${text}`)), 60_000).unref();
  });
}

// Tells Prometheus whom to scrape.
async function scrape() {
  const groups = [...targets].map(([, target]) => ({ targets: [target], labels: { namespace: 'agents' } }));
  await writeFile(join(folder, 'targets.json'), JSON.stringify(groups));
}

async function server(name, faults, agents, seed, collector) {
  const tap = ['--name', name, '--config', config, '--otlp-endpoint', collector].map(
    (argument) => `--tap-arg=${argument}`,
  );
  const argv = [
    'demo',
    '--any-port',
    '--agents',
    agents,
    '--seed',
    seed,
    '--sim-faults',
    faults,
    '--tap',
    program('mcp-tap'),
    ...tap,
  ];
  const { child, found } = await start(
    program('mcp-loadtest'),
    argv,
    /admin port\s+http:\/\/([\d.:]+)\/metrics/,
  );
  targets.set(child, found);
  await scrape();
  return child;
}

async function end(child) {
  targets.delete(child);
  if (child.exitCode !== null) return;
  const ended = new Promise((done) => child.on('exit', done));
  child.kill('SIGINT');
  await ended;
}

try {
  const command = (...argv) => execFileSync(program('mcp-tap'), [...argv, '--config', config]);
  command('rules', '-o', join(folder, 'rules.yml'));
  command('dashboards', '--output-dir', folder);
  await scrape();
  await writeFile(
    join(folder, 'prometheus.yml'),
    `global: {scrape_interval: 2s, evaluation_interval: 2s}
rule_files: [rules.yml]
scrape_configs: [{job_name: mcp-tap, file_sd_configs: [{files: [targets.json], refresh_interval: 1s}]}]
`,
  );
  const port = await freePort();
  const flags = {
    'config.file': join(folder, 'prometheus.yml'),
    'storage.tsdb.path': join(folder, 'data'),
    'web.listen-address': `127.0.0.1:${port}`,
    'enable-feature': 'exemplar-storage',
  };
  await start(
    'prometheus',
    Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    /Server is ready/,
  );
  const { found: collector } = await start(
    program('mcp-loadtest'),
    ['collector'],
    /(http:\/\/127\.0\.0\.1:\d+)/,
  );
  await server('cluster-tools', 'api_error=0.01,slow=0.03:2s', '6', '1', collector);
  await server('legacy-tools', 'api_error=0.04,slow=0.1:2s', '3', '7', collector);
  // This time passes on purpose: it is what the pictures show. A bad hour of one server is in its middle.
  await wait(Number(seconds) * 450);
  const bad = await server('legacy-tools', 'api_error=0.6,slow=0.4:3s', '5', '3', collector);
  await wait(Number(seconds) * 200);
  await end(bad);
  await scrape();
  await wait(Number(seconds) * 350);
  await mkdir(pictures, { recursive: true });
  for (const name of ['slo', 'error-budget', 'tracing', 'tools']) {
    const argv = [
      join(import.meta.dirname, 'draw-dashboard.mjs'),
      join(folder, `${name}.json`),
      `http://127.0.0.1:${port}`,
      join(pictures, `${name}.png`),
      seconds,
    ];
    console.log(`${name}\n${execFileSync(process.execPath, argv)}`);
  }
} finally {
  for (const child of started.toReversed()) {
    child.removeAllListeners('exit');
    await end(child);
  }
  await rm(folder, { recursive: true, force: true });
}
