// Panels of a dashboard as SVG and HTML; pure. draw-dashboard.mjs asks for the data.
const COLORS = [
  '#73bf69',
  '#f2cc0c',
  '#5794f2',
  '#ff9830',
  '#b877d9',
  '#ff7383',
  '#8ab8ff',
  '#96d98d',
  '#fade2a',
  '#ca95e5',
];
const NAMED = { green: '#56a64b', yellow: '#e0b400', orange: '#e5850b', red: '#e02f44', blue: '#3f7fd5' };
const ROW = 34;
const GAP = 6;

const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const rounded = (value, digits = 3) => String(Number(value.toPrecision(digits)));

function scaled(value, units) {
  const [factor, name] = units.find(([factor]) => Math.abs(value) >= factor) ?? units.at(-1);
  return `${rounded(value / factor)}${name}`;
}

const METRIC = [
  [1e9, ' G'],
  [1e6, ' M'],
  [1e3, ' k'],
  [1, ''],
];
const BYTES = [
  [2 ** 30, ' GiB'],
  [2 ** 20, ' MiB'],
  [2 ** 10, ' KiB'],
  [1, ' B'],
];
const TIMES = [
  [86400, ' d'],
  [3600, ' h'],
  [60, ' min'],
  [1, ' s'],
  [1e-3, ' ms'],
  [1e-6, ' µs'],
];

export function shown(value, unit) {
  if (value === 0) return { percentunit: '0 %', percent: '0 %', s: '0 s' }[unit] ?? '0';
  const small = (units, of) => (Math.abs(of) < 1 ? rounded(of) : scaled(of, units));
  switch (unit) {
    case 'percentunit':
      return `${rounded(value * 100, Math.abs(value) > 0.9 ? 5 : 3)} %`;
    case 'percent':
      return `${rounded(value, 4)} %`;
    case 's':
      return scaled(value, TIMES);
    case 'bytes':
      return small(BYTES, value);
    case 'Bps':
      return `${small(BYTES, value)}/s`;
    case 'currencyUSD':
      return `$${rounded(value)}`;
    case 'reqps':
      return `${small(METRIC, value)} /s`;
    default:
      return small(METRIC, value);
  }
}

const finite = (values) =>
  values.map(([time, value]) => [Number(time), Number(value)]).filter(([, value]) => Number.isFinite(value));
const named = ({ legendFormat = '' }, labels) =>
  legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, name) => labels[name] ?? '').trim() || 'value';

function colorOf(value, { steps }) {
  return NAMED[steps.filter((step) => step.value === null || value >= step.value).at(-1).color] ?? NAMED.blue;
}

const empty = (panel) => `<div class="empty">${escape(panel.fieldConfig.defaults.noValue)}</div>`;

// Round numbers for an axis.
function ticks(least, most) {
  const rough = (most - least) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const all = [];
  for (let tick = Math.ceil(least / step) * step; tick <= most + step / 1e6; tick += step)
    all.push(Number(tick.toPrecision(12)));
  return all;
}

function clock(seconds, span) {
  const text = new Date(seconds * 1000).toISOString();
  return span > 86400 * 2 ? text.slice(5, 10) : text.slice(11, 16);
}

function frame({ start, end }, width, height, [least, most], unit) {
  const left = 62;
  const x = (time) => left + ((time - start) / (end - start)) * (width - left - 8);
  const y = (value) => height - 18 - ((value - least) / (most - least || 1)) * (height - 26);
  const lines = ticks(least, most).map(
    (tick) =>
      `<line x1="${left}" x2="${width - 8}" y1="${y(tick)}" y2="${y(tick)}" class="grid"/>` +
      `<text x="${left - 5}" y="${y(tick) + 4}" text-anchor="end">${shown(tick, unit)}</text>`,
  );
  const times = [0.1, 0.3, 0.5, 0.7, 0.9]
    .map((part) => start + part * (end - start))
    .map(
      (time) =>
        `<text x="${x(time)}" y="${height - 3}" text-anchor="middle">${clock(time, end - start)}</text>`,
    );
  return { x, y, grid: lines.join('') + times.join('') };
}

function stack(series) {
  const sums = new Map();
  return series.map((one) => ({
    ...one,
    base: new Map(one.points.map(([time]) => [time, sums.get(time) ?? 0])),
    points: one.points.map(([time, value]) => {
      const sum = (sums.get(time) ?? 0) + value;
      sums.set(time, sum);
      return [time, sum];
    }),
  }));
}

