// Uploads: a file is chosen or dropped, sent, listed, read by a task, and removed on the page.
import { ensureForAll } from '../axe.mjs';
import { api, ensure } from '../browser.mjs';

const text = 'a,b\n1,2\n';

export async function a_file_is_uploaded_becomes_another_version_and_is_removed(session) {
  const tab = await session.tab();
  const { page } = tab;
  await tab.visit('uploads');
  await page.getByText('The project has no uploads').waitFor();
  await ensureForAll(tab, 'no uploads');
  const field = page.getByLabel('Upload files');
  await field.setInputFiles({ name: 'my data.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  const row = page.locator('[data-upload="my-data.csv"]');
  await row.waitFor();
  ensure((await row.innerText()).includes('8 B'), await row.innerText());
  const first = (await api('projects/default/uploads/my-data.csv')).newest;
  ensure(first.content_type === 'text/csv', JSON.stringify(first));
  // The field is empty again, so that the same file can be chosen.
  await page.waitForFunction(() => document.querySelector('#upload-file:enabled')?.files.length === 0);
  await field.setInputFiles([
    { name: 'my data.csv', mimeType: 'text/csv', buffer: Buffer.from(text) },
    { name: 'other.bin', mimeType: '', buffer: Buffer.alloc(3_000_000) },
  ]);
  await page.locator('[data-upload="other.bin"]').waitFor();
  const both = (await api('projects/default/uploads/my-data.csv')).versions;
  ensure(both.length === 2 && both[1].version === first.version, JSON.stringify(both));
  await ensureForAll(tab, 'uploads');

  for (const name of ['my-data.csv', 'other.bin']) {
    await page.getByRole('button', { name: `Remove ${name}`, exact: true }).click();
    await page.getByRole('button', { name: 'Remove it', exact: true }).click();
    await page.locator(`[data-upload="${name}"]`).waitFor({ state: 'detached' });
  }
  tab.ensureQuiet();
}
