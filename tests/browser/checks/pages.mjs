// Every page: in both themes, without a complaint, with names for everything that can be pressed.
import { ensureForAll, violations } from '../axe.mjs';
import { api, ensure, reaches, submit } from '../browser.mjs';
import { bad, good } from '../workflows.mjs';

let made;

/** A run that ended well, one that failed, and a workflow that is kept. */
async function examples() {
  if (!made) {
    await api('projects/default/workflows/browser-good', { method: 'PUT', body: { source: good } });
    const [well, badly] = [await submit(good), await submit(bad)];
    await Promise.all([reaches(well.id, 'succeeded'), reaches(badly.id, 'failed')]);
    made = { well: well.id, badly: badly.id };
  }
  return made;
}

/** What axe does not look at. */
function barriers() {
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  const wrong = ids.filter((id, place) => ids.indexOf(id) !== place).map((id) => `id twice: ${id}`);
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  return wrong;
}

export async function every_page_is_drawn_in_both_themes_without_a_complaint(session) {
  const { well, badly } = await examples();
  const views = [
    ['runs', 'runs', '[data-run]'],
    ['runs-filtered', 'runs?state=failed', '[data-state="failed"]'],
    ['run-failed', `runs/${badly}`, '.failure .tail'],
    ['run-timeline', `runs/${well}?task=say`, '.timeline .bar'],
    ['run-task', `runs/${well}?task=repeat%5B1%5D`, 'text=voice = quiet'],
    ['run-graph', `runs/${well}/graph`, '[data-node="repeat"]'],
    ['run-logs', `runs/${well}/logs?task=say`, '.log-line .fg-2'],
    ['run-artifacts', `runs/${well}/artifacts`, '.file'],
    ['run-inputs', `runs/${well}/inputs`, 'text=Idempotency key'],
    ['run-events', `runs/${well}/events`, 'text=accepted: browser-good'],
    ['run-definition', `runs/${well}/definition`, '.source .key'],
    ['workflows', 'workflows', '[data-workflow="browser-good"]'],
    ['workflow', 'workflows/browser-good', '[data-node="repeat"]'],
    ['workflow-run', 'workflows/browser-good?tab=run', '#input-word'],
    ['new-run', 'new', '#editor-text'],
    ['executors', 'executors', '[data-executor]'],
    ['queues', 'queues', '[data-queue="default"]'],
    ['system', 'system', 'text=Parts'],
    ['no-such-page', 'nowhere', 'text=There is no such page'],
  ];
  for (const theme of ['light', 'dark']) {
    const tab = await session.tab({ colorScheme: theme });
    for (const [name, address, sign] of views) {
      await tab.visit(address);
      await tab.page.waitForSelector(sign, { timeout: 60_000 });
      const shown = await tab.page.evaluate(() => document.documentElement.dataset.theme);
      ensure(shown === theme, `${name}: the theme is ${shown}, not ${theme}`);
      const wrong = [...await tab.page.evaluate(barriers), ...await violations(tab)];
      ensure(wrong.length === 0, `${name}:\n${wrong.join('\n')}`);
      await tab.picture(`${name}-${theme}`);
    }
    tab.ensureQuiet();
  }
}

export async function a_chosen_theme_stays_and_is_there_before_the_first_paint(session) {
  const tab = await session.tab({ colorScheme: 'light' });
  await tab.visit('system');
  for (let press = 0; press < 2; press += 1) await tab.page.getByRole('button', { name: /^Theme/ }).click();
  await tab.page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
  await tab.page.goto(tab.page.url(), { waitUntil: 'commit' });
  const first = await tab.page.waitForFunction(() => document.body && document.documentElement.dataset.theme);
  ensure((await first.jsonValue()) === 'dark', 'the theme changes after the page has begun to be drawn');
}

export async function a_narrow_window_shows_all_of_it(session) {
  const { well } = await examples();
  const views = ['runs', `runs/${well}`, `runs/${well}?task=say`, `runs/${well}/graph`, `runs/${well}/events`, 'workflows', 'executors', 'queues', 'system', 'new'];
  for (const [width, height] of [[390, 844], [1024, 768]]) {
    const tab = await session.tab({ viewport: { width, height } });
    for (const address of views) {
      await tab.visit(address);
      await tab.page.waitForSelector('h1');
      const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth);
      ensure(wide <= width + 1, `${address} is ${wide} pixels wide in a window of ${width}`);
    }
    const wrong = await violations(tab);
    ensure(wrong.length === 0, `in a window of ${width}:\n${wrong.join('\n')}`);
    await tab.picture(`narrow-${width}`);
  }
}