// A line is broken where samples are missing: a gap is a time without events.
function pieces(points, longest) {
  const all = [];
  for (const point of points) {
    const piece = all.at(-1);
    if (piece && point[0] - piece.at(-1)[0] <= longest) piece.push(point);
    else all.push([point]);
  }
  return all;
}

function timeSeries(panel, answers, range, width, height) {
  const { custom, unit, thresholds, min, max } = panel.fieldConfig.defaults;
  let series = answers.flatMap(({ target, result }) =>
    result.map((one) => ({ name: named(target, one.metric), points: finite(one.values) })),
  );
  series = series.filter(({ points }) => points.length);
  if (!series.length) return empty(panel);
  const legend = series
    .slice(0, 14)
    .map(
      ({ name }, place) =>
        `<span><i style="background:${COLORS[place % COLORS.length]}"></i>${escape(name)}</span>`,
    )
    .join('');
  const stacked = custom.stacking.mode === 'normal';
  if (stacked) series = stack(series);
  const exemplars = answers
    .flatMap(({ exemplars = [] }) => exemplars)
    .flatMap((one) => one.exemplars)
    .map(({ timestamp, value }) => [Number(timestamp), Number(value)])
    .filter(([time, value]) => time >= range.start && value > 0);
  const values = [...series.flatMap(({ points }) => points), ...exemplars].map(([, value]) => value);
  const limits =
    custom.thresholdsStyle.mode === 'off' ? [] : thresholds.steps.filter((step) => step.value !== null);
  let low = Math.min(...values, min ?? Infinity);
  let high = Math.max(
    ...values,
    ...limits.map((step) => step.value).filter((value) => value < Math.max(...values) * 3),
  );
  if (unit !== 'percentunit' || low > high * 0.5)
    low = low > 0 && low > high * 0.8 ? low - (high - low) * 0.1 : Math.min(low, 0);
  if (high === low) high = low + (Math.abs(low) || 1) * 0.5;
  if (max !== undefined && high > max) high = max;
  const legendHeight = 20 * Math.ceil(series.length / Math.max(2, Math.floor(width / 170)));
  const tall = Math.max(60, height - Math.min(legendHeight, 62));
  const { x, y, grid } = frame(range, width, tall, [low, high * 1.02], unit);
  const drawn = series.map(({ name, points, base }, place) => {
    const color = COLORS[place % COLORS.length];
    if (custom.drawStyle === 'points') {
      return points
        .map(
          ([time, value]) =>
            `<circle cx="${x(time).toFixed(1)}" cy="${y(value).toFixed(1)}" r="1.6" fill="${color}"/>`,
        )
        .join('');
    }
    return pieces(points, (range.end - range.start) / 60)
      .map((piece) => {
        const path = piece.map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`);
        const under = base
          ? piece.toReversed().map(([time]) => `${x(time).toFixed(1)},${y(base.get(time)).toFixed(1)}`)
          : [];
        const area = base
          ? `<polygon points="${[...path, ...under].join(' ')}" fill="${color}" fill-opacity="0.35"/>`
          : '';
        const dash = name.startsWith('target') ? ' stroke-dasharray="7 5"' : '';
        return `${area}<polyline points="${path.join(' ')}" fill="none" stroke="${color}" stroke-width="1.5"${dash}/>`;
      })
      .join('');
  });
  const marks = limits
    .filter((step) => step.value <= high && step.value >= low)
    .map(
      (step) =>
        `<line x1="62" x2="${width - 8}" y1="${y(step.value)}" y2="${y(step.value)}" stroke="${NAMED[step.color]}" stroke-dasharray="4 4"/>`,
    );
  const diamonds = exemplars.slice(-80).map(([time, value]) => {
    const [px, py] = [x(time), y(Math.min(value, high))];
    return `<path d="M${px} ${py - 4}l4 4l-4 4l-4 -4z" fill="#3f7fd5" fill-opacity="0.8"/>`;
  });
  return `<svg width="${width}" height="${tall}">${grid}${marks.join('')}${drawn.join('')}${diamonds.join('')}</svg><div class="legend">${legend}</div>`;
}

const current = (answers) =>
  answers
    .flatMap(({ target, result }) =>
      result.map((one) => ({ name: named(target, one.metric), value: Number(one.value[1]) })),
    )
    .filter(({ value }) => Number.isFinite(value));

function stat(panel, answers, _range, width, height) {
  const numbers = current(answers);
  if (!numbers.length) return empty(panel);
  const { unit, thresholds } = panel.fieldConfig.defaults;
  const columns = numbers.length > 6 ? 3 : numbers.length > 3 ? 2 : 1;
  const size = Math.max(
    13,
    Math.min(34, (height / Math.ceil(numbers.length / columns)) * 0.42, (width / columns) * 0.15),
  );
  const cells = numbers.map(
    ({ name, value }) =>
      `<div><small>${escape(numbers.length > 1 ? name : '')}</small>` +
      `<b style="font-size:${size}px;color:${colorOf(value, thresholds)}">${shown(value, unit)}</b></div>`,
  );
  return `<div class="stat" style="grid-template-columns:repeat(${columns},1fr);height:${height}px">${cells.join('')}</div>`;
}

function gauge(panel, answers, _range, width, height) {
  const numbers = current(answers);
  if (!numbers.length) return empty(panel);
  const { unit, thresholds, min = 0, max = 1 } = panel.fieldConfig.defaults;
  const wide = width / numbers.length;
  const radius = Math.min(wide * 0.4, height * 0.55);
  const arc = (part, color) => {
    const angle = Math.PI * (1 - part);
    const [x, y] = [Math.cos(angle) * radius, -Math.sin(angle) * radius];
    return `<path d="M${-radius} 0A${radius} ${radius} 0 0 1 ${x.toFixed(1)} ${y.toFixed(1)}" fill="none" stroke="${color}" stroke-width="${radius * 0.22}"/>`;
  };
  const drawn = numbers.map(({ name, value }, place) => {
    const part = Math.max(0, Math.min(1, (value - min) / (max - min)));
    const color = colorOf(value, thresholds);
    return (
      `<g transform="translate(${wide * (place + 0.5)} ${height * 0.72})">${arc(1, '#e4e5e8')}${arc(part, color)}` +
      `<text text-anchor="middle" y="-4" style="font-size:${Math.min(22, radius * 0.4)}px;fill:${color}">${shown(value, unit)}</text>` +
      `<text text-anchor="middle" y="22">${escape(name)}</text></g>`
    );
  });
  return `<svg width="${width}" height="${height}">${drawn.join('')}</svg>`;
}

function table(panel, answers, _range, _width, height) {
  const organize = panel.transformations.find(({ id }) => id === 'organize').options;
  const rows = new Map();
  const labels = [];
  for (const { target, result } of answers) {
    const column = answers.length === 1 ? 'Value' : `Value #${target.refId}`;
    for (const { metric, value } of result) {
      const kept = Object.entries(metric).filter(([name]) => !organize.excludeByName[name]);
      for (const [name] of kept) if (!labels.includes(name)) labels.push(name);
      const key = JSON.stringify(kept.toSorted());
      rows.set(key, {
        ...rows.get(key),
        ...Object.fromEntries(kept),
        [organize.renameByName[column]]: Number(value[1]),
      });
    }
  }
  if (!rows.size) return empty(panel);
  const columns = answers.map(
    ({ target }) => organize.renameByName[answers.length === 1 ? 'Value' : `Value #${target.refId}`],
  );
  const [sort] = panel.options.sortBy;
  const weight = (row) =>
    Number.isFinite(row[sort.displayName]) ? row[sort.displayName] * (sort.desc ? -1 : 1) : Infinity;
  const sorted = [...rows.values()].toSorted((one, other) => (sort ? weight(one) - weight(other) || 0 : 0));
  const property = (column, id) =>
    panel.fieldConfig.overrides
      .find(({ matcher }) => matcher.options === column)
      ?.properties.find((property) => property.id === id)?.value;
  const cell = (row, column) => {
    const value = row[column];
    if (!Number.isFinite(value)) return '<td class="none">–</td>';
    const steps = property(column, 'thresholds');
    return `<td class="number"${steps ? ` style="color:${colorOf(value, steps)}"` : ''}>${shown(value, property(column, 'unit'))}</td>`;
  };
  const line = (row) =>
    `<tr>${labels.map((name) => `<td>${escape(row[name] ?? '')}</td>`).join('')}${columns.map((column) => cell(row, column)).join('')}</tr>`;
  const head = [...labels.map((name) => organize.renameByName[name] ?? name), ...columns]
    .map((name) => `<th>${escape(name)}</th>`)
    .join('');
  const most = Math.floor((height - 24) / 23);
  return `<table><tr>${head}</tr>${sorted.slice(0, most).map(line).join('')}</table>`;
}

function heatMap(panel, answers, range, width, height) {
  const bound = ({ metric }) => Number(metric.le.replace('+Inf', 'Infinity'));
  const buckets = answers[0].result.toSorted((one, other) => bound(one) - bound(other));
  if (!buckets.length) return empty(panel);
  // Buckets hold all below their bound; a cell is what is between two bounds.
  const cells = buckets.map((bucket, place) => {
    const below = place ? new Map(finite(buckets[place - 1].values)) : new Map();
    return finite(bucket.values).map(([time, value]) => [time, Math.max(0, value - (below.get(time) ?? 0))]);
  });
  const most = Math.max(...cells.flat().map(([, value]) => value), 1e-9);
  const { x, y } = frame(range, width, height, [0, buckets.length], '');
  const tall = y(0) - y(1);
  const wide = Math.max(2, x(range.start + (range.end - range.start) / 60) - x(range.start));
  const seen = cells.map((row) => {
    const columns = new Map();
    for (const [time, value] of row) {
      const column = Math.floor((x(time) - x(range.start)) / wide);
      columns.set(column, Math.max(columns.get(column) ?? 0, value));
    }
    return columns;
  });
  const drawn = seen.flatMap((columns, place) =>
    [...columns]
      .filter(([, value]) => value > 1e-9)
      .map(
        ([column, value]) =>
          `<rect x="${(x(range.start) + column * wide).toFixed(1)}" y="${y(place + 1).toFixed(1)}" width="${wide - 1}" height="${tall - 1}" ` +
          `fill="#e5730b" fill-opacity="${(0.12 + 0.88 * Math.sqrt(value / most)).toFixed(2)}"/>`,
      ),
  );
  const names = buckets.map(
    (bucket, place) =>
      `<text x="57" y="${y(place + 0.5) + 4}" text-anchor="end">${Number.isFinite(bound(bucket)) ? shown(bound(bucket), 's') : '∞'}</text>`,
  );
  return `<svg width="${width}" height="${height}">${names.join('')}${drawn.join('')}</svg>`;
}

const DRAW = { timeseries: timeSeries, stat, gauge, table, heatmap: heatMap };

const STYLE = `
  body { margin: 0; background: #f4f5f5; font: 12px "DejaVu Sans", sans-serif; color: #24292e; }
  header { padding: 10px 12px 4px; } h1 { font-size: 19px; margin: 0 0 3px; } header p { margin: 2px 0; color: #555; }
  main { position: relative; } section, h2 { position: absolute; box-sizing: border-box; overflow: hidden; }
  section { background: #fff; border: 1px solid #dcdee0; border-radius: 3px; padding: 5px 7px; }
  h2 { font-size: 14px; margin: 0; padding: 8px 4px; } h3 { font-size: 12px; margin: 0 0 4px; white-space: nowrap; }
  .empty { color: #888; font-size: 17px; display: grid; place-items: center; height: 75%; }
  svg text { font-size: 10px; fill: #555; } polyline, polygon, rect, line { shape-rendering: crispEdges; } .grid { stroke: #eceef0; }
  .legend { font-size: 10px; line-height: 17px; } .legend span { margin-right: 12px; white-space: nowrap; display: inline-block; }
  .legend i { display: inline-block; width: 12px; height: 3px; margin-right: 4px; vertical-align: middle; }
  .stat { display: grid; align-items: center; justify-items: center; text-align: center; } .stat small { display: block; color: #555; font-size: 10px; }
  table { border-collapse: collapse; width: 100%; font-size: 11px; } th { text-align: left; color: #3f7fd5; } td, th { padding: 3px 8px 3px 4px; border-bottom: 1px solid #eceef0; }
  .none { color: #aaa; }`;

export function page(dashboard, panels, { start, end, width }) {
  const column = width / 24;
  const drawn = panels.map(({ panel, answers }) => {
    const { x, y, w, h } = panel.gridPos;
    const place = `left:${x * column + GAP / 2}px;top:${y * ROW}px;width:${w * column - GAP}px;height:${h * ROW - GAP}px`;
    if (panel.type === 'row') return `<h2 style="${place}">${escape(panel.title)}</h2>`;
    const body = DRAW[panel.type](panel, answers, { start, end }, w * column - GAP - 18, h * ROW - GAP - 34);
    return `<section style="${place}"><h3>${escape(panel.title)}</h3>${body}</section>`;
  });
  const tall = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h)) * ROW;
  return (
    `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><header><h1>${escape(dashboard.title)}</h1>` +
    `<p>${escape(dashboard.description)}</p><p>Drawn from the answers of a real Prometheus to the queries of this dashboard. This is not Grafana.</p></header>` +
    `<main style="height:${tall + 8}px">${drawn.join('')}</main>`
  );
}
