// Shows what /status/events tells: numbers, plots of the last two minutes, and two tables. Texts go in as texts, never as HTML.

const WINDOW_SECONDS = 120;
/** Snapshots come once a second; between two that are further apart no line is drawn. */
const GAP_SECONDS = 3;
const STALE_MS = 3_000;
/** From then on an instance is not in the sums, either. */
const SILENT_MS = 3_500;
const SVG = 'http://www.w3.org/2000/svg';

const PLOTS = [
  ['saved', 'Saved', 'new contents'],
  ['duplicates', 'Duplicates', 'rejected, saved before'],
  ['replayed', 'Retries', 'answered again with their item'],
  ['refused', 'Refused', 'not valid'],
  ['failed', 'Failed', 'not decided, to be sent again'],
  ['waiting', 'Waiting', 'saves without an outcome now'],
];
const NODE_STATES = {
  master: ['master', 'good'],
  'in-sync': ['in sync', 'good'],
  behind: ['catching up', 'bad'],
  absent: ['not connected', 'bad'],
  down: ['down', 'bad'],
  unknown: ['no master to ask', 'bad'],
};

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const find = (id) => document.getElementById(id);

/** What was told in the last two minutes, oldest first. */
let history = [];
/** When another master was first told of, as `at` of a snapshot. */
let changes = [];
let lastMaster = null;
let lastMessageMs = performance.now();

function makePlot([name, title, explanation]) {
  const figure = element('figure', { className: name });
  const value = element('b', { textContent: '0' });
  const caption = element('figcaption');
  caption.append(element('span', { textContent: title, title: explanation }), value);
  const svg = draw('svg', { viewBox: `0 0 ${WINDOW_SECONDS} 40`, preserveAspectRatio: 'none', role: 'img' });
  const [marks, under, curve] = [
    draw('path', { class: 'change' }),
    draw('path', { class: 'under' }),
    draw('path', { class: 'curve' }),
  ];
  svg.append(marks, under, curve);
  const top = element('span');
  const axis = element('div', { className: 'axis' });
  axis.append(element('span', { textContent: explanation }), top);
  figure.append(caption, svg, axis);
  find('plots').append(figure);
  const valueIn = ({ rates, waiting }) => (name === 'waiting' ? waiting : rates[name]);
  return () => {
    const now = history.at(-1);
    value.textContent = number.format(valueIn(now));
    const highest = Math.max(...history.map(valueIn));
    const scale = niceAbove(highest);
    const points = history.map((snapshot) => ({
      x: WINDOW_SECONDS - (now.at - snapshot.at) / 1_000,
      y: 40 - (38 * valueIn(snapshot)) / scale,
    }));
    const runs = piecesOf(points);
    curve.setAttribute('d', runs.map(lineOf).join(''));
    under.setAttribute('d', runs.map((run) => `${lineOf(run)}V40H${run[0].x}Z`).join(''));
    marks.setAttribute('d', changes.map((at) => `M${WINDOW_SECONDS - (now.at - at) / 1_000} 0V40`).join(''));
    top.textContent = `highest ${number.format(highest)}`;
    svg.setAttribute('aria-label', `${title} over two minutes: now ${value.textContent}, ${top.textContent}`);
  };
}

/** Where the line is interrupted, because nothing was told for a while. */
function piecesOf(points) {
  const runs = [];
  for (const point of points) {
    const last = runs.at(-1);
    if (last !== undefined && point.x - last.at(-1).x <= GAP_SECONDS) last.push(point);
    else runs.push([point]);
  }
  return runs;
}

const lineOf = (run) => `M${run.map(({ x, y }) => `${x.toFixed(2)} ${y.toFixed(2)}`).join('L')}`;

