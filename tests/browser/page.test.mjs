// Every check of the page, in one browser, against one installation.
import { after, test } from 'node:test';
import { installation } from './installation.mjs';

// A check that hangs is to fail, not to hold up all that come after it.
const CHECK_MS = 180_000;

const { stop } = await installation();
const { open } = await import('./browser.mjs');
const checks = await Promise.all(['pages', 'access', 'live', 'work', 'approvals', 'children', 'cached', 'triggers', 'notifications', 'uploads', 'executors', 'timeline', 'many', 'keyboard', 'pull'].map((name) => import(`./checks/${name}.mjs`)));
const session = await open();

after(async () => {
  await session.close();
  await stop();
});

for (const [name, check] of checks.flatMap((module) => Object.entries(module))) {
  test(name.replaceAll('_', ' '), { timeout: CHECK_MS }, async () => {
    try {
      await check(session);
    } catch (error) {
      await session.keepPicture(`failed-${name}`);
      throw error;
    } finally {
      await session.tidy();
    }
  });
}
