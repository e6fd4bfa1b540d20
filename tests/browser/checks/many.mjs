// Several runs at once, and filters that come back.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, reaches, submit, until } from '../browser.mjs';
import { IMAGE, bad, endless } from '../workflows.mjs';

export async function several_runs_are_cancelled_at_once_after_the_number_was_confirmed(session) {
  const tab = await session.tab();
  // With what follows it, a run would not end for minutes.
  const slow = `${endless}  tidy: { finally: always, image: ${IMAGE}, run: sleep 600 }\n`;
  const runs = [await submit(slow), await submit(slow), await submit(endless)];
  for (const run of runs) await reaches(run.id, 'running');
  await tab.visit('runs?workflow=browser-endless&state=running');
  for (const run of runs.slice(0, 2)) await tab.page.getByRole('checkbox', { name: `Select run ${run.id}` }).check();
  const bar = tab.page.getByRole('region', { name: 'Selected runs' });
  await bar.getByText('2 runs selected').waitFor();
  await tab.picture('runs-selected');
  await bar.getByRole('button', { name: 'Cancel 2…' }).click();
  const dialog = tab.page.getByRole('alertdialog', { name: 'Cancel 2 runs?' });
  await dialog.waitFor();
  await tab.picture('runs-cancel');
  await ensureForAll(tab, 'the question before several runs are cancelled');
  await dialog.getByRole('checkbox', { name: /^Leave out their finally tasks/ }).check();
  await dialog.getByRole('button', { name: 'Cancel 2 runs' }).click();
  for (const run of runs.slice(0, 2)) await reaches(run.id, 'cancelled');
  await tab.page.getByText('2 runs are being cancelled.').waitFor();
  ensure((await api(`projects/default/runs/${runs[2].id}`)).state === 'running', 'a run that was not selected was cancelled');
  await until('what was cancelled has left the list', async () => (await tab.page.locator(`[data-run="${runs[0].id}"]`).count()) === 0);
  await api(`projects/default/runs/${runs[2].id}/cancel`, { method: 'POST', body: {} });
  tab.ensureQuiet();
}

export async function failed_tasks_of_several_runs_are_retried_at_once(session) {
  const tab = await session.tab();
  const runs = [await submit(bad), await submit(bad)];
  for (const run of runs) await reaches(run.id, 'failed');
  await tab.visit('runs?workflow=browser-bad');
  for (const run of runs) await tab.page.getByRole('checkbox', { name: `Select run ${run.id}` }).check();
  await tab.page.getByRole('button', { name: 'Retry failed tasks of 2…' }).click();
  await tab.page.getByRole('button', { name: 'Retry failed tasks of 2 runs' }).click();
  await until('both are repeated', async () => {
    const { items } = await api('projects/default/runs?workflow=browser-bad&limit=50');
    return runs.every((run) => items.some((row) => row.recovered_from === run.id));
  });
  tab.ensureQuiet();
}

export async function a_saved_view_brings_its_filters_back_after_a_reload(session) {
  const tab = await session.tab();
  await reaches((await submit(bad)).id, 'failed');
  await tab.visit('runs?state=failed&search=browser-bad');
  await tab.page.getByRole('button', { name: 'Save this view…' }).click();
  await tab.page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Name of the view');
  await tab.page.keyboard.type('What broke');
  await tab.page.keyboard.press('Enter');
  await tab.page.getByRole('link', { name: 'What broke' }).waitFor();
  await tab.picture('runs-view');
  await ensureForAll(tab, 'saved views');
  await tab.visit('runs');
  await tab.page.getByRole('link', { name: 'What broke' }).click();
  await tab.page.waitForURL('**state=failed**');
  ensure(new URL(tab.page.url()).searchParams.get('search') === 'browser-bad', 'the view forgets its search');
  await tab.page.keyboard.press('Control+k');
  await tab.page.keyboard.type('what bro');
  await tab.page.getByRole('option', { name: /What broke/ }).waitFor();
  await tab.page.keyboard.press('Escape');
  await tab.page.getByRole('button', { name: 'Forget the view What broke' }).click();
  await tab.page.reload();
  await tab.page.waitForSelector('[data-live="Live"]');
  ensure((await tab.page.getByRole('link', { name: 'What broke' }).count()) === 0, 'the view is still there');
}
