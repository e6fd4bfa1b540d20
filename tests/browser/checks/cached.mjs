// Results that earlier runs made: taken over, passed by, and cleared.
import { ensureForAll } from '../axe.mjs';
import { api, ensure, reaches, submit } from '../browser.mjs';
import { IMAGE } from '../workflows.mjs';

const NAME = 'browser-cached';
const file = `version: 1
name: ${NAME}
tasks:
  make:
    image: ${IMAGE}
    cache: true
    env: { FOR: "the page" }
    run: |
      echo made
      printf data > data.txt
    outputs: { data: { path: data.txt } }
`;

const stateOf = async (run) => (await api(`projects/default/runs/${run}/tasks/make`)).state;

/** Runs the kept workflow from its page; gives the id of the run. */
async function startFromThePage(tab, prepare) {
  await tab.visit(`workflows/${NAME}?tab=run`);
  await prepare();
  await tab.page.getByRole('button', { name: 'Start the run' }).click();
  await tab.page.waitForURL('**/runs/run-*');
  const run = new URL(tab.page.url()).pathname.split('/').at(-1);
  await reaches(run, 'succeeded');
  return run;
}

export async function a_result_is_taken_over_passed_by_and_cleared(session) {
  await api(`projects/default/workflows/${NAME}`, { method: 'PUT', body: { source: file } });
  const first = await submit(file);
  await reaches(first.id, 'succeeded');
  const tab = await session.tab({ colorScheme: 'light' });
  const { page } = tab;

  const second = await startFromThePage(tab, async () => {});
  ensure((await stateOf(second)) === 'cached', 'the result was made once more');
  await tab.visit(`runs/${second}?task=make`);
  const panel = page.getByRole('complementary', { name: 'Task make' });
  await panel.getByText('Taken over from').waitFor();
  await panel.getByRole('link', { name: first.id.slice(-6) }).waitFor();
  await ensureForAll(tab, 'a result that was taken over');
  await tab.picture('cached-task');

  const anew = await startFromThePage(tab, () => page.getByLabel('Take over no results of other runs').check());
  ensure((await stateOf(anew)) === 'succeeded', 'a result was taken over that was not wanted');

  await tab.visit(`workflows/${NAME}`);
  const card = page.getByRole('region', { name: 'Cached results' });
  await card.getByText('They were never cleared.').waitFor();
  await card.getByRole('button', { name: 'Clear…' }).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByText('Runs, artifacts and logs stay').waitFor();
  await ensureForAll(tab, 'the question before results are cleared');
  await tab.picture('cached-clear');
  await dialog.getByRole('button', { name: 'Clear them' }).click();
  await card.getByText('They were cleared').waitFor();
  await tab.picture('cached-cleared');
  const after = await startFromThePage(tab, async () => {});
  ensure((await stateOf(after)) === 'succeeded', 'a cleared result was taken over');
  tab.ensureQuiet();
}
