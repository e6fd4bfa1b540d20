// Signing in, what one may, and what is shown once: in a real browser, as people of different rights.
import { ensureForAll, violations } from '../axe.mjs';
import { api, DEADLINE_MS, ensure, ROOT, until } from '../browser.mjs';

const PASSWORD = 'seven quiet robots fold laundry';
let count = 0;

const site = (address) => new URL(address, ROOT).href;

/** A project that nobody else uses. */
async function project() {
  count += 1;
  const name = `lab-${process.pid}-${count}`;
  await api('projects', { method: 'POST', body: { name, description: 'arms' } });
  return name;
}

/** A user with a password, and roles such as { lab: 'viewer' }. */
async function user(roles = {}, platform_admin = false) {
  count += 1;
  const name = `anna-${process.pid}-${count}`;
  const bindings = Object.entries(roles).map(([project, role]) => ({ project, role }));
  await api('users', { method: 'POST', body: { name, password: PASSWORD, powers: { platform_admin, bindings } } });
  return name;
}

/** An empty browser. */
async function stranger(session, options = {}) {
  const tab = await session.tab({ storageState: undefined, ...options });
  return tab;
}

/** A browser that the user has signed in with. */
async function as(session, name, options = {}) {
  const tab = await stranger(session, options);
  const answer = await tab.page.context().request.post(site('session'), { data: { user: name, password: PASSWORD } });
  ensure(answer.ok(), `signing in as ${name}: ${answer.status()} ${await answer.text()}`);
  return tab;
}

const signIn = async (tab, name, password) => {
  await tab.page.getByLabel('User', { exact: true }).fill(name);
  await tab.page.getByLabel('Password', { exact: true }).fill(password);
  await tab.page.getByRole('button', { name: 'Sign in', exact: true }).click();
};

/** Everything that was refused is a line on the console; nothing else may be there. */
const ensureOnlyRefusals = (tab, ...statuses) => {
  const other = tab.complaints.filter((line) => !statuses.some((status) => line.includes(`status of ${status}`)) && !line.includes('ERR_NETWORK_CHANGED'));
  ensure(other.length === 0, `the browser complains:\n${other.join('\n')}`);
};

export async function a_user_signs_in_where_they_wanted_to_go(session) {
  const lab = await project();
  const name = await user({ [lab]: 'developer' });
  const tab = await stranger(session);
  await tab.page.goto(site(`projects/${lab}/workflows`));
  await tab.page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
  await ensureForAll(tab, 'the page of signing in');
  await tab.picture('sign-in');
  await signIn(tab, name, 'another password');
  await tab.page.getByRole('alert').getByText('There is no such user, or the password is another one.').waitFor();
  await signIn(tab, name, PASSWORD);
  await tab.page.getByRole('heading', { name: 'Workflows', exact: true }).waitFor();
  ensure(new URL(tab.page.url()).pathname.endsWith(`/projects/${lab}/workflows`), `signed in at ${tab.page.url()}`);
  ensure((await tab.page.getByLabel('Project', { exact: true }).inputValue()) === lab, 'another project is shown');
  ensureOnlyRefusals(tab, 401);
}

export async function wrong_passwords_lock_the_form_for_a_time_that_is_shown(session) {
  const name = await user();
  const tab = await stranger(session);
  await tab.page.goto(site('runs'));
  const locked = tab.page.locator('[data-locked]');
  for (let tries = 0; (await locked.count()) === 0; tries += 1) {
    ensure(tries < 20, 'twenty wrong passwords, and no wait');
    await signIn(tab, name, `wrong ${tries}`);
    await tab.page.locator('.sign-in .wrong, [data-locked]').first().waitFor();
    await tab.page.waitForFunction(() => document.querySelector('[data-locked]') || !document.querySelector('button[type=submit]').disabled);
  }
  ensure(/Try again in \d/.test(await locked.innerText()), 'the time is not shown');
  ensure(await tab.page.getByRole('button', { name: 'Sign in', exact: true }).isDisabled(), 'the form takes another try');
  await tab.picture('sign-in-locked');
}

