// The timeline: zoom by every way there is, what its rows say, and a fan-out of a thousand.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, reaches, submit, until } from '../browser.mjs';
import { good, wide } from '../workflows.mjs';

const zoom = (tab) => new URL(tab.page.url()).searchParams.get('zoom');
const stretch = (tab) => zoom(tab)?.split('-').map(Number);

export async function the_timeline_zooms_by_buttons_wheel_drag_and_keys_and_the_address_says_so(session) {
  const tab = await session.tab();
  const run = await submit(good);
  await reaches(run.id, 'succeeded');
  await tab.visit(`runs/${run.id}`);
  const { page } = tab;
  await page.locator('.timeline .bar').first().waitFor();
  await page.getByRole('button', { name: 'Zoom in' }).click();
  await until('the buttons zoom', () => zoom(tab) !== null);
  const [from, to] = stretch(tab);
  const before = await page.locator('.timeline text').first().textContent();
  const scale = await page.locator('#timeline-scale').boundingBox();
  await page.mouse.move(scale.x + scale.width / 4, scale.y + 60);
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -200);
  await page.keyboard.up('Control');
  await until('the wheel zooms', () => stretch(tab)?.[1] - stretch(tab)?.[0] < to - from);
  ensure((await page.evaluate(() => visualViewport.scale)) === 1, 'the whole page was zoomed');
  await page.reload();
  await page.waitForSelector('[data-live="Live"]');
  await page.locator('.timeline .axis text').first().waitFor();
  ensure((await page.locator('.timeline text').first().textContent()) !== before || stretch(tab)[0] === from, 'a reload forgets the zoom');
  await page.getByRole('button', { name: 'Show the whole run' }).click();
  await until('all of it is shown again', () => zoom(tab) === null);
  await page.mouse.move(scale.x + 100, scale.y + 80);
  await page.mouse.down();
  await page.mouse.move(scale.x + 300, scale.y + 80, { steps: 5 });
  await page.locator('.timeline .range').waitFor();
  await tab.picture('timeline-range');
  await page.mouse.up();
  await until('a drag zooms', () => zoom(tab) !== null);
  ensure(!new URL(page.url()).searchParams.has('task'), 'the end of a drag was taken for a click');
  const dragged = stretch(tab);
  await page.locator('.timeline-row a').first().focus();
  await page.keyboard.press('-');
  await until('minus zooms out', () => !stretch(tab) || stretch(tab)[1] - stretch(tab)[0] > dragged[1] - dragged[0]);
  await page.keyboard.press('0');
  await until('nought shows all', () => zoom(tab) === null);
  tab.ensureQuiet();
}

export async function a_row_says_its_matrix_values_and_its_figures_by_keyboard(session) {
  const tab = await session.tab();
  const run = await submit(good);
  await reaches(run.id, 'succeeded');
  await tab.visit(`runs/${run.id}`);
  const row = tab.page.locator('[data-task="repeat[1]"]');
  await row.getByText('quiet').waitFor();
  await row.locator('a').focus();
  const tip = tab.page.getByRole('tooltip');
  await tip.getByText('voice = quiet').waitFor();
  await tip.getByText('Program, ended well').waitFor();
  ensure((await row.locator('a').getAttribute('aria-describedby')) === 'timeline-tip', 'the row does not say where its figures are');
  await tab.picture('timeline-tip');
  await ensureForAll(tab, 'the figures of a row');
  await tab.page.keyboard.press('Escape');
  await tip.waitFor({ state: 'detached' });
  tab.ensureQuiet();
}

export async function a_fan_out_of_a_thousand_draws_only_what_is_in_sight(session) {
  const tab = await session.tab();
  const run = await submit(wide);
  await tab.visit(`runs/${run.id}?task=many%5B900%5D`);
  const { page } = tab;
  await page.locator('[data-task="many[900]"]').waitFor({ timeout: 60_000 });
  const rows = await page.locator('.timeline-row').count();
  ensure(rows < 120, `${rows} rows are in the document`);
  const frames = await page.evaluate(async () => {
    const list = document.getElementById('timeline-rows');
    const times = [];
    for (let step = 0; step < 40; step += 1) {
      const began = performance.now();
      list.scrollTop = step * 700;
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      times.push(performance.now() - began);
    }
    return times.sort((one, other) => one - other);
  });
  await page.locator('[data-task="many[850]"]').waitFor();
  // No figure of speed: only that nothing hangs.
  ensure(frames[20] < 500, `half of the frames take more than ${frames[20]} ms`);
  await page.getByText('The same as a table').click();
  await page.locator('td', { hasText: 'many[3]' }).waitFor();
  ensure((await page.locator('tr').count()) < 120, 'the table draws every task');
  await page.goto(new URL(`graph?spec=many`, `${page.url().split('?')[0]}/`).href);
  await page.getByText('1 000 tasks').first().waitFor();
  await api(`projects/default/runs/${run.id}/cancel`, { method: 'POST', body: {} });
  await page.locator('.page-head .pill', { hasText: 'Cancelled' }).waitFor({ timeout: 60_000 });
  tab.ensureQuiet();
}

export async function the_history_grows_with_the_stream_and_is_asked_for_once(session) {
  const tab = await session.tab();
  const run = await submit(good);
  await tab.visit(`runs/${run.id}/events`);
  await tab.page.getByText('accepted: browser-good').waitFor();
  await tab.page.getByText('run: running → succeeded').waitFor({ timeout: 60_000 });
  const asked = tab.requests.filter((request) => request.includes('/history'));
  ensure(asked.length <= 2, `the history was asked for again and again:\n${asked.join('\n')}`);
  const live = await tab.page.locator('[data-step]').evaluateAll((rows) => rows.map((row) => row.querySelector('td:last-child').innerText));
  const numbers = await tab.page.locator('[data-step]').evaluateAll((rows) => rows.map((row) => Number(row.dataset.step)));
  ensure(numbers.every((number, place) => number === place + 1), `decisions are missing or twice: ${numbers}`);
  await tab.visit(`runs/${run.id}/events`);
  await tab.page.getByText('run: running → succeeded').waitFor();
  const read = await tab.page.locator('[data-step]').evaluateAll((rows) => rows.map((row) => row.querySelector('td:last-child').innerText));
  ensure(JSON.stringify(read) === JSON.stringify(live), 'the stream told it otherwise than the history');
  tab.ensureQuiet();
}
