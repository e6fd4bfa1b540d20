// A person is asked on the page of a run, and decides there; everybody who looks sees it.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, reaches, submit, until } from '../browser.mjs';
import { asking } from '../workflows.mjs';

/** A run whose `review` waits for a person. */
async function asked() {
  const run = await submit(asking);
  await until('a person is asked', async () => (await api(`projects/default/runs/${run.id}`)).approvals?.includes('review'));
  return run;
}

const question = (tab) => tab.page.getByRole('region', { name: /review waits for approval/ });

export async function what_is_asked_is_filled_in_and_approved_and_others_see_it_at_once(session) {
  const run = await asked();
  const [other, tab] = [await session.tab({ colorScheme: 'dark' }), await session.tab()];
  for (const each of [other, tab]) {
    await each.visit(`runs/${run.id}`);
    await question(each).getByText('Release it to whom?').waitFor();
    await ensureForAll(each, 'a run that asks');
  }
  await tab.picture('approval');
  const approve = question(tab).getByRole('button', { name: 'Approve' });
  ensure(await approve.isDisabled(), 'what is required is missing, and it can be approved');
  await question(tab).getByLabel(/^audience/).selectOption('team');
  await question(tab).getByLabel(/^Comment/).fill('looks good');
  await approve.press('Enter');
  for (const each of [tab, other]) await question(each).waitFor({ state: 'detached' });
  const ended = await reaches(run.id, 'succeeded');
  const task = await api(`projects/default/runs/${run.id}/tasks/review`);
  ensure(task.values.audience === 'team' && task.approval.decision.comment === 'looks good', JSON.stringify(task));
  ensure(!ended.approvals?.length, 'nobody is asked any more');
  await tab.visit(`runs/${run.id}?task=review`);
  await tab.page.getByText('looks good').first().waitFor();
  for (const each of [tab, other]) each.ensureQuiet();
}

export async function a_run_that_asks_is_marked_and_found_in_the_list_and_is_rejected(session) {
  const run = await asked();
  const tab = await session.tab();
  await tab.visit('runs');
  await tab.page.locator(`[data-run="${run.id}"]`).getByText('Waits for approval').waitFor();
  await tab.page.getByRole('link', { name: 'Waits for approval' }).click();
  await tab.page.waitForURL(/approval=waiting/);
  await tab.page.locator(`[data-run="${run.id}"]`).getByRole('link').first().click();
  await question(tab).getByLabel(/^Comment/).fill('not yet');
  await question(tab).getByRole('button', { name: 'Reject' }).click();
  await tab.page.locator('.page-head .pill', { hasText: 'Failed' }).waitFor();
  await tab.page.getByText('not yet').first().waitFor();
  await reaches(run.id, 'failed');
  tab.ensureQuiet();
}
