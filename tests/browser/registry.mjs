// Debian's docker-registry on loopback, at the end of a slow line, with one image that the engine does not have.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { promisify } from 'node:util';
import { until } from './browser.mjs';

const run = promisify(execFile);
const docker = (...words) => run('docker', words);

const LAYER_BYTES = 6_000_000;
const BYTES_PER_MS = 1_000;

/** Makes the image on top of another one; gives its name on the slow line, and what removes everything. */
export async function slowImage(base) {
  const folder = await mkdtemp(join(tmpdir(), 'emboflow-registry-'));
  const port = await freePort();
  const config = join(folder, 'config.yml');
  await writeFile(config, `version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: ${join(folder, 'root')} } }
http: { addr: "127.0.0.1:${port}" }
`);
  const registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  const failed = new Promise((_, reject) => registry.on('error', (error) => {
    reject(new Error(`docker-registry does not start; \`make setup\` installs it: ${error.message}`));
  }));
  await Promise.race([failed, until('the registry', () => answers(port))]);
  await push(folder, base, `127.0.0.1:${port}/slow:1`);

  const line = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    const slow = new Transform({
      transform: (piece, _, done) => setTimeout(done, piece.length / BYTES_PER_MS, null, piece),
    });
    client.pipe(server);
    server.pipe(slow).pipe(client);
    // The registry may be done long before the line has brought everything.
    client.on('error', () => {}).on('close', () => server.destroy());
    server.on('error', () => client.destroy());
  });
  await new Promise((resolve) => line.listen(0, '127.0.0.1', resolve));
  const image = `127.0.0.1:${line.address().port}/slow:1`;
  return {
    image,
    close: async () => {
      line.close();
      registry.kill();
      await docker('rmi', '--force', image).catch(() => {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes the image, gives it to the registry and forgets it. Not by a build: BuildKit's cache would keep its layer. */
async function push(folder, base, image) {
  const noise = join(folder, 'noise');
  await writeFile(noise, randomBytes(LAYER_BYTES));
  const container = (await docker('create', base, 'true')).stdout.trim();
  await docker('cp', noise, `${container}:/noise`);
  await docker('commit', container, image);
  await docker('rm', '--force', container);
  await docker('push', '--quiet', image);
  await docker('rmi', '--force', image);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const answers = (port) => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1');
  socket.on('connect', () => resolve(true)).on('error', () => resolve(false)).on('connect', () => socket.destroy());
});
