// What changes appears by itself; nothing is asked for twice while the stream is open.
import { api, ensure, reaches, ROOT, submit, until } from '../browser.mjs';
import { behindProxy } from '../proxy.mjs';
import { endless, finding, good } from '../workflows.mjs';

const cancel = (id) => api(`projects/default/runs/${id}/cancel`, { method: 'POST', body: {} });

export async function a_new_run_appears_and_ends_in_the_list_without_a_reload_or_a_poll(session) {
  const tab = await session.tab();
  await tab.visit('runs');
  await tab.page.locator('table, .empty').first().waitFor();
  await tab.page.evaluate(() => { window.sameDocument = true; });
  const run = await submit(good);
  await tab.page.locator(`[data-run="${run.id}"]`).waitFor({ timeout: 60_000 });
  await tab.page.locator(`[data-run="${run.id}"][data-state="succeeded"]`).waitFor({ timeout: 60_000 });
  ensure(await tab.page.evaluate(() => window.sameDocument), 'the page was loaded again');
  ensure(tab.repeated().length === 0, `asked for more than once:\n${tab.repeated().join('\n')}`);
  tab.ensureQuiet();
}

export async function a_run_is_followed_to_its_end_without_a_reload_or_a_poll(session) {
  const tab = await session.tab();
  const run = await submit(good);
  await tab.visit(`runs/${run.id}`);
  await tab.page.locator('h1').waitFor();
  await tab.page.locator('.page-head .pill', { hasText: 'Succeeded' }).waitFor({ timeout: 60_000 });
  await until('every task has its bar', async () => (await tab.page.locator('.timeline-row .bar').count()) >= 4, 10_000);
  ensure(tab.repeated().length === 0, `asked for more than once:\n${tab.repeated().join('\n')}`);
  tab.ensureQuiet();
}

export async function tasks_that_are_found_at_run_time_take_the_place_of_the_one_that_stood_for_them(session) {
  const tab = await session.tab();
  const run = await submit(finding);
  await tab.visit(`runs/${run.id}`);
  const bar = (task) => tab.page.locator('.timeline-row').filter({ hasText: task });
  await bar('check').first().waitFor();
  await bar('check[2]').first().waitFor({ timeout: 60_000 });
  await tab.page.locator('.page-head .pill', { hasText: 'Succeeded' }).waitFor({ timeout: 60_000 });
  await tab.visit(`runs/${run.id}/graph?task=check`);
  await tab.page.getByText('rear').first().waitFor();
  ensure((await api(`projects/default/runs/${run.id}`)).tasks.total === 4, 'find and three of what was found');
  tab.ensureQuiet();
}

export async function a_log_grows_by_itself_and_a_run_is_cancelled_on_the_page(session) {
  const tab = await session.tab();
  const run = await submit(endless);
  await reaches(run.id, 'running');
  await tab.visit(`runs/${run.id}/logs?task=tick`);
  await tab.page.locator('.log-line', { hasText: 'tick 12' }).waitFor({ timeout: 60_000 });
  const numbers = await tab.page.locator('.log-line').evaluateAll((lines) =>
    lines.map((line) => /tick (\d+)/.exec(line.textContent)?.[1]).filter(Boolean).map(Number));
  ensure(new Set(numbers).size === numbers.length, `lines are shown twice: ${numbers}`);
  ensure(tab.repeated().length === 0, `asked for more than once:\n${tab.repeated().join('\n')}`);
  await tab.picture('log-live');
  await tab.page.getByRole('button', { name: 'Pause' }).click();
  await tab.page.locator('.page-head .pill', { hasText: 'Paused' }).waitFor();
  await tab.page.getByRole('button', { name: 'Resume' }).click();
  await tab.page.locator('.page-head .pill', { hasText: 'Running' }).waitFor();
  await tab.page.getByRole('button', { name: 'Cancel run' }).click();
  await tab.picture('cancel');
  await tab.page.getByRole('button', { name: 'Cancel the run' }).click();
  await tab.page.locator('.page-head .pill', { hasText: 'Cancelled' }).waitFor({ timeout: 60_000 });
  tab.ensureQuiet();
}

