// What axe-core finds in a page.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

let source;
try {
  source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
} catch (error) {
  throw new Error('axe-core is missing; `make setup` installs it', { cause: error });
}

/** The serious and critical findings, one line each. */
export async function violations(tab) {
  // A pulse or a fade is not what is judged.
  await tab.page.emulateMedia({ reducedMotion: 'reduce' });
  await tab.page.evaluate(source);
  const { violations: found } = await tab.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .flatMap(({ id, help, nodes }) => nodes.slice(0, 5).map((node) => `${id}: ${help}\n  ${node.html.slice(0, 160)}\n  ${node.failureSummary?.split('\n').slice(1, 3).join(' ').trim()}`));
}

/** Fails when there is a serious or critical finding. */
export async function ensureForAll(tab, what) {
  const found = await violations(tab);
  if (found.length > 0) throw new Error(`${what}:\n${found.join('\n')}`);
}
