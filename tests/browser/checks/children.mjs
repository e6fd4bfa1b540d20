// Runs that carry out tasks of others: how one leads to the other, and what they give.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, reaches, submit, until } from '../browser.mjs';
import { giver, taker } from '../workflows.mjs';

const keep = (name, source) => api(`projects/default/workflows/${name}`, { method: 'PUT', body: { source } });

export async function a_task_leads_to_the_run_that_carries_it_out_and_back_and_both_say_what_is_given(session) {
  await keep('browser-giver', giver);
  const run = await submit(taker);
  const part = () => api(`projects/default/runs/${run.id}/tasks/part`);
  const child = await until('the run of the task is asked for', async () => (await part()).child?.run);
  const tab = await session.tab({ colorScheme: 'dark' });
  // The page is there before anything is given, and is told of it.
  await tab.visit(`runs/${run.id}/inputs`);
  await reaches(run.id, 'succeeded');
  const outputs = tab.page.getByRole('region', { name: 'Outputs' });
  await outputs.getByRole('cell', { name: 'all', exact: true }).waitFor();
  await ensureForAll(tab, 'what a run gives');
  ensure((await outputs.innerText()).includes('42'), await outputs.innerText());
  await tab.page.getByRole('link', { name: 'Inputs and outputs' }).waitFor();

  await tab.visit(`runs/${run.id}?task=part`);
  const panel = tab.page.getByRole('complementary', { name: 'Task part' });
  await panel.getByRole('region', { name: 'Values' }).getByText('42').waitFor();
  await ensureForAll(tab, 'a task that a run has carried out');
  await tab.picture('child-task');
  await panel.getByRole('link', { name: child.slice(-6) }).press('Enter');

  const head = tab.page.locator('.page-head');
  await head.getByText('carries out part of').waitFor();
  ensure(tab.page.url().includes(child), tab.page.url());
  await tab.page.getByRole('link', { name: 'Inputs and outputs' }).click();
  await outputs.getByRole('cell', { name: 'note', exact: true }).waitFor();
  await ensureForAll(tab, 'what a child gives');
  await tab.picture('child-outputs');
  await outputs.getByRole('link', { name: 'made of work' }).click();
  await tab.page.locator('[data-artifact]').first().waitFor();
  await head.getByRole('link', { name: run.id.slice(-6) }).click();
  await tab.page.getByRole('link', { name: 'Inputs and outputs' }).waitFor();
  ensure(tab.page.url().includes(run.id), tab.page.url());
  tab.ensureQuiet();
}