/** 1, 2 or 5 times a power of ten, so that the scale does not tremble with each number. */
function niceAbove(highest) {
  const power = 10 ** Math.floor(Math.log10(Math.max(highest, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((nice) => nice >= highest);
}

function show(snapshot) {
  lastMessageMs = performance.now();
  // Another instance tells now, and its clock is another one: what would go backwards is left out.
  history = history.filter(({ at }) => at < snapshot.at && snapshot.at - at <= WINDOW_SECONDS * 1_000);
  history.push(snapshot);
  const master = snapshot.set?.master ?? null;
  if (master !== null && lastMaster !== null && master !== lastMaster) changes.push(snapshot.at);
  lastMaster = master ?? lastMaster;
  changes = changes.filter((at) => snapshot.at - at <= WINDOW_SECONDS * 1_000);
  for (const drawPlot of plots) drawPlot();
  showSet(snapshot);
  showInstances(snapshot);
  showConnection();
}

function showSet({ set, failover, at }) {
  if (set === null) {
    find('master').textContent = 'one Redis node, without Sentinels';
    find('sentinels').textContent = 'none';
    find('failover').textContent = 'none, without Sentinels';
    return;
  }
  find('master').replaceChildren(
    set.master === null ? pill(set.isFailingOver ? 'no master, failing over' : 'no master', 'bad') : set.master,
  );
  const { answering, all } = set.sentinels;
  find('sentinels').replaceChildren(
    answering === all ? `${all} of ${all} answer` : pill(`${answering} of ${all} answer`, 'bad'),
  );
  find('failover').textContent =
    failover === null ? 'none that an instance has seen' : `${ago(at - failover.at)}, ${describe(failover)}`;
  fill(
    'nodes',
    set.nodes.map(({ address, state, lagBytes, isRequired }) => {
      const [text, kind] = NODE_STATES[state];
      return [address, pill(text, kind), lagBytes === null ? '' : bytes(lagBytes), isRequired ? 'yes' : 'no'];
    }),
    [2],
  );
}

const describe = ({ from, to, withoutMasterMs }) =>
  `from ${from} to ${to}, without a master for ${number.format(withoutMasterMs / 1_000)}\u00a0s`;

function showInstances({ instances, tellsId, at }) {
  const taking = instances.filter((instance) => trafficOf(instance)[1] === 'good');
  find('taking-count').textContent = `${taking.length} of ${instances.length} take traffic`;
  find('teller').textContent = instances.find(({ id }) => id === tellsId)?.name ?? tellsId;
  fill(
    'instances',
    instances.map((instance) => {
      const { name, rates, waiting, startedAt, version } = instance;
      const { duplicates, replayed, refused, failed } = rates;
      const others = duplicates + replayed + refused + failed;
      // What a silent one said last is no news.
      const isHeard = instance.silentMs <= SILENT_MS;
      return [
        name,
        pill(...trafficOf(instance)),
        ...[rates.saved, others, waiting].map((count) => (isHeard ? number.format(count) : '–')),
        ago(at - startedAt),
        version,
      ];
    }),
    [2, 3, 4],
  );
}

function trafficOf({ state, silentMs }) {
  if (silentMs > SILENT_MS) return [`silent for ${Math.round(silentMs / 1_000)} s`, 'bad'];
  return state === 'ready' ? ['yes', 'good'] : [`no, ${state}`, 'bad'];
}

function showConnection() {
  const silentMs = performance.now() - lastMessageMs;
  const pillOf = find('connection');
  const isLive = silentMs <= STALE_MS;
  pillOf.className = `pill ${isLive ? 'good' : 'bad'}`;
  const text = isLive ? 'live' : `no word for ${Math.floor(silentMs / 1_000)} s`;
  if (pillOf.textContent !== text) pillOf.textContent = text;
}

function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h ago` : `${Math.round(seconds / 86_400)} days ago`;
}

function bytes(count) {
  if (count < 1_000) return `${count} B`;
  return count < 1_000_000 ? `${number.format(count / 1_000)} kB` : `${number.format(count / 1_000_000)} MB`;
}

/** Puts rows of cells into a table; a cell is a text or an element. */
function fill(id, rows, numbers) {
  const lines = rows.map((cells) => {
    const row = element('tr');
    row.append(
      ...cells.map((cell, i) => {
        const box = element('td', { className: numbers.includes(i) ? 'number' : '' });
        box.append(cell);
        return box;
      }),
    );
    return row;
  });
  find(id).tBodies[0].replaceChildren(...lines);
}

function pill(text, kind) {
  return element('span', { textContent: text, className: `pill ${kind}` });
}

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

function draw(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function connect() {
  const source = new EventSource('/status/events');
  source.addEventListener('message', ({ data }) => show(JSON.parse(data)));
  source.addEventListener('error', () => {
    // After a cut the browser connects again by itself; after an answer that is an error it gives up for good.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2_000);
  });
}

const plots = PLOTS.map(makePlot);
connect();
setInterval(showConnection, 500);