export async function a_link_signs_in_once_and_a_password_is_chosen(session) {
  const lab = await project();
  const admin = await as(session, await user({}, true));
  await admin.page.goto(site('users'));
  await admin.page.getByRole('button', { name: 'New user' }).click();
  const name = `ben-${process.pid}`;
  await admin.page.getByLabel('Name to sign in with').fill(name);
  await admin.page.getByRole('button', { name: 'Add a role' }).click();
  await admin.page.getByLabel('Project of role 1').selectOption(lab);
  await admin.page.getByLabel('Role 1', { exact: true }).selectOption('viewer');
  await ensureForAll(admin, 'the form of a new user');
  await admin.page.getByRole('button', { name: 'Make the user' }).click();
  const link = await admin.page.locator('#once-value').innerText();
  ensure(link.startsWith(ROOT) && link.includes('session?code='), `no link: ${link}`);
  await admin.page.getByRole('button', { name: 'I have kept it' }).click();
  await admin.page.locator(`[data-user="${name}"]`, { hasText: 'Invited' }).waitFor();

  const tab = await stranger(session);
  await tab.page.goto(link);
  await tab.page.getByRole('link', { name: `Account: ${name}` }).click();
  await tab.page.getByText('Choose a password, so that you can come back').waitFor();
  await tab.page.getByLabel('New password', { exact: true }).fill(PASSWORD);
  await tab.page.getByLabel('New password again').fill(PASSWORD);
  await tab.page.getByRole('button', { name: 'Choose the password' }).or(tab.page.getByRole('button', { name: 'Keep the password' })).click();
  await tab.page.getByText('The password is changed.').waitFor();
  await tab.page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(tab, name, PASSWORD);
  await tab.page.getByRole('heading', { name: 'Account', exact: true }).waitFor();
  ensureOnlyRefusals(tab, 401);
}

export async function a_viewer_looks_and_is_told_who_may_act(session) {
  const lab = await project();
  const workflow = 'version: 1\nname: look\ntasks: { a: { image: b:1 } }\n';
  await api(`projects/${lab}/workflows/look`, { method: 'PUT', body: { source: workflow } });
  const tab = await as(session, await user({ [lab]: 'viewer' }));
  // The root leads to the project that is open.
  await tab.visit('');
  await tab.page.waitForURL(`**/projects/${lab}/runs`);
  ensure((await tab.page.getByRole('link', { name: 'New run' }).count()) === 0, 'a viewer is offered a new run');
  for (const hidden of ['Users', 'API keys', 'Secrets', 'Audit']) {
    ensure((await tab.page.getByRole('link', { name: hidden, exact: true }).count()) === 0, `a viewer is offered ${hidden}`);
  }
  await tab.visit(`projects/${lab}/workflows/look?tab=run`);
  await tab.page.getByText('Your role here is viewer.').waitFor();
  for (const [address, said] of [['users', 'The users are not open to you'], ['audit', 'not open to you'], [`projects/${lab}/secrets`, 'not open to you']]) {
    await tab.visit(address);
    await tab.page.getByRole('heading', { name: said }).waitFor();
  }
  await tab.page.goto(site('runs'));
  await tab.page.getByRole('heading', { name: 'No project default is open to you' }).waitFor();
  await tab.page.getByRole('main').getByRole('link', { name: lab }).click();
  await tab.page.waitForURL(`**/projects/${lab}/runs`);
  tab.ensureQuiet();
}

export async function another_project_is_another_address(session) {
  const lab = await project();
  const tab = await session.tab();
  await tab.visit('workflows');
  await tab.page.getByLabel('Project', { exact: true }).selectOption(lab);
  await tab.page.waitForURL(`**/projects/${lab}/workflows`);
  await tab.page.waitForSelector('[data-live="Live"]', { timeout: DEADLINE_MS });
  await tab.page.getByRole('link', { name: 'Runs', exact: true }).click();
  await tab.page.waitForURL(`**/projects/${lab}/runs`);
  await tab.page.getByText('No runs yet').waitFor();
  await tab.page.goBack();
  await tab.page.goBack();
  await tab.page.waitForFunction(() => document.querySelector('.project-switch').value === 'default');
  tab.ensureQuiet();
}

export async function a_key_is_shown_until_its_own_button_is_pressed(session) {
  const lab = await project();
  const name = await user({ [lab]: 'developer' });
  const tab = await as(session, name);
  await tab.page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(ROOT).origin });
  await tab.visit('account');
  await tab.page.getByRole('button', { name: 'New key' }).click();
  const dialog = tab.page.getByRole('dialog', { name: 'New key' });
  await dialog.getByLabel('What it is for').fill('nightly');
  await dialog.getByLabel('It may all that you may').check();
  await ensureForAll(tab, 'the form of a new key');
  await tab.picture('new-key');
  await dialog.getByRole('button', { name: 'Make the key' }).click();
  const value = await tab.page.locator('#once-value').innerText();
  ensure(value.startsWith('emb_'), `no key: ${value}`);
  for (let press = 0; press < 3; press += 1) await tab.page.keyboard.press('Escape');
  await tab.page.mouse.click(5, 5);
  ensure(await tab.page.locator('#once-value').isVisible(), 'the value is gone before anybody has kept it');
  await ensureForAll(tab, 'a value that is shown once');
  await tab.picture('shown-once');
  await tab.page.getByRole('button', { name: 'Copy', exact: true }).click();
  await tab.page.getByText('Copied.').waitFor();
  ensure((await tab.page.evaluate(() => navigator.clipboard.readText())) === value, 'something else was copied');
  const asKey = await fetch(site('api/v1/me'), { headers: { authorization: `Bearer ${value}` } });
  ensure((await asKey.json()).name === name, 'the key is not good');
  await tab.page.getByRole('button', { name: 'I have kept it' }).click();
  const row = tab.page.locator('[data-key="nightly"]');
  await row.getByRole('button', { name: 'Revoke nightly' }).click();
  await tab.page.getByRole('alertdialog').getByRole('button', { name: 'Revoke it' }).click();
  await row.waitFor({ state: 'detached' });
  const revoked = await fetch(site('api/v1/me'), { headers: { authorization: `Bearer ${value}` } });
  ensure(revoked.status === 401, 'a revoked key is good');
  tab.ensureQuiet();
}

