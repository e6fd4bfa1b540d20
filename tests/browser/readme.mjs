// Takes the picture of the README: node tests/browser/readme.mjs, beside a running `emboflow up`, with PAGE_URL, API_URL
// and TOKEN from its up.json in the environment.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { open, reaches, submit } from './browser.mjs';

const file = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const session = await open();
const run = await submit(await readFile(file('examples/digits/workflow.yaml'), 'utf8'));
const { state } = await reaches(run.id, 'succeeded', 'failed');
if (state !== 'succeeded') throw new Error(`the run has ${state}`);
const tab = await session.tab({ viewport: { width: 1280, height: 720 }, colorScheme: 'light' });
await tab.visit(`runs/${run.id}`);
await tab.page.getByText('random-forest').first().waitFor();
await tab.page.screenshot({ path: file('docs/images/run-timeline-light.png') });
await session.close();
