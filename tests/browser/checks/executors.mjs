// Executors and queues: work is kept away from an executor on the page, a queue shows what waits for it, and it is given
// work again.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, reaches, submit, until } from '../browser.mjs';
import { good } from '../workflows.mjs';

const listed = async () => (await api('executors')).items[0];

/** The dialog that keeps work away, filled in by keyboard alone up to its button. */
async function cordon(tab, button, reason, whatRuns) {
  await tab.page.getByRole('button', { name: button, exact: true }).press('Enter');
  const dialog = tab.page.getByRole('dialog');
  const keep = dialog.getByRole('button', { name: 'Cordon it' });
  await keep.waitFor();
  ensure(await keep.isDisabled(), 'a cordon without a reason is sent');
  await dialog.getByLabel('Why', { exact: true }).fill(reason);
  await dialog.getByLabel('What runs on it').selectOption({ label: whatRuns });
  await ensureForAll(tab, 'the dialog of a cordon');
  await keep.press('Enter');
  await dialog.waitFor({ state: 'detached' });
}

/** A queue shows a task that waits, and since when. */
async function queue_shows_what_waits(tab) {
  await tab.visit('queues');
  const row = tab.page.locator('[data-queue="default"]');
  await row.waitFor();
  await until('the queue shows what waits', async () => Number(await row.locator('td').nth(5).innerText()) > 0);
  await row.locator('time').waitFor();
  await ensureForAll(tab, 'the queues while something waits');
}

export async function an_executor_is_cordoned_and_drained_and_given_work_again(session) {
  const { executor } = await until('an executor is heard of', listed);
  const ways = [
    ['light', 'Goes on; only nothing new comes', /^Cordoned$/, (view) => !view.drain],
    ['dark', 'Drain: wait until it has ended', /^Drain(ing|ed)$/, (view) => view.drain && !view.drain.deadline],
  ];
  try {
    for (const [colorScheme, whatRuns, word, isAsAsked] of ways) {
      const tab = await session.tab({ colorScheme });
      await tab.visit('executors');
      const card = tab.page.locator(`[data-executor="${executor}"]`);
      await cordon(tab, `Cordon or drain ${executor}`, `new disks, ${colorScheme}`, whatRuns);
      await card.getByText(word).waitFor();
      await card.getByText(`new disks, ${colorScheme} (`).waitFor();
      const kept = (await listed()).cordon;
      ensure(kept.reason === `new disks, ${colorScheme}` && isAsAsked(kept), JSON.stringify(kept));
      await ensureForAll(tab, `an executor that is given no work, ${colorScheme}`);
      await tab.picture(`executor-cordoned-${colorScheme}`);

      const run = await submit(good);
      await queue_shows_what_waits(tab);
      await tab.visit('executors');
      await card.getByRole('button', { name: `Uncordon ${executor}` }).press('Enter');
      const dialog = tab.page.getByRole('alertdialog');
      await dialog.getByRole('button', { name: 'Uncordon it' }).waitFor();
      await ensureForAll(tab, 'the dialog that ends a cordon');
      await dialog.getByRole('button', { name: 'Uncordon it' }).press('Enter');
      await card.getByText('Online', { exact: true }).waitFor();
      ensure(!(await listed()).cordon, 'it is given work again');
      await reaches(run.id, 'succeeded');
      tab.ensureQuiet();
    }
  } finally {
    // Whatever went wrong here must not hold up the runs of the other checks.
    await api(`executors/${executor}/cordon`, { method: 'DELETE' });
  }
}

export async function a_cordon_by_somebody_else_is_shown_and_can_be_changed(session) {
  const { executor } = await until('an executor is heard of', listed);
  const tab = await session.tab();
  await tab.visit('executors');
  try {
    await api(`executors/${executor}/cordon`, { method: 'PUT', body: { reason: 'by somebody else' } });
    const card = tab.page.locator(`[data-executor="${executor}"]`);
    await card.getByText('by somebody else').waitFor();
    await card.getByText('Cordoned', { exact: true }).waitFor();
    await cordon(tab, `Change the cordon of ${executor}`, 'changed here', 'Drain: stop it after 10 minutes');
    await card.getByText('changed here').waitFor();
    ensure((await listed()).cordon.drain.deadline, 'the deadline is kept');
  } finally {
    await api(`executors/${executor}/cordon`, { method: 'DELETE' });
  }
  tab.ensureQuiet();
}
