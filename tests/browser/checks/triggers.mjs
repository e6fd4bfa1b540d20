// Triggers: seen, made, fired, paused with a reason, edited and removed, in a real browser.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, until } from '../browser.mjs';
import { good } from '../workflows.mjs';

const WORKFLOW = 'browser-good';
let count = 0;

const file = (name, on) => `version: 1\nname: ${name}\nworkflow: ${WORKFLOW}\non: ${on}\n`;

/** A trigger that nobody else looks at; gives its name. */
async function trigger(on = "{ schedule: { cron: '30 2 * * *', timezone: Europe/Berlin } }") {
  await api(`projects/default/workflows/${WORKFLOW}`, { method: 'PUT', body: { source: good } });
  count += 1;
  const name = `browser-${process.pid}-${count}`;
  await api(`projects/default/triggers/${name}`, { method: 'PUT', body: { source: file(name, on) } });
  return name;
}

const kept = (name) => api(`projects/default/triggers/${name}`);

export async function a_trigger_is_shown_with_its_next_times_in_both_zones_and_both_themes(session) {
  const name = await trigger();
  for (const colorScheme of ['light', 'dark']) {
    const tab = await session.tab({ colorScheme });
    await tab.visit('triggers');
    await tab.page.locator(`[data-trigger="${name}"]`).waitFor();
    await ensureForAll(tab, `the list of triggers, ${colorScheme}`);
    await tab.picture(`triggers-${colorScheme}`);
    await tab.page.getByRole('link', { name, exact: true }).click();
    const times = tab.page.getByLabel('Next times').getByRole('row');
    await times.nth(5).waitFor();
    ensure((await times.count()) === 6, 'a head and five times');
    const shown = await tab.page.getByLabel('Next times').innerText();
    ensure(shown.includes('Europe/Berlin') && shown.includes(' 02:30:00+0'), shown);
    await ensureForAll(tab, `a trigger, ${colorScheme}`);
    await tab.picture(`trigger-${colorScheme}`);
    tab.ensureQuiet();
  }
}

export async function a_trigger_is_fired_and_its_history_has_the_run(session) {
  const name = await trigger();
  const tab = await session.tab();
  await tab.visit(`triggers/${name}`);
  await tab.page.getByText('It has not started anything yet').waitFor();
  await tab.page.getByRole('button', { name: 'Fire…' }).click();
  await tab.page.getByLabel('What its expressions read as event.data').fill('{');
  ensure(await tab.page.getByRole('button', { name: 'Fire it' }).isDisabled(), 'what is no JSON is not sent');
  await tab.page.getByLabel('What its expressions read as event.data').fill('{"by": "hand"}');
  await ensureForAll(tab, 'the dialog to fire');
  await tab.page.getByRole('button', { name: 'Fire it' }).click();
  await tab.page.locator('[data-result="started"]').waitFor({ timeout: 60_000 });
  await tab.page.locator('[data-result="started"]').getByRole('link').click();
  await tab.page.waitForURL(/\/runs\/run-/);
  tab.ensureQuiet();
}

export async function a_backfill_shows_what_it_would_start_before_it_starts_it(session) {
  const name = await trigger("{ schedule: { cron: '0 * * * *', timezone: UTC } }");
  for (const colorScheme of ['light', 'dark']) {
    const tab = await session.tab({ colorScheme });
    await tab.visit(`triggers/${name}`);
    await tab.page.getByRole('button', { name: 'Backfill…' }).press('Enter');
    const dialog = tab.page.getByRole('dialog');
    await dialog.getByText('by the table:').waitFor();
    await dialog.getByLabel('From').fill('2024-03-02T00:00');
    await dialog.getByLabel('To', { exact: true }).fill('2024-03-01T00:00');
    await dialog.getByText('is no range of past moments').waitFor();
    ensure(await dialog.getByRole('button', { name: 'Start', exact: true }).isDisabled(), 'what is no range is not sent');
    await dialog.getByLabel('From').fill('2024-03-01T00:00');
    await dialog.getByLabel('To', { exact: true }).fill('2024-03-01T02:30');
    await dialog.getByText('3 times in that range').waitFor();
    await ensureForAll(tab, `the form of a backfill, ${colorScheme}`);
    await tab.picture(`backfill-${colorScheme}`);
    if (colorScheme === 'light') {
      await dialog.getByRole('button', { name: 'Cancel' }).click();
    } else {
      await dialog.getByRole('button', { name: 'Start 3 runs' }).click();
      await tab.page.locator('[data-result="started"]').nth(2).waitFor({ timeout: 60_000 });
    }
  }
}

