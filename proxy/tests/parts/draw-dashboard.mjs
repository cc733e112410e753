// Draws a dashboard: node draw-dashboard.mjs DASHBOARD.json PROMETHEUS-URL PICTURE.png [SECONDS]
// Asks a real Prometheus every query of the dashboard and draws the answers as plain SVG in the dashboard's layout. It is
// no Grafana: it shows what the queries answer. SECONDS is the shown time (default 1800). Prints the panels without data.
import { readFile, writeFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { page } from './draw-panels.mjs';

const [file, prometheus, picture, span = '1800'] = process.argv.slice(2);
const POINTS = 240;
const WIDTH = 1560;
// Pictures are checked in.
const MOST_BYTES = 300_000;

const end = Math.floor(Date.now() / 1000);
const start = end - Number(span);
const step = Math.max(1, Math.ceil(Number(span) / POINTS));
// As Grafana: at least four scrapes, or one step and a scrape.
const rateInterval = `${Math.max(Number(process.env.RATE_INTERVAL ?? 20), step)}s`;
const variables = {
  $__rate_interval: rateInterval,
  $__range: `${span}s`,
  $namespace: '.*',
  $mcp_server: '.*',
  $slo: '.*',
  $tool_name: '.*',
};

const filled = (expr) =>
  Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(name, value), expr);

async function ask(path, parameters) {
  const url = new URL(`api/v1/${path}`, `${prometheus.replace(/\/$/, '')}/`);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const answer = await (await fetch(url)).json();
  if (answer.status !== 'success') throw new Error(`${answer.error}: ${parameters.query}`);
  return answer.data;
}

async function answer(target) {
  const query = filled(target.expr);
  if (target.instant) return { target, result: (await ask('query', { query, time: end })).result };
  const { result } = await ask('query_range', { query, start, end, step });
  const exemplars = target.exemplar
    ? await ask('query_exemplars', { query, start, end }).catch(() => [])
    : [];
  return { target, result, exemplars };
}

const dashboard = JSON.parse(await readFile(file, 'utf8'));
const panels = [];
for (const panel of dashboard.panels) {
  panels.push({ panel, answers: await Promise.all((panel.targets ?? []).map(answer)) });
}
for (const { panel, answers } of panels) {
  if (panel.type !== 'row' && answers.every(({ result }) => !result.length))
    console.log(`no data: ${panel.title}`);
}

// A container's user is root, whom the browser's sandbox does not take; the page holds nothing but our own text.
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-lcd-text'],
});
try {
  const drawn = page(dashboard, panels, { start, end, width: WIDTH });
  for (const deviceScaleFactor of [1, 0.85, 0.7, 0.6, 0.5]) {
    const tab = await browser.newPage({ viewport: { width: WIDTH, height: 800 }, deviceScaleFactor });
    await tab.setContent(drawn);
    const image = await tab.screenshot({ fullPage: true });
    await writeFile(picture, image);
    if (image.length < MOST_BYTES) break;
  }
} finally {
  await browser.close();
}