export async function without_a_clipboard_nothing_says_copied(session) {
  const tab = await as(session, await user());
  await tab.page.addInitScript(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error('no'));
  });
  await tab.page.goto(site('account'));
  await tab.page.getByRole('button', { name: 'New key' }).click();
  const dialog = tab.page.getByRole('dialog', { name: 'New key' });
  await dialog.getByLabel('What it is for').fill('nightly');
  await dialog.getByLabel('It may all that you may').check();
  await dialog.getByRole('button', { name: 'Make the key' }).click();
  await tab.page.getByRole('button', { name: 'Copy', exact: true }).click();
  await tab.page.getByText('The browser does not copy here.').waitFor();
  const value = await tab.page.locator('#once-value').innerText();
  ensure((await tab.page.evaluate(() => String(getSelection()))).trim() === value, 'the value is not selected');
}

export async function a_secret_goes_in_and_its_value_is_nowhere(session) {
  const lab = await project();
  const tab = await as(session, await user({ [lab]: 'operator' }));
  await tab.visit(`projects/${lab}/secrets`);
  await tab.page.getByRole('button', { name: 'New secret' }).click();
  await tab.page.getByLabel('Name', { exact: true }).fill('my-token');
  await tab.page.getByLabel('Value').fill('hunter2-hunter2');
  await ensureForAll(tab, 'the form of a secret');
  await tab.page.getByRole('button', { name: 'Set the secret' }).click();
  const row = tab.page.locator('[data-secret="my-token"]');
  await row.getByRole('button', { name: 'Replace my-token' }).click();
  await tab.page.getByLabel('Value').fill('other');
  await tab.page.getByRole('button', { name: 'Set the secret' }).click();
  await row.getByRole('cell', { name: '2', exact: true }).waitFor();
  ensure(!(await tab.page.content()).includes('hunter2'), 'the value is in the page');
  await row.getByRole('button', { name: 'Remove my-token' }).click();
  await tab.page.getByRole('button', { name: 'Remove it' }).click();
  await tab.page.getByText('The project has no secrets').waitFor();
  tab.ensureQuiet();
}

export async function a_session_that_is_ended_elsewhere_ends_here(session) {
  const lab = await project();
  const name = await user({ [lab]: 'viewer' });
  const tab = await as(session, name);
  await tab.visit(`projects/${lab}/runs`);
  await api(`users/${name}`, { method: 'PATCH', body: { disabled: true } });
  // Nobody presses anything: the stream ends, and the page looks.
  await tab.page.getByText('Your session has ended.').waitFor({ timeout: DEADLINE_MS });
  await api(`users/${name}`, { method: 'PATCH', body: { disabled: false } });
  await signIn(tab, name, PASSWORD);
  await tab.page.getByRole('heading', { name: 'Runs', exact: true }).waitFor();
  ensure(new URL(tab.page.url()).pathname.endsWith(`/projects/${lab}/runs`), 'it does not go on where it was');
}

export async function an_outdated_form_takes_nothing_of_others_back(session) {
  const lab = await project();
  const tab = await as(session, await user({}, true));
  await tab.visit(`projects/${lab}`);
  const description = tab.page.getByLabel('What for');
  await description.fill('mine');
  await api(`projects/${lab}`, { method: 'PATCH', body: { description: 'theirs' } });
  await tab.page.getByRole('button', { name: 'Change the project' }).click();
  await tab.page.getByText('Somebody else has changed it').waitFor();
  ensure((await api(`projects/${lab}`)).description === 'theirs', 'what somebody else wrote is gone');
  await tab.page.reload();
  await until('the form shows it', async () => (await description.inputValue()) === 'theirs');
}

