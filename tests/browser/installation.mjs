// The `emboflow up` that the checks look at: one that runs already, or one of our own on a free port.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const READY_MS = 60_000;

/** Puts PAGE_URL, API_URL and TOKEN into the environment; gives what ends it. */
export async function installation() {
  if (process.env.PAGE_URL) return { stop: async () => {} };
  const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../target', import.meta.url));
  const program = process.env.EMBOFLOW ?? join(target, 'debug', 'emboflow');
  if (!existsSync(program)) throw new Error(`${program} is missing; \`make build\` builds it`);
  const folder = await mkdtemp(join(tmpdir(), 'emboflow-browser-'));
  const up = spawn(program, ['up', '--data-dir', folder, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  up.stderr.on('data', (text) => { said = (said + text).slice(-4000); });
  const ended = new Promise((resolve) => up.on('exit', resolve));
  const stop = async () => {
    up.kill('SIGTERM');
    await ended;
    await removeContainers(folder);
    await rm(folder, { recursive: true, force: true });
  };
  const end = Date.now() + READY_MS;
  while (!existsSync(join(folder, 'up.json'))) {
    if (up.exitCode !== null || Date.now() > end) {
      await stop();
      throw new Error(`\`emboflow up\` is not ready:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { page_url, api_url, token } = JSON.parse(await readFile(join(folder, 'up.json'), 'utf8'));
  Object.assign(process.env, { PAGE_URL: page_url, API_URL: api_url, TOKEN: token });
  return { stop };
}

/** A stop leaves containers to the next start of the same installation; this one has none. */
async function removeContainers(folder) {
  const { instance } = JSON.parse(await readFile(join(folder, 'secrets.json'), 'utf8'));
  const { stdout } = await run('docker', ['ps', '-aq', '--filter', `label=io.emboflow.instance=${instance}`]);
  const left = stdout.split('\n').filter(Boolean);
  if (left.length > 0) await run('docker', ['rm', '-f', ...left]);
}
