// Runs that carry out tasks of others: how one leads to the other, and what they give.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, reaches, submit, until } from '../browser.mjs';
import { faller, falls, giver, taker } from '../workflows.mjs';

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
  const bars = await tab.page.locator('[data-task="part"] svg[role="img"]').getAttribute('aria-label');
  ensure(bars.includes('Its run, ended well'), bars);
  ensure((await panel.getByRole('link', { name: 'Log', exact: true }).count()) === 0, 'a log is offered that nobody wrote');
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

export async function a_task_whose_run_failed_leads_there_and_to_no_log_of_its_own(session) {
  await keep('browser-falls', falls);
  const run = await submit(faller);
  await reaches(run.id, 'failed');
  const { child } = await api(`projects/default/runs/${run.id}/tasks/part`);
  const tab = await session.tab({ colorScheme: 'light' });
  await tab.visit(`runs/${run.id}`);
  const failure = tab.page.getByRole('region', { name: 'What failed' });
  await failure.getByText('the run that carried it out did not end well').waitFor();
  const said = await failure.innerText();
  ensure(!said.includes('attempt') && !said.includes('Whole log'), said);
  await ensureForAll(tab, 'a task whose run failed');
  await tab.picture('child-failed');
  await tab.visit(`runs/${run.id}/logs?task=part`);
  await tab.page.getByText('Another run carries the task out').waitFor();
  await tab.page.locator('main').getByRole('link', { name: 'Run of browser-falls' }).click();
  await tab.page.locator('.page-head').getByText('carries out part of').waitFor();
  ensure(tab.page.url().includes(child.run), tab.page.url());
  tab.ensureQuiet();
}
