// Without a mouse: everything can be reached, the focus is seen, stays in a dialog and comes back from it.
import { ensureForAll } from '../axe.mjs';
import { ensure, reaches, submit } from '../browser.mjs';
import { endless, good } from '../workflows.mjs';

const focused = (tab) => tab.page.evaluate(() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  const around = element.closest('.editor, .node, .palette');
  return { name: element.getAttribute('aria-label') ?? element.textContent.trim().slice(0, 60), tag: element.tagName, id: element.id, seen: shown || around !== null, inDialog: element.closest('dialog') !== null };
});

export async function every_stop_of_the_tab_key_is_seen(session) {
  const tab = await session.tab();
  const run = await submit(good);
  await reaches(run.id, 'succeeded');
  for (const address of ['runs', `runs/${run.id}`, `runs/${run.id}/logs`, `runs/${run.id}/graph`, 'workflows', 'executors', 'queues', 'system', 'new']) {
    await tab.visit(address);
    await tab.page.waitForSelector('h1');
    await tab.page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
    const stops = [];
    for (let press = 0; press < 60; press += 1) {
      await tab.page.keyboard.press('Tab');
      const stop = await focused(tab);
      if (stop.tag === 'BODY') break;
      ensure(stop.seen, `${address}: the focus on ${stop.tag} “${stop.name}” is not seen`);
      stops.push(stop.name);
    }
    ensure(stops[0] === 'Skip to content', `${address}: the first stop is “${stops[0]}”`);
    ensure(stops.length > 8, `${address}: only ${stops.length} stops`);
  }
}

export async function the_skip_link_leads_to_the_content(session) {
  const tab = await session.tab();
  await tab.visit('runs');
  await tab.page.keyboard.press('Tab');
  await tab.page.keyboard.press('Enter');
  ensure((await focused(tab)).id === 'content', 'the skip link does not move the focus');
  await tab.page.waitForSelector('h1');
  ensure(tab.page.url().includes('/runs'), `the skip link leaves the page: ${tab.page.url()}`);
}

export async function the_focus_stays_in_a_dialog_and_comes_back_from_it(session) {
  const tab = await session.tab();
  const run = await submit(endless);
  await reaches(run.id, 'running');
  await tab.visit(`runs/${run.id}`);
  const cancel = tab.page.getByRole('button', { name: 'Cancel run' });
  await cancel.focus();
  await tab.page.keyboard.press('Enter');
  await tab.page.getByRole('alertdialog').waitFor();
  for (let press = 0; press < 6; press += 1) {
    await tab.page.keyboard.press('Tab');
    const stop = await focused(tab);
    ensure(stop.inDialog || stop.tag === 'BODY', `the focus has left the dialog for ${stop.tag} “${stop.name}”`);
  }
  await tab.page.keyboard.press('Escape');
  await tab.page.getByRole('alertdialog').waitFor({ state: 'detached' });
  ensure((await focused(tab)).name === 'Cancel run', 'the focus does not come back');
  await cancel.press('Enter');
  await tab.page.getByRole('button', { name: 'Cancel the run' }).press('Enter');
  await reaches(run.id, 'cancelled');
  tab.ensureQuiet();
}

export async function a_task_is_opened_and_closed_by_keyboard(session) {
  const tab = await session.tab();
  const run = await submit(good);
  await reaches(run.id, 'succeeded');
  await tab.visit(`runs/${run.id}`);
  const row = tab.page.locator('[data-task="say"] a');
  await row.focus();
  await tab.page.keyboard.press('Enter');
  await tab.page.getByRole('complementary', { name: 'Task say' }).waitFor();
  await tab.page.waitForFunction(() => document.activeElement?.id === 'task-panel');
  await tab.page.keyboard.press('Escape');
  await tab.page.getByRole('complementary', { name: 'Task say' }).waitFor({ state: 'detached' });
  ensure(await row.evaluate((link) => link === document.activeElement), 'the focus does not come back to the row');
  tab.ensureQuiet();
}

export async function single_keys_lead_everywhere_and_can_be_switched_off(session) {
  const tab = await session.tab();
  await tab.visit('runs');
  await tab.page.keyboard.press('g');
  await tab.page.keyboard.press('e');
  await tab.page.waitForURL('**/executors');
  await tab.page.keyboard.press('g');
  await tab.page.keyboard.press('r');
  await tab.page.waitForURL('**/runs');
  await tab.page.keyboard.press('/');
  await tab.page.keyboard.type('g e?');
  ensure((await tab.page.getByRole('searchbox').inputValue()) === 'g e?', 'letters in a field act as keys');
  await tab.page.getByRole('heading', { name: 'Runs' }).click();
  await tab.page.keyboard.press('?');
  const sheet = tab.page.getByRole('dialog', { name: 'Keys' });
  await sheet.getByRole('checkbox').uncheck();
  await tab.picture('keys');
  await ensureForAll(tab, 'the list of keys');
  await tab.page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });
  await tab.page.keyboard.press('?');
  await tab.page.keyboard.press('g');
  await tab.page.keyboard.press('s');
  ensure((await sheet.count()) === 0 && !tab.page.url().endsWith('/system'), 'keys act although they are switched off');
}