export async function a_project_s_administrator_lets_people_in(session) {
  const lab = await project();
  const guest = await user();
  const tab = await as(session, await user({ [lab]: 'admin' }));
  await tab.visit(`projects/${lab}`);
  await tab.page.getByLabel('User', { exact: true }).fill(guest);
  await tab.page.getByLabel('Role', { exact: true }).selectOption('developer');
  await tab.page.getByRole('button', { name: 'Let in' }).click();
  const row = tab.page.locator(`[data-member="${guest}"]`);
  await row.getByLabel(`Role of ${guest}`, { exact: true }).selectOption('viewer');
  await until('the role is changed', async () => (await api(`users/${guest}`)).powers.bindings.some(({ project, role }) => project === lab && role === 'viewer'));
  await row.getByRole('button', { name: `Take away the role of ${guest}` }).click();
  await row.waitFor({ state: 'detached' });
  await tab.visit(`audit?project=${lab}`);
  await tab.page.locator('[data-result="ok"]').first().waitFor();
  tab.ensureQuiet();
}

export async function pages_of_access_are_for_everybody_at_every_width(session) {
  const lab = await project();
  const name = await user({ [lab]: 'admin' }, true);
  await api(`projects/${lab}/secrets/my-token`, { method: 'PUT', body: { value: 'x' } });
  const views = [
    ['account', 'account', 'text=Signed in at'],
    ['users', 'users', `[data-user="${name}"]`],
    ['projects', 'projects', `[data-project="${lab}"]`],
    ['project', `projects/${lab}`, '.card >> text=Members'],
    ['keys', 'keys', 'h1'],
    ['secrets', `projects/${lab}/secrets`, '[data-secret]'],
    ['audit', 'audit', '[data-result]'],
    ['audit-none', 'audit?who=nobody-of-that-name', 'text=Nothing fits these filters'],
  ];
  for (const [theme, width, height] of [['light', 1440, 900], ['dark', 1440, 900], ['light', 390, 844], ['dark', 820, 1100]]) {
    const tab = await as(session, name, { colorScheme: theme, viewport: { width, height } });
    for (const [view, address, sign] of views) {
      await tab.visit(address);
      await tab.page.locator(sign).first().waitFor({ timeout: DEADLINE_MS });
      await tab.page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
      const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth);
      ensure(wide <= width + 1, `${view} is ${wide} pixels wide in a window of ${width}`);
      const wrong = await violations(tab);
      ensure(wrong.length === 0, `${view}, ${theme}, ${width}:\n${wrong.join('\n')}`);
      await tab.picture(`access-${view}-${theme}-${width}`);
    }
    tab.ensureQuiet();
  }
}

export async function a_service_is_made_given_a_token_once_and_removed_and_others_see_it_happen(session) {
  const name = `ci-${process.pid}`;
  const watcher = await session.tab({ colorScheme: 'dark' });
  await watcher.visit('services');
  await watcher.page.getByRole('heading', { name: 'Services', exact: true }).waitFor();
  const tab = await session.tab({ colorScheme: 'light' });
  await tab.visit('services');
  await tab.page.getByRole('button', { name: 'New service' }).press('Enter');
  await tab.page.getByLabel('Name', { exact: true }).fill('No Name');
  ensure(await tab.page.getByRole('button', { name: 'Make the service' }).isDisabled(), 'what is no name is not sent');
  await tab.page.getByLabel('Name', { exact: true }).fill(name);
  await ensureForAll(tab, 'the form of a new service');
  await tab.page.getByRole('button', { name: 'Make the service' }).click();
  const row = (one) => one.page.locator(`[data-service="${name}"]`);
  await row(tab).waitFor();
  await row(watcher).waitFor();
  for (const one of [tab, watcher]) await ensureForAll(one, 'the list of services');
  await watcher.picture('services-dark');
  await tab.picture('services-light');
  await tab.page.getByRole('button', { name: `New token for ${name}` }).click();
  await tab.page.getByRole('button', { name: 'Make the token' }).click();
  const token = await tab.page.locator('output').innerText();
  const me = async () => (await fetch(site('api/v1/me'), { headers: { authorization: `Bearer ${token}` } })).status;
  ensure((await me()) === 200, 'the token is good');
  await ensureForAll(tab, 'a token that is shown once');
  await tab.page.getByRole('button', { name: 'I have kept it' }).click();
  await tab.page.getByRole('button', { name: `Revoke the tokens of ${name}` }).click();
  await tab.page.getByRole('button', { name: 'Revoke them' }).click();
  await tab.page.getByText('The tokens are revoked.').waitFor();
  ensure((await me()) === 401, 'a revoked token is refused');
  await tab.page.getByRole('button', { name: 'New signing key…' }).click();
  await tab.page.getByRole('button', { name: 'Make the key' }).click();
  await tab.page.getByText('signs from now on.').waitFor();
  await tab.page.getByRole('button', { name: `Remove ${name}` }).click();
  await tab.page.getByRole('button', { name: 'Remove it' }).click();
  await row(watcher).waitFor({ state: 'detached' });
  tab.ensureQuiet();
  watcher.ensureQuiet();
}