export async function a_broken_stream_is_said_and_comes_back_with_what_was_missed(session) {
  const { site, tab, cut, mend, close } = await behindProxy(session, '/');
  try {
    await tab.page.goto(`${site}runs`);
    await tab.page.waitForSelector('[data-live="Live"]');
    await tab.page.locator('table, .empty').first().waitFor();
    cut();
    await tab.page.locator('.badge:not(.live)').waitFor({ timeout: 60_000 });
    const run = await submit(good);
    await reaches(run.id, 'succeeded');
    await tab.picture('stream-broken');
    mend();
    await tab.page.locator('.badge.live').waitFor({ timeout: 60_000 });
    await tab.page.locator(`[data-run="${run.id}"][data-state="succeeded"]`).waitFor({ timeout: 60_000 });
  } finally {
    await close();
  }
}

export async function a_tab_in_the_background_takes_no_connection_until_somebody_looks(session) {
  const tab = await session.tab();
  await tab.page.addInitScript(() => {
    window.hiddenNow = true;
    Object.defineProperty(document, 'hidden', { get: () => window.hiddenNow });
  });
  await tab.page.goto(new URL('runs', ROOT).href);
  await tab.page.locator('table, .empty').first().waitFor();
  const run = await submit(good);
  await reaches(run.id, 'succeeded');
  ensure(!tab.requests.some((request) => request.includes('/events')), 'a hidden tab holds a stream');
  ensure((await tab.page.locator(`[data-run="${run.id}"]`).count()) === 0, 'a hidden tab was told of a run');
  await tab.page.evaluate(() => { window.hiddenNow = false; document.dispatchEvent(new Event('visibilitychange')); });
  await tab.page.locator(`[data-run="${run.id}"][data-state="succeeded"]`).waitFor({ timeout: 60_000 });
  await tab.page.waitForSelector('[data-live="Live"]');
}

export async function a_panic_shows_the_bar_that_loads_the_page_again(session) {
  const tab = await session.tab();
  await tab.visit('runs');
  const app = await tab.page.evaluate(() => performance.getEntriesByType('resource').map((entry) => entry.name).find((name) => name.endsWith('/app.js')));
  await tab.page.evaluate((app) => import(app).then((app) => app.panic_on_purpose()).catch(() => {}), app);
  await tab.page.locator('#reload-bar').waitFor({ state: 'visible', timeout: 60_000 });
  await tab.picture('panic');
  await tab.page.locator('#reload-button').click();
  await tab.page.waitForSelector('[data-live="Live"]');
  ensure(!(await tab.page.locator('#reload-bar').isVisible()), 'the bar stays after the page was loaded again');
}

export async function the_page_works_in_a_folder_behind_a_proxy(session) {
  const { site, tab, close } = await behindProxy(session, '/some/folder/');
  try {
    const run = await submit(good);
    await reaches(run.id, 'succeeded');
    await tab.page.goto(`${site}runs/${run.id}/logs?task=say`);
    await tab.page.waitForSelector('[data-live="Live"]');
    await tab.page.locator('.log-line', { hasText: 'hello' }).waitFor();
    await tab.page.getByRole('link', { name: 'Executors' }).click();
    await tab.page.waitForURL(`${site}executors`);
    tab.ensureQuiet();
  } finally {
    await close();
  }
}

export async function a_run_ends_while_its_page_is_open_in_many_tabs(session) {
  const run = await submit(endless);
  const tabs = await Promise.all([1, 2, 3].map(() => session.tab()));
  for (const tab of tabs) await tab.visit(`runs/${run.id}`);
  await cancel(run.id);
  for (const tab of tabs) await tab.page.locator('.page-head .pill', { hasText: 'Cancelled' }).waitFor({ timeout: 60_000 });
}