export async function a_page_that_a_program_made_cannot_act_as_ours(session) {
  const { well } = await examples();
  const tab = await session.tab();
  await tab.visit(`runs/${well}/artifacts`);
  await tab.page.getByRole('button', { name: 'Show report.html' }).click();
  const frame = tab.page.frameLocator('iframe');
  await frame.locator('h1').waitFor();
  ensure((await tab.page.title()) !== 'broken out', 'a script of an artifact ran in the page');
  ensure((await tab.page.locator('iframe').getAttribute('sandbox')) === '', 'the frame is not shut in');
}

export async function a_table_and_a_tree_are_shown_in_place(session) {
  const { well } = await examples();
  const tab = await session.tab();
  await tab.visit(`runs/${well}/artifacts`);
  // The first file that can be shown is open already.
  await tab.page.locator('.tree .key', { hasText: 'accuracy' }).waitFor();
  await tab.page.getByRole('button', { name: 'Show scores.csv' }).click();
  await tab.page.locator('td', { hasText: 'tree' }).first().waitFor();
  await tab.picture('artifact-previews');
  tab.ensureQuiet();
}

export async function a_log_is_searched_on_the_server_and_is_never_markup(session) {
  const { well } = await examples();
  const tab = await session.tab();
  await tab.visit(`runs/${well}/logs?task=say`);
  await tab.page.locator('.log-line', { hasText: '<b>not bold</b>' }).waitFor();
  await tab.page.getByRole('searchbox', { name: /Search the whole log/ }).fill('n.t bold');
  await tab.page.keyboard.press('Enter');
  await tab.page.getByText('1 matching line').waitFor();
  await tab.page.locator('.finding').click();
  await tab.page.locator('.log-line.hit').waitFor();
  ensure(new URL(tab.page.url()).searchParams.get('find') === 'n.t bold', 'the search is not in the address');
  tab.ensureQuiet();
}

export async function a_line_of_a_log_has_an_address(session) {
  const { badly } = await examples();
  const tab = await session.tab();
  await tab.visit(`runs/${badly}/logs?task=break`);
  await tab.page.getByRole('button', { name: 'Line 3', exact: true }).click();
  await tab.page.waitForURL('**line=3**');
  await tab.page.reload();
  await tab.page.locator('.log-line.hit', { hasText: 'working on 3' }).waitFor();
  ensure((await tab.page.locator('.log-line', { hasText: 'working on 2' }).count()) === 0, 'the log is not opened at the line');
  await tab.page.getByRole('button', { name: 'Load earlier lines' }).click();
  await tab.page.locator('.log-line', { hasText: 'working on 2' }).waitFor();
  await tab.page.getByRole('button', { name: 'Back to the end' }).click();
  await tab.page.locator('.log-line', { hasText: 'the last words' }).waitFor();
  ensure(!new URL(tab.page.url()).searchParams.has('line'), 'the address still points at the line');
  tab.ensureQuiet();
}

export async function the_palette_jumps_anywhere_by_keyboard(session) {
  const tab = await session.tab();
  await tab.visit('runs');
  await tab.page.keyboard.press('Control+k');
  await tab.page.getByRole('combobox', { name: 'Jump to' }).waitFor();
  await ensureForAll(tab, 'the palette');
  await tab.page.keyboard.type('execu');
  await tab.page.keyboard.press('Enter');
  await tab.page.waitForURL('**/executors');
  await tab.page.locator('h1', { hasText: 'Executors' }).waitFor();
  await tab.page.goBack();
  await tab.page.locator('h1', { hasText: 'Runs' }).waitFor();
}

export async function a_workflow_is_removed_and_its_runs_stay(session) {
  const name = `browser-${process.pid}-removed`;
  await api(`projects/default/workflows/${name}`, { method: 'PUT', body: { source: good.replace('browser-good', name) } });
  const tab = await session.tab();
  await tab.visit(`workflows/${name}`);
  await tab.page.getByRole('button', { name: 'Remove…' }).press('Enter');
  await tab.page.getByRole('alertdialog').getByText('Its runs stay').waitFor();
  await ensureForAll(tab, 'the question whether to remove a workflow');
  await tab.page.getByRole('button', { name: 'Remove it' }).click();
  await tab.page.waitForURL(/\/workflows$/);
  await tab.page.getByRole('heading', { name: 'Workflows', level: 1 }).waitFor();
  await tab.page.locator('[data-workflow]').or(tab.page.getByText('No workflow is kept yet')).first().waitFor();
  ensure((await tab.page.locator(`[data-workflow="${name}"]`).count()) === 0, 'it is gone from the list');
  tab.ensureQuiet();
}