export async function a_trigger_is_paused_with_a_reason_and_resumed(session) {
  const name = await trigger();
  const tab = await session.tab();
  await tab.visit(`triggers/${name}`);
  await tab.page.getByRole('button', { name: 'Pause…' }).click();
  await tab.page.getByLabel('Why', { exact: true }).fill('moving house');
  await tab.page.getByRole('button', { name: 'Pause it' }).click();
  await tab.page.getByText('moving house').waitFor();
  ensure((await kept(name)).paused.reason === 'moving house', 'the reason is kept');
  await tab.page.getByRole('button', { name: 'Resume' }).click();
  await tab.page.getByRole('button', { name: 'Pause…' }).waitFor();
  ensure(!(await kept(name)).paused, 'it is resumed');
  tab.ensureQuiet();
}

export async function a_trigger_is_made_edited_and_removed_through_its_file(session) {
  await trigger();
  const tab = await session.tab();
  const name = `browser-${process.pid}-made`;
  await tab.visit('triggers');
  await tab.page.getByRole('button', { name: 'New trigger' }).click();
  const text = tab.page.getByLabel('Trigger file');
  await text.fill(file(name, "{ schedule: { cron: '61 * * * *' } }"));
  await tab.page.getByText('is not a time table').waitFor();
  ensure(await tab.page.getByRole('button', { name: 'Keep it' }).isDisabled(), 'what is wrong is not sent');
  await text.fill(file(name, "{ schedule: { cron: '0 6 * * *' } }"));
  await ensureForAll(tab, 'the editor of a trigger');
  await tab.page.getByRole('button', { name: 'Keep it' }).click();
  await tab.page.getByRole('link', { name, exact: true }).click();
  await tab.page.getByRole('button', { name: 'Edit…' }).click();
  await tab.page.getByLabel('Trigger file').fill(file(name, "{ schedule: { cron: '0 7 * * *' } }"));
  await tab.page.getByRole('button', { name: 'Keep it' }).click();
  await until('the new table is kept', async () => (await kept(name)).spec.on.schedule.cron === '0 7 * * *');
  await tab.page.getByRole('button', { name: 'Remove…' }).click();
  await tab.page.getByRole('button', { name: 'Remove it' }).click();
  await tab.page.waitForURL(/\/triggers$/);
  await until('it is gone', async () => (await kept(name).catch(() => null)) === null);
}

export async function what_others_do_to_a_trigger_is_seen_and_not_overwritten(session) {
  const name = await trigger("{ schedule: { cron: '0 6 * * *', timezone: UTC } }");
  const tab = await session.tab();
  const { page } = tab;
  await tab.visit(`triggers/${name}`);
  const times = page.getByLabel('Next times');
  await times.getByText(' 06:00:00+0').first().waitFor();
  await api(`projects/default/triggers/${name}/pause`, { method: 'POST', body: { reason: 'by somebody else' } });
  await page.getByText('by somebody else').waitFor();
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await api(`projects/default/triggers/${name}/resume`, { method: 'POST', body: null });
  await page.getByRole('button', { name: 'Pause…' }).waitFor();

  await page.getByRole('button', { name: 'Edit…' }).click();
  await page.getByLabel('Trigger file').fill(file(name, "{ schedule: { cron: '0 8 * * *' } }"));
  await api(`projects/default/triggers/${name}`, { method: 'PUT', body: { source: file(name, "{ schedule: { cron: '0 7 * * *' } }") } });
  await times.getByText(' 07:00:00+0').first().waitFor();
  ensure((await page.getByLabel('Trigger file').inputValue()).includes('0 8 * * *'), 'what is being written is gone');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByText('Somebody else has changed it since you opened this').waitFor();
  ensure((await kept(name)).spec.on.schedule.cron === '0 7 * * *', 'what somebody else has kept is overwritten');
  await ensureForAll(tab, 'a trigger that somebody else has changed');
  await page.getByRole('button', { name: 'Cancel' }).click();

  await api(`projects/default/triggers/${name}`, { method: 'DELETE' });
  await page.getByText(`There is no trigger ${name}`).waitFor();
}
