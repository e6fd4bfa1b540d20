// The pull of an image, as it goes on.
import { ensure, submit, until } from '../browser.mjs';
import { slowImage } from '../registry.mjs';
import { IMAGE } from '../workflows.mjs';

export async function a_pull_is_shown_as_it_grows_until_the_program_runs(session) {
  const { image, close } = await slowImage(IMAGE);
  try {
    const tab = await session.tab();
    const run = await submit(`version: 1\nname: browser-pull\ntasks:\n  look:\n    image: ${image}\n    run: echo here\n`);
    await tab.visit(`runs/${run.id}?task=look`);
    const label = tab.page.locator('.timeline text.label');
    const seen = new Set();
    await until('the pull grows', async () => {
      (await label.allTextContents()).forEach((text) => seen.add(text));
      return [...seen].filter((text) => / of \d.* MiB$/.test(text)).length >= 3;
    });
    ensure([...seen].every((text) => text.startsWith(`pulling ${image}`)), `shown: ${[...seen]}`);
    await tab.page.locator('.panel', { hasText: `Pulling ${image}, ` }).waitFor();
    await tab.picture('pull');
    await tab.page.locator('.page-head .pill', { hasText: 'Succeeded' }).waitFor({ timeout: 60_000 });
    ensure((await label.count()) === 0, 'the pull is still shown');
    ensure(tab.repeated().length === 0, `asked for more than once:\n${tab.repeated().join('\n')}`);
    tab.ensureQuiet();
  } finally {
    await close();
  }
}
