// What people do: write a file, start a run, look at a failure, run again.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, reaches, submit } from '../browser.mjs';
import { bad, good, stranded } from '../workflows.mjs';

export async function a_file_is_checked_while_it_is_typed_and_then_run(session) {
  const tab = await session.tab();
  await tab.visit('new');
  const editor = tab.page.getByRole('textbox', { name: 'Workflow file' });
  await editor.fill(good.replace('matrix:', 'matrics:'));
  const finding = tab.page.locator('.finding', { hasText: 'matrics' });
  await finding.waitFor();
  ensure(/^\d+:\d+$/.test(await finding.locator('.where').innerText()), 'the finding says no line and column');
  await tab.picture('editor-findings');
  await editor.fill(good);
  await tab.page.getByText('The file is valid.').waitFor();
  await tab.page.getByLabel('times').fill('9');
  await tab.page.getByText('times must be at most 5').waitFor();
  await tab.picture('form-validation');
  await tab.page.getByLabel('times').fill('3');
  await tab.page.getByLabel('word').fill('from the page');
  await tab.page.getByRole('button', { name: 'Start the run' }).click();
  await tab.page.waitForURL('**/runs/run-*');
  const id = new URL(tab.page.url()).pathname.split('/').at(-1);
  const run = await reaches(id, 'succeeded');
  ensure(run.inputs.word === 'from the page' && run.inputs.times === 3, `the inputs are ${JSON.stringify(run.inputs)}`);
  tab.ensureQuiet();
}

export async function a_failed_run_opens_with_what_failed_and_why(session) {
  const tab = await session.tab();
  const run = await submit(bad);
  await reaches(run.id, 'failed');
  await tab.visit(`runs/${run.id}`);
  const failure = tab.page.locator('.failure');
  await failure.getByText('the last words before the end').waitFor();
  ensure((await failure.innerText()).includes('exit 3'), 'the exit code is not there');
  await tab.page.getByRole('button', { name: 'Retry failed tasks in a new run' }).click();
  await tab.page.waitForURL((url) => url.pathname.includes('/runs/run-') && !url.pathname.endsWith(run.id));
  const again = new URL(tab.page.url()).pathname.split('/').at(-1);
  const repeated = await api(`projects/default/runs/${again}`);
  ensure(repeated.recovered_from === run.id, `the new run repeats ${repeated.recovered_from}`);
  await reaches(again, 'failed');
  tab.ensureQuiet();
}

export async function run_again_takes_over_file_and_inputs(session) {
  const tab = await session.tab();
  const run = await submit(good, { word: 'first' });
  await reaches(run.id, 'succeeded');
  await tab.visit(`runs/${run.id}`);
  await tab.page.getByRole('link', { name: 'Run again…' }).click();
  const word = tab.page.getByLabel('word');
  await word.waitFor();
  ensure((await word.inputValue()) === 'first', 'the input of the earlier run is not taken over');
  await tab.page.getByRole('button', { name: 'Start the run' }).click();
  await tab.page.waitForURL((url) => url.pathname.includes('/runs/run-') && !url.pathname.endsWith(run.id));
}

