// One public server, as its first administrator meets it: link, password, sign-in, and a run that is started and followed
// on the page – through the proxy, over TLS. ops/stack starts that server:
//   node server.mjs LINK PORT CERTIFICATE      (PORT of this machine is the server's 443; CERTIFICATE is its own)
import { X509Certificate, createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

const [link, port, certificate] = process.argv.slice(2);
process.env.PAGE_URL = new URL('/', link).href;
const { DEADLINE_MS, ensure, launch, ROOT, Tab } = await import('./browser.mjs');
const { ticking } = await import('./workflows.mjs');

const PASSWORD = 'seven quiet robots fold laundry';
const { host, hostname } = new URL(ROOT);

// The browser believes this one key, and nothing else that is wrong with a certificate.
const key = new X509Certificate(await readFile(certificate)).publicKey.export({ type: 'spki', format: 'der' });
const pin = createHash('sha256').update(key).digest('base64');
const browser = await launch([`--host-resolver-rules=MAP ${hostname}:443 127.0.0.1:${port}`, `--ignore-certificate-errors-spki-list=${pin}`]);

const fresh = async () => new Tab(await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage());

/** The link signs in, and the administrator chooses a password. */
async function choosesAPassword() {
  const tab = await fresh();
  await tab.page.goto(link);
  await tab.page.waitForSelector('[data-live="Live"]', { timeout: DEADLINE_MS });
  const cookie = (await tab.page.context().cookies()).find((cookie) => cookie.httpOnly);
  ensure(cookie?.secure && cookie.sameSite !== 'None', `the session is kept in ${JSON.stringify({ ...cookie, value: '…' })}`);
  await tab.page.getByRole('link', { name: 'Account: admin' }).click();
  await tab.page.getByLabel('New password', { exact: true }).fill(PASSWORD);
  await tab.page.getByLabel('New password again').fill(PASSWORD);
  await tab.page.getByRole('button', { name: 'Choose the password' }).or(tab.page.getByRole('button', { name: 'Keep the password' })).click();
  await tab.page.getByText('The password is changed.').waitFor({ timeout: DEADLINE_MS });
  await tab.page.getByRole('button', { name: 'Sign out' }).click();
  await tab.page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor({ timeout: DEADLINE_MS });
  await tab.page.context().close();
}

async function signsIn() {
  const tab = await fresh();
  await tab.page.goto(new URL('new', ROOT).href);
  await tab.page.getByLabel('User', { exact: true }).fill('admin');
  await tab.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await tab.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await tab.page.waitForSelector('[data-live="Live"]', { timeout: DEADLINE_MS });
  // Before that the API has refused, as it must.
  tab.complaints.length = 0;
  return tab;
}

/** The run's log grows and its end comes while the page stays as it is. */
async function runsAndFollows(tab) {
  const { page } = tab;
  await page.getByRole('textbox', { name: 'Workflow file' }).fill(ticking);
  await page.getByText('The file is valid.').waitFor({ timeout: DEADLINE_MS });
  await page.getByRole('button', { name: 'Start the run' }).click();
  await page.waitForURL('**/runs/run-*');
  const run = new URL(page.url());
  await page.goto(new URL(`${run.pathname}/logs?task=tick`, run).href);
  await page.evaluate(() => { window.sameDocument = true; });
  await page.locator('.log-line', { hasText: 'tick 3' }).waitFor({ timeout: DEADLINE_MS });
  await page.locator('.log-line', { hasText: 'tick 20' }).waitFor({ timeout: DEADLINE_MS });
  await page.locator('.page-head .pill', { hasText: 'Succeeded' }).waitFor({ timeout: DEADLINE_MS });
  ensure(await page.evaluate(() => window.sameDocument), 'the page was loaded again');
  ensure(tab.requests.every((request) => new URL(request.split(' ')[1]).host === host), `asked of others:\n${tab.requests.join('\n')}`);
  tab.ensureQuiet();
}

try {
  await choosesAPassword();
  await runsAndFollows(await signsIn());
} finally {
  await browser.close();
}
