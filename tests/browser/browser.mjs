// A browser that is signed in, the API beside it, and waiting for conditions.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const pictures = fileURLToPath(new URL('./screenshots/', import.meta.url));
const { PAGE_URL, API_URL, TOKEN, CHROMIUM = '/usr/bin/chromium' } = process.env;
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export const ROOT = new URL('.', PAGE_URL).href;
export const DEADLINE_MS = 60_000;

/** Asks the API, as an outside system would. */
export async function api(path, { method = 'GET', body, headers = {} } = {}) {
  const address = new URL(`api/v1/${path}`, API_URL.endsWith('/') ? API_URL : `${API_URL}/`);
  const answer = await fetch(address, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${address}: ${answer.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** Submits a workflow file; gives the run. */
export const submit = (source, inputs = {}) =>
  api('projects/default/runs', { method: 'POST', body: { source, inputs } });

/** Waits until the API shows the run in one of the states. */
export const reaches = (id, ...states) =>
  until(`run ${id} is ${states.join(' or ')}`, async () => {
    const run = await api(`projects/default/runs/${id}`);
    return states.includes(run.state) && run;
  });

/** Waits until the condition gives something, and gives it. */
export async function until(what, condition, deadline = DEADLINE_MS) {
  const end = Date.now() + deadline;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${deadline} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function ensure(condition, message) {
  if (!condition) throw new Error(message);
}

/** A tab that notes what it asks for and what goes wrong in it. */
export class Tab {
  constructor(page) {
    this.page = page;
    this.complaints = [];
    this.requests = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.complaints.push(`exception: ${error}`));
    page.on('request', (request) => this.requests.push(`${request.method()} ${request.url()}`));
  }

  /** Opens an address of the site and waits until the stream is open. */
  async visit(address) {
    const open = () => this.page.goto(new URL(address, ROOT).href);
    // A container that comes or goes changes the machine's network, and a browser then drops what it is loading.
    await open().catch((error) => (String(error).includes('ERR_NETWORK_CHANGED') ? open() : Promise.reject(error)));
    await this.page.waitForSelector('[data-live="Live"]', { timeout: DEADLINE_MS });
  }

  /** Everything asked of the API more than once since the last visit, the stream apart. */
  repeated() {
    const counts = new Map();
    for (const request of this.requests.filter((request) => request.includes('/api/v1/') && !request.includes('/api/v1/events'))) {
      counts.set(request, (counts.get(request) ?? 0) + 1);
    }
    return [...counts].filter(([, count]) => count > 1).map(([request, count]) => `${count} × ${request}`);
  }

  /** Fails when anything went wrong in the tab. */
  ensureQuiet() {
    // A stream may break once on any machine, and comes back by itself.
    const serious = this.complaints.filter((complaint) => !complaint.includes('ERR_NETWORK_CHANGED'));
    ensure(serious.length === 0, `the browser complains:\n${serious.join('\n')}`);
  }

  async picture(name) {
    await mkdir(pictures, { recursive: true });
    await this.page.screenshot({ path: `${pictures}${name}.png`, fullPage: false });
  }
}

/** Starts the browser, with further flags of its command line. */
export const launch = (flags = []) => chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });

/** Starts the browser and signs it in by the link that `emboflow up` gave. */
export async function open() {
  const browser = await launch();
  const first = await browser.newContext();
  const page = await first.newPage();
  await page.goto(PAGE_URL);
  if (!(await first.cookies()).some((cookie) => cookie.httpOnly)) {
    // The link is good for one browser: another test has used it.
    const answer = await first.request.post(new URL('session', ROOT).href, { data: { token: TOKEN } });
    ensure(answer.ok(), `signing in with the token: ${answer.status()}`);
  }
  const signedIn = await first.storageState();
  await first.close();
  const contexts = [];
  let latest = null;
  return {
    signedIn,
    browser,
    /** A tab of a browser that is signed in. */
    async tab(options = {}) {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, storageState: signedIn, ...options });
      contexts.push(context);
      latest = new Tab(await context.newPage());
      return latest;
    },
    async keepPicture(name) {
      if (latest) await latest.picture(name).catch(() => {});
    },
    async tidy() {
      await Promise.all(contexts.splice(0).map((context) => context.close()));
    },
    close: () => browser.close(),
  };
}