export async function a_part_of_a_run_is_repeated_with_another_input(session) {
  const tab = await session.tab();
  const run = await submit(good, { word: 'first' });
  await reaches(run.id, 'succeeded');
  await tab.visit(`runs/${run.id}`);
  await tab.page.getByRole('button', { name: 'Rerun…' }).click();
  const dialog = tab.page.getByRole('dialog');
  await dialog.getByText('name the tasks to repeat').waitFor();
  const send = dialog.getByRole('button', { name: 'Rerun in a new run' });
  ensure(await send.isDisabled(), 'nothing would be repeated, and it can be sent');
  await dialog.getByRole('checkbox', { name: 'repeat' }).check();
  await dialog.getByText('runs again: asked for').waitFor();
  await ensureForAll(tab, 'the dialog of a rerun');
  await tab.picture('rerun');
  const word = dialog.getByLabel('word');
  ensure((await word.inputValue()) === 'first', 'the value of the run is not there');
  await word.fill('second');
  await dialog.getByText('runs again: reads word, which changed').waitFor();
  await dialog.getByRole('checkbox', { name: 'repeat' }).uncheck();
  await word.fill('first');
  await dialog.getByText('name the tasks to repeat').waitFor();
  await dialog.getByRole('checkbox', { name: 'repeat' }).check();
  await dialog.getByText('runs again: asked for').waitFor();
  await send.click();
  await tab.page.waitForURL((url) => url.pathname.includes('/runs/run-') && !url.pathname.endsWith(run.id));
  const again = new URL(tab.page.url()).pathname.split('/').at(-1);
  const ended = await reaches(again, 'succeeded');
  ensure(ended.recovered_from === run.id && ended.tasks.by_state.cached === 1, `it is ${JSON.stringify(ended.tasks)}`);
}

export async function filters_are_in_the_address_and_asked_of_the_server(session) {
  const tab = await session.tab();
  const run = await submit(bad);
  await reaches(run.id, 'failed');
  await tab.visit('runs');
  await tab.page.getByRole('link', { name: /^Failed/ }).click();
  await tab.page.locator(`[data-run="${run.id}"]`).waitFor();
  ensure((await tab.page.locator('[data-run]:not([data-state="failed"])').count()) === 0, 'runs in other states are listed');
  await tab.page.getByRole('searchbox', { name: /Search by run id/ }).fill('browser-bad');
  await tab.page.waitForURL('**search=browser-bad**');
  await tab.page.locator(`[data-run="${run.id}"]`).waitFor();
  ensure(tab.requests.some((request) => request.includes('state=failed') && request.includes('search=browser-bad')), 'the server was not asked');
  await tab.page.getByRole('searchbox', { name: /Search by run id/ }).fill('no such run anywhere');
  await tab.page.getByText('No run fits these filters').waitFor();
  tab.ensureQuiet();
}

export async function a_waiting_task_says_where_it_stands_what_would_help_and_what_each_executor_lacks(session) {
  const tab = await session.tab();
  const run = await submit(stranded);
  await tab.visit(`runs/${run.id}?task=train`);
  const panel = tab.page.locator('#task-panel');
  await panel.getByText('no executor is online in pool nowhere').waitFor();
  await panel.getByText('in queue default').waitFor();
  await panel.getByText('start an executor in this pool').waitFor();
  await panel.getByText('not in nowhere').first().waitFor();
  await panel.getByText('not as things are').waitFor();
  await ensureForAll(tab, 'the panel of a waiting task');
  await tab.picture('waiting-task');
  await api(`projects/default/runs/${run.id}/cancel`, { method: 'POST', body: {} });
  await reaches(run.id, 'cancelled');
  await panel.getByText('in queue default').waitFor({ state: 'detached' });
  tab.ensureQuiet();
}

export async function the_page_tells_what_another_executor_would_change(session) {
  const tab = await session.tab();
  const run = await submit(stranded);
  await tab.visit('executors');
  await tab.page.getByRole('button', { name: 'What if…' }).click();
  const dialog = tab.page.getByRole('dialog');
  await dialog.getByLabel('In the pool').fill('nowhere');
  await dialog.getByLabel('Cores of each').fill('2');
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('say memory_bytes too').first().waitFor();
  await dialog.getByLabel('Memory of each').fill('4');
  await dialog.getByRole('button', { name: 'Look ahead' }).click();
  await dialog.getByText('would start at once').first().waitFor();
  await dialog.getByText('browser-stranded').first().waitFor();
  await ensureForAll(tab, 'the answer what would be');
  await tab.picture('what-if');
  await tab.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await api(`projects/default/runs/${run.id}/cancel`, { method: 'POST', body: {} });
  await reaches(run.id, 'cancelled');
}
