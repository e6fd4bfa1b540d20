// Notifications: made, paused, resumed and removed on the page.
import { ensureForAll } from '../axe.mjs';
import { ensure } from '../browser.mjs';

export async function a_notification_is_made_paused_and_removed(session) {
  const tab = await session.tab();
  const { page } = tab;
  const press = (name) => page.getByRole('button', { name, exact: true }).last().click();
  await tab.visit('notifications');
  await press('New notification');
  await page.getByLabel('Name').fill('robots');
  await page.getByLabel('By', { exact: true }).selectOption('nats');
  await page.getByLabel('Topic').fill('no topic');
  await press('Make it');
  await page.getByText('is no topic').first().waitFor();
  // What the server refuses is told in the console too; everything else in there is a mistake.
  tab.complaints.length = 0;
  await page.getByLabel('Topic').fill('ends');
  await page.getByLabel('succeeded').check();
  await page.getByLabel('wait for a person to decide').check();
  await press('Make it');
  const row = page.locator('[data-notification="robots"]');
  await row.waitFor();
  const text = await row.innerText();
  ensure(text.includes('NATS topic ends') && text.includes('succeeded') && text.includes('approval'), text);

  await press('Change robots');
  const asks = page.getByLabel('wait for a person to decide');
  ensure(await asks.isChecked(), 'what was chosen is there when it is changed');
  for (const end of ['failed', 'ran out of time', 'succeeded']) await page.getByLabel(end).uncheck();
  await press('Change it');
  await row.getByText('approval', { exact: true }).waitFor();

  await press('Pause robots');
  await page.getByLabel('Why').fill('holidays');
  await press('Pause it');
  await row.getByText('paused by').waitFor();
  await press('Resume robots');
  await row.getByText('nothing yet').waitFor();
  await press('Deliveries of robots');
  await page.getByText('Nothing has been sent yet').waitFor();
  await ensureForAll(tab, 'deliveries of a notification');
  await press('Close');

  await press('Remove robots');
  await press('Remove it');
  await row.waitFor({ state: 'detached' });
  tab.ensureQuiet();
}

export async function the_form_of_a_notification_is_for_everybody_in_both_themes(session) {
  for (const colorScheme of ['light', 'dark']) {
    const tab = await session.tab({ colorScheme });
    await tab.visit('notifications');
    await ensureForAll(tab, `notifications, ${colorScheme}`);
    await tab.page.getByRole('button', { name: 'New notification' }).first().click();
    await tab.page.getByLabel('Address').waitFor();
    await ensureForAll(tab, `a new notification, ${colorScheme}`);
    await tab.picture(`notification-${colorScheme}`);
    tab.ensureQuiet();
  }
}
